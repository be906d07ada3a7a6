#!/usr/bin/env python3
"""What the objects need and show.

    symbols.py NM OBJDUMP --instance OBJECT... --pure ARCHIVE_OR_OBJECT...

Each instance object of the allocators has one global symbol, its registry, and
needs nothing but the port and what compilers emit.  Neither instances nor the
`pure` libraries (model, sim) have a variable that could change: several machines
run in the threads of one process.
"""
import re
import subprocess
import sys

PORT = {"mm_row_find", "mm_fill", "mm_zero", "mm_copy", "mm_access_slow", "mm_warn", "mm_bug",
        "mm_refuse", "mm_search_long", "mm_tlb_flush", "mm_watch_store"}
COMPILER = {"memcpy", "memset", "memmove", "memcmp"}
INSTRUMENTED = re.compile(r"^(__asan_|__ubsan_|__sanitizer_|__gcov_|__llvm_|__stack_chk_|"
                          r"_GLOBAL_OFFSET_TABLE_|__sancov_|__odr_asan)")
# Writable on purpose: the machine whose fast port runs on this thread, for the signal handler.
WRITABLE = {"signal_pm", "signal_sh"}
# .data.rel.ro holds constants with addresses in them.
WRITABLE_SECTION = re.compile(r"^(\.data(?!\.rel\.ro)|\.bss|\.tbss|\.tdata|\*COM\*)")


def run(*args):
    return subprocess.run(args, capture_output=True, text=True, check=True).stdout


def instance_problems(nm, path):
    problems = []
    name = path.rsplit("/", 1)[-1].removesuffix(".o")
    for line in run(nm, "-u", path).splitlines():
        symbol = line.split()[-1]
        if symbol not in PORT | COMPILER and not INSTRUMENTED.match(symbol):
            problems.append(f"{path}: needs {symbol}")
    shown = [line.split()[-1] for line in run(nm, "-g", "--defined-only", path).splitlines() if line]
    shown = [s for s in shown if not INSTRUMENTED.match(s)]
    if shown != [name]:
        problems.append(f"{path}: global symbols {shown}, not {name} alone")
    return problems


def writable(objdump, path):
    problems = []
    for line in run(objdump, "-t", path).splitlines():
        match = re.match(r"^[0-9a-f]+ .{7} (\S+)\s+([0-9a-f]+)\s+(?:\.hidden )?(\S+)$", line)
        if not match or not WRITABLE_SECTION.match(match[1]) or int(match[2], 16) == 0:
            continue
        symbol = re.sub(r"\.\d+$", "", match[3])
        if symbol not in WRITABLE and not INSTRUMENTED.match(symbol) and symbol != match[1]:
            problems.append(f"{path}: {match[3]} in {match[1]} can be written")
    return problems


def main():
    nm, objdump, *rest = sys.argv[1:]
    group, groups = None, {"--instance": [], "--pure": []}
    for arg in rest:
        if arg in groups:
            group = arg
        else:
            groups[group].append(arg)
    problems = []
    for path in groups["--instance"]:
        problems += instance_problems(nm, path)
    for path in groups["--instance"] + groups["--pure"]:
        problems += writable(objdump, path)
    print("\n".join(problems))
    print(f"{sum(map(len, groups.values()))} objects, {len(problems)} problems")
    return 1 if problems or not groups["--instance"] else 0


if __name__ == "__main__":
    sys.exit(main())
