#!/usr/bin/env python3
"""A kernel's slab events: all text forms, old and new, say the same; recordings of a real kernel are
served as it served them, in slabs of the same shape.

    slab_recordings.py MEMSCAPE SOURCE_ROOT
"""
import json
import pathlib
import subprocess
import sys
import tempfile

SITE = {"new": ("alloc_pipe_info+0x5d/0x230", "ext4_f+0x1/0x2 [ext4]"), "hex": ("ffffffff812d2f5d", "ffffffffc0112233")}
# (cpu, seconds, event, where, pointer, the rest); braces: what kernels before 6.1 do not print.
EVENTS = [
    (0, "9.000001", "kmalloc", 0, 0xa1, "bytes_req=100 bytes_alloc=128 gfp_flags=GFP_KERNEL|__GFP_ZERO{ node=-1 accounted=false}"),
    (1, "9.000002", "kmem_cache_alloc", 1, 0xa2, "{name=inode_cache }bytes_req=616 bytes_alloc=624 gfp_flags=GFP_KERNEL{ node=-1 accounted=true}"),
    (0, "9.000003", "kfree", 0, 0xa1, ""),
    (0, "9.000004", "kfree", 0, 0, ""),                       # a null pointer
    (0, "9.000005", "kfree", 1, 0xb0, ""),                    # older than the recording
    (1, "9.000006", "kmem_cache_alloc", 1, 0xa3, "{name=inode_cache }bytes_req=616 bytes_alloc=624 gfp_flags=GFP_KERNEL{ node=0 accounted=true}"),
    (1, "9.000007", "kmem_cache_free", 1, 0xa2, "{name=inode_cache}"),
    (1, "9.000008", "kmem_cache_alloc", 0, 0xa3, "{name=two words }bytes_req=184 bytes_alloc=192 gfp_flags=GFP_ATOMIC{ node=-1 accounted=false}"),
    (0, "9.000009", "kmalloc", 0, 0, "bytes_req=5000000 bytes_alloc=0 gfp_flags=GFP_NOWAIT{ node=-1 accounted=false}"),
    (0, "9.000010", "kmem_cache_free", 0, 0xb1, "{name=filp}"),
    (0, "9.000011", "kfree", 0, 0xa3, ""),                    # kfree of a cache's object
    (1, "9.000012", "kmem_cache_alloc", 0, 0xa4, "{name=odd }bytes_req=100 bytes_alloc=176 gfp_flags=0xcc0{ node=1 accounted=false}"),
]
WORDS = ["kmalloc", "cache_create", "cache_alloc", "kfree", "kfree", "cache_alloc", "cache_free", "cache_create",
         "cache_free", "cache_alloc", "kmalloc", "cache_free", "cache_create", "cache_alloc"]
LOSSES = ("2 frees of objects older", "1 frees without an event", "1 caches whose size")


def lines(form, style, pointer, old_names=False, node_events=False):
    for i, (cpu, time, event, where, ptr, rest) in enumerate(EVENTS):
        old = style == "hex"
        if old:
            while "{" in rest:
                rest = rest[:rest.index("{")] + rest[rest.index("}") + 1:]
        rest = rest.replace("{", "").replace("}", "")
        if node_events and event in ("kmalloc", "kmem_cache_alloc"):
            event, rest = event + "_node", rest + " node=1"
        yield form.format(cpu=cpu, time=time, event=event, site=SITE[style][where], ptr=pointer(ptr), rest=rest,
                          symbol=SITE["new"][where].split("/")[0], flags="d..3" if i % 2 else "....")


def hashed(p):
    return f"{p:016x}" if p == 0 or p < 16 else f"00000000{p:08x}"


def hexed(p):
    return f"0x{0xffff888100000000 + p:x}" if p else "(nil)"


