#!/usr/bin/env python3
"""The documents' shell samples run, print what they are said to print, and links lead somewhere.

    readme.py MEMSCAPE SOURCE_ROOT DOCUMENT...            checks, whatever the figures are
    readme.py --exact MEMSCAPE SOURCE_ROOT DOCUMENT...    checks, figures included
    readme.py --write MEMSCAPE SOURCE_ROOT DOCUMENT...    puts in what is printed now

Blocks marked ```console are sessions: a line `$ COMMAND` (continued by lines `> ...`),
below it what the command prints, standard error included.  A line `...` stands for any
number of lines.  A change to an allocator changes figures all over; so a check compares
lines without their figures, and `ninja -C build docs-update` renews them.  Blocks marked ```sh run without a look at what they print.  All samples of
a document share a folder with `traces` in it and memscape on the PATH; a block marked
otherwise (```text, ```sh no-test) is left alone.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

FENCE = re.compile(r"^```(.*)$")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
FIGURE = re.compile(r"[0-9][0-9,.]*( ?[KMGT]?i?B\b)?|[█·]+|[+-](?=[0-9])")
ANCHOR = re.compile(r"[^0-9]{0,40}")  # names a line again when its figures have changed


def run(command, folder, env):
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, timeout=300,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    return [line.rstrip() for line in done.stdout.splitlines()], done.returncode


def segments(lines):
    """Runs of lines between the lines `...`."""
    parts = [[]]
    for line in lines:
        if line == "...":
            parts.append([])
        else:
            parts[-1].append(line)
    return parts


def without_figures(line):
    return " ".join(FIGURE.sub("#", line).split())


def matches(expected, printed):
    parts = segments([line.rstrip() for line in expected])
    if len(parts) == 1:
        return parts[0] == printed
    first, last = parts[0], parts[-1]
    if printed[:len(first)] != first:
        return False
    at = len(first)
    for part in parts[1:-1]:
        while at <= len(printed) and printed[at:at + len(part)] != part:
            at += 1
        at += len(part)
    return at <= len(printed) - len(last) and (not last or printed[-len(last):] == last)


def renewed(expected, printed):
    """What is printed now, left out where it was left out before."""
    parts = segments(expected)
    if len(parts) == 1:
        return printed
    out, at = list(printed[:len(parts[0])]), len(parts[0])
    for i, part in enumerate(parts[1:], 1):
        out.append("...")
        if i == len(parts) - 1:
            out += printed[len(printed) - len(part):] if part else []
            break
        while at < len(printed) and ANCHOR.match(printed[at])[0] != ANCHOR.match(part[0])[0]:
            at += 1
        out += printed[at:at + len(part)]
        at += len(part)
    return out


def session(lines):
    """[(lines of the command, command, lines expected)]"""
    steps = []
    for line in lines:
        if line.startswith("$ "):
            steps.append(([line], line[2:], []))
        elif line.startswith("> ") and not steps[-1][2]:
            steps[-1][0].append(line)
            steps[-1] = (steps[-1][0], steps[-1][1] + "\n" + line[2:], steps[-1][2])
        else:
            steps[-1][2].append(line)
    return steps


class Document:
    def __init__(self, path, folder, env, mode):
        self.path, self.folder, self.env = path, folder, env
        self.write, self.exact = mode == "--write", mode == "--exact"
        self.out, self.ran, self.failed = [], 0, 0

    def complain(self, line, text):
        print(f"{self.path}:{line}: {text}")
        self.failed += 1

    def agrees(self, expected, printed):
        if self.exact:
            return matches(expected, printed)
        return matches([without_figures(line) for line in expected],
                       [without_figures(line) for line in printed])

    def console(self, number, lines):
        for command_lines, command, expected in session(lines):
            printed, _ = run(command, self.folder, self.env)
            self.ran += 1
            self.out += command_lines
            if self.write:
                self.out += renewed(expected, printed)
                continue
            self.out += expected
            if not self.agrees(expected, printed):
                self.complain(number, f"'{command}' prints something else:")
                print("\n".join("    " + line for line in printed))

    def script(self, number, lines):
        printed, status = run("set -e\n" + "\n".join(lines), self.folder, self.env)
        self.ran += 1
        self.out += lines
        if status != 0:
            self.complain(number, f"the sample exits with {status}:")
            print("\n".join("    " + line for line in printed))

    def links(self, number, line):
        for target in LINK.findall(line):
            if "://" not in target and not (self.path.parent / target).exists():
                self.complain(number, f"the link to '{target}' leads nowhere")

    def check(self):
        block, kind, begun = None, "", 0
        for number, line in enumerate(self.path.read_text().splitlines(), 1):
            fence = FENCE.match(line)
            if block is None:
                self.out.append(line)
                self.links(number, line)
                if fence:
                    block, kind, begun = [], fence[1].strip(), number
            elif fence:
                if kind == "console":
                    self.console(begun, block)
                elif kind == "sh":
                    self.script(begun, block)
                else:
                    self.out += block
                self.out.append(line)
                block = None
            else:
                block.append(line)
        if block is not None:
            self.complain(begun, "the block has no end")
        if self.write and not self.failed:
            self.path.write_text("\n".join(self.out) + "\n")


def main():
    mode = sys.argv[1] if sys.argv[1] in ("--write", "--exact") else ""
    memscape, root, *names = sys.argv[2 if mode else 1:]
    root = pathlib.Path(root).resolve()
    ran = failed = 0
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            bin_folder = pathlib.Path(folder) / ".bin"
            bin_folder.mkdir()
            (bin_folder / "memscape").symlink_to(pathlib.Path(memscape).resolve())
            (pathlib.Path(folder) / "traces").symlink_to(root / "traces")
            env = {"PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": folder, "LC_ALL": "C.UTF-8",
                   "MEMSCAPE_DATA": str(root), "NO_COLOR": "1"}
            document = Document(root / name, folder, env, mode)
            document.check()
        ran += document.ran
        failed += document.failed
    print(f"{ran} samples of {len(names)} documents run, {failed} complaints")
    return 1 if failed or ran == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
