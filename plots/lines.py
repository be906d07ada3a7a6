#!/usr/bin/env python3
"""A figure of a sweep along one axis, a line for each value of another; the rest is averaged."""
import common
from common import plt


def lines_of(results, figure, x, group):
    """[(label, [(x label, mean, least, most)])]; repeats and other axes are averaged."""
    out = []
    for label in results.levels[group] if group else [None]:
        rows = results.where(**({group: label} if group else {}))
        line = []
        for at in results.levels[x]:
            values = [r["figures"][figure] for r in rows if r[x] == at and r["figures"][figure] is not None]
            if values:
                line.append((at, common.mean(values), min(values), max(values)))
        if line:
            out.append((label or figure, line))
    return out


def draw(results, figure=None, x=None, group=None, title=None):
    figure = results.check(figure or (results.minimise or results.figures())[0])
    varied = results.varied()
    numbers = [v for v in varied if all(common.number_of(level) is not None for level in results.levels[v])]
    x = results.factor(x or (numbers or varied or ["machine"])[0])
    group = results.factor(group) if group else next((v for v in varied if v != x), None)
    numeric = all(common.number_of(level) is not None for level in results.levels[x])
    place = {level: common.number_of(level) if numeric else i for i, level in enumerate(results.levels[x])}
    fig, axes = plt.subplots(figsize=(8, 4.8))
    drawn = lines_of(results, figure, x, group)
    for i, (label, line) in enumerate(drawn):
        at = [place[p[0]] for p in line]
        style = common.line_style(i)
        if not numeric:
            style["linestyle"] = "none"
        plot, = axes.plot(at, [p[1] for p in line], label=label, marker=common.MARKERS[i % len(common.MARKERS)],
                          markersize=5, **style)
        plot.set_gid(str(label))
        if any(p[2] != p[3] for p in line):
            axes.fill_between(at, [p[2] for p in line], [p[3] for p in line], color=style["color"], alpha=0.15,
                              linewidth=0)
    ticks = results.levels[x]
    if numeric and min(place.values()) > 0 and max(place.values()) >= 16 * min(place.values()):
        axes.set_xscale("log", base=2)
        axes.minorticks_off()
    while len(ticks) > 14:
        ticks = ticks[::2]
    axes.set_xticks([place[t] for t in ticks], ticks, rotation=0 if len(ticks) < 9 else 45)
    axes.set(xlabel=x, ylabel=common.label_of(figure))
    axes.set_ylim(bottom=0, top=None if any(p[3] for _, line in drawn for p in line) else 1)
    common.value_axis(axes.yaxis, common.unit_of(figure), [p[3] for _, line in drawn for p in line])
    axes.grid(axis="y", color="#DDDDDD")
    axes.set_title(title or results.title(f"{figure} by {x}", [x, group]), loc="left")
    if group:
        axes.legend(title=group, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig


def main():
    p = common.parser(__doc__)
    p.add_argument("--results", required=True, help="of memscape sweep, or of memscape export -f json")
    p.add_argument("--figure", help="which (default: the first that the sweep minimises)")
    p.add_argument("--x", help="the axis along the page (default: the one with most values)")
    p.add_argument("--group", help="the axis whose values are lines")
    o = p.parse_args()
    common.save(draw(common.Results(common.read_results(o.results)), o.figure, o.x, o.group, o.title), o.output)


if __name__ == "__main__":
    main()
