#!/usr/bin/env python3
"""The demonstrations under traces/demos print what their .txt says.

    demos.py MEMSCAPE SOURCE_ROOT            compares
    demos.py --write MEMSCAPE SOURCE_ROOT    writes the .txt anew

A line `# run: ARGUMENTS` in each trace says how it is replayed.
"""
import difflib
import pathlib
import re
import shlex
import subprocess
import sys


def printed(memscape, trace):
    arguments = shlex.split(re.search(r"^# run: (.*)$", trace.read_text(), re.M)[1])
    done = subprocess.run([memscape, "replay", "--check", "--color=never", *arguments, trace.name],
                          cwd=trace.parent, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{trace.name}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout


def main():
    write = sys.argv[1] == "--write"
    memscape, root = str(pathlib.Path(sys.argv[-2]).resolve()), pathlib.Path(sys.argv[-1])
    traces = sorted((root / "traces/demos").glob("*.trace"))
    wrong = 0
    for trace in traces:
        text, expected = printed(memscape, trace), trace.with_suffix(".txt")
        if write:
            expected.write_text(text)
        elif text != expected.read_text():
            wrong += 1
            sys.stdout.writelines(difflib.unified_diff(
                expected.read_text().splitlines(True), text.splitlines(True), expected.name,
                "printed"))
    print(f"{len(traces)} demonstrations, {wrong} print something else")
    return 1 if wrong or not traces else 0


if __name__ == "__main__":
    sys.exit(main())
