"""Which zones requests of each kind reach, and which stay whole, on a machine with a zone MOVABLE.

usage: test_zones.py MEMSCAPE ROOT
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

MEMSCAPE = ROOT = None
ZONES = ("zones=[{name: dma, end: 16M}, {name: normal, base: 16M, end: lowmem}, "
         "{name: highmem, base: lowmem, end: 1000M, highmem: true, descriptors: normal}, "
         "{name: movable, base: 1000M, highmem: true, descriptors: normal}]")
IDLE = ["x = alloc_pages 0 gfp=GFP_KERNEL", "free_pages x"]


def zones(rules, lines):
    """Used pages of each zone at the end of a trace of these lines, and how many requests failed."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "zones.trace"
        path.write_text("\n".join(["# memscape-text/2", *lines]) + "\n")
        done = subprocess.run([MEMSCAPE, "replay", "-q", "--json", "-", "--check=500", "-c", "x86_32", "--set", ZONES,
                               "--set", "zonelist=[movable, highmem, normal, dma]",
                               "--set", f"machine.rules={rules}", "--set", "allocators.heap.bytes=64K", path],
                              capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)
    return {z["name"]: z["managed_pages"] - z["free_pages"] for z in out["zones"]}, out["events"]["failed"]


class Zones(unittest.TestCase):
    def test_flags(self):
        """Requests until nothing is left: flags bound how far they go."""
        reach = {"GFP_KERNEL": {"normal", "dma"},
                 "GFP_HIGHUSER": {"highmem", "normal", "dma"},
                 "GFP_HIGHUSER_MOVABLE": {"movable", "highmem", "normal", "dma"},
                 "GFP_KERNEL|__GFP_MOVABLE": {"normal", "dma"},
                 "GFP_KERNEL|__GFP_DMA": {"dma"}}
        for rules in ("textbook", "linux-4.19", "linux-6"):
            before, _ = zones(rules, IDLE)
            for gfp, wanted in reach.items():
                with self.subTest(rules=rules, gfp=gfp):
                    mt = " mt=movable" if "MOVABLE" in gfp else ""
                    used, failed = zones(rules, [f"b{i} = alloc_pages 8 gfp={gfp}{mt}" for i in range(1100)])
                    self.assertGreater(failed, 0)
                    self.assertEqual({z for z in used if used[z] - before[z] >= 256}, wanted)

    def test_order(self):
        """One page goes to the least precious zone that its flags allow."""
        for gfp, zone in (("GFP_HIGHUSER_MOVABLE", "movable"), ("GFP_HIGHUSER", "highmem"), ("GFP_KERNEL", "normal")):
            used, _ = zones("textbook", IDLE)
            now, failed = zones("textbook", [f"a = alloc_pages 6 gfp={gfp}"])
            self.assertEqual((failed, {z: now[z] - used[z] for z in now if now[z] != used[z]}), (0, {zone: 64}))

    def test_kinds(self):
        """What grows from pages takes none of MOVABLE, whatever its pages could be."""
        for rules in ("textbook", "linux-6"):
            before, _ = zones(rules, IDLE)
            lines = [f"k{i} = kmalloc 4M gfp=GFP_HIGHUSER_MOVABLE" for i in range(400)]
            lines += [f"v{i} = vmalloc 1M" for i in range(100)] + [f"t{i} = task_create 8K" for i in range(10)]
            used, failed = zones(rules, lines)
            self.assertGreater(failed, 0)
            self.assertEqual(used["movable"], before["movable"])
            self.assertGreater(used["normal"], before["normal"] + 1024)


if __name__ == "__main__":
    MEMSCAPE, ROOT = str(pathlib.Path(sys.argv[1]).resolve()), sys.argv[2]
    unittest.main(argv=sys.argv[:1])
