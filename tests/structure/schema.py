#!/usr/bin/env python3
"""Real reports against the schemas in docs/, and the schemas against reports spoilt on purpose.

    schema.py MEMSCAPE SOURCE_ROOT

Validates with the part of JSON Schema that the schemas use; a keyword beyond it is an error.
"""
import copy
import json
import pathlib
import subprocess
import sys
import tempfile

KEYWORDS = {"$schema", "$id", "$defs", "$ref", "title", "description", "type", "enum", "minimum",
            "properties", "required", "additionalProperties", "items"}
TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
}
TRACES = {
    "mixed": """a = malloc 100 site="net"
b = malloc 1000000 site="log"
free a
free a
c = cache_create "msg" 96
d = cache_alloc c
p = alloc_pages 2
x = dma_alloc 200K master=bdma
arena_push 1 100
""",
    "fragmentation": """a = malloc 1000
b = malloc 1000 site="log"
c = malloc 1000
free a
free c
e = malloc 1800 site="net"
""",
}
TRACES["virtual"] = """v = vmalloc 32768
p = alloc_pages 2 gfp=GFP_KERNEL
read v 0 32768
write p 0 16384
vfree v
read p 100K 4
k = kmap p
q = request_region 0xd0000000 64K tag=eth0
x = request_region 0xd0001000 4K tag=other
io = ioremap 0xd0000000 4K
read io 0 4
"""
TRACES["contiguous"] = """a = alloc_pages 0 mt=movable
b = cma_alloc 1M
cma_free b
"""
TRACES["caches"] = """c = cache_create inode_cache 600
a = cache_alloc c site="ext4_alloc_inode"
k = kmalloc 100
cache_destroy c
r = kmalloc 100 granted=128
"""
# Findings of allocators need an image that was corrupted from outside; no trace can do that.
NOT_IN_REPORTS = {"/findings/*/" + k for k in ("allocator", "where", "access", "bytes", "region")}


class Validator:
    def __init__(self, schema):
        self.schema, self.wrong = schema, []

    def complain(self, path, text):
        self.wrong.append(f"{path or '/'}: {text}")

    def types(self, value, schema, path):
        wanted = schema.get("type", [])
        wanted = wanted if isinstance(wanted, list) else [wanted]
        if wanted and not any(TYPES[t](value) for t in wanted):
            self.complain(path, f"{value!r} is not of type {' or '.join(wanted)}")

    def members(self, value, schema, path):
        properties = schema.get("properties", {})
        for name in schema.get("required", []):
            if name not in value:
                self.complain(path, f"'{name}' is missing")
        for name, member in value.items():
            below = properties.get(name, schema.get("additionalProperties", True))
            if below is False:
                self.complain(path, f"'{name}' is not in the schema")
            elif below is not True:
                self.check(member, below, f"{path}/{name}")

    def check(self, value, schema, path=""):
        if set(schema) - KEYWORDS:
            self.complain(path, f"this validator does not know {set(schema) - KEYWORDS}")
        if "$ref" in schema:
            self.check(value, self.schema["$defs"][schema["$ref"].removeprefix("#/$defs/")], path)
        if "enum" in schema and value not in schema["enum"]:
            self.complain(path, f"{value!r} is none of {schema['enum']}")
        self.types(value, schema, path)
        if "minimum" in schema and TYPES["number"](value) and value < schema["minimum"]:
            self.complain(path, f"{value} is less than {schema['minimum']}")
        if isinstance(value, dict):
            self.members(value, schema, path)
        if isinstance(value, list) and "items" in schema:
            for i, item in enumerate(value):
                self.check(item, schema["items"], f"{path}/{i}")


def complaints(schema, report):
    validator = Validator(schema)
    validator.check(report, schema)
    return validator.wrong


def ends_of_a_recording(root, folder):
    """A page event and a sample before the start state, a sample after the last event."""
    text = subprocess.run(["zstd", "-dcq", root / "tests/kernel/find-cat.expected.zst"], check=True,
                          capture_output=True, text=True).stdout.splitlines()
    early = ["1"] + text[1].split("\t")[1:]
    expected, trace = (pathlib.Path(folder) / name for name in ("ends.tsv", "ends.txt"))
    expected.write_text("\n".join([text[0], "\t".join(early), *text[1:4]]) + "\n")
    trace.write_text("cat-1 [000] d..3. 1.000000: mm_page_alloc_zone_locked: page=0 pfn=0x39da65 "
                     "order=0 migratetype=1 percpu_refill=1\n")
    return ["replay", "-c", "x86_64", "--start", str(root / "tests/kernel/find-cat.start.zst"),
            "--expect", str(expected), "--level", "buddy", str(trace)]


