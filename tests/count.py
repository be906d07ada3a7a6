#!/usr/bin/env python3
"""Counts meson's test results in its logs: prints 'N passed, N failed, N skipped'."""
import json
import sys

passed = failed = skipped = 0
for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as log:
        for line in log:
            result = json.loads(line)["result"]
            if result in ("OK", "EXPECTEDFAIL"):
                passed += 1
            elif result == "SKIP":
                skipped += 1
            else:
                failed += 1
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(1 if failed or not passed else 0)
