#!/usr/bin/env python3
"""Who may include whom: layers go one way, libraries stay behind their one file.

    includes.py SOURCE_ROOT

ui -> sim -> alloc -> the model's port.  Prints each include that breaks the
matrix as file:line, and fails if there is one.
"""
import pathlib
import re
import sys

# What an allocator may stand on, lowest first; kinds on one line do not include each other.
LAYERS = [
    ["memblock"],
    ["buddy", "pagelist", "cma"],
    ["slab_bitmap", "slab_list", "slab_array", "slab", "slub", "slub_tiny"],
    ["kmalloc", "mempool", "percpu"],
    ["first_fit", "next_fit", "best_fit", "worst_fit", "bins", "tlsf", "half_fit",
     "buddy_heap", "heap_4", "stack", "bump"],
    ["vmalloc"],
    ["kmap", "ioremap", "kstack", "uvm"],
]
RANK = {kind: rank for rank, kinds in enumerate(LAYERS) for kind in kinds}

PORT = {"model/paddr.h", "model/mem.h", "model/mem_words.h", "model/pte.h"}
FREESTANDING = {"stddef.h", "stdint.h", "stdbool.h", "limits.h", "stdalign.h"}
# What the user interface may know of the model: addresses, and what input errors look like.
UI_MODEL = {"model/paddr.h", "model/diag.h", "model/machine.h", "model/conf.h"}
LIBRARY_HOME = {"yaml.h": {"src/model/conf.c"}, "sqlite3.h": {"src/sim/sweep_db.c"},
                "curses.h": None, "ncurses.h": None}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def kind_of(stem):
    """The allocator kind whose file this is, or None for shared ground."""
    kinds = [k for k in RANK if stem == k or stem.startswith(k + "_")]
    return max(kinds, key=len, default=None)


def alloc_problem(path, header, system):
    if system:
        return None if header in FREESTANDING else "no libc in src/alloc"
    if header in PORT:
        return None
    if not header.startswith("alloc/"):
        return "src/alloc includes the port and src/alloc only"
    stem = pathlib.PurePath(header).stem
    if stem == "registry":
        return None if path.name == "registry.c" else "only registry.c reads the list of kinds"
    mine, theirs = kind_of(path.stem), kind_of(stem)
    if theirs is None or theirs == mine:
        return None
    if stem != theirs:
        return "private header of another kind"
    if mine is None or RANK[theirs] >= RANK[mine]:
        return "not a lower allocator"
    return None


def layer_problem(module, rel, header, system):
    if system:
        if header not in LIBRARY_HOME:
            return None
        home = LIBRARY_HOME[header]
        inside = rel in home if home else rel.startswith("src/ui/tui/")
        return None if inside else f"<{header}> has one home, and this is not it"
    top = header.split("/")[0]
    if module == "model":
        return None if top in ("model", "port.h", "..") else "the model includes the model only"
    if module == "sim":
        if top == "alloc":
            return None if header == "alloc/alloc.h" else "sim sees alloc/alloc.h only"
        if header == "source_id.h": # made by the build
            return None
        return None if top in ("model", "sim") else "sim includes model, alloc/alloc.h and sim"
    if module == "ui":
        if top == "model":
            return None if header in UI_MODEL else "ui sees paddr, diag, machine and conf only"
        if top == "alloc":
            return None if header == "alloc/alloc.h" else "ui sees alloc/alloc.h only"
        if top == "record":
            return None if header == "record/session.h" else "ui sees record/session.h only"
        return None if top in ("sim", "ui") else "ui includes sim and ui"
    if module == "record":
        return None if top in ("record", "sim", "model") else "the recorder includes sim and record"
    return f"unknown module {module}"


def guard_problem(root, path, text):
    """Headers are guarded in the style of MODEL_MEM_H."""
    if path.suffix != ".h":
        return None
    return None if re.search(r"^#ifndef [A-Z0-9_]+_H$", text, re.M) else "no include guard"


def cycles(graph):
    """Include cycles among headers."""
    done, path, found = set(), [], []

    def visit(node):
        if node in path:
            found.append(" -> ".join(path[path.index(node):] + [node]))
            return
        if node in done:
            return
        path.append(node)
        for n in graph.get(node, ()):
            visit(n)
        path.pop()
        done.add(node)

    for node in sorted(graph):
        visit(node)
    return found


def main():
    root = pathlib.Path(sys.argv[1])
    problems, graph, files = [], {}, 0
    for path in sorted((root / "src").rglob("*.[ch]")):
        rel = path.relative_to(root).as_posix()
        module = rel.split("/")[1]
        text = path.read_text()
        files += 1
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            system, header = match[1] == "<", match[2]
            problem = (alloc_problem(path, header, system) if module == "alloc"
                       else layer_problem(module, rel, header, system))
            if problem:
                problems.append(f"{rel}:{number}: {header}: {problem}")
            if path.suffix == ".h" and not system:
                graph.setdefault(rel[4:], []).append(header)
        problem = guard_problem(root, path, text)
        if problem:
            problems.append(f"{rel}: {problem}")
    problems += [f"include cycle: {c}" for c in cycles(graph)]
    for problem in problems:
        print(problem)
    print(f"{files} files, {len(problems)} problems")
    return 1 if problems or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
