"""What the plots share: reading data, titles, colours that survive grey and colour-blindness.

Each script draws one kind of plot: `draw(data...)` returns a figure, `main()` reads files and
writes one of PNG, SVG or PDF by the name of the output.  Copy and change them as you like;
`memscape plot KIND` looks for them in $MEMSCAPE_DATA/plots first.
"""
import argparse
import csv
import json
import os
import pathlib
import subprocess
import sys

os.environ.setdefault("MPLCONFIGDIR", os.path.join(os.environ.get("TMPDIR", "/tmp"),
                                                   f"memscape-mpl-{os.getuid()}"))
import matplotlib  # noqa: E402

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: E402

CLASSES = ["payload", "rounding", "metadata", "slack", "cached", "free", "reserved", "unmanaged"]
# Okabe and Ito's colours, told apart by all kinds of colour vision; hatches tell them apart in grey.
CLASS_COLOR = {"payload": "#0072B2", "rounding": "#56B4E9", "metadata": "#D55E00",
               "slack": "#E69F00", "cached": "#B8D8C8", "free": "#F2F2F2", "reserved": "#A0A0A0",
               "unmanaged": "#FFFFFF"}
CLASS_HATCH = {"payload": "", "rounding": "////", "metadata": "||||", "slack": "xxxx",
               "cached": "....", "free": "", "reserved": "\\\\\\\\", "unmanaged": ""}
LINE_COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9", "#8B6508"]
LINE_STYLES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1))]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*", "<", ">"]
MAP = "cividis"  # one brightness for one value: the same in grey

plt.rcParams.update({
    "figure.dpi": 110, "savefig.dpi": 150, "font.size": 10, "axes.titlesize": 11,
    "axes.spines.top": False, "axes.spines.right": False, "hatch.linewidth": 0.5,
    "legend.frameon": False, "legend.fontsize": 9, "svg.hashsalt": "memscape", "svg.fonttype": "path",
    "figure.constrained_layout.use": True, "axes.axisbelow": True,
})


def line_style(i):
    """Colour and dashes of the i-th line: different in colour and in grey."""
    return {"color": LINE_COLORS[i % len(LINE_COLORS)], "linestyle": LINE_STYLES[i % len(LINE_STYLES)],
            "linewidth": 1.6}


# ---- text ----

