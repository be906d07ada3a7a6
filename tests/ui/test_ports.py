"""The fast port's short ways give the report of the checked port, which has none.

usage: test_ports.py MEMSCAPE ROOT

Random traces of requests for bytes and for pages, plain ones (which the fast port does in
bulk) among others: reallocs, other CPUs, flags, objects that nobody knows, requests that
fail.  Likewise of kmalloc and caches.  Both reports must be the
same but for the port's name, for traces in text and in the binary form.
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

MEMSCAPE = ROOT = None
EVENTS = 6000
SIZES = [0, 1, 8, 16, 24, 100, 520, 1000, 5000, 70000]
ORDERS = [0] * 12 + [1, 1, 2, 3, 4, 5, 9, 10, 11]


def pages(rng, cpus):
    words = [f"alloc_pages order={rng.choice(ORDERS)}"]
    if rng.random() < 0.3:
        words.append("mt=" + rng.choice(["movable", "reclaimable"]))
    if rng.random() < 0.05:
        words.append("gfp=GFP_ATOMIC")
    if rng.random() < 0.1:
        words.append(f"cpu={rng.randrange(cpus)}")
    return " ".join(words)


def trace(seed, share_of_pages, cpus):
    """Lines of a trace; births are a little more frequent than deaths."""
    rng = random.Random(seed)
    live, lines = [], ["# memscape-text/1"]
    for number in range(EVENTS):
        dice = rng.random()
        if dice < 0.003:
            lines.append(rng.choice(["free_pages nobody", "free nobody", "free null"]))
        elif live and dice < 0.48:
            end, name = live.pop(rng.randrange(len(live)))
            lines.append(f"{end} {name}")
        elif live and dice < 0.52 and live[-1][0] == "free":
            lines.append(f"realloc {live[-1][1]} {rng.choice(SIZES[1:])}")
        else:
            of_pages = rng.random() < share_of_pages
            birth = pages(rng, cpus) if of_pages else \
                f"{rng.choice(['malloc', 'malloc', 'calloc 1'])} {rng.choice(SIZES)}"
            live.append(("free_pages" if of_pages else "free", f"o{number}"))
            lines.append(f"o{number} = {birth}")
    return "\n".join(lines) + "\n"


FLAGS = ["GFP_KERNEL"] * 5 + ["GFP_ATOMIC", "GFP_NOWAIT", "GFP_KERNEL|__GFP_ZERO", "GFP_KERNEL|__GFP_DMA"]
LARGE = [[70000], [5000000], [4 << 20] * 20]
OBJECTS = [24, 40, 64, 192, 680, 3000]


class KernelTrace:
    """Lines of a trace of kmalloc and caches."""

    def __init__(self, seed, cpus, most):
        self.rng, self.cpus = random.Random(seed), cpus
        self.sizes = SIZES + [0, 96, 190, 2000, 9000] + most
        self.lines, self.live, self.number = ["# memscape-text/2"], [], 0
        self.caches = []
        for size in OBJECTS:
            self.create(size)

    def add(self, words, where=True):
        if where and self.rng.random() < 0.2:
            words += f" cpu={self.rng.randrange(self.cpus)}"
        self.lines.append(words)

    def name(self):
        self.number += 1
        return f"o{self.number}"

    def create(self, size):
        name, flags = self.name(), self.rng.choice(["", " gfp=0x2000", " gfp=0x800"]) # HWCACHE_ALIGN, POISON
        self.add(f"{name} = cache_create c{self.number} {size}{flags}", False)
        self.caches.append(name)

    def birth(self):
        name, flags = self.name(), f" gfp={self.rng.choice(FLAGS)}"
        if self.rng.random() < 0.4:
            cache = self.rng.choice(self.caches)
            self.add(f"{name} = cache_alloc {cache}{flags}")
            self.live.append((name, cache))
            return
        size = self.rng.choice(self.sizes) - self.rng.randrange(3)
        size = max(size, 0)
        what = self.rng.choice(["kmalloc", "kmalloc", "kmalloc", "kzalloc", "kcalloc 2"])
        self.add(f"{name} = {what} {size}{flags}")
        self.live.append((name, None))

    def death(self):
        name, cache = self.live.pop(self.rng.randrange(len(self.live)))
        if cache is None:
            self.add(f"kfree {name}")
        elif self.rng.random() < 0.02:
            self.add(f"cache_free {name} {self.rng.choice(self.caches)}")
        else:
            self.add(f"kfree {name}" if self.rng.random() < 0.05 else f"cache_free {name} {cache}")

    def odd(self):
        dice = self.rng.randrange(7)
        if dice == 0:
            self.add(f"{self.name()} = devm_kmalloc {self.rng.randrange(3)} {self.rng.choice(SIZES)}")
            if self.rng.random() < 0.5:
                self.live.append((f"o{self.number}", None))
        elif dice == 1:
            self.add(f"device_remove {self.rng.randrange(3)}")
        elif dice == 2:
            self.create(self.rng.choice(OBJECTS))
        elif dice == 3:
            self.add(f"cache_shrink {self.rng.choice(self.caches)}", False)
        elif dice == 4:
            self.add(self.rng.choice(["kfree nobody", "kfree null", "free null", "free null"]))
        elif self.live:
            name, cache = self.rng.choice(self.live)
            if cache is None:
                self.add(f"krealloc {name} {self.rng.choice(SIZES[1:])} gfp=GFP_KERNEL")

    def write(self, path):
        while len(self.lines) < EVENTS:
            dice = self.rng.random()
            if dice < 0.01:
                self.odd()
            elif dice < 0.5 and self.live:
                self.death()
            else:
                self.birth()
        path.write_text("\n".join(self.lines) + "\n")
        return path


def report(port, *arguments):
    done = subprocess.run([MEMSCAPE, "replay", "-q", "--json", "-", "--port", port, *arguments],
                          capture_output=True, text=True, check=False)
    if not done.stdout:
        raise AssertionError(f"{arguments}: {done.stderr}")
    out = json.loads(done.stdout)
    del out["run"]
    return out


class Ports(unittest.TestCase):
    def same(self, *arguments):
        fast, checked = report("fast", *arguments), report("checked", *arguments)
        self.assertEqual(fast, checked, " ".join(map(str, arguments)))
        return fast

    def test_same_report(self):
        machines = [["-c", "x86_64"], ["-c", "x86_64", "--set", "machine.rules=linux-4.19"],
                    ["-c", "x86_32"], ["-c", "x86_32", "--set", "machine.rules=linux-6"],
                    ["-c", "numa2"], ["-c", "stm32h7"]]
        failed = 0
        with tempfile.TemporaryDirectory() as folder:
            for seed, share in enumerate((0, 0.5, 1)):
                path = pathlib.Path(folder) / f"{seed}.trace"
                path.write_text(trace(seed, share, 4))
                for i, machine in enumerate(machines):
                    kinds = ("tlsf", "bins", "half_fit", "slab_array", "best_fit", "buddy_heap")
                    kind = [] if share == 1 else ["--alloc", kinds[(seed + i) % len(kinds)]]
                    failed += self.same(*machine, *kind, path)["events"]["failed"]
        self.assertGreater(failed, 100, "some requests are refused")

    def test_every_short_way(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "heap.trace"
            path.write_text(trace(7, 0, 1))
            for kind in ("tlsf", "bins", "half_fit", "slab_array"):
                for bytes_ in ("64K", "2M"):
                    self.same("-c", "x86_64", "--alloc", kind, "--set", f"allocators.heap.bytes={bytes_}", path)

    def test_peak(self):
        """What follows the request that makes the peak adds nothing, and is not taken for it."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "peak.trace"
            for last in (["free null", "free a"], ["z = kmalloc 0", "kfree a", "kfree z"]):
                birth = "a = malloc 100" if last[0] == "free null" else "a = kmalloc 100"
                path.write_text("\n".join(["# memscape-text/2", birth, *last]) + "\n")
                self.assertEqual(self.same("-c", "x86_64", path)["peak"]["event"], 1)

    def test_kernel_requests(self):
        """kmalloc, kfree and objects of caches, on machines of one node and of two."""
        machines = [["-c", "x86_64"], ["-c", "x86_64", "--set", "machine.rules=linux-4.19"],
                    ["-c", "x86_32"], ["-c", "x86_32", "--set", "machine.rules=linux-6"], ["-c", "numa2"]]
        layers = [[], ["--set", "allocators.slab.kind=slub_tiny"], ["--set", "allocators.slab.kind=slab"],
                  ["--set", "allocators.slab.red_zone=true"], ["--set", "allocators.slab.kmalloc_powers=true"]]
        failed = bad = 0
        with tempfile.TemporaryDirectory() as folder:
            for i, machine in enumerate(machines):
                text = KernelTrace(i, 4, LARGE[i % len(LARGE)]).write(pathlib.Path(folder) / f"{i}.trace")
                binary = text.with_suffix(".mst")
                subprocess.run([MEMSCAPE, "import", text, "-o", binary], check=True, capture_output=True)
                for layer in layers:
                    out = self.same(*machine, *layer, text)
                    self.same(*machine, *layer, binary)
                    failed += out["events"]["failed"]
                    bad += out["events"]["findings"]
        self.assertGreater(failed, 100, "some requests are refused")
        self.assertGreater(bad, 20, "some requests are wrong")


if __name__ == "__main__":
    MEMSCAPE, ROOT = str(pathlib.Path(sys.argv[1]).resolve()), sys.argv[2]
    unittest.main(argv=sys.argv[:1])
