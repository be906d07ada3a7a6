#!/usr/bin/env python3
"""A figure of a sweep over two axes, as a table of shades with its numbers; the rest is averaged."""
import common
from common import plt
from matplotlib.colors import Normalize, SymLogNorm


def table(results, figure, x, y):
    """Rows of y, columns of x: means; None where no point ran."""
    return [[common.mean([r["figures"][figure] for r in results.where(**{x: a, y: b})]) for a in results.levels[x]]
            for b in results.levels[y]]


def short(value, unit):
    if value is None:
        return "–"
    if unit == "bytes":
        return common.size_text(value)
    return common.count_text(round(value)) if value >= 100 else f"{value:.3g}"


def draw(results, figure=None, x=None, y=None, title=None):
    figure = results.check(figure or (results.minimise or results.figures())[0])
    varied = results.varied()
    x = results.factor(x or next((v for v in varied if v != y), "machine"))
    y = results.factor(y or next((v for v in varied if v != x), "trace"))
    values = table(results, figure, x, y)
    unit = common.unit_of(figure)
    known = [v for row in values for v in row if v is not None]
    width, height = len(results.levels[x]), len(results.levels[y])
    fig, axes = plt.subplots(figsize=(max(6.0, min(2.2 + 0.8 * width, 16)), max(2.6, 1.6 + 0.42 * height)))
    shades = plt.get_cmap(common.MAP).copy()
    shades.set_bad("#FFFFFF")
    least = min((v for v in known if v > 0), default=1)
    norm = SymLogNorm(least, vmin=min(known), vmax=max(known), base=10) if common.is_wide(known) \
        else Normalize(min(known), max(known))
    image = axes.imshow([[float("nan") if v is None else v for v in row] for row in values], cmap=shades,
                        aspect="auto", norm=norm)
    if width * height <= 400:
        for i, row in enumerate(values):
            for k, v in enumerate(row):
                axes.text(k, i, short(v, unit), ha="center", va="center", fontsize=7 if width > 8 else 8,
                          color="black" if v is None or norm(v) > 0.5 else "white")
    axes.set_xticks(range(width), results.levels[x], rotation=45 if width > 8 else 0)
    axes.set_yticks(range(height), results.levels[y])
    axes.set(xlabel=x, ylabel=y)
    bar = fig.colorbar(image, ax=axes, pad=0.02)
    bar.set_label(common.label_of(figure))
    if unit == "bytes" and not common.is_wide(known):
        common.bytes_axis(bar.ax.yaxis, max(known) - min(known))
    else:
        bar.ax.yaxis.set_major_formatter(common.FuncFormatter(common.size_text if unit == "bytes"
                                                              else common.count_text))
    axes.set_title(title or results.title(figure, [x, y]), loc="left")
    return fig


def main():
    p = common.parser(__doc__)
    p.add_argument("--results", required=True, help="of memscape sweep, or of memscape export -f json")
    p.add_argument("--figure", help="which (default: the first that the sweep minimises)")
    p.add_argument("--x", help="the axis along the page (default: the one with most values)")
    p.add_argument("--y", help="the axis down the page")
    o = p.parse_args()
    common.save(draw(common.Results(common.read_results(o.results)), o.figure, o.x, o.y, o.title), o.output)


if __name__ == "__main__":
    main()
