#!/usr/bin/env python3
"""NUMA: where requests go on a machine of two nodes, and what the report says of each node.

    nodes.py MEMSCAPE SOURCE_ROOT
"""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import checks  # noqa: E402
from checks import check  # noqa: E402

MEMSCAPE = sys.argv[1]


def replay(text, *args):
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder) / "t.trace"
        trace.write_text(text)
        r = subprocess.run([MEMSCAPE, "replay", "-c", "numa2", "--check", "--json", "-", *args,
                            str(trace)], capture_output=True, text=True)
    check(r.returncode == 0, f"{args}: exit {r.returncode} {r.stderr}")
    return json.loads(r.stdout)


def pages_of(report):
    """Pages that each node's zones have given away (per-CPU lists included)."""
    return [n["managed_pages"] - n["free_pages"] - sum(
        z["listed_pages"] for z in report["zones"] if z["node"] == n["node"])
        for n in report["nodes"]]


def payload(report):
    return [n["payload"] >> 12 for n in report["nodes"]]


def placement(*extra):
    """A request is for the node it names, else for that of its CPU."""
    r = replay("a = alloc_pages 5 gfp=GFP_KERNEL cpu=1\nb = alloc_pages 4 gfp=GFP_KERNEL cpu=2\n"
               "c = alloc_pages 3 gfp=GFP_KERNEL cpu=3 node=0\n"
               "d = alloc_pages 2 gfp=GFP_KERNEL cpu=0 node=1\ne = alloc_pages 1 gfp=GFP_DMA32 cpu=3\n",
               *extra)
    check(payload(r) == [32 + 8 + 2, 16 + 4], f"{extra}: payload {payload(r)}")
    check(r["events"]["failed"] == 0, r["events"])
    # DMA32 is node 0's: for node 1's CPU that is what it asked for, no fallback.
    check(sum(n["fallbacks"] for n in r["nodes"]) == 0, "no fallback")
    check([n["distances"] for n in r["nodes"]] == [[10, 21], [21, 10]], "distances")
    check([n["cpus"] for n in r["nodes"]] == [2, 2], "CPUs")


def fallback(*extra):
    """Node 1 is full: its requests go to node 0, unless they are for this node only."""
    r = replay("".join(f"f{i} = alloc_pages 10 gfp=GFP_KERNEL cpu=2\n" for i in range(4)) +
               "g = alloc_pages 10 gfp=GFP_KERNEL|__GFP_THISNODE cpu=2\n"
               "h = alloc_pages 3 gfp=GFP_KERNEL|__GFP_THISNODE cpu=2 node=0\n",
               "--set", "regions.ram_1.size=16M", *extra)
    other = r["nodes"][0]["fallbacks"]
    here = 4 - other
    check(0 < here < 4, f"{extra}: {here} blocks of node 1")
    check(r["events"]["failed"] == 1 and r["failures"][0]["event"] == 5, f"{extra}: {r['failures']}")
    check(payload(r) == [other * 1024 + 8, here * 1024], f"{extra}: {payload(r)}")
    by_zone = {z["name"]: z["fallbacks"] for z in r["zones"]}
    check(by_zone["normal"] == other and by_zone["normal_1"] == 0, f"{extra}: {by_zone}")


def classes():
    """The nodes' classes add up to the regions'."""
    r = replay("a = alloc_pages 5 gfp=GFP_KERNEL cpu=3\nk = kmalloc 100 cpu=3\nv = vmalloc 100000 cpu=3\n")
    for name in ("payload", "rounding", "metadata", "slack", "cached", "free", "reserved", "unmanaged"):
        check(sum(n[name] for n in r["nodes"]) == r["ledger"]["final"][name], name)
    check(r["nodes"][1]["metadata"] > 60 << 20, "a node's descriptors lie in it")


def expressions():
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder) / "t.trace"
        trace.write_text("a = alloc_pages 3 gfp=GFP_KERNEL cpu=3\n")
        for text, status in (("nodes.node1.payload == 32K", 1), ("nodes.node0.fallbacks > 0", 0)):
            r = subprocess.run([MEMSCAPE, "replay", "-q", "-c", "numa2", "--fail-on", text, str(trace)],
                               capture_output=True, text=True)
            check(r.returncode == status, f"{text}: exit {r.returncode} {r.stderr}")


def one_node():
    r = subprocess.run([MEMSCAPE, "replay", "-c", "x86_64", "--json", "-", "-"], input="a = alloc_pages 0\n",
                       capture_output=True, text=True)
    check(r.returncode == 0 and "nodes" not in json.loads(r.stdout), "one node is not told")


def info():
    text = subprocess.run([MEMSCAPE, "info", "numa2"], capture_output=True, text=True).stdout
    check("     1        4 GiB     2    21  10   normal_1 normal dma32 dma" in text, text)
    j = json.loads(subprocess.run([MEMSCAPE, "info", "numa2", "--json"], capture_output=True,
                                  text=True).stdout)
    check(j["numa"][1] == {"node": 1, "cpus": 2, "distances": [21, 10],
                           "zonelist": ["normal_1", "normal", "dma32", "dma"]}, j["numa"])


def text_forms():
    """node=0 survives every encoding: it says more than no node."""
    text = "# memscape-text/2\nb0 = alloc_pages 3 cpu=2 node=0\nb1 = alloc_pages 3 cpu=2\n"
    binary = subprocess.run([MEMSCAPE, "import", "-", "-o", "-", "--to", "binary"], input=text.encode(),
                            capture_output=True, check=True).stdout
    back = subprocess.run([MEMSCAPE, "import", "-", "-o", "-", "--to", "text"], input=binary,
                          capture_output=True, check=True).stdout.decode()
    check(back == text, back)


def main():
    # The plain buddy and a list of single pages know nodes, too.
    placement()
    placement("--set", "allocators.pages.rules=plain")
    placement("--set", "machine.rules=linux-4.19")
    fallback()
    fallback("--set", "allocators.pages.rules=plain")
    fallback("--set", "allocators.pages.rules=textbook")
    fallback("--set", "machine.rules=linux-4.19")
    classes()
    expressions()
    one_node()
    info()
    text_forms()
    print("two nodes behave" if not checks.problems else f"{checks.problems} problems")
    return 1 if checks.problems else 0


sys.exit(main())
