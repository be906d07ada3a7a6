#!/usr/bin/env python3
"""Two runs side by side: footprint and live bytes over time, and where the bytes are at the peak."""
import common
from common import CLASSES, CLASS_COLOR, CLASS_HATCH, plt


def names_of(a, b):
    """What tells the runs apart: allocator, else machine, else A and B."""
    for name in (common.allocators_of, common.machine_of):
        if name(a) != name(b):
            return f"A: {name(a)}", f"B: {name(b)}"
    return "A", "B"


def curves(axes, series, names):
    for run, (data, name) in enumerate(zip(series, names)):
        for column, width in (("footprint_bytes", 1.8), ("live_bytes", 0.9)):
            style = common.line_style(run)
            line, = axes.plot(data["event"], data[column], label=f"{name}, {column.replace('_bytes', '')}",
                              **{**style, "linewidth": width})
            line.set_gid(f"{'AB'[run]}.{column}")
    top = max(max(d["footprint_bytes"] + d["live_bytes"]) for d in series)
    axes.set(xlabel="event", ylabel="bytes", ylim=(0, top * 1.05))
    common.count_axis(axes.xaxis)
    common.bytes_axis(axes.yaxis, top)
    axes.legend(loc="lower right")


def bars(axes, reports, names):
    left = [0, 0]
    shown = [c for c in CLASSES[:6] if any(r["ledger"]["peak"][c] for r in reports)]
    used = max(sum(r["ledger"]["peak"][c] for c in CLASSES[:4]) for r in reports)
    # Free memory of a large machine would leave no room for the rest.
    shown = [c for c in shown if max(r["ledger"]["peak"][c] for r in reports) <= 8 * used]
    for c in shown:
        values = [r["ledger"]["peak"][c] for r in reports]
        drawn = axes.barh([1, 0], values, left=left, color=CLASS_COLOR[c], hatch=CLASS_HATCH[c], edgecolor="#404040",
                          linewidth=0.5, label=c, height=0.6)
        for bar in drawn:
            bar.set_gid(c)
        left = [x + v for x, v in zip(left, values)]
    axes.set_yticks([1, 0], names)
    axes.set(xlabel="bytes at the peak of live bytes", xlim=(0, max(left) * 1.02))
    common.bytes_axis(axes.xaxis, max(left))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.35), ncol=6)


def draw(reports, series=None, trace="", title=None):
    names = names_of(*reports)
    rows = 2 if series else 1
    figure, all_axes = plt.subplots(rows, 1, figsize=(8.5, 2.6 + 3.0 * (rows - 1)), squeeze=False,
                                    gridspec_kw={"height_ratios": [2, 1][2 - rows:]})
    if series:
        curves(all_axes[0, 0], series, names)
    bars(all_axes[-1, 0], reports, names)
    failed = [f"{n}: {common.count_text(r['events']['failed'])} failed" for n, r in zip("AB", reports)]
    machines = common.machine_of(reports[0])
    if common.machine_of(reports[1]) != machines:
        machines += " and " + common.machine_of(reports[1])
    all_axes[0, 0].set_title(title or f"{trace or 'Two runs'} on {machines}, {names[0]} and {names[1]}\n"
                             f"{common.count_text(reports[0]['events']['done'])} events; {', '.join(failed)}",
                             loc="left")
    return figure


def main():
    p = common.parser(__doc__)
    p.add_argument("--report", required=True, nargs=2, help="two of memscape replay --json")
    p.add_argument("--csv", nargs=2, help="and their --csv")
    o = p.parse_args()
    common.save(draw([common.read_json(r, "memscape.report/") for r in o.report],
                     [common.read_series(c) for c in o.csv] if o.csv else None, o.trace, o.title), o.output)


if __name__ == "__main__":
    main()
