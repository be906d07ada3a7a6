#!/usr/bin/env python3
"""Key scripts against expected screens, reports, and a monkey.

    test_view.py MEMSCAPE SOURCE_ROOT WHAT [--update] [--under COMMAND...]

WHAT: screens, report, parting, monkey.  Each screens/NAME.keys is played at 24x80 and
50x160; what it saves is compared with screens/NAME.<size>/.  --update writes them.
--under runs the program under another, as valgrind.
"""
import difflib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

MEMSCAPE, ROOT, WHAT = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3]
UPDATE = "--update" in sys.argv
UNDER = sys.argv[sys.argv.index("--under") + 1:] if "--under" in sys.argv else []
SCREENS = ROOT / "tests/ui/screens"
SIZES = ["24x80", "50x160"]
failures = 0


def fail(text):
    global failures
    failures += 1
    print("FAIL " + text)


def environment(**more):
    keep = ("PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS")
    env = {k: v for k, v in os.environ.items() if k in keep}
    env |= {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "HOME": "/nonexistent",
            "MEMSCAPE_DATA": str(ROOT / "configs")}
    return env | more


def arguments(script):
    """The options in a script's first lines, with files found from the source's root."""
    words = re.search(r"^# args: (.*)$", script.read_text(), re.M)[1].split()
    return [str(ROOT / w) if (ROOT / w).is_file() else w for w in words]


def play(script, size, folder):
    """Plays a script in a folder of its own, where it saves what it saves."""
    return subprocess.run([*UNDER, MEMSCAPE, "view", *arguments(script), "--size", size, "--script",
                           str(script)], cwd=folder, env=environment(), capture_output=True,
                          text=True, timeout=900)


def compare(name, expected, got):
    if UPDATE:
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.write_text(got)
        return
    if not expected.is_file():
        fail(f"{name}: there is no {expected}")
        return
    want = expected.read_text()
    if want != got:
        fail(name)
        sys.stdout.writelines(difflib.unified_diff(want.splitlines(True), got.splitlines(True),
                                                   "expected", "shown"))


def screens():
    shown = 0
    for script in sorted(SCREENS.glob("*.keys")):
        for size in SIZES:
            with tempfile.TemporaryDirectory() as folder:
                run = play(script, size, folder)
                if run.returncode != 0 or run.stderr:
                    fail(f"{script.name} at {size}: status {run.returncode}: {run.stderr}")
                for saved in sorted(pathlib.Path(folder).iterdir()):
                    compare(f"{script.stem} {size} {saved.name}",
                            SCREENS / f"{script.stem}.{size}" / f"{saved.name}.txt",
                            saved.read_text())
                    shown += 1
    print(f"{shown} screens")
    if shown < 50 and not failures:
        fail("too few screens")


def number(text):
    return int(text.replace(",", ""))


LEDGER = ("size", "payload", "rounding", "metadata", "slack", "cached", "free", "reserved", "unmanaged")
CACHE = ("active_objects", "total_objects", None, "object_size", "slabs", "objects_per_slab", "pages_per_slab")


def says_ledger(text, report, where):
    for region in report["ledger"]["regions"]:
        row = next(l for l in text.splitlines() if l.startswith(region["name"] + " "))
        cells = row.split()
        if [number(c) for c in cells[1:10]] != [region[c] for c in LEDGER]:
            fail(f"{where}: {row} is not {region}")
        if cells[10] != "ok":
            fail(f"{where}: {region['name']} does not add up")


def short(size):
    """As the screens shorten sizes: 512, 1.5K, 120K."""
    unit, tenth = 0, 0
    while size >= 1024:
        size, tenth, unit = size // 1024, size % 1024 * 10 // 1024, unit + 1
    return f"{size}" + (f".{tenth}" if unit and tenth and size < 100 else "") + " KMGT"[unit].strip()


def says_heap(text, report, where):
    heap, live = report["heaps"][0], report["live_at_end"]["blocks"]
    # Blocks of pages are live as well, and not the heap's.
    text = re.sub(r"live in \d+ blocks", "live in pieces", text) if report["caches"] else text
    live = "pieces" if report["caches"] else f"{live} blocks"
    for want in (f"{short(heap['live_bytes'])} live in {live}, {short(heap['metadata_bytes'])} metadata",
                 f"{short(heap['free_bytes'])} free in {heap['free_blocks']} blocks, "
                 f"the largest {short(heap['largest_free_bytes'])}"):
        if want not in text:
            fail(f"{where}: the heap view does not say '{want}' but\n{text[:600]}")


def says_zone(text, zone, where):
    for order, blocks in enumerate(zone["nr_free"]):
        if not re.search(rf"^ +{order} +\S+ +{blocks} ", text, re.M):
            fail(f"{where}: zones view and report differ in order {order} of {zone['name']}")
    row = next((l for l in text.splitlines() if l.startswith(zone["name"] + " ")), "")
    if [int(c) for c in row.split()[-4:]] != [zone[k] for k in ("min", "low", "high", "fallbacks")]:
        fail(f"{where}: {row} is not {zone}")


def says_caches(text, report, where):
    for cache in report["caches"]:
        row = next((l for l in text.splitlines() if f"  {cache['name']} (" in l), None)
        if row is None:
            fail(f"{where}: cache {cache['name']} is not shown")
            continue
        shown = [c.rstrip("%") for c in row.split()]
        for i, key in enumerate(CACHE):
            if key is not None and int(shown[i]) != cache[key]:
                fail(f"{where}: {key} of {row} is not {cache[key]}")


