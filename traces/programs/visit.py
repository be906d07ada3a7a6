"""The visitor of serve.py: one request after another, each on a connection of its own.

usage: visit.py PORTFILE REQUESTS
"""
import json
import os
import sys
import time
import urllib.error
import urllib.request

port_file, requests = sys.argv[1], int(sys.argv[2])
while not os.path.exists(port_file):
    time.sleep(0.05)
base = f"http://127.0.0.1:{open(port_file).read()}"
for i in range(requests):
    paths = ["/notes", f"/notes?tag=t{i % 7}", "/page", f"/missing/{i}"]
    data = json.dumps({"tag": f"t{i % 7}", "text": "word " * (i * 13 % 40)}).encode() if i % 3 == 0 else None
    try:
        urllib.request.urlopen(base + ("/notes" if data else paths[i % 4]), data).read()
    except urllib.error.HTTPError:
        pass
