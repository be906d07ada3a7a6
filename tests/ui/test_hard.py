#!/usr/bin/env python3
"""The command line where things go wrong outside of it: full disks, broken pipes, interrupts,
damaged traces, spoilt images; and what fit's columns and document hold.

    test_hard.py MEMSCAPE VANDAL SOURCE_ROOT

VANDAL is the same program that spoils the image on demand: vandal.c.
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

MEMSCAPE = VANDAL = ROOT = FIRMWARE = None
SMALL = "".join(f"a{i} = malloc {100 + i}\n" for i in range(40)) + "".join(
    f"free a{i}\n" for i in range(0, 40, 2))


def environment(**more):
    return {**os.environ, "MEMSCAPE_DATA": str(ROOT), **more}


def run(program, *arguments, cwd=None, stdout=subprocess.PIPE, **more):
    """(exit status, standard output, standard error)"""
    done = subprocess.run([program, *map(str, arguments)], stdout=stdout, stderr=subprocess.PIPE,
                          text=True, cwd=cwd, timeout=300, env=environment(**more))
    return done.returncode, done.stdout or "", done.stderr


class Hard(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.small = self.folder / "small.trace"
        self.small.write_text(SMALL)

    def names(self):
        return sorted(p.name for p in self.folder.iterdir())


class SpoiltImage(Hard):
    """Exit status 4, and a report of it."""

    def spoilt(self, kind, what, *arguments):
        report = self.folder / "report.json"
        status, out, err = run(VANDAL, "replay", "-c", "stm32h7", "--alloc", kind, "-q", "--json",
                               report, *arguments, self.small, VANDAL=what)
        self.assertEqual((status, out), (4, ""), err)
        return json.loads(report.read_text()), err

    def test_check_finds_it(self):
        for kind in ("tlsf", "half_fit", "bins", "buddy_heap"):
            with self.subTest(kind):
                report, err = self.spoilt(kind, "20 0 " + "5a" * 64, "--check=1")
                self.assertEqual(report["run"]["ended"], "check failed")
                self.assertEqual(report["events"]["done"], 20)
                self.assertIn(f"after event 20 allocator main ({kind}) breaks invariant", err)

    def test_fault(self):
        """A link that leads nowhere: the allocator faults, and the finding is in the report."""
        report, err = self.spoilt("best_fit", "20 0 " + "5a" * 64)
        self.assertEqual(report["run"]["ended"], "fault")
        self.assertTrue(report["run"]["tainted"])
        self.assertEqual(report["findings"][0]["allocator"], "main")
        self.assertRegex(err, r"^memscape: event 21 \(malloc\) faulted: no memory there, a load of 4 "
                              "bytes at 0x5a5a5a[0-9a-f]+ in no region; the run ends there\n$")
        self.assertEqual([report["findings"][0][k] for k in ("event", "access", "bytes", "region")],
                         [21, "load", 4, None])

    def test_fault_of_one_of_two(self):
        """compare says which of the two it is, and how far both came."""
        document = self.folder / "c.json"
        status, out, err = run(VANDAL, "compare", "-c", "stm32h7", "--a", "tlsf", "--b", "best_fit",
                               "--json", document, self.small, VANDAL="20 0 " + "5a" * 64 + " before")
        self.assertEqual(status, 4, err)
        self.assertRegex(err, "^memscape: (tlsf|best_fit): event \\d+.*; the run ends there\n")
        self.assertIn(" never part: each of 20 events ", out)
        self.assertRegex(out, r"\nlargest free +- +-\n")
        c = json.loads(document.read_text())
        self.assertIn("fault", (c["a"]["run"]["ended"], c["b"]["run"]["ended"]))
        self.assertEqual(c["compared"], min(c[s]["events"] for s in "ab"))
        self.assertEqual((c["compared"], c["figures"]["free_blocks"]), (20, {"a": None, "b": None}))

    def test_without_a_vandal_nothing_is_found(self):
        status, _, err = run(VANDAL, "replay", "-c", "stm32h7", "-q", "--check=1", self.small)
        self.assertEqual((status, err), (0, ""))

    def test_statuses_do_not_hide_it(self):
        self.spoilt("tlsf", "20 0 " + "5a" * 64, "--check=1", "--fail-on", "events.done > 0")


class Overrun(Hard):
    def test_records_that_lead_in_a_circle(self):
        """A frame written over the records of the stacks themselves: the report is there all the same."""
        trace = self.folder / "overrun.trace"
        trace.write_text("a = task_create 8K\nstack_push a 200\nb = task_create 8K\nstack_push b 1K\n"
                         "stack_push b 2K\nirq_enter 14 failed\nstack_push b 4K\nirq_enter 14 failed\n"
                         "stack_push b 300\nirq_exit 14\nstack_push b 8K\nstack_pop a 200\n")
        done = subprocess.run([MEMSCAPE, "replay", "-c", "numa2", "--json", "-", trace], timeout=60,
                              capture_output=True, text=True, env=environment())
        report = json.loads(done.stdout)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(any("stack overflow" in f["what"] for f in report["findings"]))
        self.assertEqual(report["stacks"], {})  # what their list says is not to be believed


class Salvage(Hard):
    def damaged(self, name, change):
        data = bytearray(FIRMWARE.read_bytes())
        path = self.folder / name
        path.write_bytes(change(data))
        return path

    def salvaged(self, trace):
        status, out, err = run(MEMSCAPE, "replay", "-c", "stm32h7", "--salvage", "--json", "-", trace)
        self.assertEqual(status, 3)
        self.assertEqual(len(err.splitlines()), 1, err)
        return json.loads(out), err

    def test_binary(self):
        """A flipped bit in a later block, and a file cut short: the blocks before are replayed."""
        def flip(data):
            data[len(data) * 3 // 4] ^= 0x10
            return data
        for name, change in (("flipped.mst", flip), ("cut.mst", lambda data: data[:len(data) * 3 // 4])):
            with self.subTest(name):
                trace = self.damaged(name, change)
                report, err = self.salvaged(trace)
                self.assertIn(name, err)
                self.assertIn("block", err)
                done = report["events"]["done"]
                self.assertEqual(report["run"]["ended"], "damaged trace")
                self.assertGreater(done, 0)
                whole = run(MEMSCAPE, "replay", "-c", "stm32h7", "--json", "-", "--until", done, FIRMWARE)
                whole = json.loads(whole[1])
                for part in ("ledger", "heaps", "peak", "events", "live_at_end"):
                    self.assertEqual(report[part], whole[part], part)

    def test_text_in_the_middle_of_a_block(self):
        """Text is read in blocks of many lines: the lines before the bad one count all the same."""
        lines = "".join(f"a{i} = malloc {i % 500 + 1}\n" for i in range(1500))
        for bad in (1, 2, 777, 1500):
            with self.subTest(bad):
                trace = self.folder / "bad.trace"
                split = lines.splitlines(keepends=True)
                trace.write_text("".join(split[:bad - 1]) + "a = malloc 12 apples\n" +
                                 "".join(split[bad - 1:]))
                report, err = self.salvaged(trace)
                self.assertIn(f"bad.trace:{bad}:", err)
                self.assertEqual(report["events"]["done"], bad - 1)
                self.assertEqual(report["live_at_end"]["blocks"], bad - 1)


HEAD = "1000\n2\n2\n1\n"
REP = {  # what is in the file, and what is said of it
    "no-head": ("a 0 100\nf 0\n", "1:1: expected four lines of one number each"),
    "comment": ("# mine\n" + HEAD + "a 0 5\nf 0\n", "1:1: expected four lines of one number each"),
    "one-line": ("1000\n", "1:1: expected four lines of one number each"),
    "no-end": (HEAD + "a 0 5", "5: the file ends after 1 operations, line 3 says 2"),
    "cut-line": (HEAD + "a 0\n", "5:4: expected a size in bytes"),
    "negative": (HEAD + "a 0 -5\nf 0\n", "5:5: expected a size in bytes"),
    "no-number": (HEAD + "a 0 " + "9" * 40 + "\nf 0\n", "5:5: expected a size in bytes"),
    "huge-id": (HEAD + "a 4294967295 5\nf 0\n", "5:3: expected an id below the number of ids"),
    "huge-count": ("1\n4000000000\n2\n1\na 0 5\nf 0\n", "2:1: 4000000000 ids, expected at most"),
    "twice": (HEAD + "a 0 5\na 0 6\n", "6:3: expected an id that is not live"),
    "operation": (HEAD + "x 0 5\nf 0\n", "5:1: expected an operation"),
    "more": (HEAD + "a 0 5 7\nf 0\n", "5:7: expected the end of the line"),
    "too-many": (HEAD + "a 0 5\nf 0\na 1 5\n", "7:1: expected the end of the file"),
    "empty": ("", " is empty, expected a trace"),
}


class Kinds(Hard):
    def test_made_of_pages(self):
        for kind in ("slab", "slub", "slub_tiny"):
            status, _, err = run(MEMSCAPE, "replay", "-c", "x86_64", "--alloc", kind, self.small)
            self.assertEqual(status, 3)
            self.assertIn(f"({kind}) is made of pages, expected 'from: pages'", err)


class Machines(Hard):
    def test_info_knows_kinds_and_parameters(self):
        """What a replay would refuse is not described as if it were good."""
        text = (ROOT / "configs/x86_64.yaml").read_text()
        machine = self.folder / "m.yaml"
        for wrong, says in (("{kind: tlfs, from: boot", ":16: unknown allocator kind 'tlfs', "),
                            ("{kind: tlsf, sise: 3, from: boot", ":22: unknown parameter 'sise' of allocator kind 'tlsf'")):
            machine.write_text(text.replace("{kind: tlsf, from: boot", wrong, 1))
            for more in ([], ["--json"]):
                status, out, err = run(MEMSCAPE, "info", machine, *more)
                self.assertEqual((status, out, len(err.splitlines())), (3, "", 1), err)
                self.assertIn(says, err)


class Rep(Hard):
    def test_small(self):
        """What one reads of hardly anything."""
        for text, says in (("1\n0\n0\n1\n", "It fits: there was no event."),
                           ("1\n1\n1\n1\na 0 5\n", "all requests of 1 event were served"),
                           ("1\n1\n1\n1\na 0 9999999\n", "1 of 1 event failed (1 by limit)")):
            trace = self.folder / "small.rep"
            trace.write_text(text)
            self.assertIn(says, run(MEMSCAPE, "replay", "-c", "stm32h7", trace)[1])

    def test_hostile(self):
        for name, (text, says) in REP.items():
            with self.subTest(name):
                trace = self.folder / f"{name}.rep"
                trace.write_text(text)
                for command in (["replay", "-c", "stm32h7"], ["fit", "-c", "stm32h7"]):
                    status, out, err = run(MEMSCAPE, *command, trace)
                    self.assertEqual((status, out), (3, ""))
                    self.assertEqual(len(err.splitlines()), 1, err)
                    self.assertIn(f"{trace}:{says}", err)

    def test_lines_of_other_systems(self):
        trace = self.folder / "crlf.rep"
        trace.write_bytes((HEAD + "a 0 100\nf 0\n").replace("\n", "\r\n").encode())
        status, out, _ = run(MEMSCAPE, "replay", "-c", "stm32h7", "--json", "-", trace)
        self.assertEqual((status, json.loads(out)["events"]["done"]), (0, 2))

    def test_compressed_otherwise(self):
        """What is not read is called by its name, with the way to read it."""
        for name, head, says in (("t.rep.gz", b"\x1f\x8b\x08\0", "gzip, which is not read"),
                                 ("t.rep.bz2", b"BZh91AY", "bzip2, which is not read"),
                                 ("t.rep.xz", b"\xfd7zXZ\0", "xz, which is not read"),
                                 ("t.trace", b"\xef\xbb\xbfa = malloc 5\n", "a byte order mark")):
            trace = self.folder / name
            trace.write_bytes(head + bytes(50))
            for command in (["replay", "-c", "stm32h7"], ["info"], ["fit", "-c", "stm32h7"]):
                status, out, err = run(MEMSCAPE, *command, trace)
                self.assertEqual((status, out, len(err.splitlines())), (3, "", 1))
                self.assertIn(says, err)

    def test_folder_for_a_machine(self):
        status, _, err = run(MEMSCAPE, "replay", "-c", self.folder, self.small)
        self.assertEqual((status, err), (3, f"memscape: {self.folder}: is a directory, expected a machine file\n"))


class Fit(Hard):
    def test_columns_and_document(self):
        kinds = "first_fit,best_fit,tlsf,half_fit,bins,buddy_heap"
        document = self.folder / "fit.json"
        status, out, err = run(MEMSCAPE, "fit", "-c", "stm32h7", "--alloc", kinds, "--json", document,
                               self.small)
        self.assertEqual((status, err), (0, ""))
        fit = json.loads(document.read_text())
        self.assertEqual([r["alloc"] for r in fit["results"]], kinds.split(","))
        head = next(line for line in out.splitlines() if "worst case" in line)
        self.assertEqual(head.split("  ")[1].strip(), "allocator")
        for result in fit["results"]:
            row = next(line for line in out.splitlines() if line.split()[:1] == [result["alloc"]])
            self.assertTrue(result["finished"])
            self.assertGreaterEqual(result["bytes"], fit["peak_live_bytes"])
            self.assertLess(result["failed_below"], result["bytes"])
            self.assertAlmostEqual(result["factor"], result["bytes"] / fit["peak_live_bytes"], places=3)
            # The bound is what always suffices: no trace of this peak needs more.
            if result["bound_bytes"] is None:
                self.assertEqual(row.split()[-1], "-")
            else:
                self.assertGreaterEqual(result["bound_bytes"], result["bytes"])
        self.assertIsNotNone(fit["results"][0]["bound_bytes"])
        self.assertIsNotNone(fit["results"][3]["bound_bytes"])

    def test_bars_stay_readable(self):
        """An allocator that needs many times as much is cut off, and the others fill the scale."""
        trace = self.folder / "churn.trace"
        trace.write_text("k = malloc 10\n" + "".join(f"a = malloc {500 + i}\nfree a\n" for i in range(100)) + "b = malloc 2000\n")
        for kinds, cut in (("tlsf,bump,first_fit", True), ("tlsf,first_fit", False)):
            status, out, err = run(MEMSCAPE, "fit", "-c", "stm32h7", "--alloc", kinds, trace, LC_ALL="C")
            self.assertEqual((status, err), (0, ""))
            bars = {line.split()[0]: re.search(r"[#.>]{24}", line)[0] for line in out.splitlines()
                    if line.split()[:1] and line.split()[0] in kinds.split(",")}
            self.assertIn("#" * 24, bars.values())
            self.assertGreater(bars["tlsf"].count("#"), 6, out)
            self.assertEqual(bars.get("bump"), "#" * 23 + ">" if cut else None, out)
            self.assertEqual(re.findall("> beyond the scale: a full bar is (.*)", out),
                             re.findall(r"(?m)^  (?:tlsf|first_fit) +([0-9.]+ [KM]?i?B).* #{24} ", out)
                             if cut else [])

    def test_the_least_arena_is_the_least(self):
        status, out, _ = run(MEMSCAPE, "fit", "-c", "stm32h7", "--alloc", "tlsf", "--json", "-", self.small)
        fit = json.loads(out)["results"][0]
        for size, failed in ((fit["bytes"], False), (fit["failed_below"], True)):
            status, out, err = run(MEMSCAPE, "replay", "-c", "stm32h7", "--alloc", "tlsf", "--set",
                                   f"allocators.heap.bytes={size}", "--json", "-", self.small)
            if status == 3:  # too small to boot at all
                self.assertTrue(failed, err)
                continue
            self.assertEqual(json.loads(out)["events"]["failed"] > 0, failed)


    def test_other_machines(self):
        """A second heap takes a part of what is live; a heap that grows from pages has no arena."""
        machine = self.folder / "two.yaml"
        machine.write_text("machine: {name: two, word: 4}\npage: {order: 8}\n"
                           "regions: [{name: r, base: 0x20000000, size: 64K, kind: ram}]\nzones: [{name: r}]\n"
                           "allocators:\n  heap: {kind: tlsf, from: boot, bytes: 32K}\n"
                           "  heaps: [{name: quick, kind: tlsf, from: boot, bytes: 8K}]\n"
                           "  pages: {kind: buddy}\nplacement: [{name: small, size_max: 120, heap: quick}]\n")
        status, out, err = run(MEMSCAPE, "fit", "-c", machine, "--alloc", "bins", "--json", "-", self.small)
        self.assertEqual((status, err), (0, ""))
        fit = json.loads(out)
        least = fit["results"][0]
        self.assertLess(least["bytes"], fit["peak_live_bytes"])
        for size, failed in ((least["bytes"], 0), (least["failed_below"], 1)):
            out = run(MEMSCAPE, "replay", "-c", machine, "--alloc", "bins", "--set",
                      f"allocators.heap.bytes={size}", "--json", "-", self.small)[1]
            self.assertEqual(json.loads(out)["events"]["failed"], failed)
        status, _, err = run(MEMSCAPE, "fit", "-c", machine, "--set", "allocators.heap={kind: tlsf, from: pages}", self.small)
        self.assertEqual(status, 3)
        self.assertIn("heap 'main' grows from pages and has no arena", err)


class Outputs(Hard):
    def test_full_disk(self):
        """What is printed is lost: that is told, and is no success."""
        report = self.folder / "report.json"
        run(MEMSCAPE, "replay", "-c", "stm32h7", "-q", "--json", report, self.small)
        for arguments in (["replay", "-c", "stm32h7", self.small],
                          ["replay", "-c", "stm32h7", "--json", "-", self.small],
                          ["replay", "-c", "stm32h7", "--csv", "-", self.small],
                          ["replay", "-c", "stm32h7", "--explain", "1..5", self.small],
                          ["fit", "-c", "stm32h7", "--alloc", "tlsf", self.small],
                          ["fit", "-c", "stm32h7", "--alloc", "tlsf", "--json", "-", self.small],
                          ["info", "stm32h7"], ["info", "stm32h7", "--json"], ["info", self.small],
                          ["list", "allocators"], ["list", "figures", "--json"], ["--help"],
                          ["--version"], ["replay", "--help"], ["diff", "--all", report, report],
                          ["import", self.small, "-o", "-"], ["gen", "comb", "-n", "1000", "-o", "-"],
                          ["record", "-q", "-o", "-", "--", "true"]):
            with self.subTest(" ".join(map(str, arguments))), open("/dev/full", "w") as full:
                status, _, err = run(MEMSCAPE, *arguments, stdout=full)
                self.assertEqual(status, 3, err)
                self.assertEqual(len(err.splitlines()), 1, err)
                self.assertRegex(err, "^memscape: standard output: cannot (be written$|be written: "
                                      "No space|write: No space)")

    def test_full_device(self):
        for arguments in (["replay", "-c", "stm32h7", "-q", "--json", "/dev/full", self.small],
                          ["replay", "-c", "stm32h7", "-q", "--csv", "/dev/full", self.small],
                          ["import", self.small, "-o", "/dev/full"],
                          ["gen", "comb", "-n", "1000", "-o", "/dev/full"]):
            with self.subTest(" ".join(map(str, arguments))):
                status, _, err = run(MEMSCAPE, *arguments)
                self.assertEqual(status, 3, err)
                self.assertRegex(err, "^memscape: /dev/full: .*No space left on device\n$")

    def test_differences_that_cannot_be_printed(self):
        """A status 1 says that a difference was shown."""
        for kind in ("tlsf", "bins"):
            run(MEMSCAPE, "replay", "-c", "stm32h7", "-q", "--alloc", kind, "--json",
                f"{self.folder}/{kind}.json", self.small)
        for arguments in (["compare", "-c", "stm32h7", "--b", "bins", self.small],
                          ["diff", self.folder / "tlsf.json", self.folder / "bins.json"],
                          ["replay", "-c", "stm32h7", "--fail-on", "events.done > 0", self.small]):
            with open("/dev/full", "w") as full:
                status, _, err = run(MEMSCAPE, *arguments, stdout=full)
            self.assertEqual(status, 3, arguments)
            self.assertIn("memscape: standard output: cannot be written: No space left on device\n", err)
            self.assertEqual(run(MEMSCAPE, *arguments)[0], 1)

    def test_closed_pipe(self):
        """As any filter: ended by SIGPIPE, or done before; never a message or a core."""
        for arguments in (["replay", "-c", "stm32h7", FIRMWARE],
                          ["replay", "-c", "stm32h7", "--csv", "-", "--every", "1", FIRMWARE],
                          ["replay", "-c", "stm32h7", "--explain", "1..20000", FIRMWARE],
                          ["gen", "uniform", "-n", "500000", "-o", "-"]):
            with self.subTest(" ".join(map(str, arguments))):
                read, write = os.pipe()
                os.close(read)
                try:
                    status, _, err = run(MEMSCAPE, *arguments, stdout=write)
                finally:
                    os.close(write)
                self.assertEqual((status, err), (-signal.SIGPIPE, ""))

    def test_no_standard_output(self):
        """A report file is written whole, whatever standard output is."""
        with open("/dev/full", "w") as full:
            status, _, _ = run(MEMSCAPE, "replay", "-c", "stm32h7", "--json", "r.json", self.small,
                               stdout=full, cwd=self.folder)
        self.assertEqual(status, 3)
        self.assertEqual(json.loads((self.folder / "r.json").read_text())["events"]["done"], 60)

    def test_folder_that_may_not_be_written(self):
        if os.geteuid() == 0:
            self.skipTest("root may write everywhere")
        locked = self.folder / "locked"
        locked.mkdir(mode=0o500)
        for arguments in (["replay", "-c", "stm32h7", "-q", "--json", locked / "x", self.small],
                          ["import", self.small, "-o", locked / "x"]):
            status, _, err = run(MEMSCAPE, *arguments)
            self.assertEqual(status, 3)
            self.assertIn("Permission denied", err)


class Interrupted(Hard):
    """130, and every file that was asked for is whole or not there."""

    def interrupt(self, arguments, settle=0.5, attempts=6):
        """Sends an interrupt in the middle; tries earlier if the command had ended."""
        for _ in range(attempts):
            child = subprocess.Popen([MEMSCAPE, *map(str, arguments)], env=environment(),
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder)
            time.sleep(settle)
            child.send_signal(signal.SIGINT)
            child.communicate(timeout=240)
            if child.returncode == 130:
                return
            self.assertIn(child.returncode, (0, 1, -signal.SIGINT), arguments)
            for name in set(self.names()) - set(self.before):
                (self.folder / name).unlink()
            settle /= 2
        self.fail(f"never interrupted: {arguments}")

    def setUp(self):
        super().setUp()
        self.long = self.folder / "long.mst"
        self.assertEqual(run(MEMSCAPE, "gen", "uniform", "-n", "400000", "-o", self.long)[0], 0)
        self.before = self.names()

    def test_replay(self):
        self.interrupt(["replay", "-c", "x86_64", "-q", "--check=10", "--csv", "rows.csv", "--every", "1",
                        "--json", "report.json", self.long])
        report = json.loads((self.folder / "report.json").read_text())
        self.assertEqual(report["run"]["ended"], "interrupted")
        rows = (self.folder / "rows.csv").read_text()
        self.assertTrue(rows.endswith("\n"))
        self.assertEqual(len(rows.splitlines()), report["events"]["done"] + 1)
        self.assertEqual(set(self.names()) - set(self.before), {"report.json", "rows.csv"})

    def test_fit(self):
        self.interrupt(["fit", "-c", "x86_64", "--alloc", "all", "--json", "fit.json", self.long])
        self.assertEqual(self.names(), self.before)

    def test_compare(self):
        self.interrupt(["compare", "-c", "x86_64", "--a", "tlsf", "--b", "tlsf allocators.heap.bytes=1G", "--json",
                        "c.json", self.long], settle=0.2)
        c = json.loads((self.folder / "c.json").read_text())
        self.assertEqual((c["a"]["run"]["ended"], c["b"]["run"]["ended"]), ("interrupted", "interrupted"))
        self.assertEqual(c["compared"], min(c["a"]["events"], c["b"]["events"]))
        self.assertLess(c["compared"], 400000)

    def test_commands_that_write_traces(self):
        """No trace is there, and none under another name."""
        for arguments in (["gen", "uniform", "-n", "30000000", "-o", "out.mst"],
                          ["import", self.long, "-o", "out.trace", "--to", "text"],
                          ["trace", "filter", "--size", "1..100000", self.long, "-o", "out.trace"]):
            self.interrupt(arguments, settle=0.2)
            self.assertEqual(self.names(), self.before, arguments)


def main():
    global MEMSCAPE, VANDAL, ROOT, FIRMWARE
    MEMSCAPE, VANDAL = (str(pathlib.Path(p).resolve()) for p in sys.argv[1:3])
    ROOT = pathlib.Path(sys.argv[3]).resolve()
    FIRMWARE = ROOT / "traces" / "firmware.mst"
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])


if __name__ == "__main__":
    main()
