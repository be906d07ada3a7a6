"""Checks of a script that goes on after one has failed, and tells how many did."""
problems = 0


def check(ok, what):
    global problems
    if not ok:
        problems += 1
        print("FAILED:", what)
