#!/usr/bin/env python3
"""Sizes of a trace's requests and lifetimes of its objects, by powers of two."""
import common
from common import plt


def span(low, nxt):
    """A bucket's label: 0, 1, 2-3, 4-7, 64K-128K."""
    if low < 2:
        return str(low)
    high = low * 2 - 1
    short = [f"{x >> 20}M" if x >= 1 << 20 else f"{x >> 10}K" if x >= 1 << 10 else str(x) for x in (low, high + 1)]
    return f"{low}–{high}" if low < 1024 else f"{short[0]}–{short[1]}"


def bars(axes, histogram, xlabel, ylabel, color, hatch):
    # Every power of two between the first and the last, empty ones too.
    counts = {h["from"]: h["count"] for h in histogram}
    lows, low = [], min(counts)
    while low <= max(counts):
        lows.append(low)
        low = low * 2 if low else 1
    total = sum(counts.values())
    drawn = axes.bar(range(len(lows)), [counts.get(x, 0) for x in lows], color=color, hatch=hatch,
                     edgecolor="black", linewidth=0.5, width=0.85)
    for bar, x in zip(drawn, lows):
        share = counts.get(x, 0) / total
        if share >= 0.005:
            axes.annotate(f"{100 * share:.0f}%", (bar.get_x() + bar.get_width() / 2, bar.get_height()), ha="center",
                          va="bottom", fontsize=7)
    axes.set_xticks(range(len(lows)), [span(x, None) for x in lows], rotation=60, ha="right", rotation_mode="anchor",
                    fontsize=8)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    common.count_axis(axes.yaxis)


def draw(info, trace="", title=None):
    if not info["sizes"]:
        common.fail("the trace requests nothing")
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2))
    bars(left, info["sizes"], "size (bytes)", "requests", "#0072B2", "")
    if info["lifetimes"]:
        bars(right, info["lifetimes"], "lifetime (events from birth to death)", "objects", "#E69F00", "///")
    figure.suptitle(title or f"Sizes and lifetimes: {trace or 'trace'}, {common.count_text(info['events'])} events, "
                    f"{common.count_text(info['births'])} requests", x=0.01, ha="left", fontsize=11)
    return figure


def main():
    p = common.parser(__doc__)
    p.add_argument("--info", required=True, help="of memscape info TRACE --json")
    o = p.parse_args()
    common.save(draw(common.read_json(o.info, "memscape.trace/"), o.trace, o.title), o.output)


if __name__ == "__main__":
    main()
