#!/usr/bin/env python3
"""Every kind of plot: what is in the figure is what the report says, and files are made again alike.

    plots.py MEMSCAPE SOURCE_ROOT

Runs with a Python that has matplotlib; without one, 77 (skipped).
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

MEMSCAPE, ROOT = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
PYTHONS = [os.environ.get("MEMSCAPE_PYTHON"), sys.executable, "/usr/bin/python3"]


def has_matplotlib(python):
    return python and subprocess.run([python, "-c", "import matplotlib"], capture_output=True).returncode == 0


def restart():
    """This file needs matplotlib itself: goes on in the first Python that has it."""
    try:
        import matplotlib  # noqa: F401
        return
    except ImportError:
        pass
    for python in PYTHONS:
        if python != sys.executable and has_matplotlib(python):
            os.execv(python, [python, *sys.argv])
    print("skipped: no Python with matplotlib")
    sys.exit(77)


restart()
sys.path.insert(0, str(ROOT / "plots"))
sys.dont_write_bytecode = True
import common  # noqa: E402
import compare  # noqa: E402
import fragmentation  # noqa: E402
import free  # noqa: E402
import heat  # noqa: E402
import ledger  # noqa: E402
import lines  # noqa: E402
import map as region_map  # noqa: E402
import pareto  # noqa: E402
import search  # noqa: E402
import sizes  # noqa: E402

FIRMWARE = ROOT / "traces/firmware.mst"
failures = []


def check(condition, text):
    if not condition:
        failures.append(text)
        print(f"FAILED: {text}")


def memscape(*arguments, status=0):
    done = subprocess.run([MEMSCAPE, *map(str, arguments)], capture_output=True, text=True, timeout=200)
    check(done.returncode == status, f"{' '.join(map(str, arguments))} ends with {done.returncode}, expected {status}: "
          f"{done.stderr[-600:]}")
    return done.stdout + done.stderr


def replay(name, *arguments):
    memscape("replay", "-q", *arguments, "--json", f"{name}.json", "--csv", f"{name}.csv", "--columns", "zones;heaps",
             "--map", f"{name}.map", "--every", "5000")
    return common.read_json(f"{name}.json", "memscape.report/"), common.read_series(f"{name}.csv"), \
        common.read_series(f"{name}.map")


def band_heights(band, series):
    """Of a filled band: its height over each event."""
    points = band.get_paths()[0].vertices
    low, high = {}, {}
    for x, y in points:
        low[x], high[x] = min(low.get(x, y), y), max(high.get(x, y), y)
    return [high[x] - low[x] for x in series["event"]]


def close(a, b):
    return len(a) == len(b) and all(abs(x - y) <= 1e-6 * max(abs(x), abs(y), 1) for x, y in zip(a, b))


def titled(figure, *words):
    texts = [a.get_title(loc="left") for a in figure.axes] + [figure._suptitle.get_text() if figure._suptitle else ""]
    text = " ".join(texts)
    for word in words:
        check(word in text, f"the title '{text}' does not say {word}")
    for axes in figure.axes:
        check(axes.get_ylabel() or axes.get_yticklabels(), "an axis has no label")


# ---- what is drawn ----

def check_ledger(report, series):
    figure = ledger.draw(report, series, "firmware")
    bands = {b.get_gid(): b for b in figure.axes[0].collections}
    check({"payload", "rounding", "metadata", "cached", "free"} <= set(bands), f"the ledger has bands {set(bands)}")
    for name, band in bands.items():
        heights = band_heights(band, series)
        check(close(heights, series[name]), f"ledger: the band {name} is not the CSV's column")
        check(abs(heights[-1] - report["ledger"]["final"][name]) < 1, f"ledger: {name} ends at {heights[-1]}, "
              f"the report says {report['ledger']['final'][name]}")
    titled(figure, "firmware", "stm32h7", "tlsf")


def check_map(report, cells):
    figure = region_map.draw(report, cells, "firmware")
    mesh = next(c for c in figure.axes[0].collections if c.get_gid() == "map")
    region = next(r for r in report["ledger"]["regions"] if r["name"] == "d1_axi")
    last = max(cells["event"])
    for name in common.CLASSES:
        total = sum(v for v, e in zip(cells[name], cells["event"]) if e == last)
        check(total == region[name], f"map: {name} adds up to {total}, the report says {region[name]}")
    events, bases, out = region_map.grid(cells)
    values = mesh.get_array().reshape(len(bases), len(events))
    step = bases[1] - bases[0]
    for e in (0, len(events) // 2, len(events) - 1):
        used = sum(v * step for v in values[:, e] if v >= 0)
        want = sum(out["payload"][e][b] + out["rounding"][e][b] for b in range(len(bases)) if values[b, e] >= 0)
        check(abs(used - want) < 1, f"map: the shades of event {events[e]} say {used} bytes in use, the data {want}")
    titled(figure, "d1_axi", "firmware", "stm32h7")


def check_free(report, series):
    figure = free.draw(report, series, "pages")
    seen = 0
    page = report["machine"]["page_size"]
    for axes in figure.axes:
        for band in axes.collections:
            zone, order = band.get_gid().split(".")
            column = series[f"zones.{zone}.nr_free[{order}]"]
            heights = band_heights(band, series)
            check(close(heights, [n * page * 2 ** int(order) for n in column]), f"free: {zone} order {order}")
            final = next(z for z in report["zones"] if z["name"] == zone)["nr_free"][int(order)]
            check(column[-1] == final, f"free: {zone} order {order} ends at {column[-1]}, the report says {final}")
            seen += 1
    check(seen > 5, f"free: only {seen} bands")
    titled(figure, "pages", "x86_64", "buddy")


def check_fragmentation(report, series):
    figure = fragmentation.draw(report, series, "firmware")
    line = next(li for li in figure.axes[0].lines if li.get_gid() == "main")
    heap = next(h for h in report["heaps"] if h["name"] == "main")
    want = 1 - heap["largest_free_bytes"] / heap["free_bytes"]
    check(abs(line.get_ydata()[-1] - want) < 1e-9, f"fragmentation ends at {line.get_ydata()[-1]}, the report at {want}")
    titled(figure, "firmware", "stm32h7")


def check_zones(report, series):
    figure = fragmentation.draw(report, series, "pages", order=3)
    for line in figure.axes[0].lines:
        final = next(z for z in report["zones"] if z["name"] == line.get_gid())["unusable"][3]
        check(abs(line.get_ydata()[-1] - final) < 1e-9, f"unusable index of {line.get_gid()}")
    check(figure.axes[0].lines, "no zone is drawn")


def check_search(report):
    figure = search.draw(report, "firmware")
    heap = report["heaps"][0]
    heights = [p.get_height() for p in figure.axes[0].patches]
    check(sum(heights) == heap["search"]["count"], f"search: {sum(heights)} of {heap['search']['count']} searches")
    rows = search.buckets(heap["search"])
    check(rows[-1][0] <= heap["search"]["max"] <= rows[-1][1], f"search: the last bar is {rows[-1]}")
    check(f"p99 {heap['search']['p99']}" in figure.axes[0].get_xlabel(), "search: no p99")
    titled(figure, "firmware", "stm32h7", "best_fit")


def check_sizes():
    info = json.loads(memscape("info", "--json", FIRMWARE))
    figure = sizes.draw(info, "firmware")
    for axes, histogram in zip(figure.axes, (info["sizes"], info["lifetimes"])):
        heights = [p.get_height() for p in axes.patches if p.get_height()]
        check(heights == [h["count"] for h in histogram], "sizes: bars are not the histogram")
    check(sum(p.get_height() for p in figure.axes[0].patches) == info["births"], "sizes: not all births")
    titled(figure, "firmware")


def check_compare(a, b, series):
    figure = compare.draw([a, b], series, "firmware")
    for line in figure.axes[0].lines:
        run, column = line.get_gid().split(".")
        check(close(list(line.get_ydata()), series["AB".index(run)][column]), f"compare: {line.get_gid()}")
    for patch in figure.axes[1].patches:
        report = a if patch.get_y() > 0.5 else b
        check(patch.get_width() == report["ledger"]["peak"][patch.get_gid()], f"compare: {patch.get_gid()}")
    titled(figure, "tlsf", "best_fit", "stm32h7", "firmware")


def check_sweep():
    pathlib.Path("sweep.yaml").write_text(
        f"sweep: chosen\nmachines: [stm32h7]\ntraces: [{FIRMWARE}]\naxes:\n  alloc: [tlsf, bins, half_fit]\n"
        "  kib: {path: allocators.heap.bytes, from: 224K, to: 288K, step: 32K}\n"
        "figures: [peak.footprint_bytes]\nminimise: [events.failed, ledger.peak.metadata]\n")
    memscape("sweep", "-q", "sweep.yaml", "-o", "r.db")
    os.environ["MEMSCAPE"] = str(MEMSCAPE)
    data = common.read_results("r.db")
    results = common.Results(data)
    at = {(p["values"][2], p["values"][3]): p["figures"] for p in data["points"]}
    figure = lines.draw(results, "ledger.peak.metadata")
    for line in figure.axes[0].lines:
        want = [at[line.get_gid(), k]["ledger.peak.metadata"] for k in ("224K", "256K", "288K")]
        check(list(line.get_ydata()) == want and list(line.get_xdata()) == [224 << 10, 256 << 10, 288 << 10],
              f"lines: {line.get_gid()}")
    check(len(figure.axes[0].lines) == 3, "lines: not three")
    titled(figure, "ledger.peak.metadata", "chosen", "stm32h7", "firmware")
    figure = heat.draw(results, "events.failed", "kib", "alloc")
    shown = figure.axes[0].images[0].get_array()
    for y, alloc in enumerate(("tlsf", "bins", "half_fit")):
        for x, kib in enumerate(("224K", "256K", "288K")):
            check(shown[y][x] == at[alloc, kib]["events.failed"], f"heat: {alloc} {kib}")
    figure = pareto.draw(results)
    dots = {tuple(p) for c in figure.axes[0].collections for p in c.get_offsets()}
    check(dots == {(f["events.failed"], f["ledger.peak.metadata"]) for f in at.values()}, "pareto: other dots")
    markdown = memscape("export", "r.db", "-f", "markdown")
    front = next(li for li in figure.axes[0].lines if li.get_gid() == "front stm32h7 firmware")
    named = re.findall(r"^\| .+? \| (\d+) \| (\d+) \|$", markdown.split("## Pareto")[1].split("## ")[0], re.M)
    check(set(zip(front.get_xdata(), front.get_ydata())) == {(float(a), float(b)) for a, b in named},
          f"pareto: the front is not the export's: {named}")
    check_competition()


def check_competition():
    """Designs compete for the same machine and trace; means say over what they are."""
    pathlib.Path("two.yaml").write_text(
        f"sweep: two\nmachines: [stm32h7]\ntraces: [{FIRMWARE}, {{gen: uniform, events: 5000, live: 50}}]\n"
        "axes:\n  alloc: [tlsf, bins]\n  kib: {path: allocators.heap.bytes, values: [240K, 288K]}\n"
        "minimise: [peak.footprint_bytes, ledger.peak.metadata]\n")
    memscape("sweep", "-q", "two.yaml", "-o", "two.db")
    results = common.Results(common.read_results("two.db"))
    figure = pareto.draw(results, group="alloc")
    fronts = {li.get_gid(): set(zip(li.get_xdata(), li.get_ydata())) for li in figure.axes[0].lines}
    check(set(fronts) == {"front stm32h7 firmware", "front stm32h7 uniform"}, f"pareto: fronts {set(fronts)}")
    named = re.findall(r"^\| stm32h7 (\w+) .+? \| (\d+) \| (\d+) \|$",
                       memscape("export", "two.db", "-f", "markdown").split("## Pareto")[1].split("## ")[0], re.M)
    for trace in ("firmware", "uniform"):
        check(fronts.get(f"front stm32h7 {trace}") == {(float(a), float(b)) for t, a, b in named if t == trace},
              f"pareto: the front of {trace} is not the export's")
    titled(heat.draw(results, "peak.footprint_bytes", "kib", "alloc"), "firmware, uniform", "mean over trace")
    titled(lines.draw(results, "peak.footprint_bytes", "kib", "trace"), "mean over alloc")


# ---- memscape plot ----

def check_commands():
    base = ["-c", "stm32h7", FIRMWARE]
    memscape("sweep", "-q", "sweep.yaml", "-o", "r.db")
    commands = {kind: [kind, *base] for kind in ("ledger", "map", "free", "fragmentation", "search")}
    commands["compare"] = ["compare", "--b-alloc", "heap_4", *base]
    commands["sizes"] = ["sizes", FIRMWARE]
    commands |= {kind: [kind, "r.db"] for kind in ("lines", "heat", "pareto")}
    listed = re.findall(r"^  ([a-z]+)  ", memscape("plot", "--help").split("kinds:")[1], re.M)
    check(sorted(listed) == sorted(commands), f"--help lists {listed}")
    magic = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for kind, arguments in commands.items():
        for form in ("png", "svg", "pdf") if kind in ("ledger", "pareto") else ("svg",):
            files = [pathlib.Path(f"{kind}{i}.{form}") for i in (1, 2)]
            for file in files:
                memscape("plot", *arguments, "-o", file)
            made = [f.read_bytes() if f.exists() else b"" for f in files]
            check(made[0].startswith(magic[form]), f"{kind} makes no {form}")
            check(made[0] == made[1], f"{kind} makes another {form} each time")
    check(not list(pathlib.Path(os.environ["TMPDIR"]).glob("memscape-plot.*")), "plots leave data behind")


def check_errors():
    memscape("plot", "ledger", FIRMWARE, "-o", "x.png", status=2)
    memscape("plot", "ledger", "-c", "stm32h7", FIRMWARE, "-o", "x.gif", status=2)
    memscape("plot", "pie", FIRMWARE, "-o", "x.png", status=2)
    memscape("plot", "compare", "-c", "stm32h7", FIRMWARE, "-o", "x.png", status=2)
    memscape("plot", "ledger", "-c", "nosuch", FIRMWARE, "-o", "x.png", status=3)
    memscape("plot", "lines", "r.db", "--figure", "a.b", "-o", "x.png", status=3)
    text = memscape("plot", "lines", "r.db", "--x", "nosuch", "-o", "x.png", status=3)
    check("no axis 'nosuch', expected one of: machine, trace, alloc, kib" in text, f"says {text}")
    env = {**os.environ, "PATH": "/nowhere", "MEMSCAPE_PYTHON": "/bin/false"}
    if not has_matplotlib("/usr/bin/python3"):
        done = subprocess.run([MEMSCAPE, "plot", "sizes", FIRMWARE, "-o", "x.png"], env=env, capture_output=True, text=True)
        check(done.returncode == 3 and "apt-get install python3-matplotlib" in done.stderr, f"says {done.stderr}")
    check(not pathlib.Path("x.png").exists(), "a plot that failed leaves a file")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["TMPDIR"] = folder
        report, series, cells = replay("a", "-c", "stm32h7", FIRMWARE)
        check_ledger(report, series)
        check_map(report, cells)
        check_fragmentation(report, series)
        other, other_series, _ = replay("b", "-c", "stm32h7", "--alloc", "best_fit", FIRMWARE)
        check_search(other)
        check_compare(report, other, [series, other_series])
        memscape("gen", "pages", "-n", "30000", "-o", "pages.mst")
        report, series, _ = replay("p", "-c", "x86_64", "pages.mst")
        check_free(report, series)
        check_zones(report, series)
        check_sizes()
        check_sweep()
        check_commands()
        check_errors()
        os.chdir("/")
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
