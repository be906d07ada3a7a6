#!/usr/bin/env python3
"""How well a sweep uses the processors, what a point costs beside its replay, how memory grows.

    sweep.py MEMSCAPE SOURCE_ROOT

busy: share of the workers' time in which they had a point, which other programs on the machine do
not change; cores: CPU seconds over wall, which they do.  Medians of three.
"""
import pathlib
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

MEMSCAPE, ROOT = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
USE = f"""sweep: use
machines: [stm32h7, x86_64, {{machine: x86_32, variants: [1g, 4g]}}]
traces: [{ROOT}/traces/server.mst, {ROOT}/traces/tools.mst]
axes:
  alloc: [tlsf, bins, half_fit, slab_array, buddy_heap]
  noise: {{path: machine.cache_line, values: [32, 64, 16, 128, 256]}}
"""
FIXED = "sweep: fixed\nmachines: [{machine: %s, variant: '%s'}]\ntraces: [few.txt]\naxes: {n: {path: " \
        "allocators.heap.bytes, from: 64K, to: %dK, step: 1K}}\n"


def sweep(text, jobs):
    """(wall, CPU seconds, busy share, points, peak bytes of the largest process)"""
    pathlib.Path("s.yaml").write_text(text)
    pathlib.Path("s.db").unlink(missing_ok=True)
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([MEMSCAPE, "sweep", "-q", "-j", str(jobs), "-o", "s.db", "s.yaml"], check=True, capture_output=True)
    wall, after = time.monotonic() - wall, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    db = sqlite3.connect("s.db")
    busy, points, ok = db.execute("SELECT sum(wall_ns) / 1e9, count(*), sum(status = 'ok') FROM timing "
                                  "JOIN result USING (key)").fetchone()
    db.close()
    return wall, cpu, busy / (jobs * wall), points, ok


def peak_kib(text):
    pathlib.Path("s.yaml").write_text(text)
    pathlib.Path("s.db").unlink(missing_ok=True)
    out = subprocess.run(["/usr/bin/env", "python3", "-c", "import resource, subprocess, sys\n"
                          "subprocess.run(sys.argv[1:], check=True, capture_output=True)\n"
                          "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)",
                          MEMSCAPE, "sweep", "-q", "-j", "2", "-o", "s.db", "s.yaml"], check=True, capture_output=True,
                         text=True).stdout
    return int(out)


def main():
    with tempfile.TemporaryDirectory() as folder:
        import os
        os.chdir(folder)
        pathlib.Path("few.txt").write_text("a = malloc 100\nfree a\n")
        runs = [sweep(USE, 2) for _ in range(3)]
        wall, cpu, busy, points, ok = sorted(runs, key=lambda r: r[1] / r[0])[1]
        print(f"two workers, {points} points ({ok} ok) of {wall:.1f} s: busy {2 * busy:.3f} of 2, "
              f"cores {cpu / wall:.3f} (CPU seconds over wall)")
        for machine, variant in (("stm32h7", ""), ("x86_32", "4g"), ("x86_64", "")):
            runs = [sweep(FIXED % (machine, variant, 263), 1) for _ in range(3)]
            wall, cpu, _, points, ok = sorted(runs)[1]
            print(f"{machine:8} {points} points of two events: {1000 * cpu / points:.2f} ms of CPU time a point, "
                  f"{1000 * wall / points:.2f} ms in all")
        few, many = (statistics.median(peak_kib(FIXED % ("x86_64", "", n)) for _ in range(3)) for n in (163, 3063))
        print(f"largest process: {few / 1024:.1f} MiB with 100 points, {many / 1024:.1f} MiB with 3,000")
        os.chdir("/")


if __name__ == "__main__":
    main()
