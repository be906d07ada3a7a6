#!/usr/bin/env python3
"""What recording costs a program.

    overhead.py MEMSCAPE CHURN [EVENTS]      a program that does nothing but allocate
    overhead.py MEMSCAPE -- COMMAND...       any other

Runs the program alone and under the recorder in turn and prints medians: the time until
the program has ended, alone and recorded, and until its trace is complete; the processor
time of the program, alone and recorded, and of the recorder beside it; all for one event.
No time is asserted.
"""
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = int(os.environ.get("RUNS", "7"))
TOLD = re.compile(r"events (\d+), lost (\d+),.* of ([0-9.]+) ms, recorder ([0-9.]+) ms")


def timed(command):
    """Wall and CPU seconds of a command with its children, and what it said."""
    before, start = os.times(), time.monotonic()
    run = subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    after, wall = os.times(), time.monotonic() - start
    cpu = (after.children_user + after.children_system
           - before.children_user - before.children_system)
    return wall, cpu, run.stderr.decode(errors="replace")


def measure(memscape, program, folder):
    """One row of medians, in ns an event."""
    trace = os.path.join(folder, "program.mst")
    rows = []
    for _ in range(RUNS):
        alone, alone_cpu, _ = timed(program)
        complete, cpu, told = timed([memscape, "record", "-o", trace, "--", *program])
        lines = TOLD.findall(told)
        events = sum(int(line[0]) for line in lines)
        if any(line[1] != "0" for line in lines):
            sys.exit("overhead.py: calls were lost: " + told)
        ended, recorder = float(lines[-1][2]) / 1e3, float(lines[-1][3]) / 1e3
        row = alone, ended, complete, alone_cpu, cpu - recorder, recorder
        rows.append([seconds / events * 1e9 for seconds in row])
    medians = [statistics.median(column) for column in zip(*rows)]
    size = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
    return medians, events, size


def show(name, medians, events, size):
    alone, ended, complete, alone_cpu, cpu, recorder = medians
    print(f"{name:<14}{events:>10}{alone:>8.1f}{ended:>9.1f}{ended / alone:>6.2f}"
          f"{complete:>10.1f}{complete / alone:>6.2f}{alone_cpu:>9.1f}{cpu:>9.1f}"
          f"{cpu / alone_cpu if alone_cpu else 0:>6.2f}{recorder:>10.1f}{size / events:>7.2f}")


def main():
    memscape = sys.argv[1]
    print(f"{'':<14}{'':>10}  until the end of the      until the     "
          "processor time of the")
    print(f"{'':<14}{'':>10}  program                   trace         program")
    print(f"{'ns an event':<14}{'events':>10}{'alone':>8}{'recorded':>9}{'ratio':>6}"
          f"{'recorded':>10}{'ratio':>6}{'alone':>9}{'recorded':>9}{'ratio':>6}"
          f"{'recorder':>10}{'bytes':>7}")
    if sys.argv[2] == "--":
        programs = [(os.path.basename(sys.argv[3]), sys.argv[3:])]
    else:
        events = sys.argv[3] if len(sys.argv) > 3 else "4000000"
        programs = [(f"churn, {live}", [sys.argv[2], events, live])
                    for live in ("100", "10000", "100000")]
    for name, program in programs:
        with tempfile.TemporaryDirectory() as folder:
            show(name, *measure(memscape, program, folder))


if __name__ == "__main__":
    main()
