#!/usr/bin/env python3
"""Sweeps from outside: killed, cut into shards, judged by gates, exported.

    sweep_commands.py MEMSCAPE SOURCE_ROOT [PART...]
"""
import csv
import io
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

MEMSCAPE, ROOT = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
FIRMWARE = ROOT / "traces/firmware.mst"
SWEEP = f"""sweep: chosen
machines: [stm32h7]
traces: [{FIRMWARE}, {{gen: uniform, events: 20000, live: 300, max: 512}}]
axes:
  alloc: [tlsf, bins, half_fit]
  kib: {{path: allocators.heap.bytes, from: 192K, to: 256K, step: 32K}}
repeats: 2
perturb: {{seed: 3, base: 128, bytes: 1, requests: 1, ties: 32}}
figures: [peak.footprint_bytes, events.failed, "run.tainted"]
minimise: [events.failed, ledger.peak.metadata]
"""
POINTS = 2 * 3 * 3 * 2
failures = []


def check(condition, text):
    if not condition:
        failures.append(text)
        print(f"FAILED: {text}")


def run(*arguments, status=0, says=""):
    done = subprocess.run([MEMSCAPE, *map(str, arguments)], capture_output=True, text=True, timeout=280)
    check(done.returncode == status, f"{' '.join(map(str, arguments))} ends with {done.returncode}, expected {status}: "
          f"{done.stderr[-400:]}{done.stdout[-200:]}")
    check(says in done.stdout + done.stderr, f"{' '.join(map(str, arguments))} does not say '{says}': "
          f"{done.stdout[-600:]}{done.stderr[-300:]}")
    return done


def export(results, *options):
    return run("export", results, *options).stdout


def count(results):
    """Points that a file of results has, whoever writes to it."""
    db = sqlite3.connect(f"file:{results}?mode=ro", uri=True, timeout=10)
    try:
        return db.execute("SELECT count(*) FROM result").fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    finally:
        db.close()


def undisturbed():
    """Results of SWEEP that nobody disturbed, with whole reports, made once."""
    if not pathlib.Path("whole.db").exists():
        pathlib.Path("sweep.yaml").write_text(SWEEP)
        run("sweep", "sweep.yaml", "-o", "whole.db", "-j", "2")
    return "whole.db"


# ---- parts ----

def part_results():
    whole = undisturbed()
    rows = list(csv.reader(io.StringIO(export(whole))))
    check(len(rows) == POINTS + 1, f"{len(rows) - 1} rows, expected {POINTS}")
    check(rows[0] == ["point", "machine", "trace", "alloc", "kib", "repeat", "status", "peak.footprint_bytes",
                      "events.failed", "run.tainted", "ledger.peak.metadata", "message"], f"columns {rows[0]}")
    check(all(r[6] == "ok" for r in rows[1:]), "a point did not run")
    # A point is the replay that its command runs.
    done = run("replay", "-q", "-c", "stm32h7", "--alloc", "bins", "--set", "allocators.heap.bytes=224K", "--json", "-",
               FIRMWARE)
    report = json.loads(done.stdout)
    row = next(r for r in rows if r[0] == "chosen" or r[0] == "stm32h7 firmware alloc=bins kib=224K #0")
    check(row[7:11] == [str(report["peak"]["footprint_bytes"]), str(report["events"]["failed"]), "0",
                        str(report["ledger"]["peak"]["metadata"])], f"{row} is not what replay reports")
    points = json.loads(export(whole, "-f", "json", "--reports"))["points"]
    point = next(p for p in points if p["point"] == row[0])
    for key in ("ledger", "peak", "heaps", "failures", "image_hash", "trace"):
        check(point["report"][key] == report[key], f"the point's {key} is not replay's")
    # Nothing is run twice, and nothing depends on how many worked at it.
    check("36 known before, 0 run" in run("sweep", "sweep.yaml", "-o", whole).stderr, "known points are run again")
    run("sweep", "sweep.yaml", "-q", "-o", "one.db", "-j", "1")
    check(export("one.db", "-f", "json", "--reports") == export(whole, "-f", "json", "--reports"),
          "one worker finds other results than two")
    # Another value of an axis: the points known stay known.
    pathlib.Path("more.yaml").write_text(SWEEP.replace("to: 256K", "to: 288K"))
    shutil.copy(whole, "more.db")
    check(f"{2 * 3 * 4 * 2} points, 36 known before, 12 run" in run("sweep", "more.yaml", "-o", "more.db").stderr,
          "a wider sweep does not use what is known")