def size_text(value, _=None):
    """512 B, 1.5 KiB, 12 MiB."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if abs(value) >= unit:
            return f"{value / unit:.4g} {name}"
    return f"{value:.4g} B"


def count_text(value, _=None):
    """12,345; fractions as they are."""
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.4g}"


def bytes_axis(axis, top=None, ticks=7):
    """Ticks at round sizes in powers of two: 0, 64 KiB, 128 KiB."""
    axis.set_major_formatter(FuncFormatter(size_text))
    if top:
        step = 1
        while step * ticks < top:
            step *= 2
        axis.set_major_locator(matplotlib.ticker.MultipleLocator(step))


def count_axis(axis, integer=True):
    if integer:
        axis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axis.set_major_formatter(FuncFormatter(count_text))


def is_wide(values):
    """Do the values span so much that small ones need a logarithmic axis?"""
    least = min((v for v in values if v > 0), default=1)
    return min(values) >= 0 and max(values) > 200 * least


def value_axis(axis, unit, values):
    """An axis of figures: sizes for bytes, plain numbers else; logarithmic where they span much."""
    span = max(values) - min(0 if axis.get_view_interval()[0] <= 0 else min(values), *values)
    if is_wide(values):
        least = min((v for v in values if v > 0), default=1)
        getattr(axis.axes, f"set_{axis.axis_name}scale")("symlog", linthresh=least, linscale=0.4)
        axis.set_view_interval(-0.2 * least if min(values) == 0 else least * 0.7, max(values) * 1.7, ignore=True)
        axis.set_major_formatter(FuncFormatter(size_text if unit == "bytes" else count_text))
    elif unit == "bytes":
        bytes_axis(axis, span)
    else:
        axis.set_major_formatter(FuncFormatter(count_text))


# ---- what a run was ----

def machine_of(report):
    m = report["machine"]
    return m["name"] + (f" ({m['variant']})" if m.get("variant") else "")


PAGE_OPS = {"alloc_pages", "get_zeroed_page", "dma_alloc"}


def served(report):
    """Names of the allocators that requests went to, and of those below them."""
    heaps = {h["name"] for h in report["heaps"] if h["search"]["count"] or h["live_bytes"]}
    ops = set(report["events"]["by_op"])
    names = set()
    for a in report["run"]["allocators"]:
        if a["name"] in heaps or (a["name"] == "slab" and any(o.startswith("cache_") for o in ops)):
            names.add(a["name"])
        if a["name"] == "kmalloc" and any(o.startswith(("kmalloc", "kzalloc", "kcalloc")) for o in ops):
            names.add(a["name"])
    grown = any(a["from"] == "pages" for a in report["run"]["allocators"] if a["name"] in names)
    if grown or ops & PAGE_OPS:
        names.add("pages")
    return names


def allocators_of(report):
    """The kinds that served requests: "tlsf", "slab_list + buddy"."""
    names, kinds = served(report), []
    for a in report["run"]["allocators"][::-1]:
        if a["name"] in names and a["kind"] not in kinds:
            kinds.append(a["kind"])
    return " + ".join(kinds) or "no allocator"


def run_title(what, report, trace):
    name = trace or "trace"
    return f"{what}\n{name} on {machine_of(report)}, {allocators_of(report)}, " \
           f"{count_text(report['events']['done'])} events"


# ---- files ----

def fail(text):
    print(f"memscape plot: {text}", file=sys.stderr)
    sys.exit(3)


def read_json(path, schema=None):
    try:
        with open(path, encoding="utf-8") as f:
            data = json.load(f)
    except (OSError, ValueError) as e:
        fail(f"{path}: {e}")
    if schema and not str(data.get("schema", "")).startswith(schema):
        fail(f"{path}: its schema is {data.get('schema')!r}, expected {schema}")
    return data


def read_series(path):
    """A CSV of numbers as {column: [values]}; an empty field is None."""
    try:
        with open(path, newline="", encoding="utf-8") as f:
            rows = list(csv.reader(f))
    except OSError as e:
        fail(f"{path}: {e}")
    if len(rows) < 2:
        fail(f"{path}: holds no row, expected a CSV of 'memscape replay --csv'; fewer --every give more")
    try:
        columns = [[float(x) if x != "" else None for x in column] for column in zip(*rows[1:])]
    except ValueError as e:
        fail(f"{path}: {e}, expected numbers")
    return dict(zip(rows[0], columns))


def read_results(path):
    """Results of a sweep: a file that `memscape export -f json` wrote, or the results themselves."""
    with open(path, "rb") as f:
        is_database = f.read(15) == b"SQLite format 3"
    if not is_database:
        return read_json(path, "memscape.sweep/")
    program = os.environ.get("MEMSCAPE", "memscape")
    done = subprocess.run([program, "export", "-f", "json", path], capture_output=True, text=True)
    if done.returncode != 0:
        fail(done.stderr.strip())
    return json.loads(done.stdout)


def parser(description):
    p = argparse.ArgumentParser(description=description)
    p.add_argument("-o", "--output", required=True, help="the file to write: .png, .svg or .pdf")
    p.add_argument("--title", help="instead of the usual one")
    p.add_argument("--trace", default="", help="the trace's name, for the title")
    return p


def save(figure, path):
    """Writes the figure; nothing in the file depends on when it was written."""
    kind = pathlib.Path(path).suffix.lower()
    metadata = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": "memscape"},
                ".pdf": {"CreationDate": None, "ModDate": None, "Creator": "memscape", "Producer": None}}
    if kind not in metadata:
        fail(f"{path}: expected a name that ends in .png, .svg or .pdf")
    try:
        figure.savefig(path, metadata=metadata[kind])
    except OSError as e:
        fail(f"{path}: {e}")


# ---- results of sweeps ----

class Results:
    """Points of a sweep as rows: factors (machine, trace, axes), repeat and figures."""

    def __init__(self, data):
        self.name = data["sweep"]["name"]
        self.about = data["sweep"]["about"]
        self.minimise = data["sweep"]["minimise"]
        self.factors = ["machine", "trace"] + [a["name"] for a in data["sweep"]["axes"]]
        self.levels = {"machine": data["sweep"]["machines"], "trace": data["sweep"]["traces"]}
        self.levels.update({a["name"]: a["values"] for a in data["sweep"]["axes"]})
        self.repeats = data["sweep"]["repeats"]
        self.rows = [dict(zip(self.factors, p["values"]), repeat=p["repeat"], point=p["point"],
                          figures=p["figures"]) for p in data["points"] if p["status"] == "ok"]
        if not self.rows:
            fail("no point of the sweep ran to its end")

    def figures(self):
        return list(self.rows[0]["figures"])

    def check(self, figure):
        if figure not in self.rows[0]["figures"]:
            fail(f"the results have no figure '{figure}', expected one of: {', '.join(self.figures())}")
        return figure

    def factor(self, name):
        if name not in self.factors:
            fail(f"the sweep has no axis '{name}', expected one of: {', '.join(self.factors)}")
        return name

    def varied(self):
        """Axes with more than one value, the one with most values first."""
        many = [f for f in self.factors if len(self.levels[f]) > 1]
        return sorted(many, key=lambda f: -len(self.levels[f]))

    def where(self, **chosen):
        return [r for r in self.rows if all(r[k] == v for k, v in chosen.items())]

    def title(self, what, shown=None):
        """What, and of which machines, traces and fixed axes; `shown`: the axes that are not averaged."""
        parts = [", ".join(self.levels[f]) for f in self.factors
                 if len(self.levels[f]) == 1 or (f in ("machine", "trace") and len(self.levels[f]) <= 5)]
        over = [f for f in self.varied() if f not in shown] if shown is not None else []
        return (f"{what}\n{self.name}" + (": " + "; ".join(parts) if parts else "") +
                ("\nmean over " + ", ".join(over) if over else ""))


def mean(values):
    values = [v for v in values if v is not None]
    return sum(values) / len(values) if values else None


def number_of(label):
    """16K -> 16384; None where the label is no number."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
    text = label.removesuffix("iB")
    unit = units.get(text[-1:].upper(), 1)
    try:
        return float(int(text[:-1] if unit > 1 else text, 0)) * unit
    except ValueError:
        return None


def unit_of(figure):
    """The unit of a figure by its name, for axes."""
    if figure.endswith(("_bytes", ".bytes")) or figure.startswith(("ledger.", "largest(")):
        return "bytes"
    if figure.endswith(".failed") or figure.startswith("failures"):
        return "requests"
    if ".search." in figure:
        return "list steps"
    if figure.endswith((".factor", "]")):
        return "ratio"
    return ""


def label_of(figure):
    unit = unit_of(figure)
    return f"{figure} ({unit})" if unit else figure
