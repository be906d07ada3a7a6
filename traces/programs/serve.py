"""A small web application on the loopback interface; it ends after a number of requests.

usage: serve.py PORTFILE REQUESTS
"""
import html
import http.server
import json
import os
import sys
import threading
import urllib.parse

port_file, requests = sys.argv[1], int(sys.argv[2])
notes, lock = {}, threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, kind, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        if url.path == "/notes":
            with lock:
                found = [{"id": i, **n} for i, n in notes.items() if query.get("tag", [n["tag"]])[0] == n["tag"]]
            self.answer(200, "application/json", json.dumps(found, indent=1))
        elif url.path == "/page":
            rows = "".join(f"<tr><td>{html.escape(str(n))}</td></tr>" for n in list(notes.values())[-20:])
            self.answer(200, "text/html", f"<table>{rows}</table>")
        else:
            self.answer(404, "text/plain", f"no {url.path} here\n")

    def do_POST(self):
        note = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with lock:
            notes[len(notes)] = note
            if len(notes) > 150:
                notes.clear()
        self.answer(201, "application/json", json.dumps({"kept": len(notes)}))

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = False  # server_close waits for the last answer
with open(port_file + ".new", "w") as f:
    f.write(str(server.server_port))
os.rename(port_file + ".new", port_file)
for _ in range(requests):
    server.handle_request()
server.server_close()