def reports(memscape, root, folder):
    """(schema, what was run, its JSON)"""
    firmware = str(root / "traces/firmware.mst")
    small = {}
    for name, text in TRACES.items():
        small[name] = str(pathlib.Path(folder) / (name + ".trace"))
        pathlib.Path(small[name]).write_text(text)
    runs = [("report", ["replay", "-c", "stm32h7", firmware]),
            ("report", ["replay", "-c", "x86_32", "--variant", "textbook-8k", small["fragmentation"]]),
            ("report", ["replay", "-c", "stm32h7", "--alloc", "slab_array", small["mixed"]]),
            ("report", ["replay", "-c", "stm32h7", "--set", "allocators.heap.bytes=4K",
                        small["fragmentation"]]),
            ("report", ["replay", "-c", "stm32h7", small["mixed"]]),
            ("report", ["replay", "-c", "x86_32", small["virtual"]]),
            ("report", ["replay", "-c", "x86_32", small["caches"]]),
            ("report", ["replay", "-c", "x86_32", str(root / "traces/demos/stack-overflow.trace")]),
            ("report", ["replay", "-c", "x86_64", small["contiguous"]]),
            ("report", ["replay", "-c", "x86_64", small["virtual"]]),
            ("report", ["replay", "-c", "numa2", small["virtual"]]),
            ("report", ["replay", "-c", "x86_64", "--start", str(root / "tests/kernel/find-cat.start.zst"),
                        "--expect", str(root / "tests/kernel/find-cat.expected.zst"), "--level", "buddy",
                        str(root / "tests/kernel/find-cat.trace.zst")]),
            ("report", ends_of_a_recording(root, folder)),
            ("compare", ["compare", "-c", "stm32h7", "--b", "tlsf", small["mixed"]]),
            ("compare", ["compare", "-c", "stm32h7", "--set", "allocators.heap.bytes=180K", "--b",
                         "bins", firmware]),
            ("fit", ["fit", "-c", "stm32h7", "--alloc", "tlsf,bump,first_fit,bins", firmware])]
    for schema, arguments in runs:
        done = subprocess.run([memscape, *arguments, "--json", "-"], capture_output=True, text=True)
        assert done.returncode in ((0, 1) if schema == "compare" else (0,)), done.stderr
        yield schema, " ".join(arguments[:3]), json.loads(done.stdout)


SWEEP = """sweep: kinds
mode: {mode}
machines: [stm32h7]
traces: [{{gen: comb, events: 3000}}]
axes:
  alloc: [tlsf, {kind}, nosuch]
figures: [{figure}, no.such.figure]
"""
GATE = """gate: small
baseline: baseline.json
rules:
  - peak.live_bytes <= baseline
  - {name: never, check: peak.live_bytes == 0}
  - {check: peak.live_bytes > 0, where: alloc == 'other'}
"""


def sweeps(memscape, folder):
    """The same of sweeps: exports with reports and gates, baselines, and what points keep."""
    def write(name, text):
        (folder / name).write_text(text)
        return str(folder / name)

    def run(*arguments, status=0):
        done = subprocess.run([memscape, *arguments], capture_output=True, text=True, cwd=folder)
        assert done.returncode == status, f"{arguments}: {done.stderr}"
        return done.stdout

    write("gate.yaml", GATE)
    for mode, kind, figure in (("replay", "bins", "peak.live_bytes"), ("fit", "stack", "fit.bytes")):
        run("sweep", write(f"{mode}.yaml", SWEEP.format(mode=mode, kind=kind, figure=figure)), "-q", "-o", mode)
        run("baseline", "update", mode, "--gate", "gate.yaml", "--label", mode)
        yield "baseline", f"baseline of {mode}", json.loads((folder / "baseline.json").read_text())
        export = json.loads(run("export", mode, "-f", "json", "--reports", "--gate", "gate.yaml"))
        yield "sweep", f"export of {mode}", export
        for point in export["points"]:
            if "report" in point:
                yield point["report"]["schema"].split(".")[1].split("/")[0], point["point"], point["report"]


def spoilt(report):
    """Reports that no schema may let pass."""
    spoils = [lambda r: r.pop("schema"), lambda r: r.update(schema="memscape.report/0"),
              lambda r: r.update(extra=1)]
    if "machine" in report:
        spoils += [lambda r: r["machine"].update(word="4"), lambda r: r["machine"].pop("name")]
    if "first" in report:
        spoils += [lambda r: r.pop("first"), lambda r: r["a"].pop("name"), lambda r: r["figures"].pop("failed")]
    if "gate" in report:
        spoils += [lambda r: r["points"][0].update(status="fine"), lambda r: r["points"][0].pop("figures"),
                   lambda r: r["gate"]["checks"][0].update(verdict="so"), lambda r: r["sweep"].update(mode="")]
    if "label" in report:
        spoils += [lambda r: next(iter(r["points"].values())).update(x="1"), lambda r: r.pop("label")]
    for spoil in spoils:
        bad = copy.deepcopy(report)
        spoil(bad)
        yield bad


def unseen(schema, report, path=""):
    """Paths of the schema that occur in no report."""
    below = schema.get("properties", {})
    for name, member in below.items():
        values = [r[name] for r in report if isinstance(r, dict) and name in r]
        if not values:
            yield f"{path}/{name}"
        yield from unseen(member, values, f"{path}/{name}")
    if "items" in schema:
        yield from unseen(schema["items"], [x for r in report for x in r], path + "/*")


def main():
    memscape, root = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2])
    schemas = {name: json.loads((root / f"docs/{name}.schema.json").read_text())
               for name in ("report", "compare", "fit", "sweep", "baseline", "fit-point")}
    failed, seen = 0, {name: [] for name in schemas}
    with tempfile.TemporaryDirectory() as folder:
        for schema, what, report in [*reports(memscape, root, folder), *sweeps(memscape, pathlib.Path(folder))]:
            seen[schema].append(report)
            for text in complaints(schemas[schema], report):
                print(f"{what}: {text}")
                failed += 1
            for i, bad in enumerate(spoilt(report)):
                if not complaints(schemas[schema], bad):
                    print(f"{what}: spoilt in way {i}, and the schema lets it pass")
                    failed += 1
    for name, schema in schemas.items():
        for path in set(unseen(schema, seen[name])) - NOT_IN_REPORTS:
            print(f"{name}: the schema has {path}, no report does")
            failed += 1
    print(f"{sum(map(len, seen.values()))} reports validated, {failed} complaints")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
