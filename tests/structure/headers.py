#!/usr/bin/env python3
"""Each header compiles alone, with every compiler at hand.

    headers.py SOURCE_ROOT

Headers of src/alloc are compiled for both word sizes.  Headers whose library is
not installed are skipped with a message.
"""
import pathlib
import re
import shutil
import subprocess
import sys

WARN = ["-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion",
        "-Wsign-conversion", "-Wshadow", "-Werror", "-Wno-unused-function",
        "-Wno-unused-const-variable", "-fsyntax-only"]
# Included by one place only, in the middle of something.
PARTS = {"port_common.h", "port.h"}


def compile_alone(compiler, root, header, flags):
    source = f'#include "{header}"\ntypedef int not_empty;\n'
    return subprocess.run([compiler, *WARN, *flags, "-I", root / "src", "-I",
                           root / "src/model/port/checked", "-x", "c", "-"],
                          input=source, capture_output=True, text=True)


def main():
    root = pathlib.Path(sys.argv[1])
    compilers = [c for c in ("gcc", "clang") if shutil.which(c)]
    failed = checked = 0
    for path in sorted((root / "src").rglob("*.h")):
        header = path.relative_to(root / "src").as_posix()
        if path.name in PARTS:
            continue
        words = ("4", "8") if header.startswith("alloc/") else ("8",)
        for compiler in compilers:
            for word in words:
                result = compile_alone(compiler, root, header, ["-DMM_WORD=" + word])
                missing = re.search(r"fatal error: '?([\w/.]+)'?[: ].*(No such file|not found)",
                                    result.stderr)
                if missing and not (root / "src" / missing[1]).exists() and "/" not in missing[1]:
                    print(f"skipped: {header} needs {missing[1]}")
                    continue
                checked += 1
                if result.returncode != 0:
                    failed += 1
                    print(f"{header} does not compile alone ({compiler}, word {word}):")
                    print(result.stderr)
    print(f"{checked} compilations with {', '.join(compilers)}, {failed} failed")
    return 1 if failed or checked == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
