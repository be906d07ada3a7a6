#!/usr/bin/env python3
"""Our formulas against kernels' own figures: memscape parity.

    parity.py MEMSCAPE SOURCE_ROOT

Whole snapshots of Linux 6.18 are in linux-6.18/ and find-cat.files.xz.  Of other kernels there
are the numbers only (KERNELS), from which zoneinfo and slabinfo in the form of their time are made.
"""
import json
import lzma
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MEMSCAPE, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
HERE = ROOT / "tests" / "kernel"
sys.path.insert(0, str(ROOT / "tests" / "structure"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import checks  # noqa: E402
from checks import check  # noqa: E402
from schema import complaints  # noqa: E402
SCHEMA = json.loads((ROOT / "docs" / "parity.schema.json").read_text())


def run(*args):
    return subprocess.run([MEMSCAPE, "parity", *map(str, args)], capture_output=True, text=True)


def parity(folder):
    """The exit status and the report."""
    r = run("--from", folder, "--json", "-")
    check(r.returncode in (0, 1), f"{folder}: exit {r.returncode}: {r.stderr}")
    report = json.loads(r.stdout)
    check(not complaints(SCHEMA, report), f"{folder}: {complaints(SCHEMA, report)[:3]}")
    return r.returncode, report


def unequal(report):
    return [f"{f['where']} {f['name']}: {f['kernel']}, {f['result']}"
            for f in report["figures"] if f["result"] != "equal"]


# ---- whole snapshots ----

def snapshot():
    status, j = parity(HERE / "linux-6.18")
    check(status == 0 and j["differs"] == 0, f"linux-6.18: {unequal(j)}")
    check({g["name"]: (g["equal"], g["not_determined"]) for g in j["groups"]} ==
          {"watermarks": (20, 0), "lowmem reserves": (25, 0), "per-CPU lists": (9, 4),
           "unusable index": (33, 0), "fragmentation index": (33, 0), "slabs": (470, 0)},
          f"linux-6.18: {j['groups']}")


def samples(work):
    text = lzma.decompress((HERE / "find-cat.files.xz").read_bytes())
    folder, at, nr = None, 0, 0
    while at < len(text):
        end = text.index(b"\n", at)
        words = text[at:end].split()
        at = end + 1
        if words[0] == b"#SAMPLE":
            nr += 1
            folder = work / f"sample{nr}"
        else:
            path = folder / words[1].decode().lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():  # buddyinfo comes twice, before and after the indices
                path.write_bytes(text[at:at + int(words[2])])
            at += int(words[2])
    check(nr == 28, f"{nr} samples")
    whole = 0
    for i in range(1, nr + 1):
        status, j = parity(work / f"sample{i}")
        check(status == 0 and j["differs"] == 0, f"sample {i}: {unequal(j)}")
        whole += j["equal"] > 500
    check(whole == 4, f"{whole} samples with slabinfo")


def otherwise(work):
    """The snapshot with lines as Windows ends them and headed columns, and single files of it."""
    folder = work / "otherwise"
    shutil.copytree(HERE / "linux-6.18", folder)
    for path in (folder / "extfrag").iterdir():
        path.write_text("Extfrag index at order:      0      1      2\n" + path.read_text())
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    status, j = parity(folder)
    check(status == 0 and j["equal"] == 590, f"otherwise: {unequal(j)}")
    for i, name in enumerate(("buddyinfo", "zoneinfo", "slabinfo", "pagetypeinfo",
                              "extfrag/extfrag_index", "extfrag/unusable_index")):
        alone = work / f"alone{i}"
        alone.mkdir()
        shutil.copy(HERE / "linux-6.18" / name, alone)
        status, j = parity(alone)
        check(status == 0 and j["differs"] == 0, f"{name} alone: {unequal(j)}")


# ---- numbers of other kernels ----
# zone: (node, name, min, low, high, present, managed, protection, high of the lists, batch[, high_min, high_max])

EMPTY = (0, 0, 0, 0, 0)
NO_LISTS = (None, 0)
KERNELS = {
    # 4.18 of a distribution, 2 CPUs: the initial RAM disk was given back to DMA32 after boot, and
    # Normal was initialised late (its batch).
    "4.18": dict(zones=[
        (0, "DMA", 70, 87, 104, 3997, 3840, (0, 3154, 3582, 3582, 3582), 0, 1),
        (0, "DMA32", 14812, 18515, 22218, 894627, 818317, (0, 0, 428, 428, 428), 378, 63),
        (0, "Normal", 2012, 2515, 3018, 126464, 109712, EMPTY, 42, 7),
        (0, "Movable", 0, 0, 0, 0, 0, EMPTY, *NO_LISTS),
        (0, "Device", 0, 0, 0, 0, 0, EMPTY, *NO_LISTS)], cpus=2, counts=(43, 0, 3)),
    # 4.19, 8 CPUs, min_free_kbytes set by hand.
    "4.19": dict(zones=[
        (0, "DMA", 39, 48, 57, 3998, 3977, (0, 2968, 16022, 16022, 16022), 0, 1),
        (0, "DMA32", 7600, 9500, 11400, 782300, 760023, (0, 0, 13053, 13053, 13053), 378, 63),
        (0, "Normal", 33417, 41771, 50125, 3407872, 3341779, EMPTY, 42, 7),
        (0, "Movable", 0, 0, 0, 0, 0, EMPTY, *NO_LISTS),
        (0, "Device", 0, 0, 0, 0, 0, EMPTY, *NO_LISTS)],
        cpus=8, vm=dict(min_free_kbytes=164231, watermark_scale_factor=10), counts=(45, 0, 1)),
    # 4.9 in a machine of 350 MB that had 20 MB less when its watermarks were set.
    "4.9": dict(zones=[
        (0, "DMA", 27, 33, 39, 3998, 3977, (0, 306, 306, 306, 306), 0, 1),
        (0, "DMA32", 546, 682, 818, 94172, 83292, EMPTY, 90, 15)], cpus=2, counts=None),
    # 6.12 or later on arm64, two nodes of 4 CPUs each, node 0 grown after boot.
    "arm64": dict(zones=[
        (0, "DMA", 5512, 6890, 8268, 262144, 248725, (0, 0, 0, 0),
         [1722, 1722, 2135, 1722, 1722, 0, 0, 1722], 63, 1722, 7678),
        (0, "DMA32", 0, 0, 0, 0, 0, (0, 0, 0, 0), *NO_LISTS),
        (0, "Normal", 0, 0, 0, 0, 0, (0, 0, 0, 0), *NO_LISTS),
        (0, "Movable", 32, 32, 32, 0, 0, (0, 0, 0, 0), *NO_LISTS),
        (1, "DMA", 5751, 7188, 8625, 262144, 256381, (0, 0, 0, 0),
         [1797] * 6 + [1848, 1860], 63, 1797, 8011),
        (1, "DMA32", 0, 0, 0, 0, 0, (0, 0, 0, 0), *NO_LISTS),
        (1, "Normal", 0, 0, 0, 0, 0, (0, 0, 0, 0), *NO_LISTS),
        (1, "Movable", 32, 32, 32, 0, 0, (0, 0, 0, 0), *NO_LISTS)],
        cpus=8, form="boost promo", counts=(69, 0, 9)),
    # 5.x with memory in zone Movable.
    "movable": dict(zones=[
        (0, "DMA", 5, 8, 11, 3998, 3977, (0, 2961, 4928, 5440), *NO_LISTS),
        (0, "DMA32", 1129, 1887, 2645, 782303, 758116, (0, 0, 1967, 2479), *NO_LISTS),
        (0, "Normal", 750, 1253, 1756, 524288, 503620, (0, 0, 0, 4096), *NO_LISTS),
        (0, "Movable", 195, 326, 457, 131072, 131072, (0, 0, 0, 0), *NO_LISTS)],
        cpus=4, counts=(27, 0, 1)),
    # 3.2, 8 CPUs: no managed pages are told, the figures stand on those present.
    "3.2": dict(zones=[
        (0, "DMA", 32, 40, 48, 3900, None, (0, 3237, 7994, 7994), 0, 1),
        (0, "DMA32", 6829, 8536, 10243, 828852, None, (0, 0, 4756, 4756), 186, 31),
        (0, "Normal", 10033, 12541, 15049, 1217664, None, (0, 0, 0, 0), 186, 31)],
        cpus=8, vm=dict(min_free_kbytes=67584), counts=(27, 0, 0)),
    # 5.x, 8 CPUs: DMA32 boosted by 26 pageblocks and Normal by one, which is not told, and both
    # had fewer pages when their watermarks were set.
    "boosted": dict(zones=[
        (0, "DMA", 33, 41, 49, 3975, 3956, (0, 2877, 7826, 7826, 7826), 0, 1),
        (0, "DMA32", 19510, 21059, 22608, 759231, 742806, (0, 0, 4949, 4949, 4949), 378, 63),
        (0, "Normal", 11176, 13842, 16508, 1308160, 1268711, EMPTY, 378, 63),
        (0, "Movable", 0, 0, 0, 0, 0, EMPTY, *NO_LISTS),
        (0, "Device", 0, 0, 0, 0, 0, EMPTY, *NO_LISTS)], cpus=8, counts=(36, 0, 10)),
    # 4.14 on a 32-bit board of 4 CPUs: two zones, batches of the time before 4.19.
    "board": dict(zones=[
        (0, "Normal", 4096, 5120, 6144, 242688, 237369, (0, 0), 186, 31),
        (0, "Movable", 0, 0, 0, 0, 0, (0, 0), *NO_LISTS)], cpus=4,
        vm=dict(min_free_kbytes=16384), counts=(12, 0, 0)),
}


def zoneinfo(zones, cpus, form=""):
    out = []
    for node, name, low_min, low, high, present, managed, protection, pcp, batch, *limits in zones:
        out.append(f"Node {node}, zone {name:>8}\n  per-node stats\n      nr_dirty     7\n"
                   f"  pages free     {present // 2}")
        if "boost" in form:
            out.append("        boost    0")
        out.append(f"        min      {low_min}\n        low      {low}\n        high     {high}")
        if "promo" in form:
            out.append(f"        promo    {2 * high - low}")
        out.append(f"        spanned  {present}\n        present  {present}")
        if managed is not None:
            out.append(f"        managed  {managed}")
        out.append(f"        protection: ({', '.join(map(str, protection))})\n"
                   f"      nr_free_pages {present // 2}")
        if pcp is None:
            continue
        out.append("  pagesets")
        for cpu in range(cpus):
            out.append(f"    cpu: {cpu}\n              count: 3\n              high:  "
                       f"{pcp[cpu] if isinstance(pcp, list) else pcp}\n              batch: {batch}")
            if limits:
                out.append(f"              high_min: {limits[0]}\n              high_max: {limits[1]}")
        out.append("  node_unreclaimable:  0\n  start_pfn:           1")
    return "\n".join(out) + "\n"


def write(folder, text, vm=None):
    (folder / "vm").mkdir(parents=True, exist_ok=True)
    (folder / "zoneinfo").write_text(text)
    for key, value in (vm or {}).items():
        (folder / "vm" / key).write_text(f"{value}\n")
    return folder


def others(work):
    for name, k in KERNELS.items():
        folder = write(work / name, zoneinfo(k["zones"], k["cpus"], k.get("form", "")), k.get("vm"))
        status, j = parity(folder)
        got = (j["equal"], j["differs"], j["not_determined"])
        check(status == 0 and j["differs"] == 0, f"{name}: {unequal(j)}")
        check(k["counts"] is None or got == k["counts"], f"{name}: {got}, {unequal(j)}")


# Size of an object, order and objects of a slab, as kernels chose them: before 6.7 with 2 CPUs
# (order 3 from 8 objects at least), and SLUB with many possible CPUs.
SLABS_OLD = [(8, 0, 512), (96, 0, 42), (192, 0, 21), (320, 0, 12), (448, 1, 18), (736, 2, 22),
             (792, 2, 20), (1176, 3, 27), (1440, 3, 22), (2048, 3, 16), (2672, 3, 12), (10880, 3, 3)]


def early_caches(work):
    """64 CPUs present, 512 possible when the first caches were made: 28 objects at least, then 40."""
    def row(name, size, order):
        return (f"{name} 0 0 {size} {(4096 << order) // size} {1 << order} : tunables 0 0 0 : "
                "slabdata 0 0 0\n")

    folder = work / "early"
    folder.mkdir()
    late = [(192, 1), (256, 1), (512, 2), (1024, 3), (64, 0), (320, 2), (128, 0)]
    first = [(128, 1), (192, 1), (256, 2), (512, 3), (1024, 3)]  # 44 objects at least

    def write_rows(rows):
        (folder / "slabinfo").write_text("slabinfo - version: 2.1\n" + "".join(rows))
        return parity(folder)

    rows = [row(f"late-{s}", s, o) for s, o in late * 3] + [row(f"first-{s}", s, o) for s, o in first]
    (folder / "cpu").mkdir()
    (folder / "cpu" / "present").write_text("0-63\n")
    status, j = write_rows(rows)
    check(status == 0 and j["differs"] == 0, f"early: {unequal(j)}")
    check(any(i["name"] == "CPUs of the first caches" for i in j["inputs"]), f"early: {j['inputs']}")
    status, j = write_rows([row(f"late-{s}", s, o) for s, o in late * 3] + [row("odd", 512, 3)])
    check(status == 1 and j["differs"] == 2, f"one odd cache: {unequal(j)}")


# Classic SLAB of 4.17 and 4.19: (size, order, objects, are both figures determined?).
SLABS_CLASSIC = [(32, 0, 124, True), (64, 0, 64, False), (96, 0, 42, True), (128, 0, 32, False),
                 (192, 0, 21, True), (1080, 0, 3, False), (4096, 0, 1, False), (4194304, 10, 1, True)]


def classic(work):
    folder = work / "classic"
    folder.mkdir()

    def write_slabs(rows):
        (folder / "slabinfo").write_text("slabinfo - version: 2.1\n" + "".join(
            f"size-{size} 0 0 {size} {objects} {1 << order} : tunables  120   60    8 : slabdata "
            f"     0      0      0\n" for size, order, objects, _ in rows))

    write_slabs(SLABS_CLASSIC)
    status, j = parity(folder)
    check(status == 0 and j["differs"] == 0, f"classic: {unequal(j)}")
    for size, _, _, determined in SLABS_CLASSIC:
        results = [f["result"] for f in j["figures"] if f["where"] == f"size-{size}"]
        check(("not determined" not in results) == determined, f"size-{size}: {results}")
    write_slabs(SLABS_CLASSIC[:3] + [(192, 1, 42, True)])
    check(parity(folder)[0] == 1, "a slab that no flags lead to")
    write_slabs([(8, 0, 512, True)])
    j = parity(folder)[1]
    check([(f["kernel"], f["ours"]) for f in j["figures"]] == [(0, 0), (512, 0)],
          f"a size that classic SLAB has no slabs of: {j['figures']}")
    write_slabs([(32, 0, 112, True), (64, 0, 59, True), (128, 0, 30, True), (192, 0, 20, True),
                 (256, 0, 15, True), (512, 0, 8, True), (1024, 0, 4, True), (2048, 0, 2, True),
                 (4096, 0, 1, True), (131072, 5, 1, True)])  # 2.6.32, 64-bit
    status, j = parity(folder)
    check(status == 0 and j["differs"] == 0, f"2.6: {unequal(j)}")
    check(any(i["value"] == "calculate_slab_order of 2.6" for i in j["inputs"]), f"2.6: {j['inputs']}")


# Caches of kernels of 2.6: size/objects/pages; the rules found; figures equal and not determined.
CACHES_2_6 = [
    ("2.0", "2.6.0", 4, 64, 2,  # 32 bits, cache lines of 64 bytes
        "320/12/1 16/202/1 2048/2/1 192/20/1 384/10/1 32/112/1 256/15/1 640/6/1 1024/4/1 128/30/1 "
        "64/59/1 512/7/1 896/4/1 448/9/1 36/101/1 20/169/1 92/42/1 136/28/1 80/48/1 52/72/1 "
        "160/24/1 3072/5/4 1536/5/2 768/5/1 144/27/1 260/15/1 4096/1/1 1344/3/1 1568/5/2 116/33/1 "
        "131072/1/32 8192/1/2 512/8/1 "),
    ("2.1", "2.6", 8, 106, 28,  # 64 bits, before SLUB; some caches are reclaimable
        "64/59/1 4992/1/2 4224/1/2 320/12/1 384/10/1 1408/5/2 256/15/1 192/20/1 2432/3/2 1144/3/1 "
        "88/44/1 24/144/1 96/40/1 16/202/1 32/112/1 12288/1/4 512/7/1 304/13/1 704/5/1 352/11/1 "
        "360/11/1 184/21/1 800/5/1 488/8/1 240/16/1 120/32/1 896/4/1 128/30/1 4096/1/1 2048/2/1 "
        "1024/4/1 512/8/1 112/34/1 56/67/1 648/6/1 1088/7/2 448/8/1 168/23/1 136/28/1 1280/3/1 "
        "872/9/2 40/92/1 72/53/1 1120/7/2 1216/3/1 2304/3/2 1952/2/1 216/18/1 48/77/1 80/48/1 "
        "328/12/1 920/4/1 160/24/1 600/6/1 1152/3/1 872/4/1 248/16/1 200/19/1 704/11/2 960/4/1 "
        "2176/3/2 2224/3/2 544/7/1 4194304/1/1024 131072/1/32 65536/1/16 16384/1/4 ")]


def caches_of_2_6(work):
    for version, rules, word, equal, open_ones, text in CACHES_2_6:
        folder = work / f"kernel-{rules}"
        folder.mkdir()
        (folder / "slabinfo").write_text(f"slabinfo - version: {version}\n" + "".join(
            "c{}-{} 0 0 {} {} {} : tunables 120 60 0 : slabdata 0 0 0\n".format(i, size, size, *rest)
            for i, (size, *rest) in enumerate(row.split("/") for row in text.split())))
        status, j = parity(folder)
        told = [i["value"] for i in j["inputs"]]
        check(status == 0 and (j["equal"], j["not_determined"]) == (equal, open_ones),
              f"{rules}: {j['equal']}, {j['not_determined']}: {unequal(j)[:5]}")
        check(f"calculate_slab_order of {rules}" in told and f"{word} bytes" in told,
              f"{rules}: {told}")


def empty_columns(work):
    """Some kernels keep nothing from requests for zones without pages."""
    zones = [(0, "DMA", 22, 27, 32, 3998, 3840, (0, 3019, 11339, 0, 0), *NO_LISTS),
             (0, "DMA32", 4492, 5615, 6738, 782336, 772915, (0, 0, 8320, 0, 0), *NO_LISTS),
             (0, "Normal", 12380, 15475, 18570, 5505024, 2129920, EMPTY, *NO_LISTS),
             (0, "Movable", 32, 32, 32, 0, 0, EMPTY, *NO_LISTS),
             (0, "Device", 0, 0, 0, 0, 0, EMPTY, *NO_LISTS)]
    folder = write(work / "columns", zoneinfo(zones, 2, "boost promo"), dict(min_free_kbytes=67584))
    status, j = parity(folder)
    check(status == 0 and j["equal"] == 45, f"columns: {unequal(j)}")


def boosted(work):
    """watermark_boost raises all marks of a zone: told since 5.11, found before."""
    k = KERNELS["4.19"]
    zones = [list(z) for z in k["zones"]]
    for i in (2, 3, 4):
        zones[1][i] += 1536
    plain = zoneinfo(zones, 8)
    status, j = parity(write(work / "boost1", plain, k["vm"]))
    opened = [f["name"] for f in j["figures"] if "watermark_boost" in f.get("why", "")]
    check(status == 0 and opened == ["min", "low", "high"], f"boost: {unequal(j)}")
    told = re.sub(r"( DMA32\n.*?pages free +\d+\n)", r"\1        boost    1536\n", plain, count=1,
                  flags=re.S)
    status, j = parity(write(work / "boost2", told, k["vm"]))
    check(status == 0 and j["equal"] == 45, f"boost told: {unequal(j)}")
    zones[1][2] += 1
    check(parity(write(work / "boost3", zoneinfo(zones, 8), k["vm"]))[0] == 1, "no boost")


def large_pages(work):
    """arm64 with pages of 64 KiB, a pageblock of 512 MiB: nothing tells the size but the figures."""
    pages, managed = 65536 >> 10, 524288
    low_min = managed // 20  # what khugepaged asks for is more than a twentieth
    step = max(low_min // 4, managed * 10 // 10000)
    high = max((low_min + step) // 16, 12)
    zones = [(0, "DMA", 0, 0, 0, 0, 0, (0, 0, 0), *NO_LISTS),
             (0, "Normal", low_min, low_min + step, low_min + 2 * step, managed, managed, (0, 0, 0),
              high, 3),
             (0, "Movable", 32, 32, 32, 0, 0, (0, 0, 0), *NO_LISTS)]
    folder = write(work / "large", zoneinfo(zones, 16, "boost"),
                   dict(min_free_kbytes=low_min * pages))
    status, j = parity(folder)
    size = [i["value"] for i in j["inputs"] if i["name"] == "page size"]
    check(status == 0 and size == ["65536 bytes"] and j["equal"] == 20, f"large: {size}, {unequal(j)}")


def fractions(work):
    """percpu_pagelist_high_fraction, and percpu_pagelist_fraction before 5.14."""
    zone = [0, "Normal", 4096, 5144, 6192, 1048576, 1048576, (0, 0), 1048576 // 100 // 4, 63]
    empty = (0, "Movable", 32, 32, 32, 0, 0, (0, 0), *NO_LISTS)
    folder = write(work / "fraction1", zoneinfo([zone, empty], 4, "boost"),
                   dict(min_free_kbytes=16384, percpu_pagelist_high_fraction=100))
    status, j = parity(folder)
    check(status == 0 and j["not_determined"] == 0, f"fraction: {unequal(j)}")
    zone[8:10] = 1048576 // 100, 96
    folder = write(work / "fraction2", zoneinfo([zone, (0, "Movable", 0, 0, 0, 0, 0, (0, 0), *NO_LISTS)], 4),
                   dict(min_free_kbytes=16384, percpu_pagelist_fraction=100))
    status, j = parity(folder)
    check(status == 0 and j["not_determined"] == 0, f"old fraction: {unequal(j)}")


def slabs(work):
    lines = ["slabinfo - version: 2.1",
             "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"]
    for size, order, objects in SLABS_OLD:
        lines.append(f"odd name {size:<10} 0 0 {size:6} {objects:4} {1 << order:4} : tunables    0    "
                     "0    0 : slabdata      0      0      0")
    folder = work / "slabs"
    folder.mkdir()
    (folder / "slabinfo").write_text("\n".join(lines) + "\n")
    status, j = parity(folder)
    check(status == 0 and j["equal"] == 2 * len(SLABS_OLD), f"slabs: {unequal(j)}")
    lines[-1] = lines[-1].replace("tunables    0    0    0", "tunables   10   20   30")
    (folder / "slabinfo").write_text("\n".join(lines) + "\n")
    status, j = parity(folder)
    check(status == 0 and j["equal"] == 2 * len(SLABS_OLD), f"SLUB, tunables in one row: {unequal(j)}")


# ---- what a changed figure does, and damaged files ----

def changed(work):
    """Every figure of zoneinfo, one more and one less: seen each time."""
    folder = work / "changed"
    shutil.copytree(HERE / "linux-6.18", folder)
    (folder / "slabinfo").unlink()
    lines = (HERE / "linux-6.18" / "zoneinfo").read_text().split("\n")
    tried = 0
    for i, line in enumerate(lines):
        if not re.match(r"\s+(min|low|high|promo|batch:|high_min:|high_max:|protection:)\s", line):
            continue
        for m in re.finditer(r"\d+", line):
            for value in (int(m[0]) + 1, int(m[0]) - 1):
                if value < 0:
                    continue
                other = lines[:i] + [line[:m.start()] + str(value) + line[m.end():]] + lines[i + 1:]
                (folder / "zoneinfo").write_text("\n".join(other))
                tried += 1
                status, _ = parity(folder)
                check(status == 1, f"line {i + 1}: {line.strip()}: {value} is not seen")
    check(tried > 90, f"{tried} changes")


DAMAGED = [
    ("zoneinfo", "Node 0, zone   Normal\n  pages free     1\n        min      x\n",
     "zoneinfo:3:18: expected a number"),
    ("zoneinfo", "Node 0, zone   Normal\n  pages free     1\n", "ends without managed"),
    ("zoneinfo", "Node 0, zone   Abnormal\n", "zone 'Abnormal', expected DMA, DMA32"),
    ("zoneinfo", "Node 300, zone Normal\n", "expected a node's number up to 255"),
    ("zoneinfo", "Node 0, zone Normal\n min 1\n low 1\n high 1\n managed 1\n protection: (0; 1)\n",
     "zoneinfo:6:16: expected \",\" or \")\""),
    ("zoneinfo", "nothing\n", "expected lines such as"),
    ("buddyinfo", "Node 0, zone Normal 1 2 -3\n", "buddyinfo:1:25: expected a number of free blocks"),
    ("buddyinfo", "Node 0, zone Normal 1\nNode 0, zone Normal 1\n", "buddyinfo:2:1: expected each zone once"),
    ("extfrag_index", "Node 0, zone Normal 0.12\n", "extfrag_index:1:21: expected an index such as"),
    ("slabinfo", "slabinfo - version: 1.1\n", "slabinfo:1:21: expected version 2.0 or 2.1"),
    ("slabinfo", "slabinfo - version: 2.1\nfoo 1 2 3 4 : tunables 0 0 0\n", "slabinfo:2:1: expected a cache's name"),
    ("slabinfo", "slabinfo - version: 2.1\nfoo 1 1 8 512 3 : tunables 0 0 0 : slabdata 1 1 0\n",
     "a power of two pages a slab"),
    ("pagetypeinfo", "Page block order: 9\nPages per block: 511\n", "2 to the power of the order"),
    ("vm/min_free_kbytes", "many\n", "min_free_kbytes:1:1: expected a number"),
]


def damaged(work):
    for i, (name, text, message) in enumerate(DAMAGED):
        folder = write(work / f"damaged{i}", zoneinfo(KERNELS["board"]["zones"], 4))
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        r = run("--from", folder)
        check(r.returncode == 3 and message in r.stderr and r.stderr.count("\n") == 1 and r.stdout == "",
              f"{name} {text!r}: exit {r.returncode}, {r.stderr!r}, expected {message!r}")
    empty = work / "empty"
    empty.mkdir()
    for folder, message in ((empty, "no file of a kernel"), (work / "none", "is no directory")):
        r = run("--from", folder)
        check(r.returncode == 3 and message in r.stderr, f"{folder}: {r.returncode} {r.stderr!r}")
    for args in (("more",), ("--from",), ("--what",)):
        check(run(*args).returncode == 2, f"{args}: usage")


def text_form():
    r = run("--from", HERE / "linux-6.18", "--color", "never")
    check(r.returncode == 0 and "reserve from Normal" in r.stdout, "the text names each figure")
    check(re.search(r"^in all +590 +0 +4$", r.stdout, re.M) is not None, r.stdout[-400:])
    quiet = run("--from", HERE / "linux-6.18", "-q").stdout
    check("Node 0, zone DMA " not in quiet and "in all" in quiet, "quiet tells the summary only")


def running():
    """The kernel under this very test, where its files can be read."""
    r = run("--json", "-")
    check(r.returncode in (0, 1, 3), f"the running kernel: exit {r.returncode}")
    if r.returncode == 3:
        print("the running kernel's files cannot be read:", r.stderr.strip())
        return
    j = json.loads(r.stdout)
    print(f"running kernel: {j['equal']} equal, {j['differs']} differ, "
          f"{j['not_determined']} not determined")
    for figure in unequal(j)[:20]:
        print("   ", figure)


def main():
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        snapshot()
        samples(work)
        otherwise(work)
        others(work)
        slabs(work)
        early_caches(work)
        classic(work)
        caches_of_2_6(work)
        empty_columns(work)
        boosted(work)
        large_pages(work)
        fractions(work)
        changed(work)
        damaged(work)
    text_form()
    running()
    return 1 if checks.problems else 0


sys.exit(main())
