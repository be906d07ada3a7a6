"""Parses the standard library's own modules, one after another: a long run with a small heap.

usage: parse_library.py MODULES
"""
import ast
import pathlib
import sys

folder = pathlib.Path(ast.__file__).parent
for path in sorted(folder.glob("*.py"))[:int(sys.argv[1])]:
    tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    print(path.name, len(names))