def kill_once(moment):
    """Begins or resumes the sweep and kills it at a random moment; its exit status, 0 if it was done before."""
    worker = subprocess.Popen([MEMSCAPE, "sweep", "sweep.yaml", "-q", "-o", "killed.db", "-j", "2"])
    before = count("killed.db") if pathlib.Path("killed.db").exists() else 0
    deadline = time.monotonic() + 20
    more = moment.choice([0, 0, 1, 1, 2])
    while time.monotonic() < deadline and worker.poll() is None and \
            (not pathlib.Path("killed.db").exists() or count("killed.db") < before + more):
        time.sleep(moment.uniform(0, 0.004))
    time.sleep(moment.uniform(0, 0.03))
    worker.kill()
    return worker.wait()


def part_kill():
    """kill -9 at twenty random moments; then the same command ends it, and all is as undisturbed.

    A fast machine is done before twenty kills: then all is compared, and a new sweep takes the rest of them.
    """
    whole = undisturbed()
    moment = random.Random(5)
    seen, killed, ended = [0], 0, 0
    while killed < 20:
        status = kill_once(moment)
        points = count("killed.db") if pathlib.Path("killed.db").exists() else 0
        check(points >= seen[-1], f"finished points were lost: {seen}, then {points}")
        seen.append(points)
        if status != 0:
            killed += 1
            continue
        check(export("killed.db") == export(whole), "a sweep that was killed and resumed ended otherwise")
        for path in pathlib.Path(".").glob("killed.db*"):
            path.unlink()
        seen.append(0)
        ended += 1
    run("sweep", "sweep.yaml", "-q", "-o", "killed.db", "-j", "2")
    for form in ("csv", "json", "markdown", "github", "bencher", "junit"):
        check(export("killed.db", "-f", form) == export(whole, "-f", form), f"after kills the {form} export differs")
    check(export("killed.db", "-f", "json", "--reports") == export(whole, "-f", "json", "--reports"),
          "after kills a report differs")
    print(f"points after each of 20 kills, in {ended + 1} sweeps: {seen}")


def workers_of(pid):
    return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def descendants(pid):
    try:
        children = workers_of(pid)
    except FileNotFoundError:
        return []
    return children + [d for c in children for d in descendants(c)]


def part_crash():
    """A worker that dies is a result of its point; no other point suffers."""
    undisturbed()
    pathlib.Path("slow.yaml").write_text(
        "sweep: slow\nmachines: [x86_64]\ntraces: [{gen: listwalk, events: 30000}, {gen: comb, events: 2000}]\n"
        "axes: {alloc: [best_fit, tlsf]}\nfigures: [events.done]\n")
    sweep = subprocess.Popen([MEMSCAPE, "sweep", "slow.yaml", "-o", "crash.db", "-j", "1"], stderr=subprocess.PIPE,
                             text=True)
    deadline = time.monotonic() + 60
    victim = None
    while victim is None and time.monotonic() < deadline and sweep.poll() is None:
        children = workers_of(sweep.pid)
        # Decoding is over when a worker has mapped a trace and is at work with it.
        if children and "memscape-trace" in pathlib.Path(f"/proc/{children[0]}/maps").read_text():
            victim = children[0]
    check(victim is not None, "no worker was seen")
    if victim is not None:
        os.kill(victim, signal.SIGKILL)
    text = sweep.communicate(timeout=200)[1]
    check(sweep.returncode == 4, f"a crash ends with {sweep.returncode}: {text}")
    check("1 crashes" in text and "signal 9" in text, f"a crash is told as: {text}")
    rows = list(csv.DictReader(io.StringIO(export("crash.db"))))
    check([r["status"] for r in rows].count("crash") == 1 and [r["status"] for r in rows].count("ok") == 3,
          f"after a crash: {[r['status'] for r in rows]}")
    run("sweep", "slow.yaml", "-o", "crash.db", says="4 known before")
    run("sweep", "slow.yaml", "-o", "crash.db", "--retry", says="3 known before, 1 run")
    check("crash" not in export("crash.db"), "--retry leaves the crash")


