#!/usr/bin/env python3
"""Two figures of a sweep against each other, with the designs that none beats in both."""
import common
from common import plt


def front(points):
    """Of [(x, y, row)], both to be small: those that no other beats, by x."""
    out = []
    for p in sorted(points, key=lambda p: (p[0], p[1])):
        if not out or p[1] < out[-1][1]:
            out.append(p)
    return out


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
    best = front(points)
    fig, axes = plt.subplots(figsize=(8, 5.2))
    for i, level in enumerate(results.levels[group]):
        mine = [p for p in points if p[2][group] == level]
        if mine:
            dots = axes.scatter([p[0] for p in mine], [p[1] for p in mine], s=34, label=level,
                                marker=common.MARKERS[i % len(common.MARKERS)],
                                color=common.LINE_COLORS[i % len(common.LINE_COLORS)], edgecolor="black",
                                linewidth=0.4, zorder=3)
            dots.set_gid(str(level))
    line, = axes.step([p[0] for p in best], [p[1] for p in best], where="post", color="black", linewidth=1.2,
                      linestyle="--", label="Pareto front", zorder=2)
    line.set_gid("front")
    name_of = lambda r: ", ".join(r[f] for f in results.varied() if f != group)  # noqa: E731
    for x, y, r in best[:8]:
        axes.annotate(name_of(r), (x, y), xytext=(5, 5), textcoords="offset points", fontsize=8, zorder=4)
    axes.set(xlabel=common.label_of(names[0]), ylabel=common.label_of(names[1]))
    axes.margins(x=0.08, y=0.08)
    for axis, i in ((axes.xaxis, 0), (axes.yaxis, 1)):
        common.value_axis(axis, common.unit_of(names[i]), [p[i] for p in points])
    axes.grid(color="#EEEEEE")
    axes.set_title(title or results.title(f"{names[0]} against {names[1]}: small is better"), loc="left")
    axes.legend(title=group, loc="center left", bbox_to_anchor=(1.0, 0.5))
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
