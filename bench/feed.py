#!/usr/bin/env python3
"""The change feed and the local API, each beside a floor that does nothing else.

    python bench/feed.py feed 100000     all changes as JSON lines; floor: Python's sqlite3 reading the same rows and printing them
    python bench/feed.py intake 10000    edits and mails of a batch, taken in and handed in again
    python bench/feed.py api 2000        requests a second over one connection; floor: the standard library's server with a fixed answer

Every measurement is a process of its own; runs of both sides alternate, and medians are shown.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

FLOOR_FEED = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
write = sys.stdout.write
for row in connection.execute("SELECT feed.*, mail_activities.* FROM feed JOIN mail_activities ON item = id ORDER BY sequence"):
    write("\\t".join(map(str, row)) + "\\n")
"""
FLOOR_API = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()
    def log_message(self, *_):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def store(state: Path, count: int) -> None:
    """As `fill`, in a process of its own: what this one has held counts for the peak of every process it starts."""
    subprocess.run([sys.executable, __file__, "fill", str(count), "--state", str(state)], check=True)


def fill(state: Path, count: int) -> None:
    """An environment whose mailbox holds `count` small mails."""
    from reconcile.store.sqlite.database import Database
    from reconcile.store.sqlite.mail import SqliteMailStore
    from support.applied import sending_estate
    from support.crm import apply_rows, deliver, letter

    with Database.open(state / "test" / "engine.db") as database:
        apply_rows(database, sending_estate())
        mail = SqliteMailStore(database, database.path.parent)
        for first in range(1, count + 1, 1000):
            deliver(mail, *(letter(number) for number in range(first, min(first + 1000, count + 1))), first=first)
        mail.close()


def run(arguments: list[str]) -> tuple[float, float, float]:
    """(CPU seconds, wall seconds, peak MB) of a process whose output is dropped."""
    started = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - started, usage.ru_maxrss / 1024


def show(name: str, runs: list[tuple[float, float, float]], floor: list[tuple[float, float, float]] | None = None) -> None:
    cpu, wall, peak = (statistics.median(one[index] for one in runs) for index in range(3))
    ratio = f"  {cpu / statistics.median(one[0] for one in floor):5.1f} x floor" if floor else ""
    print(f"{name:<34} {cpu:7.2f} CPU s {wall:7.2f} s {peak:6.0f} MB{ratio}")


def reconcile(state: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "reconcile.cli.main", *words, "--state-dir", str(state)]


def feed(folder: Path, count: int, runs: int) -> None:
    for size in (count // 10, count):
        state = folder / str(size)
        store(state, size)
        ours, floor, listed = [], [], []
        for _ in range(runs):
            floor.append(run([sys.executable, "-c", FLOOR_FEED, str(state / "test" / "engine.db")]))
            ours.append(run(reconcile(state, "activities", "feed")))
            listed.append(run(reconcile(state, "activities", "list", "--limit", str(size), "-o", "json")))
        show(f"{size} rows, sqlite3 SELECT", floor)
        show(f"{size} changes, activities feed", ours, floor)
        show(f"{size} activities list -o json", listed, floor)


def intake(folder: Path, count: int, runs: int) -> None:
    store(folder, 1000)
    documents = {
        "activities": lambda number: {"clientKey": f"e{number}", "id": number % 1000 + 1, "note": f"note {number}"},
        "outbox": lambda number: {"clientKey": f"m{number}", "from": "sales", "to": ["a@contoso.example"], "text": "x" * 1000},
    }
    for group, document in documents.items():
        batch = folder / f"{group}.jsonl"
        with batch.open("w") as lines:
            lines.writelines(json.dumps(document(number)) + "\n" for number in range(count))
        show(f"{count} lines, {group} import", [run(reconcile(folder, group, "import", str(batch)))])
        show(f"{count} lines, {group} import again", [run(reconcile(folder, group, "import", str(batch))) for _ in range(runs)])


def api(folder: Path, count: int, runs: int) -> None:
    store(folder, 10_000)
    floor = subprocess.Popen([sys.executable, "-c", FLOOR_API], stdout=subprocess.PIPE, text=True)
    ours = subprocess.Popen([*reconcile(folder, "serve"), "--port", "0", "-o", "json"], stdout=subprocess.PIPE, text=True)
    assert floor.stdout is not None
    assert ours.stdout is not None
    try:
        ports = {"floor": int(floor.stdout.readline()), "ours": int(json.loads(ours.stdout.readline())["listening"].rpartition(":")[2])}
        token = (folder / "secrets" / "api.token").read_text().strip()
        asks = (
            ("floor", "GET", "/", None),
            ("ours", "GET", "/v1/health", None),
            ("ours", "GET", "/v1/activities/17", None),
            ("ours", "GET", "/v1/changes?limit=100", None),
            ("ours", "POST", "/v1/activities/edits", "edit"),
        )
        figures: dict[str, list[tuple[float, float]]] = {}
        for turn in range(runs):
            for side, method, path, body in asks:
                process = floor if side == "floor" else ours
                before, started = _cpu(process.pid), time.perf_counter()
                _ask(ports[side], token, method, path, body and f"{turn}", count)
                wall = time.perf_counter() - started
                figures.setdefault(f"{side} {method} {path}", []).append((count / wall, (_cpu(process.pid) - before) / count * 1e6))
        base = statistics.median(one[1] for one in figures["floor GET /"])
        for name, runs_ in figures.items():
            rate, cost = (statistics.median(one[index] for one in runs_) for index in range(2))
            print(f"{name:<36} {rate:8.0f} requests/s {cost:8.0f} CPU µs each of the server {cost / base:6.1f} x floor")
        print(f"peak of the server: {_peak(ours.pid):.0f} MB")
    finally:
        for process in (floor, ours):
            process.send_signal(signal.SIGTERM)
            process.wait()


def _ask(port: int, token: str, method: str, path: str, turn: str | None, count: int) -> None:
    connection = HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for number in range(count):
        body = None if turn is None else json.dumps({"clientKey": f"{turn}-{number}", "id": number % 100 + 1, "note": f"{turn} {number}"})
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
    connection.close()


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["feed", "intake", "api", "fill"])
    parser.add_argument("count", type=int)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--state", type=Path, help="for fill: where")
    options = parser.parse_args()
    if options.what == "fill":
        fill(options.state, options.count)
        return
    with tempfile.TemporaryDirectory() as folder:
        {"feed": feed, "intake": intake, "api": api}[options.what](Path(folder), options.count, options.runs)


if __name__ == "__main__":
    main()
