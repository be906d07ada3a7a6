#!/usr/bin/env python3
"""The shipped traces are what traces/README.md says.

    traces.py MEMSCAPE SOURCE_ROOT

Each row of the README's table must equal `memscape info --json`, each trace have
a row and 100,000 events, no free be unknown, and all of them stay below 8 MiB.
"""
import json
import pathlib
import re
import subprocess
import sys

ROW = re.compile(r"\| (\w+\.mst) \| (\d+) \| (\d+) \| (\d+) \|")


def problems_of(memscape, path, row):
    run = subprocess.run([memscape, "info", "--json", path], capture_output=True, text=True)
    if run.returncode != 0:
        return [run.stderr.strip()]
    info = json.loads(run.stdout)
    found = (info["events"], info["peak"]["live_bytes"], info["peak"]["live_blocks"])
    problems = []
    if found != row:
        problems.append(f"{path.name}: events, peak bytes and blocks {found}, README {row}")
    if info["events"] < 100000:
        problems.append(f"{path.name}: fewer than 100,000 events")
    if info["unknown_ids"] != 0:
        problems.append(f"{path.name}: {info['unknown_ids']} unknown ids")
    return problems


def main():
    memscape, folder = sys.argv[1], pathlib.Path(sys.argv[2]) / "traces"
    rows = {m[1]: tuple(map(int, m.groups()[1:])) for m in ROW.finditer((folder / "README.md").read_text())}
    traces = sorted(folder.glob("*.mst"))
    problems = [f"{name} is in the README only" for name in rows.keys() - {t.name for t in traces}]
    for path in traces:
        problems += problems_of(memscape, path, rows.get(path.name))
    if len(traces) < 6 or sum(t.stat().st_size for t in traces) >= 8 << 20:
        problems.append("fewer than six traces, or more than 8 MiB of them")
    print("\n".join(problems) or f"{len(traces)} traces are as described")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
