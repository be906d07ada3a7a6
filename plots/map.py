#!/usr/bin/env python3
"""An address x time map of a region: the shade is how much of a cell requests hold."""
import common
import matplotlib
from common import CLASSES, plt


def grid(cells):
    """(events, bases, {class: rows of events, columns of cells}) from the map's rows."""
    events = sorted(set(cells["event"]))
    bases = sorted(set(cells["address"]))
    at_event = {e: i for i, e in enumerate(events)}
    at_base = {b: i for i, b in enumerate(bases)}
    out = {c: [[0.0] * len(bases) for _ in events] for c in CLASSES}
    for i, event in enumerate(cells["event"]):
        for c in CLASSES:
            out[c][at_event[event]][at_base[cells["address"][i]]] = cells[c][i]
    return events, bases, out


def share(out, e, b):
    """-1: reserved or nobody's; else bytes in use (payload and rounding) of the cell's."""
    whole = sum(out[c][e][b] for c in CLASSES)
    if whole == 0 or out["reserved"][e][b] + out["unmanaged"][e][b] > whole / 2:
        return -1.0
    return (out["payload"][e][b] + out["rounding"][e][b]) / whole


def region_of(report, address):
    for region in report["ledger"]["regions"]:
        if region["base"] <= address < region["base"] + region["size"]:
            return region["name"]
    return "no region"


def draw(report, cells, trace="", title=None):
    events, bases, out = grid(cells)
    region = region_of(report, bases[0])
    step = bases[1] - bases[0] if len(bases) > 1 else 1
    values = [[share(out, e, b) for e in range(len(events))] for b in range(len(bases))]
    masked = plt.get_cmap("Blues").copy()
    masked.set_under(alpha=0)
    figure, axes = plt.subplots(figsize=(8, 5))
    axes.patch.set(facecolor="#E4E4E4", hatch="////", edgecolor="#AAAAAA")
    edges = [events[0] - (events[1] - events[0] if len(events) > 1 else 1)] + events
    mesh = axes.pcolormesh(edges, bases + [bases[-1] + step], values, cmap=masked, vmin=0, vmax=1, shading="flat",
                           rasterized=True)
    mesh.set_gid("map")
    # Metadata beside payload: a cell with more than half of it in metadata gets a dot.
    marks = [(edges[e + 1] - (edges[e + 1] - edges[e]) / 2, bases[b] + step / 2)
             for e in range(len(events)) for b in range(len(bases))
             if out["metadata"][e][b] > sum(out[c][e][b] for c in CLASSES) / 2]
    if marks:
        axes.scatter(*zip(*marks), s=0.6, color="#D55E00", marker=".", label="mostly metadata", rasterized=True)
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.12), markerscale=10)
    bar = figure.colorbar(mesh, ax=axes, pad=0.02)
    bar.set_label("share of a cell's bytes that live blocks hold\n(hatched: reserved, or nobody's)")
    axes.set(xlabel="event", ylabel=f"address in {region} (cells of {common.size_text(step)})")
    axes.set_title(title or common.run_title(f"What lies where in {region}", report, trace), loc="left")
    common.count_axis(axes.xaxis)
    axes.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda v, _: f"0x{int(v):x}"))
    axes.yaxis.set_major_locator(matplotlib.ticker.LinearLocator(9))
    return figure


def main():
    p = common.parser(__doc__)
    p.add_argument("--report", required=True, help="of memscape replay --json")
    p.add_argument("--map", required=True, help="of memscape replay --map")
    o = p.parse_args()
    common.save(draw(common.read_json(o.report, "memscape.report/"), common.read_series(o.map), o.trace, o.title),
                o.output)


if __name__ == "__main__":
    main()
