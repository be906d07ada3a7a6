#!/usr/bin/env python3
"""What recording costs a program that does nothing but allocate.

    overhead.py MEMSCAPE CHURN [EVENTS]

Runs CHURN alone and under the recorder in turn and prints, as medians, the time
until the program has ended, until its trace is complete, and the processor time of
both together.  No time is asserted.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 7


def timed(command):
    """Wall and CPU seconds of a command with its children."""
    before, start = os.times(), time.monotonic()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    after, wall = os.times(), time.monotonic() - start
    cpu = (after.children_user + after.children_system
           - before.children_user - before.children_system)
    return wall, cpu


def measure(memscape, program, folder):
    trace = os.path.join(folder, "churn.mst")
    rows = []
    for _ in range(RUNS):
        alone, alone_cpu = timed(program)
        recorded, recorded_cpu = timed([memscape, "record", "-q", "-o", trace, "--", *program])
        rows.append((alone, alone_cpu, recorded, recorded_cpu))
    return [statistics.median(column) for column in zip(*rows)], os.path.getsize(trace)


def main():
    memscape, churn = sys.argv[1], sys.argv[2]
    events = int(sys.argv[3]) if len(sys.argv) > 3 else 4000000
    print("live  alone ns/event  recorded, until complete  ratio  all CPU ns/event  bytes/event")
    with tempfile.TemporaryDirectory() as folder:
        for live in (100, 10000):
            program = [churn, str(events), str(live)]
            (alone, _, recorded, cpu), size = measure(memscape, program, folder)
            print(f"{live:<6}{alone / events * 1e9:<16.1f}{recorded / events * 1e9:<26.1f}"
                  f"{recorded / alone:<7.2f}{cpu / events * 1e9:<18.1f}{size / events:.2f}")


if __name__ == "__main__":
    main()