FIELDS = "call_site={site} ptr={ptr} {rest}"
FORMS = {
    "tracefs": ["# tracer: nop", "#", "CPU:1 [LOST 3 EVENTS]",
                *lines("  a b:[0]-77 [{cpu:03}] {flags}. {time}: {event}: " + FIELDS, "new", hashed)],
    "tracefs, tgid": lines("  bash-77 ( 77) [{cpu:03}] {flags}. {time}: {event}: " + FIELDS, "new", lambda p: hashed(p) if p else "(null)"),
    "tracefs, 32 bits": lines("  bash-77 [{cpu:03}] {flags}. {time}: {event}: " + FIELDS, "new", lambda p: f"c1{p:06x}" if p else "(null)"),
    "tracefs, before 4.15": lines("  bash-77 [{cpu:03}] {flags} {time}: {event}: " + FIELDS, "hex", lambda p: f"ffff8801{p:08x}" if p else "          (null)"),
    "tracefs, 4.19": lines("  bash-77 [{cpu:03}] {flags} {time}: {event}: " + FIELDS, "hex", hashed),
    "tracefs, node": lines("  bash-77 [{cpu:03}] {flags} {time}: {event}: " + FIELDS, "hex", hashed, node_events=True),
    "perf": ["# ========", "# captured on    : Wed Nov 25 13:47:20 2026", *["# event : name = kmem:kmalloc" + "x" * 500] * 12, "#",
             *lines("  a b 77 [{cpu:03}] {time}:       kmem:{event}: " + FIELDS, "new", hexed)],
    "perf, lost": [*lines("  bash 77/77 [{cpu:03}] {time}: kmem:{event}: " + FIELDS, "new", hexed),
                   "  bash 77 [000] 9.000013: PERF_RECORD_LOST lost 3"],
    "perf, no CPU": lines("  bash 77 {time}: kmem:{event}: " + FIELDS, "new", hexed),
    "perf, stacks": "\n\t  ffffffff8120f0f1 kmalloc+0x1 ([kernel.kallsyms])\n\n".join(
        lines("bash 77 [{cpu:03}] {time}: kmem:{event}: " + FIELDS, "new", hexed)).splitlines(),
    "trace-cmd": ["CPU 2 is empty", "cpus=2",
                  *lines("  bash-77    [{cpu:03}] {time}000: {event}:  ({symbol}) " + FIELDS, "hex", hexed),
                  "CPU:0 [3 EVENTS DROPPED]"],
    "trace-cmd, latency": lines("  bash-77      {cpu}{flags}. {time}: {event}:  ({symbol}) " + FIELDS, "new", hexed),
    "cut": [*lines("  bash-77 [{cpu:03}] {flags} {time}: {event}: " + FIELDS, "new", hashed),
            "  bash-77 [000] .... 9.1: kmalloc: call_site=f+0x1/0x2 pt"],
}


def imported(memscape, text, folder):
    path = pathlib.Path(folder) / "events"
    path.write_text(text)
    done = subprocess.run([memscape, "import", path, "-o", "-", "--to", "text"], capture_output=True, text=True)
    return done.stdout, done.stderr


def check_forms(memscape, folder):
    wrong, seen = [], {}
    for name, form in FORMS.items():
        text = "\n".join(form) + ("" if name == "cut" else "\n")
        out, told = imported(memscape, text, folder)
        words = [next((w for w in line.split() if w in WORDS), line) for line in out.splitlines()[1:]]
        if words != WORDS:
            wrong.append(f"{name}: {words}\n{told}")
        # Kernels without names and nodes, and those without a CPU, differ in just that.
        group = "old" if name in ("tracefs, before 4.15", "tracefs, 4.19", "trace-cmd") else "node" if "node" in name else "no CPU" if "no CPU" in name else "new"
        sites = out if group == "new" else ""
        if "alloc_pipe_info" in text and group == "new" and seen.setdefault(group, sites) != out:
            wrong.append(f"{name}: other events than the first form:\n{out}")
        for count in LOSSES + (("3 events that the kernel lost",) if "LOST" in text or "DROPPED" in text else ()) + \
                (("1 last line",) if name == "cut" else ()):
            if count not in told:
                wrong.append(f"{name}: the loss report has no '{count}':\n{told}")
    return wrong


