#!/usr/bin/env python3
"""The command line as scripts see it: exit statuses, messages, outputs, golden narrations.

    test_cli.py MEMSCAPE SOURCE_ROOT            runs the tests
    test_cli.py --write MEMSCAPE SOURCE_ROOT    writes tests/golden/explain-*.txt anew

Exit status 4 (an invariant or the ledger is broken) needs an image corrupted from outside: it is
in test_hard.py.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

MEMSCAPE = ROOT = FIRMWARE = None
COMMANDS = ["replay", "view", "compare", "fit", "record", "diff", "info", "import", "gen", "trace", "list"]
SMALL = 'a = malloc 100\nb = malloc 200\nfree a\nc = malloc 50\n'
# golden/explain-NAME: the machine it runs on
EXPLAINED = {
    "buddy": ["-c", "x86_32"],
    "fragmentation": ["-c", "stm32h7", "--alloc", "best_fit", "--set", "allocators.heap.bytes=4K"],
    "slab": ["-c", "stm32h7"],
    "tlsf": ["-c", "stm32h7", "--alloc", "tlsf"],
    "dma": ["-c", "stm32h7"],
}


def memscape(*arguments, stdin="", env=None, cwd=None):
    """(exit status, standard output, standard error)"""
    done = subprocess.run([MEMSCAPE, *map(str, arguments)], input=stdin, capture_output=True,
                          text=True, cwd=cwd, timeout=300,
                          env={**os.environ, "MEMSCAPE_DATA": str(ROOT), **(env or {})})
    return done.returncode, done.stdout, done.stderr


def explained(name):
    trace = ROOT / f"tests/golden/explain-{name}.trace"
    return memscape("replay", *EXPLAINED[name], "--explain", "1..", trace)


class CommandLine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.small = self.folder / "small.trace"
        self.small.write_text(SMALL)

    def replay(self, *arguments, **more):
        return memscape("replay", "-c", "stm32h7", *arguments, **more)

    def refused(self, status, says, *arguments, **more):
        """Exits with `status`, prints nothing but one line, and after wrong usage a hint."""
        got, out, err = memscape(*arguments, **more)
        what = " ".join(map(str, arguments))
        self.assertEqual(got, status, f"{what}: {err}")
        self.assertEqual(out, "", what)
        lines = err.splitlines()
        self.assertEqual(len(lines), 2 if status == 2 else 1, f"{what}: {err}")
        self.assertIn(says, lines[0], what)
        self.assertTrue(lines[0].startswith("memscape"), f"{what}: {err}")
        if status == 2:
            self.assertRegex(lines[1], "^Try 'memscape .*--help'.$")

    def names(self):
        return sorted(p.name for p in self.folder.iterdir())


class Usage(CommandLine):
    def test_help_and_version(self):
        for option in ("--help", "-h"):
            status, out, err = memscape(option)
            self.assertEqual((status, err), (0, ""))
            for command in COMMANDS:
                self.assertIn(f"\n  {command} ", out)
        for command in COMMANDS:
            for option in ("--help", "-h"):
                status, out, err = memscape(command, option)
                self.assertEqual((status, err), (0, ""), command)
                self.assertRegex(out.splitlines()[0].lower(), f"^usage: memscape {command}")
        versions = {memscape(*c, o) for c in [[], *([x] for x in COMMANDS)]
                    for o in ("--version", "-V")}
        self.assertEqual(len(versions), 1)
        self.assertRegex(versions.pop()[1], r"^memscape [0-9.]+\n$")

    def test_wrong_usage(self):
        for says, *arguments in (
                ("unrecognized option '--bogus'", "replay", "--bogus"),
                ("requires an argument", "replay", "-c"),
                ("which machine?", "replay"),
                ("which trace?", "replay", "-c", "stm32h7"),
                ("more than one trace", "replay", "-c", "stm32h7", "a", "b"),
                ("--port 'x'", "replay", "-c", "stm32h7", "--port", "x", self.small),
                ("--until '0'", "replay", "-c", "stm32h7", "--until", "0", self.small),
                ("--every 'x'", "replay", "-c", "stm32h7", "--every", "x", self.small),
                ("--check '-1'", "replay", "-c", "stm32h7", "--check=-1", self.small),
                ("--explain '5..3'", "replay", "-c", "stm32h7", "--explain", "5..3", self.small),
                ("--color 'maybe'", "replay", "-c", "stm32h7", "--color", "maybe", self.small),
                ("--alloc 'best'", "replay", "-c", "stm32h7", "--alloc", "best", self.small),
                ("compare with what?", "compare", "-c", "stm32h7", self.small),
                ("which trace?", "compare", "-c", "stm32h7", "--b", "tlsf"),
                ("which machine?", "compare", "--a", "x86_32", "--b", "tlsf", self.small),
                ("--b 'bins': a second heap kind", "compare", "-c", "stm32h7", "--b", "tlsf bins", self.small),
                ("--a 'x86_64': no heap kind", "compare", "--a", "x86_32 x86_64", "--b", "x86_32", self.small),
                ("--b: more than 255 characters", "compare", "-c", "stm32h7", "--b", "a=b " * 70, self.small),
                ("--until '0'", "compare", "-c", "stm32h7", "--b", "tlsf", "--until", "0", self.small),
                ("which machine?", "fit"), ("which trace?", "fit", "-c", "stm32h7"),
                ("'x'", "fit", "-c", "stm32h7", "--alloc", "tlsf,x", self.small),
                ("--color 'maybe'", "fit", "-c", "stm32h7", "--color", "maybe", self.small),
                ("--color 'maybe'", "sweep", "--color", "maybe"),
                ("--color 'maybe'", "baseline", "check", "x.db", "--gate", "y", "--color", "maybe"),
                ("--color 'maybe'", "parity", "--color", "maybe"),
                ("more than 64 --set", "info", "stm32h7", *["--set", "machine.cpus=1"] * 65),
                ("two reports", "diff"), ("two reports", "diff", "a"),
                ("unrecognized option", "diff", "--bogus", "a", "b"),
                ("a machine or a trace", "info"), ("unrecognized option", "info", "--bogus", "x"),
                ("unknown kind 'pie', expected one of: ledger", "plot", "pie", "-o", "x.png", "t"),
                ("unknown format 'xml', expected one of: csv", "export", "x.db", "-f", "xml"),
                ("one of: allocators", "list"), ("one of: allocators", "list", "kinds"),
                ("a kind of trace", "gen"), ("unknown kind 'x', expected one of: uniform", "gen", "x", "-o", "y"),
                ("--seed 'x': expected a number from 0", "gen", "comb", "--seed", "x"),
                ("--keep '0': expected a number from 1 to", "trace", "shrink", "--keep", "0"),
                ("-o TRACE", "gen", "comb"), ("one file", "import"),
                ("-o TRACE", "import", self.small), ("unknown verb", "trace", "tear"),
                ("unrecognized option", "trace", "cut", "--bogus"),
                ("--events", "trace", "cut", self.small, "-o", "x"),
                ("a command to run", "record"), ("unrecognized option", "record", "--bogus"),
                ("unknown command 'frob'", "frob")):
            self.refused(2, says, *arguments, cwd=self.folder)
        self.assertEqual(self.names(), ["small.trace"])

    def test_no_command(self):
        status, out, err = memscape()
        self.assertEqual((status, out), (2, ""))
        self.assertTrue(err.startswith("usage: memscape"))


class BadInput(CommandLine):
    def test_machines(self):
        broken = self.folder / "broken.yaml"
        broken.write_text("machine: {name: x, word: 4}\nregion: []\n")
        for says, *arguments in (
                ("nope: no such machine, expected a file or one of", "-c", "nope"),
                ("broken.yaml:2:1: unknown key 'region'", "-c", broken),
                ("no variant 'x', expected one of", "-c", "stm32h7", "--variant", "x"),
                ("--set:1:21: '1x', expected a size", "-c", "stm32h7", "--set",
                 "regions.d1_axi.size=1x"),
                ("--set:2:1: unknown key 'a'", "-c", "stm32h7", "--set", "page.order=11", "--set",
                 "a=b")):
            self.refused(3, says, "replay", *arguments, self.small)
            self.refused(3, says, "fit", *arguments, self.small)
        self.refused(3, "broken.yaml:2:1", "info", broken)

    def test_traces(self):
        damaged = self.folder / "damaged.mst"
        data = bytearray(FIRMWARE.read_bytes())
        data[len(data) // 2] ^= 0x40
        damaged.write_bytes(data)
        (self.folder / "bad.trace").write_text(SMALL + "d = malloc many\n")
        for says, trace in (("cannot open", "nope.mst"), ("is a directory", "."),
                            ("bad.trace:5:12: expected", "bad.trace"), ("block", "damaged.mst")):
            for command in (["replay", "-c", "stm32h7"], ["fit", "-c", "stm32h7"],
                            ["import", "-o", "out.mst"]):
                self.refused(3, says, *command, trace, cwd=self.folder)
        self.refused(3, "bad.trace:5:12", "replay", "-c", "stm32h7", "--json", "x.json", "bad.trace",
                     cwd=self.folder)
        self.assertEqual(self.names(), ["bad.trace", "damaged.mst", "small.trace"])

    def test_salvage(self):
        (self.folder / "bad.trace").write_text(SMALL + "d = malloc many\n")
        status, out, err = self.replay("--salvage", "--json", "-", self.folder / "bad.trace")
        report = json.loads(out)
        self.assertEqual((status, len(err.splitlines())), (3, 1))
        self.assertEqual((report["run"]["ended"], report["events"]["done"]), ("damaged trace", 4))

    def test_contenders(self):
        for says, *arguments in (
                ("tslf: no heap kind, no file, and none of numa2, ", "-c", "stm32h7", "--b", "tslf"),
                ("nope.yaml: no heap kind, no file", "--a", "nope.yaml", "--b", "x86_32"),
                ("./nope.yaml: no such machine", "-c", "stm32h7", "--b", "./nope.yaml"),
                ("no variant 'x'", "-c", "stm32h7", "--b", ":x"),
                ("--set:1:1: unknown key 'a'", "-c", "stm32h7", "--b", "tlsf a=b"),
                ("'vmalloc' does not serve", "-c", "stm32h7", "--b", "vmalloc"),
                ("--set:1:17: unknown parameter 'nosuch' of allocator kind 'tlsf'", "-c", "stm32h7", "--b",
                 "tlsf allocators.heap.nosuch=3"),
                ("slab_bitmap: event 2 asks for 200 bytes", "-c", "stm32h7", "--b", "slab_bitmap")):
            self.refused(3, says, "compare", *arguments, self.small)

    def test_reports(self):
        self.refused(3, "no.json", "diff", "no.json", "no.json")
        self.refused(3, "small.trace", "diff", self.small, self.small)

    def test_unwritable(self):
        nowhere = self.folder / "no" / "where"
        for arguments in (["replay", "-c", "stm32h7", "-q", "--json", nowhere, self.small],
                          ["replay", "-c", "stm32h7", "-q", "--csv", nowhere, self.small],
                          ["gen", "comb", "-n", "1000", "-o", nowhere]):
            self.refused(3, str(nowhere), *arguments)
        for arguments in (["fit", "-c", "stm32h7", "--alloc", "tlsf", "--json", nowhere, self.small],
                          ["import", self.small, "-o", nowhere],
                          ["trace", "shrink", "--keep", "2", self.small, "-o", nowhere]):
            status, _, err = memscape(*arguments)
            self.assertEqual(status, 3, arguments)
            self.assertIn(str(nowhere), err)
        self.assertEqual(self.names(), ["small.trace"])


class Outputs(CommandLine):
    def test_json_to_standard_output_only(self):
        status, out, err = self.replay("--json", "-", self.small)
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(json.loads(out)["schema"], "memscape.report/1")
        status, out, err = memscape("fit", "-c", "stm32h7", "--alloc", "tlsf", "--json", "-", self.small)
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(json.loads(out)["schema"], "memscape.fit/1")
        for what in ("allocators", "machines", "formats", "figures"):
            self.assertTrue(json.loads(memscape("list", what, "--json")[1]))
        for what in ("stm32h7", self.small):
            self.assertTrue(json.loads(memscape("info", what, "--json")[1]))

    def test_color(self):
        plain = self.replay("--color", "never", self.small)[1]
        self.assertNotIn("\x1b", plain)
        self.assertIn("\x1b[", self.replay("--color", "always", self.small)[1])
        self.assertIn("\x1b[", self.replay("--color", "always", self.small, env={"NO_COLOR": "1"})[1])
        self.assertEqual(self.replay("--color", "auto", self.small)[1], plain)
        self.assertEqual(self.replay(self.small)[1], plain)

    def test_color_on_a_terminal(self):
        def on_terminal(**env):
            try:
                master, slave = os.openpty()
            except OSError as err:
                self.skipTest(f"no pseudo-terminal here: {err}")
            environment = {**os.environ, "MEMSCAPE_DATA": str(ROOT), "TERM": "xterm", **env}
            if "NO_COLOR" not in env:
                environment.pop("NO_COLOR", None)
            child = subprocess.Popen([MEMSCAPE, "replay", "-c", "stm32h7", self.small], stdout=slave,
                                     stderr=slave, stdin=subprocess.DEVNULL, env=environment)
            os.close(slave)
            out = b""
            while True:
                try:
                    piece = os.read(master, 65536)
                except OSError:  # the terminal's other end is closed
                    piece = b""
                if not piece:
                    break
                out += piece
            os.close(master)
            self.assertEqual(child.wait(), 0)
            return out
        self.assertIn(b"\x1b[", on_terminal())
        self.assertNotIn(b"\x1b[", on_terminal(NO_COLOR="1"))
        self.assertNotIn(b"\x1b[", on_terminal(TERM="dumb"))

    def test_arenas(self):
        """Arenas in use at once have a row each, from the text form and from the binary one."""
        text, binary = self.folder / "arenas.trace", self.folder / "arenas.mst"
        text.write_text("arena_push 1 100\narena_push 2 5000\narena_push 1 30\n"
                        "arena_push 7 64\narena_free 2\narena_push 9 10\n")
        self.assertEqual(memscape("import", text, "-o", binary)[0], 0)
        reports = []
        for trace in (text, binary):
            status, out, err = self.replay("--check=1", "--json", "-", trace)
            self.assertEqual((status, err), (0, ""))
            reports.append(json.loads(out))
        self.assertEqual(reports[0], reports[1])
        rows = [(h["name"], h["arena"], h["pushes"], h["live_bytes"])
                for h in reports[0]["heaps"] if "arena" in h]
        self.assertEqual(rows, [("arena", 1, 2, 130), ("arena_2", 9, 1, 10), ("arena_3", 7, 1, 64)])
        self.assertEqual({o["name"]: o["payload"] for o in reports[0]["ledger"]["by_owner"]
                          if o["kind"] == "stack"}, {"arena": 130, "arena_2": 10, "arena_3": 64})
        self.assertIn("    arena 9 of the trace: 1 block, 10 B pushed\n", self.replay(text)[1])
        self.assertIn("event 2: arena_push, arena 2, 5000 bytes\n",
                      self.replay("--explain", "2..2", text)[1])
        status = self.replay("--fail-on", "heaps.arena_3.live_bytes > 60", text)[0]
        self.assertEqual(status, 1)

    def test_standard_input(self):
        piped = json.loads(self.replay("--json", "-", "-", stdin=SMALL)[1])
        read = json.loads(self.replay("--json", "-", self.small)[1])
        for part in ("trace", "events", "peak"):
            self.assertEqual(piped[part], read[part])
        with open(FIRMWARE, "rb") as trace:
            done = subprocess.run([MEMSCAPE, "replay", "-c", "stm32h7", "--json", "-", "-"], stdin=trace,
                                  capture_output=True, text=True,
                                  env={**os.environ, "MEMSCAPE_DATA": str(ROOT)})
        # A pipe does not tell beforehand which groups of operations come: more is booted.
        piped, read = json.loads(done.stdout), json.loads(self.replay("--json", "-", FIRMWARE)[1])
        for part in ("trace", "events", "peak"):
            self.assertEqual(piped[part], read[part])

    def test_a_cache_destroyed_in_use_is_named_on(self):
        """What outlives its cache is freed to it, in every form of the trace and in a copy of a part."""
        text, binary, again, part = (self.folder / n for n in ("t.trace", "t.mst", "u.trace", "p.trace"))
        text.write_text('x = malloc 5\nc = cache_create "msg" 96\na = cache_alloc c\ncache_destroy c\n'
                        'cache_free a c\nc = cache_create "other" 64\nb = cache_alloc c\nfree x\n'
                        'p = mempool_create 2 64\nm = mempool_alloc p\nmempool_destroy p\nmempool_free m p\n')
        self.assertEqual(memscape("import", text, "-o", binary)[0], 0)
        self.assertEqual(memscape("import", binary, "-o", again)[0], 0)
        reports = [json.loads(memscape("replay", "-c", "x86_64", "--json", "-", trace)[1])
                   for trace in (text, binary, again)]
        self.assertEqual(reports[0], reports[1])
        self.assertEqual(reports[0], reports[2])
        self.assertIn("cannot be destroyed", reports[0]["findings"][0]["what"])
        self.assertEqual([e["event"] for e in reports[0]["findings"]], [4, 12])
        # Without x, the slot of the cache is y's by then.
        text.write_text('x = malloc 5\nc = cache_create "msg" 96\na = cache_alloc c\ncache_destroy c\nfree x\n'
                        "y = malloc 7\ncache_free a c\n")
        self.assertEqual(memscape("trace", "filter", "--invert", "--size", "5..5", text, "--to", "text",
                                  "-o", part)[0], 0)
        self.assertEqual(part.read_text().splitlines()[1:], ['b0 = cache_create "msg" 96', "b1 = cache_alloc b0",
                                                             "cache_destroy b0", "b0 = malloc 7",
                                                             "cache_free b1 ?"])
        text.write_text('c = cache_create "msg" 96\na = cache_alloc c\ncache_destroy c\ny = malloc 5\n'
                        "cache_free a c\n")
        self.refused(3, "t.trace:5:14: it was destroyed, and its slot is another object's by now", "replay",
                     "-c", "stm32h7", text)

    def test_same_report_every_time(self):
        first = self.replay("--json", "-", FIRMWARE)
        self.assertEqual(first[0], 0)
        self.assertEqual(self.replay("--json", "-", FIRMWARE), first)
        self.assertEqual(self.replay("--json", "-", "--port", "checked", FIRMWARE), first)
        self.assertEqual(self.replay("--json", "-", "--check=50000", FIRMWARE), first)

    def test_checks_are_spaced(self):
        """--check alone grows rarer as the trace goes on, and never misses the end."""
        said = "check: every invariant held and the ledger was right after {} of {} events\n"
        for options, checked, events in ((("--check", "--until", "700"), 700, 700),
                                         (("--check", "--until", "1999"), 1500, 1999),
                                         (("--check", "--until", "2000"), 1500, 2000),
                                         (("--check=7", "--until", "2000"), 285, 2000)):
            status, _, err = self.replay(*options, FIRMWARE)
            self.assertEqual((status, err), (0, said.format(checked, events)), options)
        self.assertEqual(self.replay("--check", "-q", "--until", "50", FIRMWARE)[2], "")

    def test_noise_changes_nothing_but_its_seed(self):
        first, second = (json.loads(self.replay("--json", "-", "--noise", seed, self.small)[1])
                         for seed in ("1", "2"))
        for report in (first, second):
            report["run"].pop("noise_seed")
            report.pop("image_hash")
        self.assertEqual(first, second)

    def test_until(self):
        report = json.loads(self.replay("--json", "-", "--until", "2", self.small)[1])
        self.assertEqual((report["events"]["done"], report["live_at_end"]["bytes"]), (2, 300))

    def test_csv(self):
        table = self.folder / "t.csv"
        self.assertEqual(self.replay("-q", "--csv", table, "--every", "2", self.small), (0, "", ""))
        head, *rows = [line.split(",") for line in table.read_text().splitlines()]
        self.assertEqual(head[:5], ["event", "live_bytes", "live_blocks", "footprint_bytes", "failed"])
        self.assertEqual([row[:3] for row in rows], [["2", "300", "2"], ["4", "250", "2"]])
        self.assertEqual({len(row) for row in rows}, {len(head)})
        self.assertEqual(len({sum(map(int, row[5:])) for row in rows}), 1, "classes add up")
        self.assertEqual(self.replay("-q", "--csv", "-", "--every", "2", self.small)[1],
                         table.read_text())

    def test_timing(self):
        status, out, err = self.replay("--timing", self.small)
        self.assertEqual((status, out), self.replay(self.small)[:2])
        self.assertRegex(err, r"^timing: 4 events")

    def test_diff(self):
        a, b, c = (self.folder / name for name in ("a.json", "b.json", "c.json"))
        self.replay("-q", "--json", a, self.small)
        self.replay("-q", "--json", b, "--port", "checked", self.small)
        self.replay("-q", "--json", c, "--alloc", "best_fit", self.small)
        self.assertEqual(memscape("diff", "--all", a, b)[0], 0)
        status, out, _ = memscape("diff", a, c)
        self.assertEqual(status, 1)
        self.assertIn("heaps.main.kind", out)
        self.assertNotIn("run.alloc", out)
        self.assertIn("run.alloc", memscape("diff", "--all", a, c)[1])

    def test_parameters_of_another_kind(self):
        """--set reaches the kind that --alloc names; steps of a tree are not those of a list."""
        trace = str(ROOT / "traces" / "firmware.mst")
        steps = {}
        for kind in ("list", "tree"):
            report = self.folder / f"{kind}.json"
            self.replay("-q", "--json", report, "--alloc", "first_fit", "--set", f"allocators.heap.index={kind}", trace)
            steps[kind] = json.loads(report.read_text())["heaps"][0]["search"]["mean"]
        self.assertGreater(steps["list"], 2 * steps["tree"])
        self.refused(3, "of allocator kind 'tlsf'", "replay", "-c", "stm32h7", "--alloc", "tlsf",
                     "--set", "allocators.heap.index=tree", self.small)
        status, _, err = memscape("fit", "-c", "stm32h7", "--alloc", "first_fit,tlsf", "--set",
                                  "allocators.heap.index=list", self.small)
        self.assertEqual(status, 0, err)

    def test_interrupt(self):
        trace, report = self.folder / "long.mst", self.folder / "long.json"
        self.assertEqual(memscape("gen", "uniform", "-n", "300000", "-o", trace)[0], 0)
        child = subprocess.Popen([MEMSCAPE, "replay", "-c", "x86_64", "-q", "--check=10", "--json",
                                  report, trace], env={**os.environ, "MEMSCAPE_DATA": str(ROOT)})
        time.sleep(1)
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(timeout=120), 130)
        self.assertEqual(json.loads(report.read_text())["run"]["ended"], "interrupted")
        self.assertEqual(self.names(), ["long.json", "long.mst", "small.trace"])


class Compared(CommandLine):
    """memscape compare"""

    def compare(self, *arguments, **more):
        status, out, err = memscape("compare", *arguments, "--json", "-", **more)
        self.assertIn(status, (0, 1), err)
        self.assertEqual(err, "")
        return status, json.loads(out)

    def told(self, *arguments):
        """(failed, address) of each event, as --explain tells it."""
        events = memscape("replay", *arguments, "--explain", "1..")[1].split("event ")[1:]
        places = (re.search("-> (0x[0-9a-f]+) in", e) for e in events)
        return [("FAILED" in e, int(p[1], 16) if p else None) for e, p in zip(events, places)]

    def parted(self, a, b):
        """(first, outcome): the events at which two narrations part; None: they do not."""
        base = [next(p for _, p in x if p is not None) for x in (a, b)]
        first = outcome = None
        for i, (x, y) in enumerate(zip(a, b), 1):
            place = [p is not None and p - base[k] for k, (_, p) in enumerate((x, y))]
            if x[0] != y[0]:
                outcome = outcome or i
            if x[0] != y[0] or place[0] != place[1]:
                first = first or i
        return first, outcome

    def test_where_they_part(self):
        """The events at which the narrations of the two part, too."""
        tight = ["--set", "allocators.heap.bytes=60K", "--until", "6000"]
        for a, b in (("tlsf", "best_fit"), ("bins", "tlsf"), ("heap_4", "first_fit"), ("tlsf", "tlsf"),
                     ("buddy_heap", "half_fit")):
            with self.subTest(f"{a}, {b}"):
                mine = self.compare("-c", "stm32h7", *tight, "--a", a, "--b", b, FIRMWARE)[1]
                theirs = self.parted(*(self.told("-c", "stm32h7", *tight, "--alloc", kind, FIRMWARE)
                                       for kind in (a, b)))
                self.assertEqual(tuple(mine[k] and mine[k]["event"] for k in ("first", "outcome")), theirs)
                self.assertEqual(theirs == (None, None), a == b)

    def test_figures_are_those_of_two_replays(self):
        path = [self.folder / "a.json", self.folder / "b.json"]
        for kind, report in zip(("tlsf", "bins"), path):
            self.replay("-q", "--alloc", kind, "--json", report, FIRMWARE)
        lines = memscape("diff", *path)[1].splitlines()[1:]
        status, mine = self.compare("-c", "stm32h7", "--a", "tlsf", "--b", "bins", FIRMWARE)
        self.assertEqual(status, 1)
        self.assertEqual([d["figure"] for d in mine["differences"]], [line.split()[0] for line in lines])
        a, b = (json.loads(p.read_text()) for p in path)
        for figure, of in (("live_bytes", lambda r: r["ledger"]["final"]["payload"]),
                           ("footprint_bytes", lambda r: r["heaps"][0]["footprint_bytes"]),
                           ("peak_footprint_bytes", lambda r: r["peak"]["footprint_bytes"]),
                           ("heap_free_bytes", lambda r: r["heaps"][0]["free_bytes"]),
                           ("largest_free_bytes", lambda r: r["heaps"][0]["largest_free_bytes"]),
                           ("free_blocks", lambda r: r["heaps"][0]["free_blocks"]),
                           ("bytes_copied", lambda r: r["events"]["bytes_copied"])):
            self.assertEqual(mine["figures"][figure], {"a": of(a), "b": of(b)}, figure)
        text = memscape("compare", "-c", "stm32h7", "--a", "tlsf", "--b", "bins", "--all", FIRMWARE)[1]
        for line in lines:
            self.assertIn(line.split()[0] + " ", text)

    def test_answer_first(self):
        """A request that only one serves: with the steps of one and the autopsy of the other."""
        trace = self.folder / "t.trace"
        trace.write_text("a = malloc 1000\nb = malloc 200\nfree a\nc = malloc 100\nd = malloc 1200\n")
        status, out, err = memscape("compare", "-c", "stm32h7", "--set", "allocators.heap.bytes=2K",
                                    "--a", "first_fit", "--b", "bump", trace)
        self.assertEqual((status, err), (1, ""))
        lines = out.splitlines()
        self.assertEqual(lines[0], "first_fit and bump part at event 4: first_fit places the block 0 bytes "
                                   "from its first one, bump 1,216.")
        self.assertEqual(lines[1], "Each of 5 events has the same outcome in both.")
        self.assertEqual(lines[3:6], ["event 4: malloc #0, 100 bytes", "  first_fit",
                                      next(line for line in lines if "split the chunk" in line)])
        status, out, _ = memscape("compare", "-c", "stm32h7", "--set", "allocators.heap.bytes=2K",
                                  "--a", "first_fit", "--b", "first_fit allocators.heap.bytes=4K", trace)
        self.assertEqual(status, 1)
        self.assertEqual(out.splitlines()[0], "first_fit and first_fit allocators.heap.bytes=4K part at "
                         "event 5: first_fit fails, first_fit allocators.heap.bytes=4K serves it.")
        self.assertIn("\n  first_fit\n    FAILED: fragmentation (", out)

    def test_alike(self):
        status, out, err = memscape("compare", "-c", "stm32h7", "--a", "bins", "--b", "bins", self.small)
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out.startswith("bins (a) and bins (b) never part: each of 4 events "))
        self.assertTrue(out.endswith("No figure of their reports differs.\n"))
        # Elsewhere in memory, and decided alike: no place is another, a figure is.
        status, mine = self.compare("--a", "x86_32 bins", "--b", "stm32h7 bins", self.small)
        self.assertEqual((status, mine["first"], mine["outcome"]), (1, None, None))
        self.assertIn("machine.name", [d["figure"] for d in mine["differences"]])

    def test_how_a_side_is_named(self):
        for options, machine, variant, kind, sets in (
                (["--b", "bins"], "stm32h7", "", "bins", ["allocators.heap.bytes=64K"]),
                (["--b", ":h742"], "stm32h7", "h742", "tlsf", ["allocators.heap.bytes=64K"]),
                (["--b", "x86_32:2g best_fit"], "x86_32", "2g", "best_fit", []),
                (["--b", "best_fit allocators.heap.order=lifo"], "stm32h7", "", "best_fit",
                 ["allocators.heap.bytes=64K", "allocators.heap.order=lifo"])):
            with self.subTest(options):
                b = self.compare("-c", "stm32h7", "--set", "allocators.heap.bytes=64K", *options,
                                 self.small)[1]["b"]
                self.assertEqual((b["machine"]["name"], b["machine"]["variant"], b["run"]["set"]),
                                 (machine, variant, sets))
                self.assertEqual([a["kind"] for a in b["run"]["allocators"] if a["name"] == "main"], [kind])

    def test_standard_input_and_until(self):
        file = self.compare("-c", "stm32h7", "--b", "bins", "--until", "500", FIRMWARE)
        text = memscape("import", FIRMWARE, "-o", "-", "--to", "text")[1]
        piped = self.compare("-c", "stm32h7", "--b", "bins", "--until", "500", "-", stdin=text)
        self.assertEqual(file[1]["compared"], 500)
        for key in ("first", "figures", "compared"):
            self.assertEqual(piped[1][key], file[1][key], key)

    def test_long_stories_are_cut(self):
        """A per-CPU list's refill is a hundred steps: the first and the last are printed."""
        trace = ROOT / "tests/ui/screens/kernel.mst"
        whole = self.compare("-c", "x86_64", "--b", "allocators.pages.percpu_lists=false", trace)[1]
        self.assertGreater(len(whole["first"]["a"]["steps"]), 20)
        out = memscape("compare", "-c", "x86_64", "--b", "allocators.pages.percpu_lists=false", trace)[1]
        self.assertRegex(out, rf"\n    \.\.\. {len(whole['first']['a']['steps']) - 11} more steps\n")
        self.assertIn("    " + whole["first"]["a"]["steps"][-1] + "\n", out)

    def test_autopsy_beyond_the_first_hundred(self):
        """An event that is told has its autopsy, however many failed before it."""
        trace = self.folder / "many.trace"
        trace.write_text("".join(f"a{i} = malloc 100M\n" for i in range(150)))
        out = self.replay("--explain", "150", trace)[1]
        self.assertIn("event 150: malloc", out)
        self.assertIn("    FAILED: limit (", out)


