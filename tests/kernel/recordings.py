#!/usr/bin/env python3
"""A kernel's page events: the shipped recording meets its figures, and all text forms say the same.

    recordings.py MEMSCAPE SOURCE_ROOT
"""
import json
import pathlib
import subprocess
import sys
import tempfile

HEAD = "# tracer: nop\n#\n"
# (task, pid, cpu, time, event, fields); pages of all kinds: refill, drain, fallback, a split free,
# a free from before the recording, a frame given out twice.
EVENTS = [
    ("a b", 7, 0, "1.000100", "mm_page_alloc_zone_locked", "pfn={0x1000} order=0 migratetype=1 percpu_refill=1"),
    ("a b", 7, 0, "1.000101", "mm_page_alloc", "pfn={0x1000} order=0 migratetype=1 gfp_flags=GFP_HIGHUSER_MOVABLE|__GFP_ZERO"),
    ("x:[0]/y", 8, 1, "1.000200", "mm_page_alloc_zone_locked", "pfn={0x2000} order=4 migratetype=0 percpu_refill=0"),
    ("x:[0]/y", 8, 1, "1.000201", "mm_page_alloc", "pfn={0x2000} order=4 migratetype=0 gfp_flags=GFP_KERNEL"),
    ("x:[0]/y", 8, 1, "1.000300", "mm_page_free", "pfn={0x2003} order=0"),
    ("x:[0]/y", 8, 1, "1.000400", "mm_page_free", "pfn={0x9000} order=0"),
    ("x:[0]/y", 8, 1, "1.000401", "mm_page_pcpu_drain", "pfn={0x9000} order=0 migratetype=1"),
    ("a b", 7, 0, "1.000500", "mm_page_alloc_extfrag", "pfn={0x3000} alloc_order=0 fallback_order=9 "
     "pageblock_order=9 alloc_migratetype=2 fallback_migratetype=1 fragmenting=0 change_ownership=1"),
    ("a b", 7, 0, "1.000600", "mm_page_alloc", "pfn={0x1000} order=0 migratetype=1 gfp_flags=GFP_HIGHUSER_MOVABLE|__GFP_ZERO"),
]
EXPECTED = ["zone_alloc", "alloc_pages", "zone_alloc", "alloc_pages", "split_pages", "split_pages",
            "split_pages", "split_pages", "free_pages", "old_pages", "free_pages", "zone_old", "zone_free",
            "zone_alloc", "free_pages", "alloc_pages"]


def lines(form):
    for task, pid, cpu, time, event, fields in EVENTS:
        fields = fields.replace("{", "").replace("}", "")
        yield form.format(task=task, pid=pid, cpu=cpu, time=time, event=event, fields=fields)


FORMS = {
    "tracefs": HEAD + "\n".join(lines("{task:>16}-{pid} [{cpu:03}] d..3. {time}: {event}: page=00000000ab12cd34 {fields}")),
    "perf": "\n".join(lines("{task:>16} {pid:5} [{cpu:03}] {time}: kmem:{event}: page=0x1 {fields}")),
    "before 3.3": HEAD + "\n".join(lines("{task:>16}-{pid} [{cpu:03}] {time}: {event}: page=ffffea0003db9f40 {fields}")).replace(
        "mm_page_free", "mm_page_free_direct").replace(
        "\n", "\n a-1 [000] 1.0: mm_pagevec_free: page=ffffea0003db9f40 pfn=1 order=0 cold=0\n"),
    "trace-cmd": "cpus=2\n" + "\n".join(lines("{task:>16}-{pid:<5} [{cpu:03}] {time}000: {event}:  page=0x1 {fields}")),
}


def imported(memscape, text, folder):
    path = pathlib.Path(folder) / "events"
    path.write_text(text + "\n")
    done = subprocess.run([memscape, "import", path, "-o", "-", "--to", "text"], check=True,
                          capture_output=True, text=True)
    return done.stdout, done.stderr


def check_forms(memscape, folder):
    wrong, first = [], None
    for name, text in FORMS.items():
        out, told = imported(memscape, text, folder)
        words = [next(w for w in line.split() if w in set(EXPECTED)) for line in out.splitlines()[1:]]
        if words != EXPECTED:
            wrong.append(f"{name}: {words}")
        if first is not None and out != first:
            wrong.append(f"{name}: other events than the first form:\n{out}")
        first = out
        for count in ("2 frees of what is older", "1 frees of parts", "1 frees without an event"):
            if count not in told:
                wrong.append(f"{name}: the loss report has no '{count}':\n{told}")
    return wrong


def check_far(memscape, folder):
    """What an event has no room for is told."""
    text = "".join(f" a-{pid} [{cpu:03}] 1.0: mm_page_alloc: page=1 pfn={cpu} order=0 migratetype=0 gfp_flags=GFP_KERNEL\n"
                   for pid, cpu in ((65535, 255), (65536, 1), (7, 256)))
    out, told = imported(memscape, text, folder)
    good = "2 events of CPUs above 255" in told and "ctx=65535 cpu=255" in out
    return [] if good else [f"large numbers: {out}{told}"]


def check_recording(memscape, root):
    at = root / "tests/kernel"
    wrong = []
    for level, exact, error in (("buddy", 27, 0), ("request", 10, 0.001)):
        done = subprocess.run([memscape, "replay", "-c", "x86_64", "--start", at / "find-cat.start.zst", "--level",
                               level, "--expect", at / "find-cat.expected.zst", "--check=30000", "--json", "-",
                               at / "find-cat.trace.zst"], capture_output=True, text=True)
        if done.returncode != (exact != 27):
            wrong.append(f"{level}: exit status {done.returncode}: {done.stderr}")
            continue
        met = json.loads(done.stdout)["expect"]
        if met["samples"] != 27 or met["exact"] < exact or met["mean_block_error"] > error:
            wrong.append(f"{level}: {met}")
        for control in met["controls"].values():
            if control["exact"] > 3:
                wrong.append(f"{level}: a control meets the recording: {met}")
    return wrong


def main():
    memscape, root = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        wrong = check_forms(memscape, folder) + check_far(memscape, folder) + check_recording(memscape, root)
    print("\n".join(wrong))
    print(f"{len(FORMS)} forms, 2 levels, {len(wrong)} complaints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
