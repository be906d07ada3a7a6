#!/usr/bin/env python3
"""The same allocator sources, built for firmware: freestanding, 32 bits, no library.

    bare.py SOURCE_ROOT [DECIDE_SIM]

tests/bare/model stands before src/model on the include path; nothing else
differs.  The objects together may need the compiler's memcpy, memset, memmove
and memcmp only: no 64-bit division, no other helper.  Where a 32-bit program can
be linked, tests/bare/decide.c then runs each kind on plain memory, and its
decisions must equal those of DECIDE_SIM, the same on a simulated machine.
"""
import itertools
import pathlib
import shutil
import subprocess
import sys
import tempfile

EMITTED = {"memcpy", "memset", "memmove", "memcmp"}
FLAGS = ["-m32", "-std=gnu11", "-ffreestanding", "-nostdlib", "-fno-pic", "-fno-stack-protector",
         "-Wall", "-Wextra", "-Werror", "-Wno-type-limits", "-DMM_INSTANCE=alloc_bare"]
SKIP = 77


def can_build(cc):
    probe = subprocess.run([cc, "-m32", "-ffreestanding", "-x", "c", "-c", "-", "-o", "/dev/null"],
                           input="#include <stdint.h>\nint32_t x;\n", text=True,
                           capture_output=True)
    return probe.returncode == 0


def build(cc, level, root, folder):
    objects = []
    for source in sorted((root / "src/alloc").glob("*.c")):
        objects.append(f"{folder}/{source.stem}.o")
        subprocess.run([cc, *FLAGS, level, "-I", root / "tests/bare", "-I", root / "src", "-c",
                        source, "-o", objects[-1]], check=True)
    together = f"{folder}/bare.o"
    subprocess.run(["ld", "-m", "elf_i386", "-r", "-o", together, *objects], check=True)
    return together


def undefined(path):
    lines = subprocess.run(["nm", "-u", path], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in lines.splitlines() if line.strip()}


def decisions(cc, level, root, folder, together):
    """What the kinds decide in a 32-bit program; None where it cannot be linked or run."""
    program = f"{folder}/decide"
    linked = subprocess.run([cc, "-m32", "-std=gnu11", "-D_GNU_SOURCE", level, "-I",
                             root / "tests/bare", "-I", root / "src", "-I", root / "tests",
                             root / "tests/bare/decide.c", root / "tests/bare/decide_bare.c",
                             together, "-o", program, "-no-pie"], capture_output=True, text=True)
    if linked.returncode != 0:
        print(f"{cc}: cannot link for 32 bits: {linked.stderr.strip().splitlines()[-1]}")
        return None
    run = subprocess.run([program], capture_output=True, text=True)
    if run.returncode not in (0, SKIP):
        raise SystemExit(f"{cc} {level}: the bare program ends with {run.returncode}\n{run.stdout}")
    return run.stdout if run.returncode == 0 else None


def differences(bare, simulated):
    return [f"  bare      {b}\n  simulated {s}"
            for b, s in itertools.zip_longest(bare.splitlines(), simulated.splitlines()) if b != s]


def main():
    root = pathlib.Path(sys.argv[1])
    simulated = None
    if len(sys.argv) > 2:
        simulated = subprocess.run([sys.argv[2]], capture_output=True, text=True,
                                   check=True).stdout
    compilers = [cc for cc in ("gcc", "clang") if shutil.which(cc) and can_build(cc)]
    if not compilers:
        print("skipped: no compiler here builds for 32 bits (-m32)")
        return SKIP
    failed = False
    for cc in compilers:
        for level in ("-O0", "-O2", "-Os"):
            with tempfile.TemporaryDirectory() as folder:
                together = build(cc, level, root, folder)
                needs = sorted(undefined(together) - EMITTED)
                size = subprocess.run(["size", together], capture_output=True, text=True,
                                      check=True).stdout.splitlines()[-1].split()[0]
                print(f"{cc} {level}: {size} bytes of code", "needs " + ", ".join(needs) if needs
                      else "")
                failed |= bool(needs)
                bare = simulated and decisions(cc, level, root, folder, together)
                if bare and differences(bare, simulated):
                    failed = True
                    print("decisions differ:\n" + "\n".join(differences(bare, simulated)))
                elif bare:
                    print(f"  {len(bare.splitlines())} runs decide as the simulated machine")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