def part_hang():
    """A point that hangs (its process is stopped) is ended, and no other one suffers; --retry runs it again."""
    pathlib.Path("hang.yaml").write_text(
        "sweep: hang\nmachines: [stm32h7]\ntraces: [{gen: uniform, events: 400000, live: 200, max: 256}]\n"
        "axes: {alloc: [bins, tlsf, half_fit, buddy_heap]}\nfigures: [events.done]\n")
    sweep = subprocess.Popen([MEMSCAPE, "sweep", "hang.yaml", "-o", "hang.db", "-j", "2", "--max-seconds", "3"],
                             stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    victim = None
    while victim is None and time.monotonic() < deadline and sweep.poll() is None:
        for child in workers_of(sweep.pid):
            if "memscape-trace" in pathlib.Path(f"/proc/{child}/maps").read_text():
                victim = child
                break
    check(victim is not None, "no worker was seen")
    if victim is not None:
        os.kill(victim, signal.SIGSTOP)
    text = sweep.communicate(timeout=100)[1]
    check(sweep.returncode == 0, f"a timeout ends with {sweep.returncode}: {text}")
    check("1 timeouts" in text and "took more than 3 s and was ended" in text, f"a timeout is told as: {text}")
    status = [r["status"] for r in csv.DictReader(io.StringIO(export("hang.db")))]
    check(sorted(status) == ["ok", "ok", "ok", "timeout"], f"after a hang: {status}")
    run("sweep", "hang.yaml", "-o", "hang.db", "--retry", says="3 known before, 1 run")
    run("sweep", "hang.yaml", "-q", "-o", "calm.db")
    check(export("hang.db", "-f", "json", "--reports") == export("calm.db", "-f", "json", "--reports"),
          "after a hang and --retry results differ")
    for text in ("0", "x", "-1", "1e3"):
        run("sweep", "hang.yaml", "--max-seconds", text, status=2, says="expected a number from 1")


def part_interrupt():
    undisturbed()
    sweep = subprocess.Popen([MEMSCAPE, "sweep", "sweep.yaml", "-q", "-o", "stopped.db", "-j", "1"],
                             start_new_session=True)
    deadline = time.monotonic() + 60
    while (not pathlib.Path("stopped.db").exists() or count("stopped.db") < 2) and time.monotonic() < deadline:
        time.sleep(0.002)
    os.killpg(sweep.pid, signal.SIGINT)
    check(sweep.wait(timeout=20) == 130, f"Ctrl-C ends with {sweep.returncode}")
    kept = count("stopped.db")
    check(2 <= kept < POINTS, f"{kept} points are kept after Ctrl-C")
    run("sweep", "sweep.yaml", "-o", "stopped.db", says=f"{kept} known before")
    check(export("stopped.db") == export("whole.db"), "after Ctrl-C results differ")


def part_shards():
    whole = undisturbed()
    for i in (1, 2, 3):
        run("sweep", "sweep.yaml", "-q", "-o", f"shard{i}.db", "--shard", f"{i}/3")
    check(sum(count(f"shard{i}.db") for i in (1, 2, 3)) == POINTS, "shards are no partition")
    run("merge", "shard1.db", "shard2.db", "shard3.db", "-o", "merged.db")
    for form in ("csv", "json", "markdown", "github", "bencher", "junit"):
        check(export("merged.db", "-f", form) == export(whole, "-f", form), f"merged shards export another {form}")
    run("merge", "shard3.db", "whole.db", "shard1.db", "-o", "again.db")
    check(export("again.db", "-f", "json", "--reports") == export(whole, "-f", "json", "--reports"),
          "the order of merging matters")
    # One report changed by a digit is a contradiction.
    shutil.copy("shard1.db", "forged.db")
    db = sqlite3.connect("forged.db")
    db.execute("UPDATE result SET report = replace(report, '\"live_blocks\":', '\"live_blocks\":1')")
    db.commit()
    db.close()
    run("merge", "whole.db", "forged.db", "-o", "bad.db", status=3, says="contradicts")
    check(not pathlib.Path("bad.db").exists(), "a refused merge leaves a file")
    pathlib.Path("other.yaml").write_text(SWEEP.replace("half_fit", "best_fit"))
    run("sweep", "other.yaml", "-q", "-o", "other.db", "--shard", "1/9")
    run("merge", "whole.db", "other.db", "-o", "bad.db", status=3, says="expected shards of one sweep")
    run("merge", "whole.db", "sweep.yaml", "-o", "bad.db", status=3)
    run("merge", "whole.db", status=2)
    for shard in ("0/3", "4/3", "1", "a/b", "1/0"):
        run("sweep", "sweep.yaml", "--shard", shard, status=2, says="expected I/N")


def part_gate():
    """Made worse by one byte: which figure, where, by how much, since when; exit status 1."""
    undisturbed()
    pathlib.Path("gate.yaml").write_text(
        "gate: budget\nbaseline: baseline.json\nrules:\n"
        "  - {check: events.failed == 0, where: \"trace == 'firmware' and alloc == 'tlsf' and kib == 256K\"}\n"
        "  - ledger.peak.metadata <= baseline\n  - {name: footprint, check: peak.footprint_bytes <= baseline * 1.05}\n")
    run("baseline", "check", "whole.db", "--gate", "gate.yaml", status=1, says="there is no baseline")
    run("baseline", "update", "whole.db", "--gate", "gate.yaml", "--label", "v1")
    run("baseline", "check", "whole.db", "--gate", "gate.yaml", says="0 broken; the baseline is v1")
    run("sweep", "sweep.yaml", "-o", "whole.db", "--gate", "gate.yaml", says="0 broken")
    baseline = json.loads(pathlib.Path("baseline.json").read_text())
    name = "stm32h7 uniform alloc=bins kib=224K #1"
    was = baseline["points"][name]["ledger.peak.metadata"]
    baseline["points"][name]["ledger.peak.metadata"] -= 1
    pathlib.Path("baseline.json").write_text(json.dumps(baseline))
    out = run("sweep", "sweep.yaml", "-o", "whole.db", "--gate", "gate.yaml", status=1).stdout
    check(name in out and f"ledger.peak.metadata is {was:,}, expected <= {was - 1:,} (baseline v1): 1 more" in out,
          f"one byte worse is told as: {out[-500:]}")
    check("1 broken" in out, "more than one check is broken")
    # The same in all forms for machines.
    junit = xml.etree.ElementTree.fromstring(export("whole.db", "-f", "junit", "--gate", "gate.yaml"))
    check(junit.get("failures") == "1" and int(junit.get("tests")) == 2 * POINTS + 2, f"JUnit says {junit.attrib}")
    failure = junit.find(".//failure")
    check("1 more" in failure.get("message"), f"JUnit says {failure.get('message')}")
    markdown = export("whole.db", "-f", "markdown", "--gate", "gate.yaml")
    check(f"- **{name}**: ledger.peak.metadata is" in markdown and "74 checks, 1 broken" in markdown,
          f"Markdown says {markdown[:600]}")
    checks = list(csv.DictReader(io.StringIO(export("whole.db", "-f", "csv", "--gate", "gate.yaml"))))
    check(len(checks) == 2 * POINTS + 2 and [c for c in checks if c["verdict"] != "holds"] == [
        {"point": name, "rule": "ledger.peak.metadata <= baseline", "verdict": "broken", "over": "1", "op": "<=",
         "figure": "ledger.peak.metadata", "value": str(was), "limit": str(was - 1), "message": ""}],
          f"CSV says {[c for c in checks if c['verdict'] != 'holds']}")
    gate = json.loads(export("whole.db", "-f", "json", "--gate", "gate.yaml"))["gate"]
    check(gate["broken"] == 1 and gate["baseline"] == "v1" and len(gate["checks"]) == 2 * POINTS + 2, "JSON's gate")
    check([c["over"] for c in gate["checks"] if c["verdict"] != "holds"] == [1], "JSON's broken check")
    for form in ("github", "bencher"):
        run("export", "whole.db", "-f", form, "--gate", "gate.yaml", status=2, says="shows no checks")
    # What is absent is no pass: a shard, or all points of a rule.
    run("sweep", "sweep.yaml", "-q", "-o", "part1.db", "--shard", "1/3", "--gate", "gate.yaml", status=0)
    run("sweep", "sweep.yaml", "-q", "-o", "part2.db", "--shard", "2/3", "--gate", "gate.yaml", status=1, says="1 broken")
    run("merge", "part1.db", "part2.db", "-o", "parts.db")
    run("baseline", "check", "parts.db", "--gate", "gate.yaml", status=1, says="12 points have no result yet")
    check(export("parts.db", "-f", "junit", "--gate", "gate.yaml").count('type="not-run"') >= 24, "JUnit of two shards")
    pathlib.Path("idle.yaml").write_text(pathlib.Path("gate.yaml").read_text().replace("kib == 256K", "kib == 257K"))
    run("baseline", "check", "whole.db", "--gate", "idle.yaml", status=1, says="speaks of no point")
    # A baseline that does not know a point is no pass.
    del baseline["points"][name]
    pathlib.Path("baseline.json").write_text(json.dumps(baseline))
    run("baseline", "check", "whole.db", "--gate", "gate.yaml", status=1, says="'memscape baseline update' adds it")
    pathlib.Path("baseline.json").write_text("{}")
    run("baseline", "check", "whole.db", "--gate", "gate.yaml", status=3, says="no baseline, expected")
    run("baseline", "check", "whole.db", "--gate", "sweep.yaml", status=3, says="unknown key")
    run("baseline", "check", "whole.db", status=2)
    # The shipped gate holds with the shipped baseline; a firmware that needs a byte more breaks it.
    shutil.copytree(ROOT / "sweeps", "sweeps")
    os.symlink(ROOT / "traces", "traces")
    run("sweep", "sweeps/firmware-ci.yaml", "-q", "-o", "ci.db", "--gate", "sweeps/firmware-gate.yaml",
        says="0 broken; the baseline is 0.1.0")
    path = pathlib.Path("sweeps/firmware-baseline.json")
    path.write_text(path.read_text().replace('"peak.footprint_bytes": 256704', '"peak.footprint_bytes": 256703', 1))
    run("baseline", "check", "ci.db", "--gate", "sweeps/firmware-gate.yaml", status=1,
        says="peak.footprint_bytes is 256,704, expected <= 256,703 (baseline 0.1.0): 1 more")
    run("baseline", "update", "ci.db", "--gate", "sweeps/firmware-gate.yaml")
    run("baseline", "check", "ci.db", "--gate", "sweeps/firmware-gate.yaml", says="0 broken")


def part_answers():
    """Best, Pareto front, effects and their noise, found once more from the table of points."""
    rows = list(csv.DictReader(io.StringIO(export(undisturbed()))))
    names, figures = ["events.failed", "ledger.peak.metadata"], lambda r: [int(r[n]) for n in names]  # noqa: E731
    first = [r for r in rows if r["repeat"] == "0"]
    text = export("whole.db", "-f", "markdown")
    best, front = [], set()
    for trace in ("firmware", "uniform"):
        mine = [r for r in first if r["trace"] == trace]
        best.append(min(mine, key=figures)["point"].removesuffix(" #0"))
        front |= {r["point"].removesuffix(" #0") for r in mine
                  if not any(all(a <= b for a, b in zip(figures(o), figures(r))) and figures(o) != figures(r) for o in mine)}
    check(re.findall(r"Best: \*\*(.*)\*\*", text) == best, f"the best are {best}")
    told = set(re.findall(r"^\| (\S.*?) \| \d+ \| \d+ \|$", text.split("## Pareto")[1].split("## ")[0], re.M))
    check(told == front, f"the front is {front}, not {told}")
    for name in names:
        part = text.split(f"## Effects on {name}")[1].split("## ")[0]
        for axis in ("trace", "alloc", "kib"):
            levels = list(dict.fromkeys(r[axis] for r in rows))
            means = {level: [sum(int(r[name]) for r in rows if r[axis] == level and r["repeat"] == k) /
                             sum(r[axis] == level and r["repeat"] == k for r in rows) for k in "01"] for level in levels}
            apart = max(m[0] for m in means.values()) - min(m[0] for m in means.values())
            noise = max(max(m) - min(m) for m in means.values())
            said = re.search(rf"^- {axis}, ([\d.]+) apart( \(within the noise\))?:", part, re.M)
            check(said is not None and abs(float(said[1]) - apart) < 1e-4 and (said[2] is not None) == (apart <= noise),
                  f"{axis} on {name}: {said and said[0]}, expected {apart} apart, noise {noise}")


def part_formats():
    whole = undisturbed()
    github = json.loads(export(whole, "-f", "github"))
    check({"name", "unit", "value"} == set(github[0]) and any(e["unit"] == "bytes" for e in github), "github's list")
    bencher = json.loads(export(whole, "-f", "bencher"))
    check(len(bencher) == POINTS and all(isinstance(m["value"], (int, float)) for b in bencher.values()
                                         for m in b.values()), "Bencher's form")
    junit = xml.etree.ElementTree.fromstring(export(whole, "-f", "junit"))
    check(junit.get("tests") == str(POINTS) and junit.get("failures") == "0", "JUnit without a gate")
    rows = list(csv.reader(io.StringIO(export(whole, "--figures", "events.done; largest(main)"))))
    check(rows[0][7:9] == ["events.done", "largest(main)"] and all(r[7] for r in rows), "--figures")
    run("export", whole, "--figures", "events.", status=3, says="expected a name after '.'")
    run("export", whole, "-f", "xml", status=2)
    run("export", "sweep.yaml", status=3)
    run("export", "nothing.db", status=3, says="no such file")


def part_ends():
    """Points that do not end well are recorded, and the sweep goes on."""
    undisturbed()
    pathlib.Path("ends.yaml").write_text(
        f"sweep: ends\nmachines: [stm32h7]\ntraces: [{FIRMWARE}]\n"
        "axes:\n  how:\n    - {name: good, set: {page.order: 10}}\n"
        "    - {name: large, set: {allocators.heap.bytes: 2M}}\n"
        "    - {name: unknown, set: {alloc: nosuch}}\n    - {name: slow, set: {alloc: best_fit}}\n")
    run("sweep", "ends.yaml", "-o", "ends.db", "--max-steps", "1000000", says="3 did not end well (2 errors, 1 over")
    status = {r["how"]: (r["status"], r["message"]) for r in csv.DictReader(io.StringIO(export("ends.db")))}
    check([status[h][0] for h in ("good", "large", "unknown", "slow")] == ["ok", "error", "error", "limit"],
          f"statuses {status}")
    check("bytes 2M, expected 1 to" in status["large"][1], f"says {status['large']}")
    check("more than 1000000 list steps" in status["slow"][1], f"says {status['slow']}")
    # Without a limit it is another point.
    run("sweep", "ends.yaml", "-o", "ends.db", says="4 run")
    pathlib.Path("none.yaml").write_text(SWEEP.replace("from: 192K, to: 256K, step: 32K", "values: [9M]"))
    run("sweep", "none.yaml", "-o", "none.db", status=3, says="no machine takes a value of axis 'kib'")
    pathlib.Path("cut.mst").write_bytes(FIRMWARE.read_bytes()[:100000])
    pathlib.Path("cut.yaml").write_text("sweep: cut\nmachines: [stm32h7]\ntraces: [cut.mst, {gen: comb, events: 1000}]\n")
    run("sweep", "cut.yaml", "-o", "cut.db", says="its trace cannot be read")
    check([r["status"] for r in csv.DictReader(io.StringIO(export("cut.db")))] == ["error", "ok"], "a damaged trace")


WRONG_SWEEPS = {
    "{head}axis: {{}}\n": "4:1: unknown key 'axis' in a sweep",
    "sweep: x\nmachines: [stm32h8]\ntraces: [a.txt]\n": "2:12: stm32h8: no such machine",
    "sweep: x\nmachines: [{{machine: stm32h7, variant: nope}}]\ntraces: [a.txt]\n": "2:12: no variant 'nope'",
    "sweep: x\nmachines: [stm32h7]\ntraces: [none.mst]\n": "3:10: none.mst: cannot open",
    "sweep: x\nmachines: [stm32h7]\ntraces: [{{trace: a.txt, as: pages}}]\n": "3:29: a trace cannot be read as 'pages'",
    "sweep: x\nmachines: [stm32h7]\ntraces: [{{trace: a.txt, caches: 3}}]\n": "3:33: caches belong to `as: kmalloc`",
    "{head}axes: {{allocators.heap.knd: [1]}}\n": "4:29: no machine takes a value of axis 'allocators.heap.knd': unknown",
    "{head}axes: {{alloc: [tlfs]}}\n": "4:15: no machine takes a value of axis 'alloc': unknown allocator kind 'tlfs'",
    "{head}axes: {{page.order: {{from: 9, to: 8}}}}\n": "4:20: the range is empty",
    "{head}axes: {{page.order: [9, 9]}}\n": "4:24: '9' is twice",
    "{head}axes: {{page.order: [9]}}\ninclude: [page.order ==]\n": "5:24: unexpected end",
    "{head}axes: {{page.order: [9]}}\nexclude: [order == 9]\n": "5:11: the report has no 'order' here",
    "{head}set: {{page.ordr: 9}}\n": "4:6: machine 'stm32h7' does not take this: unknown key 'ordr'",
    "{head}perturb: {{bytes: 1}}\n": "4:10: nothing is repeated",
    "{head}max_seconds: -1\n": "4:14: '-1', expected a size",
    "{head}figures: [events.]\n": "4:18: expected a name after '.'",
}
WRONG_GATES = {
    "gate: x\nrulez: []\n": "2:1: unknown key 'rulez'",
    "gate: x\nrules: [events.failed =< 3]\n": "2:23: unexpected '='",
    "gate: x\nrules: [{check: events.failed == 0, when: a}]\n": "2:37: unknown key 'when'",
    "gate: x\n": "1:1: expected rules",
}
WRONG_BASELINES = {
    "{": "1:1: string or '}' expected",
    '{"schema": "memscape.baseline/1", "points": {"a": 1}}': "point 'a' has no figures",
    '{"schema": "memscape.baseline/1", "points": {"a": {"x": "1"}}}': "'x' of the point 'a' is no number",
    '{"schema": "memscape.baseline/1", "points": {"a": {"x": 1e300}}}': "'x' of the point 'a' is no number",
    '{"schema": "memscape.report/1", "points": {}}': "no baseline, expected a file",
}


def part_errors():
    """Errors in sweep, gate and baseline files: one line, its place, and nothing was run or written."""
    undisturbed()
    pathlib.Path("a.txt").write_text("a = malloc 10\n")
    head = "sweep: x\nmachines: [stm32h7]\ntraces: [a.txt]\n"
    for text, says in WRONG_SWEEPS.items():
        pathlib.Path("wrong.yaml").write_text(text.format(head=head))
        run("sweep", "wrong.yaml", "-o", "wrong.db", status=3, says=f"wrong.yaml:{says}")
        check(not pathlib.Path("wrong.db").exists(), f"{text} leaves a file")
    for text, says in WRONG_GATES.items():
        pathlib.Path("wrong.yaml").write_text(text)
        run("baseline", "check", "whole.db", "--gate", "wrong.yaml", status=3, says=f"wrong.yaml:{says}")
    pathlib.Path("good.yaml").write_text("gate: x\nrules: [events.failed <= baseline]\n")
    for text, says in WRONG_BASELINES.items():
        pathlib.Path("wrong.json").write_text(text)
        run("baseline", "check", "whole.db", "--gate", "good.yaml", "--baseline", "wrong.json", status=3, says=says)
    pathlib.Path("blank.yaml").write_text(head + "figures: [no.such.figure]\n")
    run("sweep", "blank.yaml", "-o", "blank.db", says="no report has a number 'no.such.figure'")


def part_dry_run():
    undisturbed()
    out = run("sweep", "sweep.yaml", "-o", "fresh.db", "--dry-run").stdout
    check(len(re.findall(r"^ +\d+  stm32h7 ", out, re.M)) == POINTS, "--dry-run lists other points")
    check("36 points to run, about " in out and "measured on 2)" in out, f"--dry-run says {out[-200:]}")
    check(not pathlib.Path("fresh.db").exists(), "--dry-run leaves a file")
    out = run("sweep", "sweep.yaml", "-o", "whole.db", "--dry-run").stdout
    check(out.count("(known)") == POINTS and "0 points to run" in out, "--dry-run of known points")
    out = run("sweep", "sweep.yaml", "-o", "fresh.db", "--dry-run", "--shard", "2/3").stdout
    check("12 points to run" in out, "--dry-run of a shard")


def part_fit():
    pathlib.Path("fit.yaml").write_text(
        f"sweep: fits\nmode: fit\nmachines: [stm32h7]\ntraces: [{FIRMWARE}]\naxes: {{alloc: [tlsf, bins]}}\n"
        "minimise: [fit.bytes]\n")
    out = run("sweep", "fit.yaml", "-o", "fit.db").stdout
    rows = {r["alloc"]: r for r in csv.DictReader(io.StringIO(export("fit.db")))}
    fit = json.loads(run("fit", "-c", "stm32h7", "--alloc", "tlsf,bins", "--json", "-", FIRMWARE).stdout)
    for result in fit["results"]:
        check(rows[result["alloc"]]["fit.bytes"] == str(result["bytes"]), f"{rows} is not what fit finds")
    best = min(fit["results"], key=lambda r: r["bytes"])["alloc"]
    check(f"memscape fit -c stm32h7 --alloc {best} {FIRMWARE}" in out, f"the best point's command: {out}")


def figures_of(report, names):
    """Figures by dotted path, as text."""
    for name in names:
        value = report
        for step in name.split("."):
            value = next(x for x in value if x["name"] == step) if isinstance(value, list) else value[step]
        yield str(value)


def part_reproduce():
    """The command of any point is that point: settings of every kind, traces read, made and translated."""
    pathlib.Path("kinds.yaml").write_text(
        "sweep: kinds\nmachines: [{machine: x86_32, variants: [1g, 2g], set: {machine.cpus: 2}}]\n"
        f"traces:\n  - {{trace: {FIRMWARE}, as: kmalloc, caches: 5, name: kernel}}\n"
        f"  - {FIRMWARE}\n  - {{gen: comb, events: 5000, name: \"it's, made\"}}\n"
        "set: {allocators.heap.bytes: 512K}\n"
        "axes:\n  how:\n    - {name: tags, set: {alloc: first_fit}}\n"
        "    - {name: rules, set: {placement: [{name: small, size_max: 64, zones: [normal]}]}}\n"
        "  max_order: {path: allocators.slab.max_order, values: [0, 3]}\n"
        "figures: [peak.live_bytes, peak.footprint_bytes, ledger.peak.metadata, events.failed, events.done]\n"
        "minimise: [peak.footprint_bytes]\n")
    run("sweep", "kinds.yaml", "-q", "-o", "kinds.db")
    rows = {r["point"]: r for r in csv.DictReader(io.StringIO(export("kinds.db")))}
    check(len(rows) == 24, f"{len(rows)} points of all kinds")
    env = {**os.environ, "PATH": f"{MEMSCAPE.parent}:{os.environ['PATH']}"}
    db = sqlite3.connect("kinds.db")
    names = ["peak.live_bytes", "peak.footprint_bytes", "ledger.peak.metadata", "events.failed", "events.done"]
    for point, axes in db.execute("SELECT point, axes FROM plan").fetchall():
        command = json.loads(axes)["command"]
        done = subprocess.run(["sh", "-c", command + " -q --json -"], capture_output=True, text=True, env=env)
        check(done.returncode == 0, f"{command} ends with {done.returncode}: {done.stderr}")
        if done.returncode == 0:
            check(list(figures_of(json.loads(done.stdout), names)) == [rows[point][n] for n in names],
                  f"{command} is not the point {point}: {rows[point]}")
    db.close()


def held_sweep(db):
    """A sweep of our own that has some results and is held there; it writes to db as long as it lives."""
    while True:
        pathlib.Path(db).unlink(missing_ok=True)
        first = subprocess.Popen([MEMSCAPE, "sweep", "sweep.yaml", "-q", "-o", db, "-j", "1"])
        while first.poll() is None and (not pathlib.Path(db).exists() or count(db) == 0):
            time.sleep(0.001)
        first.send_signal(signal.SIGSTOP)
        if first.poll() is None:
            return first


def part_lock():
    undisturbed()
    first = held_sweep("lock.db")
    run("sweep", "sweep.yaml", "-q", "-o", "lock.db", status=3, says="another sweep is writing to it")
    check(len(export("lock.db").splitlines()) > 1, "results cannot be read while a sweep runs")
    first.kill()
    first.wait()


def part_parallel():
    """The line of contrib/ for GNU parallel, ended in the middle and begun again."""
    whole = undisturbed()
    if not shutil.which("parallel"):
        print("skipped: GNU parallel is not installed")
        return
    script, env = ROOT / "contrib/pipelines/parallel.sh", {**os.environ, "MEMSCAPE": str(MEMSCAPE)}
    first = subprocess.Popen([script, "sweep.yaml", "3", "all.db", "-j2"], env=env, start_new_session=True,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not pathlib.Path("all.db.1").exists() or count("all.db.1") < 2:
        time.sleep(0.01)
    # parallel gives each job a group of its own: all that descend from it.
    for pid in [first.pid, *descendants(first.pid)]:
        os.kill(pid, signal.SIGKILL)
    first.wait()
    time.sleep(0.2)
    done = subprocess.run([script, "sweep.yaml", "3", "all.db", "-j2"], env=env, capture_output=True, text=True)
    check(done.returncode == 0, f"parallel.sh ends with {done.returncode}: {done.stderr}")
    check(export("all.db", "-f", "json", "--reports") == export(whole, "-f", "json", "--reports"),
          "the shards of GNU parallel find other results")


def part_shipped():
    """Every shipped sweep is read, and lists its points."""
    for path in sorted((ROOT / "sweeps").glob("*.yaml")):
        if "gate:" in path.read_text().splitlines()[4:8].__str__():
            continue
        out = run("sweep", path, "--dry-run", "-o", "nothing.db").stdout
        check("points to run" in out, f"{path.name} lists nothing")


def main():
    parts = {name.removeprefix("part_"): fn for name, fn in globals().items() if name.startswith("part_")}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in sys.argv[3:] or parts:
            begun = time.monotonic()
            parts[name]()
            print(f"{name}: {time.monotonic() - begun:.1f} s")
        os.chdir("/")
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
