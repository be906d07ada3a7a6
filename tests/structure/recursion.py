#!/usr/bin/env python3
"""No function of src/alloc calls itself, directly or through others.

    recursion.py SOURCE_ROOT [GCC]

The call graph is the compiler's own (-fcallgraph-info), without inlining, of all
files together.  Calls through the ops table are not in it; they go downwards, as
the include matrix shows.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

NODE = re.compile(r'node: \{ title: "([^"]+)"')
EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')


def call_graph(gcc, root, source, folder):
    out = pathlib.Path(folder) / (source.stem + ".o")
    subprocess.run([gcc, "-std=gnu11", "-O0", "-fcallgraph-info", "-c", "-DMM_WORD=8",
                    "-DMM_INSTANCE=alloc_graph", "-I", root / "src", "-I",
                    root / "src/model/port/checked", source, "-o", out], check=True)
    return (out.with_suffix(".ci")).read_text()


def loops(graph):
    """Functions from which they themselves can be reached, with the way."""
    found = []
    for start in sorted(graph):
        way, seen = {start: None}, [start]
        for node in seen:
            for callee in sorted(graph.get(node, ())):
                if callee == start:
                    steps = [node]
                    while way[steps[-1]]:
                        steps.append(way[steps[-1]])
                    found.append(" -> ".join(reversed(steps)) + " -> " + start)
                elif callee not in way:
                    way[callee] = node
                    seen.append(callee)
    return found


def main():
    root, gcc = pathlib.Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "gcc"
    graph = {}
    with tempfile.TemporaryDirectory() as folder:
        for source in sorted((root / "src/alloc").glob("*.c")):
            for caller, callee in EDGE.findall(call_graph(gcc, root, source, folder)):
                graph.setdefault(caller, set()).add(callee)
    problems = loops(graph)
    for way in problems:
        print("recursion: " + way)
    print(f"{len(graph)} functions that call, {len(problems)} recursions")
    return 1 if problems or not graph else 0


if __name__ == "__main__":
    sys.exit(main())
