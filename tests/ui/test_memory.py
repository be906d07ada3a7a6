"""What grows with live objects: 24 bytes each where a trace names slots, 32 where it has ids.

usage: test_memory.py MEMSCAPE

Two traces that differ in how many objects live at once are replayed in slab_array, which
touches none of them.  What more the process holds for the larger one, less what more of the
image was touched, is what the objects cost.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

MEMSCAPE = None
FEW, MANY = 1_200_000, 2_600_000  # both beyond what .rep keeps at hand of young ids
SLACK = 0.5  # bytes an object: whole pages, and what is made ready ahead


def write_rep(path, objects):
    with open(path, "w", encoding="ascii") as out:
        out.write(f"0\n{objects}\n{2 * objects}\n1\n")
        out.writelines(f"a {i} 16\n" for i in range(objects))
        out.writelines(f"f {i}\n" for i in range(objects))


def held(trace):
    """Bytes that a replay's process held at most, beside the image."""
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(
            [MEMSCAPE, "replay", "-q", "--timing", "-c", "x86_64", "--alloc", "slab_array", trace],
            stdout=subprocess.DEVNULL, stderr=told)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        text = told.read()
    assert process.returncode == 0, text
    touched = int(re.search(r"(\d+) KiB of image touched", text)[1])
    return (usage.ru_maxrss - touched) * 1024


class Memory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.traces = {}
        for objects in (FEW, MANY):
            rep = pathlib.Path(cls.folder.name, f"{objects}.rep")
            mst = rep.with_suffix(".mst")
            write_rep(rep, objects)
            subprocess.run([MEMSCAPE, "import", rep, "-o", mst], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            cls.traces[objects] = {"slots": mst, "ids": rep}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def cost(self, form):
        return (held(self.traces[MANY][form]) - held(self.traces[FEW][form])) / (MANY - FEW)

    def test_slots(self):
        cost = self.cost("slots")
        self.assertGreater(cost, 20)
        self.assertLessEqual(cost, 24 + SLACK)

    def test_ids(self):
        cost = self.cost("ids")
        self.assertGreater(cost, 24)
        self.assertLessEqual(cost, 32 + SLACK)


if __name__ == "__main__":
    MEMSCAPE = sys.argv.pop(1)
    unittest.main()
