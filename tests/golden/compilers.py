#!/usr/bin/env python3
"""The golden images with every compiler and level: gcc and clang, -O0 and -O3.

    compilers.py SOURCE_ROOT [CC-LEVEL...]        such as clang-0 gcc-3

Configures a build tree for each in a temporary folder, builds the golden test
alone, and runs it.
"""
import os
import shutil
import subprocess
import sys
import tempfile

CHOICES = ["gcc-0", "gcc-3", "clang-0", "clang-3"]


def build_and_run(root, choice, folder):
    cc, level = choice.split("-")
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    env = dict(os.environ, CC=cc)
    subprocess.run(["meson", "setup", folder, root, "-Dbuildtype=plain",
                    f"-Doptimization={level}"], env=env, **quiet)
    subprocess.run(["ninja", "-C", folder, "-j2", "tests/conformance/golden"], **quiet)
    return subprocess.run([f"{folder}/tests/conformance/golden",
                           f"{root}/tests/golden/images.txt"]).returncode


def main():
    root, choices = sys.argv[1], sys.argv[2:] or CHOICES
    failed = 0
    for choice in choices:
        if not shutil.which(choice.split("-")[0]):
            print(f"{choice}: no such compiler here")
            continue
        with tempfile.TemporaryDirectory() as folder:
            status = build_and_run(root, choice, folder)
        print(f"{choice}: {'equal' if status == 0 else 'DIFFERENT'}", flush=True)
        failed |= status != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
