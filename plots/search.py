#!/usr/bin/env python3
"""How long the searches for a free block were, as a histogram for each heap."""
import common
from common import plt


def buckets(search):
    """[(low, high, searches)] by powers of two: 0, 1, 2-3, 4-7 ..."""
    out = {}
    for steps, count in search["histogram"]:
        low = 1 << (steps.bit_length() - 1) if steps else 0
        out[low] = out.get(low, 0) + count
    lows, low = [], 0
    while out and low <= max(out):
        lows.append((low, max(low * 2 - 1, low), out.get(low, 0)))
        low = low * 2 if low else 1
    return lows


def draw(report, trace="", title=None):
    heaps = [h for h in report["heaps"] if h["search"]["count"]]
    if not heaps:
        common.fail("no heap of the run searched for a block")
    figure, all_axes = plt.subplots(len(heaps), 1, figsize=(8, 1.2 + 2.8 * len(heaps)), squeeze=False)
    for axes, heap in zip(all_axes[:, 0], heaps):
        rows = buckets(heap["search"])
        drawn = axes.bar(range(len(rows)), [max(n, 0) for _, _, n in rows], color="#0072B2", edgecolor="black",
                         linewidth=0.5, width=0.85)
        axes.bar_label(drawn, [common.count_text(n) if n else "" for _, _, n in rows], fontsize=8)
        axes.set_yscale("symlog", linthresh=1)
        axes.set_ylim(0, max(n for _, _, n in rows) * 3)
        axes.set_xticks(range(len(rows)), [str(a) if a == b else f"{a}–{b}" for a, b, _ in rows],
                        rotation=30 if len(rows) > 8 else 0)
        s = heap["search"]
        axes.set(xlabel=f"list steps of a search ({heap['kind']}: mean {s['mean']:.3g}, median {s['p50']}, "
                 f"p99 {s['p99']}, longest {s['max']} at event {common.count_text(s['max_event'])})",
                 ylabel=f"searches in {heap['name']}")
        axes.yaxis.set_major_formatter(common.FuncFormatter(common.count_text))
    all_axes[0, 0].set_title(title or common.run_title("Search lengths", report, trace), loc="left")
    return figure


def main():
    p = common.parser(__doc__)
    p.add_argument("--report", required=True, help="of memscape replay --json")
    o = p.parse_args()
    common.save(draw(common.read_json(o.report, "memscape.report/"), o.trace, o.title), o.output)


if __name__ == "__main__":
    main()
