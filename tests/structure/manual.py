#!/usr/bin/env python3
"""The manual page and the completion know every command and option that --help tells of.

    manual.py MEMSCAPE SOURCE_ROOT
"""
import pathlib
import re
import subprocess
import sys

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def help_of(memscape, *command):
    return subprocess.run([memscape, *command, "--help"], check=True, capture_output=True,
                          text=True).stdout


def completed(root, memscape, line):
    """What the completion offers at the end of `line`."""
    script = (f'memscape() {{ {memscape} "$@"; }}; source {root}/contrib/completion/memscape.bash\n'
              'read -ra COMP_WORDS <<< "$1"; [[ $1 != *" " ]] || COMP_WORDS+=("")\n'
              'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _memscape; printf "%s\\n" "${COMPREPLY[@]}"')
    return set(subprocess.run(["bash", "-c", script, "bash", line], check=True, capture_output=True,
                              text=True).stdout.split())


def part_on(page, command):
    """What the page says of a command: its own part, and that on machines."""
    own = re.search(rf"^\.SS {command}\n(.*?)(?=^\.S[SH] )", page, re.M | re.S)
    machines = re.search(r"^\.SS Machines\n(.*?)(?=^\.S[SH] )", page, re.M | re.S)
    return (own.group(1) if own else "") + machines.group(1)


def main():
    memscape, root = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    page = (root / "man/memscape.1").read_text().replace("\\-", "-")
    recorder = (root / "man/memscape-record.1").read_text().replace("\\-", "-")
    commands = re.findall(r"^  ([a-z]+) ", help_of(memscape), re.M)
    complaints = []
    if set(commands) - completed(root, memscape, "memscape "):
        complaints.append("the completion does not know every command")
    for command in commands:
        text = re.sub(r"'memscape [^']*'", "", help_of(memscape, command))
        if not re.search(rf"^\.SS {command}$", page, re.M):
            complaints.append(f"memscape.1 has no part on {command}")
        options = set(OPTION.findall(text)) - {"--help"}
        known = completed(root, memscape, f"memscape {command} -")
        for option in sorted(options):
            if option not in (recorder if command == "record" else part_on(page, command)):
                complaints.append(f"memscape.1 does not tell of {command} {option}")
            if option not in known:
                complaints.append(f"the completion does not know {command} {option}")
        for option in sorted(known - options - {"--help", "--version", "-c"}):
            complaints.append(f"the completion knows {command} {option}, --help does not")
    for line, word in (("memscape info s", "stm32h7"), ("memscape replay --alloc t", "tlsf"),
                       ("memscape replay -c x86_32 --variant p", "pae-64g"),
                       ("memscape gen c", "comb"), ("memscape trace ", "shrink")):
        if word not in completed(root, memscape, line):
            complaints.append(f"'{line}' is not completed to {word}")
    print("\n".join(complaints) or f"{len(commands)} commands told of in full")
    return 1 if complaints or not commands else 0


if __name__ == "__main__":
    sys.exit(main())
