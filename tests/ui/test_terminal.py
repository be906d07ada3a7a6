#!/usr/bin/env python3
"""The visualizer in real terminals, through tmux: types, colours, mouse, sizes, endings.

    test_terminal.py MEMSCAPE SOURCE_ROOT
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

MEMSCAPE, ROOT = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
TRACE = ROOT / "traces/firmware.mst"
COMMAND = f"{MEMSCAPE} view -c stm32h7 {TRACE}"
ENV = {"MEMSCAPE_DATA": ROOT / "configs", "LC_ALL": "C.UTF-8", "PS1": "'ready> '", "HOME": "/nonexistent"}
SKIP = 77
failures = 0


def fail(text):
    global failures
    failures += 1
    print("FAIL " + text)


def environment():
    keep = ("PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS")
    return {k: v for k, v in os.environ.items() if k in keep} | {
        "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "HOME": "/nonexistent",
        "MEMSCAPE_DATA": str(ROOT / "configs")}


class Tmux:
    """A terminal of a given size, on a server of its own."""

    def __init__(self, rows, cols, command, **env):
        self.folder = tempfile.mkdtemp()
        self.old_mouse = "TERM" not in env  # tmux's own type has the form of 1983
        self.socket = self.folder + "/s"
        exports = " ".join(f"{k}={v}" for k, v in env.items())
        self.run("-f", "/dev/null", "new-session", "-d", "-x", str(cols), "-y", str(rows),
                 f"env {exports} sh")
        self.run("set", "-g", "status", "off")
        self.run("set", "-g", "escape-time", "0")
        self.run("resize-window", "-x", str(cols), "-y", str(rows))
        self.type(command, "Enter")

    def run(self, *words):
        return subprocess.run(["tmux", "-S", self.socket, *words], capture_output=True, text=True,
                              env=environment(), check=False).stdout

    def type(self, *keys):
        self.run("send-keys", *keys)

    def bytes(self, text):
        """Characters as a terminal sends them, escape sequences and all."""
        self.run("send-keys", "-l", text)

    def press(self, row, column, button=0):
        """A mouse button, counted from 0: down, and for the left one up again."""
        if self.old_mouse:
            down, up = (chr(32 + b) + chr(33 + column) + chr(33 + row) for b in (button, 3))
            self.bytes(f"\x1b[M{down}" + (f"\x1b[M{up}" if button == 0 else ""))
            return
        self.bytes(f"\x1b[<{button};{column + 1};{row + 1}M")
        if button == 0:
            self.bytes(f"\x1b[<{button};{column + 1};{row + 1}m")

    def resize(self, rows, cols):
        self.run("resize-window", "-x", str(cols), "-y", str(rows))

    def screen(self, *options):
        return self.run("capture-pane", "-p", *options)

    def until(self, text, what):
        for _ in range(300):
            if text in self.screen():
                return True
            time.sleep(0.1)
        fail(f"{what}: '{text}' does not appear on\n{self.screen()}")
        return False

    def pid(self, name):
        pane = self.run("display", "-p", "#{pane_pid}").strip()
        found = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", pane], capture_output=True,
                               text=True, check=False).stdout.split("\n")
        return next((int(l.split()[0]) for l in found if name in l), None)

    def close(self):
        self.run("kill-server")
        shutil.rmtree(self.folder, ignore_errors=True)


class Started:
    """A terminal with the program begun in it; closed at the end."""

    def __init__(self, rows=24, cols=80, command=COMMAND, wait="event 0 of 246,114", **env):
        self.t = Tmux(rows, cols, command, **(ENV | env))
        self.begun = not wait or self.t.until(wait, f"start of {command} {env}")

    def __enter__(self):
        return self.t

    def __exit__(self, *_):
        self.t.close()


def sizes_and_keys():
    for rows, cols, line in ((24, 80, COMMAND), (50, 160, COMMAND + " --colors 0")):
        with Started(rows, cols, line) as t:
            real_terminal(t, rows, cols)


def real_terminal(t, rows, cols):
    time.sleep(1.5)
    t.type(":50%", "Enter")
    t.until("event 123,057", "a command")
    t.until("RAM only", "the atlas")
    t.type("Tab")
    t.until("free of managed", "Tab")
    t.type("?")
    t.until("How to ...", "help")
    t.type("Escape")
    time.sleep(0.3)
    t.type(".")
    t.until("event 123,058", "a step")
    # What ncurses shows is what the screen in memory holds.
    with tempfile.TemporaryDirectory() as folder:
        t.type(f":save-display {folder}/shown", "Enter")
        t.until("wrote", "save-display")
        saved = (pathlib.Path(folder) / "shown").read_text().splitlines()
        shown = t.screen().splitlines()
        for y in range(rows - 2):
            if saved[y].rstrip() != shown[y].rstrip():
                fail(f"{rows}x{cols}: row {y} is '{shown[y]}', expected '{saved[y]}'")
    t.run("resize-window", "-x", str(cols - 30), "-y", str(rows - 6))
    time.sleep(0.5)
    t.until("event 123,058", "after a resize")
    t.run("resize-window", "-x", "20", "-y", "4")
    time.sleep(0.3)
    t.run("resize-window", "-x", str(cols), "-y", str(rows))
    t.until("event 123,058", "after two more")
    t.type("C-z")
    t.until("ready>", "suspended")
    t.type("fg", "Enter")
    t.until("event 123,058", "resumed")
    t.type("q")
    t.until("ready>", "after q")
    t.type("clear; stty -a", "Enter")
    t.until("icanon", "the terminal's settings")
    if "-icanon" in t.screen() or "-echo " in t.screen():
        fail(f"the terminal is left in raw mode:\n{t.screen()}")


# ---- types and colours ----

def sixteen_colors(folder):
    """A terminal type of 16 colours, made of the one of 256: not every system has one."""
    text = subprocess.run(["infocmp", "-1", "xterm-256color"], capture_output=True, text=True,
                          check=True).stdout
    text = re.sub(r"^xterm-256color\|.*$", "test-16color|made for this test,", text, flags=re.M)
    text = re.sub(r"colors#[^,]*", "colors#16", re.sub(r"pairs#[^,]*", "pairs#256", text))
    text = re.sub(r"setab=.*$", r"setab=\\E[%?%p1%{8}%<%t4%p1%d%e10%p1%{8}%-%d%;m,", text, flags=re.M)
    text = re.sub(r"setaf=.*$", r"setaf=\\E[%?%p1%{8}%<%t3%p1%d%e9%p1%{8}%-%d%;m,", text, flags=re.M)
    source = pathlib.Path(folder) / "16"
    source.write_text(text)
    subprocess.run(["tic", "-x", "-o", folder, source], check=True, capture_output=True)


def types():
    with tempfile.TemporaryDirectory() as folder:
        sixteen_colors(folder)
        for term, colors, more in (("xterm-256color", 256, {}), ("xterm", 8, {}), ("linux", 8, {}),
                                   ("test-16color", 16, {"TERMINFO": folder}), ("vt100", 0, {}),
                                   ("xterm-256color", 0, {"NO_COLOR": "1"})):
            with Started(TERM=term, **more) as t:
                colors_are(t, term, colors)
    for term, says in (("nonsense", "terminal type 'nonsense' is unknown"),
                       ("dumb", "a terminal of type 'dumb' cannot place its cursor"),
                       ("''", "terminal type '' is unknown")):
        with Started(wait=says, TERM=term) as t:
            t.type("echo back-$((6*7))", "Enter")
            t.until("back-42", f"a line typed after TERM={term}")


def colors_are(t, term, colors):
    t.type("g")
    t.until("XXXX", f"the atlas on {term}")
    shown = t.screen("-e")
    found = 256 if "38;5;" in shown or "48;5;" in shown else \
        16 if re.search(r"\x1b\[(\d+;)*(9|10)[0-7](?=[;m])", shown) else \
        8 if re.search(r"\x1b\[(\d+;)*[34][0-7](?=[;m])", shown) else 0
    # What tmux itself draws of 16 colours are those of 256 or the bright ones.
    if found != colors and not (colors == 16 and found == 256):
        fail(f"{term}: {found} colours, expected {colors}:\n{shown[:600]!r}")
    t.type("q")
    t.until("ready>", f"after q on {term}")


def ascii_only():
    for more, line in (({"LC_ALL": "C"}, COMMAND), ({}, COMMAND + " --ascii")):
        with Started(command=line, **more) as t:
            for view in "1234567890":
                t.type(view)
                time.sleep(0.15)
                if re.search(r"[^\x00-\x7f]", t.screen()):
                    fail(f"{line} {more}: view {view} is not ASCII:\n{t.screen()}")


# ---- the mouse ----

def mouse():
    """Both forms in which terminals tell of the mouse."""
    for more in ({"TERM": "xterm-256color"}, {}):
        with Started(**more) as t:
            click_around(t)


def click_around(t):
    time.sleep(1)
    t.type(":50%", "Enter")
    t.until("event 123,057", "a command")
    tabs = t.screen().splitlines()[1]
    t.press(1, tabs.index("5Heap") + 2)
    t.until("chunks by address", "a click on a view's name")
    t.press(1, t.screen().splitlines()[1].index("1Atlas") + 1)
    t.until("RAM only", "a click on another")
    row = next(i for i, l in enumerate(t.screen().splitlines()) if l.startswith("24000000"))
    t.press(row, 20)
    t.until("0x24014000", "a click on a cell")
    before = t.screen().splitlines()[2]
    t.press(row, 20, 64)
    t.until("512 a cell", "the wheel zooms in")
    t.press(row, 20, 65)
    t.until(before.strip(), "the wheel zooms out")
    row = next(i for i, l in enumerate(t.screen().splitlines()) if l.startswith("24000000"))
    t.press(row, 12)
    t.press(row, 12)
    t.until("512 a cell", "a double click zooms in")
    bar = t.screen().splitlines()[-1]
    t.press(23, bar.index("Step"))
    t.until("event 123,058", "a click on the key bar")


# ---- typing ----

def typing():
    with Started() as t:
        time.sleep(1)
        t.bytes(":ba\t")
        t.until(":back", "completion of a command")
        t.bytes("larg\t")
        t.until("largest(", "completion of a condition")
        t.type("Escape")
        t.type("End")
        t.until("event 246,114", "the end")
        t.type("Home")
        t.until("event 0 of", "the beginning")
        t.bytes("\x1b[4~")
        t.until("event 246,114", "End as another terminal sends it")
        t.bytes(":0\r")
        t.until("event 0 of", "the beginning")
        t.type(":100%", "Enter")
        t.until("event 246,114", "the end")
        t.bytes(":back largest(d1_axi) < 240K\r")
        t.until("event 96,107", "a condition backward")
        t.type(":")
        t.type("Up")
        t.until(":back largest(d1_axi) < 240K", "history")
        t.type("Up")
        t.until(":100%", "older history")
        t.type("Down")
        t.until(":back largest(d1_axi) < 240K", "newer history")
        t.type("Escape")
        t.bytes("/#12\r")
        t.until("no later event", "search of an id that has no more")
        t.bytes(":0\r/#12\r")
        t.until("malloc #12,", "search of an id")
        t.bytes("ma.'a")
        t.bytes("/object_new\r")
        t.until("object_new", "search of a call site")


def keys_file():
    with tempfile.TemporaryDirectory() as home:
        for folder, more in ((".config", {}), ("xdg", {"XDG_CONFIG_HOME": home + "/xdg"})):
            path = pathlib.Path(home) / folder / "memscape"
            path.mkdir(parents=True)
            (path / "keys").write_text("# mine\nbind Z next-view\nbind <F2> end\nunbind q\n")
            with Started(HOME=home, **more) as t:
                t.type("Z")
                t.until("free of managed", f"a key bound in {folder}")
                t.type("q")
                t.type("F2")
                t.until("event 246,114", "another, and q is free")
            (path / "keys").write_text("# mine\nbind Z nothing-such\n")
            with Started(wait="keys:2:", HOME=home, **more) as t:
                t.until("ready>", "the shell after a wrong key file")
            shutil.rmtree(path)


# ---- sizes and endings ----

def any_size():
    with Started() as t:
        for view in "1234567890?":
            t.type(view)
            for rows, cols in ((1, 1), (2, 3), (1, 200), (100, 1), (5, 10), (60, 300), (24, 80)):
                t.resize(rows, cols)
                time.sleep(0.1)
            t.until("stm32h7", f"view {view} after all sizes")
        t.type("Escape", "C-z")
        t.until("ready>", "suspended")
        t.resize(30, 100)
        t.type("fg", "Enter")
        t.until("stm32h7", "resumed in another size")
        pid = t.pid("memscape")
        t.run("kill-pane")
        for _ in range(100):
            if pid is None or not pathlib.Path(f"/proc/{pid}").exists():
                break
            time.sleep(0.1)
        else:
            fail("it lives on when its terminal is gone")


def endings():
    """Signals end it with the terminal restored; an unknown TERM is a clear message."""
    for name in ("TERM", "HUP", "INT", "SEGV"):
        t = Tmux(24, 80, COMMAND, **ENV)
        try:
            if not t.until("event 0 of 246,114", f"start for SIG{name}"):
                continue
            pid = t.pid("memscape")
            if pid is None:
                fail(f"SIG{name}: no process to send it to")
                continue
            os.kill(pid, getattr(signal, "SIG" + name))
            t.until("ready>", f"the shell after SIG{name}")
            t.type("echo back-$((6*7))", "Enter")
            t.until("back-42", f"a line typed after SIG{name}")
        finally:
            t.close()
    run = subprocess.run(COMMAND.split(), env=environment(), capture_output=True, text=True,
                         stdin=subprocess.DEVNULL, check=False)
    if run.returncode != 3 or "no terminal" not in run.stderr:
        fail(f"without a terminal: {run.returncode} {run.stderr}")


if shutil.which("tmux") is None or shutil.which("ps") is None or shutil.which("tic") is None:
    print("no tmux, no ps or no tic: skipped")
    sys.exit(SKIP)
for test in (sizes_and_keys, types, ascii_only, mouse, typing, keys_file, any_size, endings):
    begun = time.monotonic()
    test()
    print(f"{test.__name__}: {time.monotonic() - begun:.1f} s")
sys.exit(1 if failures else 0)
