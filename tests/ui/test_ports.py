"""The fast port's short ways give the report of the checked port, which has none.

usage: test_ports.py MEMSCAPE ROOT

Random traces of requests for bytes and for pages, plain ones (which the fast port does in
bulk) among others: reallocs, other CPUs, flags, objects that nobody knows, requests that
fail.  Both reports must be the same but for the port's name.
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


if __name__ == "__main__":
    MEMSCAPE, ROOT = str(pathlib.Path(sys.argv[1]).resolve()), sys.argv[2]
    unittest.main(argv=sys.argv[:1])
