#!/usr/bin/env python3
"""replay --proc: the kernel's files of the simulated state, compared with those kept here.

    proc.py MEMSCAPE SOURCE_ROOT [--write]

They are also read back by memscape parity, and nothing may differ: what a booted machine shows
is what the formulas give.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import checks  # noqa: E402
from checks import check  # noqa: E402

MEMSCAPE, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
HERE = ROOT / "tests" / "golden" / "proc"
EVENTS = HERE / "events.trace"
NAMES = {"buddyinfo", "pagetypeinfo", "zoneinfo", "slabinfo", "vmallocinfo", "iomem",
         "extfrag_index", "unusable_index"}
KEPT = {"x86_64": ["-c", "x86_64"],
        "x86_32-4.19": ["-c", "x86_32", "--variant", "pae-64g", "--set", "machine.rules=linux-4.19"],
        "x86_32-textbook": ["-c", "x86_32"], "numa2": ["-c", "numa2"],
        "numa2-slab": ["-c", "numa2", "--set", "allocators.slab.kind=slab"]}
# More machines whose files parity reads: (arguments, figures that must be equal at least).
MORE = [(["-c", "numa2", "--variant", "memoryless"], 120),
        (["-c", "numa2", "--set", "machine.cpus=6", "--set", "numa.cpus=[0,1,1,1,1,1]"], 150),
        (["-c", "x86_64", "--variant", "16g"], 150), (["-c", "x86_64", "--variant", "1g"], 100),
        (["-c", "x86_64", "--set", "machine.cpus=48"], 150),
        (["-c", "x86_64", "--set", "allocators.pages.min_free_kbytes=20000",
          "--set", "allocators.pages.watermark_scale_factor=150"], 150),
        (["-c", "x86_64", "--set", "allocators.slab.kind=slub_tiny"], 150),
        (["-c", "x86_64", "--set", "allocators.slab.kind=slab"], 130),
        (["-c", "x86_32", "--set", "allocators.slab.kind=slab"], 60),
        (["-c", "x86_64", "--set", "machine.rules=linux-4.19"], 140),
        (["-c", "x86_32", "--set", "machine.rules=linux-4.19", "--set", "machine.cpus=7"], 140)]


def replay(*args, status=0):
    r = subprocess.run([MEMSCAPE, "replay", "-q", *map(str, args)], capture_output=True, text=True)
    check(r.returncode == status, f"{args}: exit {r.returncode}, {r.stderr}")
    return r.stderr


def files(folder):
    return {str(f.relative_to(folder)): f.read_text() for f in sorted(folder.rglob("*")) if f.is_file()}


def parity(folder, least, what):
    r = subprocess.run([MEMSCAPE, "parity", "--from", folder, "--json", "-"], capture_output=True,
                       text=True)
    check(r.returncode == 0, f"parity of {what}: exit {r.returncode} {r.stderr}")
    j = json.loads(r.stdout) if r.returncode in (0, 1) else {"figures": [], "equal": 0}
    bad = [f"{f['where']} {f['name']} {f['kernel']} {f['result']}" for f in j["figures"]
           if f["result"] != "equal" and not f["name"].startswith("high of") and
           "classic SLAB" not in f.get("why", "")]
    check(not bad and j["equal"] >= least, f"parity of {what}: {j['equal']} equal, {bad}")


def kept(work):
    for name, args in KEPT.items():
        replay(*args, "--proc", work / name, EVENTS)
        now = files(work / name)
        check(NAMES <= set(now), f"{name}: {sorted(now)}")
        if "--write" in sys.argv:
            for f, text in now.items():
                (HERE / name / f).parent.mkdir(parents=True, exist_ok=True)
                (HERE / name / f).write_text(text)
        before = files(HERE / name)
        for f in sorted(set(now) | set(before)):
            check(now.get(f) == before.get(f), f"{name}/{f} is another; if that is meant: proc.py --write")
        parity(work / name, 120, name)


def more(work):
    for i, (args, least) in enumerate(MORE):
        replay(*args, "--proc", work / f"more{i}", EVENTS)
        parity(work / f"more{i}", least, args)
    # A board's zones have names of their own and keep nothing back.
    replay("-c", "stm32h7", "--proc", work / "board", EVENTS.parent / "board.trace")
    parity(work / "board", 50, "stm32h7")
    # What no event needs is not booted: its tables are empty, and parity says what is missing.
    replay("-c", "x86_64", "--proc", work / "heap", ROOT / "traces" / "firmware.mst")
    check(files(work / "heap")["buddyinfo"] == "", "a heap's trace has no page allocator")
    parity(work / "heap", 0, "a heap's trace")
    kernel = ROOT / "tests" / "kernel"
    replay("-c", "x86_64", "--start", kernel / "find-cat.start.zst", "--level", "buddy", "--proc",
           work / "recording", kernel / "find-cat.trace.zst")
    parity(work / "recording", 80, "a recording's end")


def moments(work):
    machine = KEPT["x86_64"]
    for event in (1, 5, 12):
        replay(*machine, "--proc", work / f"at{event}", "--at", event, EVENTS)
        replay(*machine, "--proc", work / f"until{event}", "--until", event, EVENTS)
        a, b = files(work / f"at{event}"), files(work / f"until{event}")
        check(a == b, f"--at {event} is not --until {event}: "
              f"{[f for f in a if a[f] != b.get(f)]}")
    replay(*machine, "--proc", work / "rows", "--at", 5, "--csv", work / "rows.csv", "--every", 3, EVENTS)
    replay(*machine, "--csv", work / "other.csv", "--every", 3, EVENTS)
    check(files(work / "rows") == files(work / "at5"), "--at beside --csv")
    check((work / "rows.csv").read_text() == (work / "other.csv").read_text(), "--csv beside --at")


def errors(work):
    machine = KEPT["x86_64"]
    text = replay(*machine, "--proc", work / "late", "--at", 13, EVENTS, status=3)
    check("event 13, expected one of the 12" in text and not (work / "late").exists(), text)
    check("--at is the event of --proc" in replay(*machine, "--at", 3, EVENTS, status=2), "--at alone")
    (work / "file").write_text("")
    text = replay(*machine, "--proc", work / "file", EVENTS, status=3)
    check("cannot make the folder" in text, text)
    bad = work / "bad.trace"
    bad.write_text("a = alloc_pages 0\nnonsense\n")
    replay(*machine, "--proc", work / "damaged", bad, status=3)
    check(not (work / "damaged").exists(), "a damaged trace writes nothing")


def main():
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        for part in (kept, more, moments, errors):
            part(work)
    print("the kernel's files agree" if not checks.problems else f"{checks.problems} problems")
    return 1 if checks.problems else 0


sys.exit(main())