class Judgements(CommandLine):
    def test_fail_on(self):
        for expression, status in (("events.failed > 0", 0), ("events.done == 4", 1),
                                   ("largest(main) < 1K", 0), ("heaps.MAIN.live_bytes = 250", 2),
                                   ("count(failures) == 0 and not (peak.live_bytes < 300)", 1)):
            got, out, err = self.replay("-q", "--fail-on", expression, self.small)
            self.assertEqual((got, out), (status, ""), f"{expression}: {err}")
            if status == 1:
                self.assertEqual(err, f"memscape: --fail-on '{expression}' is true\n")

    def test_fail_on_points_at_the_column(self):
        for expression, place in (("events.failed >", "1:16"), ("events.fail > 0", "1:8"),
                                  ("1 + nothing(x)", "1:5"), ("heaps.mian.jw[0] > 1", "1:7")):
            got, out, err = self.replay("-q", "--fail-on", expression, self.small)
            self.assertEqual((got, out), (2, ""), f"{expression}: {err}")
            self.assertTrue(err.startswith(f"memscape: --fail-on:{place}: "), err)

    def refused_at(self, place, columns):
        got, out, err = self.replay("--columns", columns, "--csv", self.folder / "x.csv", self.small)
        self.assertEqual((got, out, len(err.splitlines())), (2, "", 1), err)
        self.assertTrue(err.startswith(f"memscape: --columns:{place}: "), err)

    def test_misspelt_figures_are_told_before_the_replay(self):
        """Nothing is replayed, printed or written; what may come with the trace is waited for."""
        for expression, place in (("events.fail > 0", "1:8"), ("events.failed > 0 and evts.x < 4", "1:23"),
                                  ("events.failed == 0 or heaps.mian.jw[0] > 1", "1:29"),
                                  ("heaps.main.jw[4] > 2", "1:15"), ("largest(mian) < 1K", "1:1"),
                                  ("events.by_op.mallok > 1", "1:14"), ("unusable(normol, 3) > 1", "1:10"),
                                  ("count(failurs) > 0", "1:7"), ("1 + nothing(x)", "1:5")):
            for option in ("--fail-on", "--columns"):
                json_file, csv = self.folder / "x.json", self.folder / "x.csv"
                got, out, err = self.replay(option, expression, "--json", json_file, "--csv", csv,
                                            "--explain", "1..", self.small)
                self.assertEqual((got, out, len(err.splitlines())), (2, "", 1), f"{expression}: {err}")
                self.assertTrue(err.startswith(f"memscape: {option}:{place}: "), err)
        for columns, place in (("zones; heaps.main.jw[0]; nosuch", "1:26"), ("heaps; 1 +", "1:11")):
            self.refused_at(place, columns)
        self.assertEqual(self.names(), ["small.trace"])
        trace = self.folder / "late.trace"
        trace.write_text('c = cache_create "msg" 96\na = cache_alloc c\narena_push 1 100\narena_push 2 100\n'
                         "b = malloc 100M\n")
        for expression in ("caches.msg.active_objects == 1", "heaps.arena_2.live_bytes == 100",
                           "failures[0].size == 100M", "events.by_op.cache_alloc == 1",
                           "events.failed_by_op.malloc == 1", "largest(arena_2) >= 0"):
            self.assertEqual(self.replay("-q", "--fail-on", expression, trace)[0], 1, expression)

    def test_expect(self):
        trace = self.folder / "expect.trace"
        trace.write_text('a = malloc 100\nexpect "events.failed == 0"\nexpect "peak.live_bytes > 100"\n')
        status, _, err = self.replay("-q", trace)
        self.assertEqual(status, 1)
        self.assertEqual(err, "memscape: event 3: expected peak.live_bytes > 100, which is not so\n")

    def test_what_is_in_the_way(self):
        """The obstacle is true of the kind: headers only where there are some."""
        says = {"borders": "no block: free blocks that do not merge", "class": "nothing: a free block is large",
                "held": "no block, only metadata and slack", "blocks": "#"}
        for kind, obstacle in (("buddy_heap", "borders"), ("half_fit", "class"), ("slab_array", "class"),
                               ("heap_4", "held"), ("bins", "blocks")):
            with self.subTest(kind):
                options = ["--alloc", kind, "--set", "allocators.heap.bytes=150K", "--until", "18000", FIRMWARE]
                failures = json.loads(self.replay("--json", "-", *options)[1])["failures"]
                f = next(f for f in failures if "candidate" in f)
                c = f["candidate"]
                self.assertEqual(c["obstacle"], obstacle)
                self.assertEqual(c["blockers_total"] != 0, obstacle == "blocks")
                if obstacle != "blocks":
                    self.assertEqual(c["free_bytes"] + c["held_bytes"], c["bytes"])
                self.assertEqual(c["held_bytes"] == 0, obstacle in ("borders", "class"))
                self.assertEqual(f["largest_free_bytes"] >= f["size"], obstacle == "class")
                for text in (self.replay(*options)[1], self.replay("--explain", f"{f['event']}", *options)[1]):
                    self.assertIn("in the way: " + says[obstacle], text)

    def test_failed_requests_are_a_result(self):
        trace = self.folder / "big.trace"
        trace.write_text("a = malloc 100M\nfree a\nfree b\n")
        status, out, _ = self.replay("--json", "-", trace)
        report = json.loads(out)
        self.assertEqual(status, 0)
        self.assertEqual([report["events"][k] for k in ("failed", "skipped", "findings")], [1, 1, 1])


class Explained(CommandLine):
    def test_golden(self):
        for name in EXPLAINED:
            with self.subTest(name):
                status, out, err = explained(name)
                self.assertEqual((status, err), (0, ""))
                golden = (ROOT / f"tests/golden/explain-{name}.txt").read_text()
                self.assertEqual(out, golden, "if it is meant to be so: test_cli.py --write")

    def test_range(self):
        whole = self.replay("--explain", "1..4", self.small)[1]
        parts = "".join(self.replay("--explain", r, self.small)[1] for r in ("..1", "2", "3..4"))
        self.assertEqual(parts, whole)
        self.assertEqual(self.replay("--explain", "9..", self.small)[1], "")


def write_golden():
    for name in EXPLAINED:
        (ROOT / f"tests/golden/explain-{name}.txt").write_text(explained(name)[1])


if __name__ == "__main__":
    WRITE = sys.argv[1] == "--write"
    MEMSCAPE, ROOT = (str(pathlib.Path(sys.argv[1 + WRITE]).resolve()),
                      pathlib.Path(sys.argv[2 + WRITE]).resolve())
    FIRMWARE = ROOT / "traces/firmware.mst"
    if WRITE:
        write_golden()
    else:
        unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