def check_hidden(memscape, folder):
    """Before it has random numbers, a kernel prints no addresses."""
    text = "# tracer: nop\n" + "".join(
        f"  init-1 [000] .... 0.{i:06}: {event}: call_site=f+0x1/0x2 ptr=(____ptrval____){rest}\n"
        for i, (event, rest) in enumerate([("kmalloc", " bytes_req=8 bytes_alloc=8 gfp_flags=GFP_KERNEL"), ("kfree", "")]))
    out, told = imported(memscape, text, folder)
    good = "kmalloc 8" in out and "kfree" not in out and "1 objects whose address" in told and "1 frees of objects whose" in told
    return [] if good else [f"hidden addresses: {out}{told}"]


def check_damage(memscape, folder):
    """A line that lacks a field is named by line, column and field."""
    wrong = []
    for rest, field in (("ptr=0000000000000100 bytes_alloc=8", "bytes_req"), ("bytes_req=8 bytes_alloc=8", "ptr"),
                        ("ptr=0000000000000100 bytes_req=x", "bytes_req")):
        _, told = imported(memscape, f"# tracer: nop\n  a-1 [000] .... 1.000000: kmalloc: call_site=f {rest}\n", folder)
        if ":2:" not in told or field not in told:
            wrong.append(f"'{rest}': {told}")
    return wrong


def replay(memscape, trace, *more):
    done = subprocess.run([memscape, "replay", "--json", "-", "--check=2000", *more, trace], capture_output=True, text=True)
    if done.returncode != 0:
        return None, f"{trace.name} {more}: exit status {done.returncode}: {done.stderr}"
    return json.loads(done.stdout), None


def real_caches(root):
    rows = {}
    for line in (root / "tests/kernel/slab-caches.txt").read_text().splitlines()[1:]:
        name, size, slab_size, _, objects, order = line.split()[:6]
        rows[name] = (int(size), int(slab_size), int(objects), 1 << int(order))
    return rows


def check_real(memscape, root):
    """Grants have the kernel's sizes, and slabs of SLUB its shape."""
    wrong, real, met = [], real_caches(root), 0
    for name in ("slab-tracefs", "slab-perf"):
        trace = root / f"tests/kernel/{name}.txt.zst"
        for kind, equal in (("slub", True), ("slub_tiny", True), ("slab", False)):
            report, problem = replay(memscape, trace, "-c", "x86_64", "--set", f"allocators.slab.kind={kind}", "--level", "object")
            if problem:
                wrong.append(problem)
                continue
            grants = report["recorded_grants"]
            if grants["requests"] < 500 or (equal and grants["equal"] != grants["requests"]):
                wrong.append(f"{name} {kind}: {grants}")
            if report["events"]["failed"] or report["findings"]:
                wrong.append(f"{name} {kind}: {report['failures'][:3]} {report['findings'][:3]}")
            for c in report["caches"] if kind == "slub" else []:
                row = real.get(c["name"])
                if row and not c["name"].startswith("kmem_cache"):
                    met += 1
                    if row[1:] != (c["object_size"], c["objects_per_slab"], c["pages_per_slab"]):
                        wrong.append(f"{name}: {c['name']}: {row} there, {c} here")
        report, problem = replay(memscape, trace, "-c", "x86_32", "--level", "object")
        if problem or report["events"]["failed"] or report["findings"]:
            wrong.append(f"{name} on x86_32: {problem}")
    if met < 20:
        wrong.append(f"only {met} caches of the recordings are among the real ones")
    return wrong


def check_levels(memscape, root):
    """Pages and objects in one file: each level takes its own."""
    trace, wrong = root / "tests/kernel/slab-perf.txt.zst", []
    for level, slab, pages in (("object", True, False), ("request", False, True), ("buddy", False, False)):
        report, problem = replay(memscape, trace, "-c", "x86_64", "--level", level)
        if problem:
            wrong.append(problem)
        elif ("recorded_grants" in report) != slab or (report["peak"]["live_blocks"] != 0) != (slab or pages):
            wrong.append(f"level {level}: {report['peak']}")
    return wrong


def main():
    memscape, root = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        wrong = check_forms(memscape, folder) + check_hidden(memscape, folder) + check_damage(memscape, folder)
    wrong += check_real(memscape, root) + check_levels(memscape, root)
    print("\n".join(wrong))
    print(f"{len(FORMS)} forms, 2 recordings, {len(wrong)} complaints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
