#!/usr/bin/env python3
"""The shipped recording, told otherwise, is the same recording.

    variations.py MEMSCAPE SOURCE_ROOT

The lines of find-cat are written as other tools and kernels write them (task names with blanks,
brackets and dashes, thread groups, no flags, nanoseconds, periods and call chains of perf, decimal
frame numbers, carriage returns, comments, events of others in between), its memory is put
elsewhere, and its CPUs get other numbers.  Each must be met as exactly as the original.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

LINE = re.compile(r"^\s*(?P<comm>.+)-(?P<pid>\d+)\s+\[(?P<cpu>\d+)\] (?P<flags>\S+)\s+"
                  r"(?P<s>\d+)\.(?P<us>\d+): (?P<event>\w+): (?P<fields>.*)$")
TASKS = ["kworker/u8:3-ev", "Web Content", "a [0] b", "x-1 (y)", "<...>", "sd(pam)", "my-prog-12",
         "[kthreadd]", "d..3. 1.5:"]
# How a page frame of the recording is shifted: by whole largest blocks.
MOVED, CPUS = 0x40000, {0: 3, 1: 5}


def unpacked(path):
    return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True, text=True).stdout


def events(text):
    for line in text.splitlines():
        match = LINE.match(line)
        if match:
            e = match.groupdict()
            e["task"] = TASKS[int(e["pid"]) % len(TASKS)]
            yield e


def tracefs_with_groups(text):
    for e in events(text):
        yield "{task:>16}-{pid:<7} ({pid:>7}) [{cpu}] {flags}  {s}.{us}: {event}: {fields}".format(**e)


def perf_with_chains(text):
    yield "# ========\n# captured on    : Tue Jan  2 2024\n# ========\n#"
    for i, e in enumerate(events(text)):
        e["fields"] = re.sub(r"page=\S+ pfn=(\S+)", r"page=\1 pfn=\1", e["fields"])
        yield "{task:>16} {pid:>5}/{pid:<5} [{cpu}] {s}.{us}000:          1 kmem:{event}: {fields}".format(**e)
        if i % 7 == 0:
            yield "\tffffffff8125a2c1 __alloc_pages+0x281 ([kernel.kallsyms])\n"


def trace_cmd(text):
    yield "version = 7\nCPU 1 is empty\ncpus=2"
    for e in events(text):
        yield "{task:>16}-{pid:<5} [{cpu}] {flags} {s}.{us}000: {event}:           {fields}".format(**e)


def older_and_noisy(text):
    for i, e in enumerate(events(text)):
        e["fields"] = re.sub(r"pfn=(0x\w+)", lambda m: f"pfn={int(m[1], 16)}", e["fields"])
        yield "{task:>16}-{pid:<7} [{cpu}] {flags}  {s}.{us}: {event}: {fields}\r".format(**e)
        if i % 500 == 0:
            yield "# a comment\n"
        if i % 900 == 0:
            yield "{task}-{pid} [{cpu}] {flags}  {s}.{us}: sched_switch: prev_comm=a ==> next_comm=mm_page_free: x".format(**e)


def moved(text):
    for e in events(text):
        e["fields"] = re.sub(r"(pfn=)(0x\w+)", lambda m: m[1] + hex(int(m[2], 16) + MOVED), e["fields"])
        e["cpu"] = CPUS[int(e["cpu"])]
        yield "{task:>16}-{pid:<7} [{cpu:03}]  {s}.{us}: {event}: {fields}".format(**e)


def moved_start(text):
    pfn = {"Z": 2, "B": 1, "T": 1, "P": 4}
    cpu = {"C": 2, "P": 1}
    for line in text.splitlines():
        words = line.split()
        if words and words[0] in pfn:
            at = pfn[words[0]]
            shift = hex if words[at].startswith("0x") else str
            words[at] = shift(int(words[at], 0) + MOVED)
        if words and words[0] in cpu:
            words[cpu[words[0]]] = str(CPUS[int(words[cpu[words[0]]])])
        yield " ".join(words)


def met(memscape, level, start, expected, trace):
    done = subprocess.run([memscape, "replay", "-c", "x86_64", "--start", start, "--level", level,
                           "--expect", expected, "--json", "-", trace], capture_output=True, text=True)
    if not done.stdout:
        return done.stderr
    report = json.loads(done.stdout)
    return {**report["expect"], "events": report["events"]["done"]}


def main():
    memscape, at = sys.argv[1], pathlib.Path(sys.argv[2]) / "tests/kernel"
    trace, start = unpacked(at / "find-cat.trace.zst"), unpacked(at / "find-cat.start.zst")
    expected, wrong = at / "find-cat.expected.zst", []
    tries = [(tracefs_with_groups, "buddy"), (perf_with_chains, "request"), (trace_cmd, "buddy"),
             (older_and_noisy, "buddy"), (moved, "buddy"), (moved, "request")]
    original = {level: met(memscape, level, at / "find-cat.start.zst", expected, at / "find-cat.trace.zst")
                for level in ("buddy", "request")}
    if original["buddy"]["exact"] != original["buddy"]["samples"]:
        wrong.append(f"the recording as it was: {original['buddy']}")
    with tempfile.TemporaryDirectory() as folder:
        for told, level in tries:
            path, begin = pathlib.Path(folder) / "trace", pathlib.Path(folder) / "start"
            path.write_text("\n".join(told(trace)) + "\n")
            begin.write_text("\n".join(moved_start(start)) + "\n" if told is moved else start)
            got = met(memscape, level, begin, expected, path)
            if got != original[level]:
                wrong.append(f"{told.__name__}, level {level}: {got}, not {original[level]}")
    print("\n".join(wrong))
    print(f"{len(tries)} variations, {len(wrong)} are met otherwise")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
