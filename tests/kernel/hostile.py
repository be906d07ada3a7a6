#!/usr/bin/env python3
"""The shipped recording, damaged: what is wrong is told, and what can still be met is met.

    hostile.py MEMSCAPE SOURCE_ROOT
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import checks  # noqa: E402
from checks import check  # noqa: E402

MEMSCAPE, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
HERE = ROOT / "tests" / "kernel"


def unpacked(name):
    done = subprocess.run(["zstd", "-dcq", HERE / name], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


TRACE, START, EXPECTED = (unpacked(f"find-cat.{x}.zst") for x in ("trace", "start", "expected"))


def replay(folder, trace=None, start=None, expected=None):
    """Exit status, report (None: none was written) and standard error."""
    paths = {}
    for name, lines, as_shipped in (("trace", trace, TRACE), ("start", start, START),
                                    ("expected", expected, EXPECTED)):
        paths[name] = folder / name
        paths[name].write_text("\n".join(lines if lines is not None else as_shipped) + "\n")
    done = subprocess.run([MEMSCAPE, "replay", "-q", "-c", "x86_64", "--level", "buddy", "--start",
                           paths["start"], "--expect", paths["expected"], "--json",
                           folder / "report", paths["trace"]], capture_output=True, text=True)
    report = folder / "report"
    return (done.returncode, json.loads(report.read_text()) if report.exists() else None,
            done.stderr.strip())


def met(name, folder, exact, lost=(), **given):
    """The report, of which `exact` samples of 27 are to be exact, and which tells `lost`."""
    status, j, err = replay(folder, **given)
    if j is None:
        check(False, f"{name}: exit {status}: {err}")
        return {"expect": {}, "events": {}}
    x = j["expect"]
    told = j["trace"].get("lost", [])
    check(x["exact"] == exact and status == (0 if exact == x["samples"] else 1),
          f"{name}: exit {status}, {x['exact']} of {x['samples']} exact")
    for words in lost:
        check(any(words in line for line in told), f"{name}: '{words}' is not in {told}")
    return j


def refused(name, folder, says, **given):
    status, j, err = replay(folder, **given)
    check(status == 3 and j is None and says in err and len(err.splitlines()) == 1,
          f"{name}: exit {status}: {err}")


def with_line(lines, at, line):
    return lines[:at] + [line] + lines[at:]


def changed(lines, at, old, new):
    text = re.sub(old, new, lines[at])
    assert text != lines[at]
    return lines[:at] + [text] + lines[at + 1:]


def losses(folder):
    marked = with_line(with_line(TRACE, 20000, "CPU:1 [LOST 12 EVENTS]"), 30000,
                       "CPU:0 [5 EVENTS DROPPED]")
    met("lost", folder, 27, ["17 events that the kernel lost"], trace=marked)
    headed = ["# entries-in-buffer/entries-written: 1000/1250   #P:2"] + TRACE[4:]
    met("overwritten", folder, 27, ["250 events that the kernel lost"], trace=headed)


def clocks(folder):
    """One CPU's lines after the other's, and what sorting makes of that."""
    heads = [line for line in TRACE if line.startswith("#")]
    cpus = [[line for line in TRACE if f"[{cpu:03}]" in line] for cpu in (0, 1)]
    j = met("CPU by CPU", folder, 2, ["1 steps back in time"], trace=heads + cpus[0] + cpus[1])
    stamp = re.compile(r" (\d+\.\d+): ")
    told = sorted(cpus[0] + cpus[1], key=lambda line: float(stamp.search(line)[1]))
    j = met("sorted", folder, 27, trace=heads + told)
    check(not any("back in time" in line for line in j["trace"].get("lost", [])), "sorted: backward")


def ends(folder):
    half = met("half", folder, 13, trace=TRACE[:30000])
    check(half["expect"].get("late_samples") == 14, f"half: {half['expect']}")
    late = ["T0 1363300000" if line.startswith("T0") else line for line in START]
    status, j, _ = replay(folder, start=late)
    x = j["expect"]
    check(status == 1 and x["samples"] == 21 and x["early_samples"] == 6 and
          j["events"]["early"] == 1164, f"late start: {x}, {j['events']}")
    whole = met("whole", folder, 27)
    check("early" not in whole["events"] and "late_samples" not in whole["expect"],
          f"whole: {whole['events']}")


def wrong(folder):
    foreign = [line.replace("Normal", "Foo") for line in START]
    refused("zone of another name", folder, "expected:4: zone 'Normal' is none of the start state's, expected one of dma",
            start=foreign)
    refused("no zone for a block", folder, "lies before the first zone",
            start=[line for line in START if " DMA " not in line])
    refused("samples backward", folder, "expected:5:1: expected samples in the order of time",
            expected=EXPECTED[:1] + EXPECTED[:0:-1])
    at = next(i for i in range(20000, 30000) if "zone_locked" in TRACE[i])
    for name, old, new, what in (("order", r"order=\d+", "order=-1", "order"),
                                 ("large order", r"order=\d+", "order=64", "order"),
                                 ("pfn", r"pfn=\w+", "pfn=0xzz", "pfn"),
                                 ("far pfn", r"pfn=\w+", "pfn=0x7fffffff0000", "pfn")):
        refused(name, folder, f"trace:{at + 1}:39: mm_page_alloc_zone_locked without a good '{what}'",
                trace=changed(TRACE, at, old, new))


def main():
    with tempfile.TemporaryDirectory() as folder:
        for i, part in enumerate((losses, clocks, ends, wrong)):
            work = pathlib.Path(folder) / str(i)
            work.mkdir()
            part(work)
    print(f"{checks.problems} problems" if checks.problems else "damage is told")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
