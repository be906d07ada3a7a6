#!/usr/bin/env python3
"""The page allocator's free areas over time: bytes in free blocks of each order, a zone a panel.

Zones in which nothing ever changes are left out.
"""
import re

import common
from common import plt

COLUMN = re.compile(r"^zones\.(.+)\.nr_free\[(\d+)\]$")


def areas(series):
    """{zone: {order: [blocks]}} of the columns; zones without pages left out."""
    zones = {}
    for name, values in series.items():
        match = COLUMN.match(name)
        if match:
            zones.setdefault(match[1], {})[int(match[2])] = values
    return {z: o for z, o in zones.items() if any(any(v) for v in o.values())}


def draw(report, series, trace="", title=None, zone=None):
    zones = areas(series)
    moving = {z: o for z, o in zones.items() if any(len(set(v)) > 1 for v in o.values())}
    if moving and not zone:
        zones = moving
    if zone:
        zones = {z: o for z, o in zones.items() if z == zone}
    if not zones:
        common.fail("the run has no page allocator with free blocks, expected a machine and a trace that use pages")
    page = report["machine"]["page_size"]
    figure, all_axes = plt.subplots(len(zones), 1, figsize=(8, 1.2 + 2.1 * len(zones)), sharex=True, squeeze=False)
    for axes, (name, orders) in zip(all_axes[:, 0], zones.items()):
        shown = [o for o in sorted(orders) if any(orders[o])]
        shades = [plt.get_cmap(common.MAP)(i / max(len(shown) - 1, 1)) for i in range(len(shown))]
        data = [[n * page * 2 ** o for n in orders[o]] for o in shown]
        bands = axes.stackplot(series["event"], data, labels=[f"order {o}" for o in shown], colors=shades,
                               edgecolor="white", linewidth=0.3)
        for band, o in zip(bands, shown):
            band.set_gid(f"{name}.{o}")
        top = max(sum(d[i] for d in data) for i in range(len(series["event"])))
        axes.set(ylabel=f"{name}\nfree bytes", ylim=(0, top * 1.05), xlim=(series["event"][0], series["event"][-1]))
        common.bytes_axis(axes.yaxis, top)
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7,
                    labelspacing=0.15)
    all_axes[-1, 0].set_xlabel("event")
    common.count_axis(all_axes[-1, 0].xaxis)
    all_axes[0, 0].set_title(title or common.run_title("Free memory by the order of its blocks", report, trace),
                             loc="left")
    return figure


def main():
    p = common.parser(__doc__)
    p.add_argument("--report", required=True, help="of memscape replay --json")
    p.add_argument("--csv", required=True, help="of memscape replay --csv --columns zones")
    p.add_argument("--zone", help="only this one")
    o = p.parse_args()
    common.save(draw(common.read_json(o.report, "memscape.report/"), common.read_series(o.csv), o.trace, o.title,
                     o.zone), o.output)


if __name__ == "__main__":
    main()
