#!/usr/bin/env python3
"""Fragmentation figures over time, each by its formula (docs/figures.md).

Above, per heap: 1 - largest free block / free bytes.  Below, per zone: the unusable free space
index of one order.
"""
import re

import common
from common import plt

UNUSABLE = re.compile(r"^zones\.(.+)\.unusable\[(\d+)\]$")
FREE = re.compile(r"^heaps\.(.+)\.free_bytes$")


def heaps_of(series):
    """{heap: [1 - largest / free]}; 0 where nothing is free."""
    out = {}
    for name, free in series.items():
        match = FREE.match(name)
        largest = series.get(f"heaps.{match[1]}.largest_free_bytes") if match else None
        if largest:
            out[match[1]] = [1 - l / f if f else 0.0 for f, l in zip(free, largest)]
    return out


def zones_of(series, order):
    """{zone: [index of the order, or of its largest]}; zones that stay at 0 are left out."""
    best = {}
    for name, values in series.items():
        match = UNUSABLE.match(name)
        if match and int(match[2]) <= order:
            best[match[1]] = values
    return {z: v for z, v in best.items() if any(v)}


def panel(axes, series, lines, ylabel):
    for i, (name, values) in enumerate(lines.items()):
        line, = axes.plot(series["event"], values, label=name, **common.line_style(i))
        line.set_gid(name)
    most = max(max(v) for v in lines.values())
    top = 1.02 if most > 0.5 else max(most * 1.25, 0.01)
    axes.set(ylabel=ylabel, ylim=(-0.02 * top, top), xlim=(series["event"][0], series["event"][-1]))
    axes.grid(axis="y", color="#DDDDDD")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def draw(report, series, trace="", title=None, order=3):
    heaps, zones = heaps_of(series), zones_of(series, order)
    # Zones that no request reaches stay as boot left them.
    if heaps and "pages" not in common.served(report):
        zones = {}
    panels = [p for p in ((heaps, "1 − largest free block\n/ free bytes (0 to 1)"),
                          (zones, f"unusable free space\nindex, order {order} (0 to 1)")) if p[0]]
    if not panels:
        common.fail("the CSV has neither heaps nor zones, expected one of 'memscape replay --columns heaps;zones'")
    figure, all_axes = plt.subplots(len(panels), 1, figsize=(8, 1.2 + 2.6 * len(panels)), sharex=True, squeeze=False)
    for axes, (lines, label) in zip(all_axes[:, 0], panels):
        panel(axes, series, lines, label)
    all_axes[-1, 0].set_xlabel("event")
    common.count_axis(all_axes[-1, 0].xaxis)
    all_axes[0, 0].set_title(title or common.run_title("How scattered the free memory is", report, trace), loc="left")
    return figure


def main():
    p = common.parser(__doc__)
    p.add_argument("--report", required=True, help="of memscape replay --json")
    p.add_argument("--csv", required=True, help="of memscape replay --csv --columns 'heaps;zones'")
    p.add_argument("--order", type=int, default=3, help="of the unusable free space index (default 3)")
    o = p.parse_args()
    common.save(draw(common.read_json(o.report, "memscape.report/"), common.read_series(o.csv), o.trace, o.title,
                     o.order), o.output)


if __name__ == "__main__":
    main()
