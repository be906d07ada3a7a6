#!/usr/bin/env python3
"""What `meson install` installs is complete and works from anywhere.

    install.py MESON BUILD_ROOT PREFIX_BIN

Installs into a temporary DESTDIR, and runs the program there from another folder.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

MACHINES = ["numa2", "stm32h7", "x86_32", "x86_64"]
FILES = [*(f"memscape/configs/{m}.yaml" for m in MACHINES), "memscape/traces/firmware.mst",
         "memscape/traces/README.md", "memscape/plots/common.py",
         "memscape/sweeps/heap-for-firmware.yaml", "man/man1/memscape.1", "man/man1/memscape-record.1",
         "bash-completion/completions/memscape", "doc/memscape/README.md", "doc/memscape/LICENSE"]


def run(program, *arguments, cwd):
    env = {k: v for k, v in os.environ.items() if not k.startswith("MEMSCAPE")}
    done = subprocess.run([program, *arguments], cwd=cwd, env=env, capture_output=True, text=True,
                          timeout=120)
    if done.returncode != 0:
        sys.exit(f"{program} {' '.join(arguments)} exits with {done.returncode}: {done.stderr}")
    return done.stdout


def main():
    meson, build, bin_folder = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*meson.split(";"), "install", "-C", build, "--no-rebuild", "--quiet",
                        "--destdir", folder], check=True, stdout=subprocess.DEVNULL)
        bin_folder = pathlib.Path(folder) / bin_folder.lstrip("/")
        program, share = bin_folder / "memscape", bin_folder.parent / "share"
        missing = [name for name in FILES if not (share / name).is_file()]
        if missing:
            sys.exit(f"not installed: {' '.join(missing)}")
        listed = dict(line.split() for line in run(program, "list", "machines", cwd="/").splitlines())
        for machine in MACHINES:
            if not listed.get(machine, "").startswith(str(share)):
                sys.exit(f"the installed program finds {machine} at {listed.get(machine)}")
        run(program, "replay", "-q", "-c", "stm32h7", str(share / "memscape/traces/firmware.mst"), cwd="/")
        run(program, "record", "-q", "-o", "true.mst", "--", "/bin/ls", cwd=folder)
        run(program, "info", "true.mst", cwd=folder)
    print(f"{len(FILES)} files installed; machines and recorder found")


if __name__ == "__main__":
    main()
