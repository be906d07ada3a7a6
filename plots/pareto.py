#!/usr/bin/env python3
"""Two figures of a sweep against each other, with the designs that none of the same machine and trace beats."""
import common
from common import plt


def front(points):
    """Of [(x, y, row)], both to be small: those that no other beats, by x."""
    out = []
    for p in sorted(points, key=lambda p: (p[0], p[1])):
        if not out or p[1] < out[-1][1]:
            out.append(p)
    return out


def fronts(points):
    """By machine and trace, whose designs compete: {(machine, trace): front}."""
    groups = {}
    for p in points:
        groups.setdefault((p[2]["machine"], p[2]["trace"]), []).append(p)
    return {key: front(group) for key, group in groups.items()}


def name_designs(axes, results, best, group):
    """Names beside the designs of the fronts, as far as none covers another."""
    own = [f for f in ("machine", "trace") if len(results.levels[f]) > 1]
    others = [f for f in results.varied() if f not in (group, *own)]
    taken = []
    for designs in best.values():
        for i, (x, y, row) in enumerate(designs):
            words = [row[f] for f in own if i == 0 and f != group] + [row[f] for f in others]
            text = axes.annotate(", ".join(words), (x, y), xytext=(5, 5), textcoords="offset points", fontsize=8,
                                 zorder=4)
            box = text.get_window_extent(axes.figure.canvas.get_renderer())
            if any(box.overlaps(other) for other in taken) or box.x1 > axes.bbox.x1:
                text.remove()
            else:
                taken.append(box)


def draw(results, figures=None, group=None, title=None):
    names = figures or (results.minimise + [f for f in results.figures() if f not in results.minimise])[:2]
    if len(names) < 2:
        common.fail("expected two figures, as --figure events.failed --figure peak.footprint_bytes")
    for name in names:
        results.check(name)
    varied = [v for v in results.varied() if len(results.levels[v]) <= 8]
    group = results.factor(group) if group else (varied[0] if varied else "machine")
    points = [(r["figures"][names[0]], r["figures"][names[1]], r) for r in results.rows
              if r["repeat"] == 0 and None not in (r["figures"][names[0]], r["figures"][names[1]])]
    if not points:
        common.fail("no point has both figures")
    best = fronts(points)
    fig, axes = plt.subplots(figsize=(8, 5.2))
    for i, level in enumerate(results.levels[group]):
        mine = [p for p in points if p[2][group] == level]
        if mine:
            dots = axes.scatter([p[0] for p in mine], [p[1] for p in mine], s=34, label=level,
                                marker=common.MARKERS[i % len(common.MARKERS)],
                                color=common.LINE_COLORS[i % len(common.LINE_COLORS)], edgecolor="black",
                                linewidth=0.4, zorder=3)
            dots.set_gid(str(level))
    for i, (key, designs) in enumerate(best.items()):
        line, = axes.step([p[0] for p in designs], [p[1] for p in designs], where="post", color="black", linewidth=1.2,
                          linestyle="--", label="Pareto front" if i == 0 else None, zorder=2)
        line.set_gid("front " + " ".join(key))
    axes.set(xlabel=common.label_of(names[0]), ylabel=common.label_of(names[1]))
    axes.margins(x=0.08, y=0.08)
    for axis, i in ((axes.xaxis, 0), (axes.yaxis, 1)):
        common.value_axis(axis, common.unit_of(names[i]), [p[i] for p in points])
    axes.grid(color="#EEEEEE")
    axes.set_title(title or results.title(f"{names[0]} against {names[1]}: small is better"), loc="left")
    axes.legend(title=group, loc="center left", bbox_to_anchor=(1.0, 0.5))
    fig.canvas.draw()
    name_designs(axes, results, best, group)
    return fig


def main():
    p = common.parser(__doc__)
    p.add_argument("--results", required=True, help="of memscape sweep, or of memscape export -f json")
    p.add_argument("--figure", action="append", help="twice: which (default: the first two that the sweep minimises)")
    p.add_argument("--group", help="the axis whose values are kinds of dots")
    o = p.parse_args()
    common.save(draw(common.Results(common.read_results(o.results)), o.figure, o.group, o.title), o.output)


if __name__ == "__main__":
    main()