def compare_report(machine, trace, event):
    where = f"{machine}, {pathlib.Path(trace).name}, event {event}"
    with tempfile.TemporaryDirectory() as folder:
        theirs = json.loads(subprocess.run(
            [MEMSCAPE, "replay", "-q", "-c", machine, "--until", str(event), "--json", "-", trace],
            env=environment(), capture_output=True, check=True).stdout)
        keys = pathlib.Path(folder) / "keys"
        keys.write_text(f":{event}\n:view ledger\nkeys b\nsave ledger\n:view heap\nsave heap\n"
                        ":view slabs\nsave slabs\n:view zones\nkeys g\n" +
                        "".join(f"save zone{i}\nkeys j\n" for i in range(len(theirs["zones"]))) +
                        ":report mine.json\n")
        subprocess.run([*UNDER, MEMSCAPE, "view", "-c", machine, "--size", "60x220", "--script",
                        str(keys), trace], cwd=folder, env=environment(), check=True)
        mine = json.loads((pathlib.Path(folder) / "mine.json").read_text())
        screen = {p.name: p.read_text() for p in pathlib.Path(folder).iterdir()}
    del mine["trace"], theirs["trace"]
    if mine != theirs:
        fail(f"{where}: ':report' and 'replay --until --json' differ")
    says_ledger(screen["ledger"], theirs, where)
    if theirs["heaps"]:
        says_heap(screen["heap"], theirs, where)
    for i, zone in enumerate(theirs["zones"]):
        says_zone(screen[f"zone{i}"], zone, where)
    says_caches(screen["slabs"], theirs, where)
    return len(theirs["zones"]), len(theirs["caches"])


def report():
    """What the screens say is what the JSON report of a replay up to the same event says."""
    firmware, kernel = str(ROOT / "traces/firmware.mst"), str(SCREENS / "kernel.mst")
    for event in (1, 1000, 123457, 246114):
        compare_report("stm32h7", firmware, event)
    for machine in ("x86_32", "x86_64"):
        for event in (1, 77, 500, 757, 940, 947):
            zones, caches = compare_report(machine, kernel, event)
            if zones != 3 or caches < 28:
                fail(f"{machine}: {zones} zones and {caches} caches compared")


def parting():
    """The Compare view's d and D and `memscape compare` find the same events."""
    firmware, kernel = str(ROOT / "traces/firmware.mst"), str(SCREENS / "kernel.mst")
    tight = ["--set", "allocators.heap.bytes=180K"]
    found = set()
    for machine, trace, options, other in (("stm32h7", firmware, tight, "best_fit"),
                                           ("stm32h7", firmware, tight, "tlsf allocators.heap.bytes=170K"),
                                           ("stm32h7", firmware, [], "x86_32 bins"),
                                           ("stm32h7", firmware, [], "tlsf"),
                                           ("x86_32", kernel, [], "x86_64"),
                                           ("x86_64", kernel, [], "allocators.pages.percpu_lists=false")):
        with tempfile.TemporaryDirectory() as folder:
            keys = pathlib.Path(folder) / "keys"
            keys.write_text(f":view compare\n:compare {other}\nkeys d\nsave d\n:0\nkeys D\nsave D\n")
            subprocess.run([*UNDER, MEMSCAPE, "view", "-c", machine, *options, "--script", str(keys),
                            trace], cwd=folder, env=environment(), check=True)
            seen = [re.search(r"^event (\d+): here they part",
                              (pathlib.Path(folder) / key).read_text(), re.M) for key in "dD"]
        done = subprocess.run([MEMSCAPE, "compare", "-c", machine, *options, "--b", other, "--json", "-",
                               trace], env=environment(), capture_output=True, text=True)
        told = json.loads(done.stdout)
        mine = [int(m[1]) if m else None for m in seen]
        theirs = [told[k] and told[k]["event"] for k in ("outcome", "first")]
        if mine != theirs:
            fail(f"{machine} and {other}: the view finds {mine}, compare {theirs}")
        found |= {(x is not None, y is not None) for x, y in [theirs]}
    if found != {(True, True), (False, True), (False, False)}:
        fail(f"not every way to part was there: {found}")


def monkey():
    """Random keys, MONKEY_KEYS of them (4000) for each of five machines and traces."""
    keys = int(os.environ.get("MONKEY_KEYS", "4000"))
    for seed, args in enumerate([["-c", "stm32h7", "traces/firmware.mst"],
                                 ["-c", "x86_32", "tests/ui/screens/pages.mst"],
                                 ["-c", "stm32h7", "--set", "allocators.heap.bytes=60K", "--compare",
                                  "first_fit", "traces/firmware.mst"],
                                 ["-c", "x86_64", "tests/ui/screens/kernel.mst"],
                                 ["-c", "x86_32", "--compare", "stm32h7 best_fit",
                                  "tests/ui/screens/kernel.mst"]]):
        args = [str(ROOT / a) if (ROOT / a).is_file() else a for a in args]
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder) / "keys"
            script.write_text(f"random {keys} {seed + 1}\n:0\n:view atlas\nsave end\n")
            run = subprocess.run([*UNDER, MEMSCAPE, "view", *args, "--script", str(script)],
                                 cwd=folder, env=environment(), capture_output=True, text=True,
                                 timeout=3000)
            if run.returncode != 0 or run.stderr or not (pathlib.Path(folder) / "end").is_file():
                fail(f"monkey {seed + 1}: status {run.returncode}: {run.stderr[:2000]}")


{"screens": screens, "report": report, "parting": parting, "monkey": monkey}[WHAT]()
sys.exit(1 if failures else 0)
