#!/usr/bin/env python3
"""What a screen of the visualizer costs, and whether that grows with the trace.

    redraw.py MEMSCAPE SOURCE_ROOT [SCREENS]

Two traces that differ in length only, ten to one, are shown on x86_32 in 200 columns
and 60 rows: each view, the atlas in its four colourings and at several depths, after
steps and after leaps in time.  CPU times; medians over SCREENS (101) screens each.  Then how long
the first screen of the longer trace takes in a terminal.  Status 1: a median of the
longer trace is not under the limit, or the first screen not under a second of CPU time.
"""
import os
import pathlib
import pty
import re
import resource
import select
import subprocess
import sys
import tempfile
import time

MEMSCAPE, ROOT = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
SCREENS = int(sys.argv[3]) if len(sys.argv) > 3 else 101
LIMIT_MS = 10
ENV = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "HOME": "/nonexistent",
       "MEMSCAPE_DATA": str(ROOT / "configs")}
SCRIPT = [("atlas, state", ":view atlas"), ("atlas, owner", "keys o"), ("atlas, age", "keys o"),
          ("atlas, fill", "keys o"), ("atlas, 16 x", "keys o<Enter>"), ("atlas, 256 x", "keys <Enter>"),
          ("atlas, bytes", "keys x")] + [(v, f":view {v}") for v in (
              "zones", "slabs", "virtual", "heap", "timeline", "events", "ledger", "why")]


def measure(trace, compare):
    """[(name, median after a step, after a leap)] in ms, a view each."""
    script = [("compare, two heaps", ":view compare")] if compare else SCRIPT
    with tempfile.NamedTemporaryFile("w", suffix=".keys") as keys:
        keys.write(":50%\n" + "".join(f"{line}\nbench {SCREENS}\n" for _, line in script))
        keys.flush()
        out = subprocess.run([MEMSCAPE, "view", "-c", "x86_32", *compare, "--size", "60x200", "--script",
                              keys.name, trace], env=ENV, check=True, capture_output=True, text=True).stdout
    found = re.findall(r"step: median ([0-9.]+) ms.*leap: median ([0-9.]+) ms", out)
    assert len(found) == len(script), out
    return [(name, float(a), float(b)) for (name, _), (a, b) in zip(script, found)]


def first_screen(trace):
    """Seconds until the screen says which event it shows: of the clock, and of CPU time in all."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(MEMSCAPE, [MEMSCAPE, "view", "-c", "x86_32", trace], ENV)
    seen, waited = b"", None
    while waited is None and time.monotonic() - begun < 60:
        if select.select([fd], [], [], 1)[0]:
            seen += os.read(fd, 65536)
        if b"of 10," in seen:
            waited = time.monotonic() - begun
    os.write(fd, b"q")
    while True:
        try:
            if not os.read(fd, 65536):
                break
        except OSError:
            break
    os.waitpid(pid, 0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return waited, used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime


def main():
    with tempfile.TemporaryDirectory() as folder:
        short, long = (f"{folder}/{n}.mst" for n in ("1M", "10M"))
        for path, events in ((short, 1_000_000), (long, 10_000_000)):
            subprocess.run([MEMSCAPE, "gen", "phases", "-n", str(events), "--live", "100000", "-o", path],
                           env=ENV, check=True)
        rows = [measure(trace, ()) + measure(trace, ("--compare", "half_fit")) for trace in (short, long)]
        waited, used = first_screen(long)
    print("ms of CPU time a screen, median   1 M events: step   leap  10 M events: step   leap")
    slow = []
    for (name, a, b), (_, c, d) in zip(*rows):
        print(f"{name:34}{a:14.2f} {b:6.2f}  {c:17.2f} {d:6.2f}")
        if max(c, d) >= LIMIT_MS:
            slow.append(name)
    print(f"first screen of the longer trace: {waited:.2f} s, {used:.2f} s of CPU time until it had ended")
    if slow:
        print(f"not under {LIMIT_MS} ms: {', '.join(slow)}")
    return 1 if slow or used >= 1 else 0


sys.exit(main())
