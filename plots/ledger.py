#!/usr/bin/env python3
"""Where the bytes are over time: the ledger's classes as bands, one on the other."""
import common
from common import CLASSES, CLASS_COLOR, CLASS_HATCH, plt


def draw(report, series, trace="", title=None, classes=None):
    """Bands of all classes but what no allocator ever has; `classes` chooses others."""
    shown = classes or [c for c in CLASSES if c not in ("reserved", "unmanaged") and any(series[c])]
    # Free memory would dwarf all else on a machine that is far larger than the trace.
    used = max(sum(series[c][i] for c in shown if c not in ("free", "cached"))
               for i in range(len(series["event"])))
    if classes is None:
        for c in ("free", "cached"):
            if c in shown and max(series[c]) > 20 * max(used, 1):
                shown.remove(c)
    figure, axes = plt.subplots(figsize=(8, 4.5))
    bands = axes.stackplot(series["event"], [series[c] for c in shown], labels=shown,
                           colors=[CLASS_COLOR[c] for c in shown], edgecolor="#404040", linewidth=0.4,
                           baseline="zero")
    for band, c in zip(bands, shown):
        band.set_hatch(CLASS_HATCH[c])
        band.set_gid(c)
    top = max(sum(series[c][i] for c in shown) for i in range(len(series["event"])))
    axes.set(xlabel="event", ylabel="bytes", xlim=(series["event"][0], series["event"][-1]), ylim=(0, top * 1.03))
    axes.set_title(title or common.run_title("Where the bytes are", report, trace), loc="left")
    common.count_axis(axes.xaxis)
    common.bytes_axis(axes.yaxis, top)
    if report["peak"]["event"]:
        axes.axvline(report["peak"]["event"], color="black", linewidth=0.8, linestyle=":")
        late = report["peak"]["event"] > 0.6 * series["event"][-1]
        axes.annotate(f"peak of live bytes, event {common.count_text(report['peak']['event'])}",
                      (report["peak"]["event"], top * 0.96), xytext=(-4 if late else 4, 0),
                      textcoords="offset points", fontsize=8, va="top", ha="right" if late else "left", bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1})
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def main():
    p = common.parser(__doc__)
    p.add_argument("--report", required=True, help="of memscape replay --json")
    p.add_argument("--csv", required=True, help="of memscape replay --csv")
    o = p.parse_args()
    common.save(draw(common.read_json(o.report, "memscape.report/"), common.read_series(o.csv), o.trace, o.title),
                o.output)


if __name__ == "__main__":
    main()
