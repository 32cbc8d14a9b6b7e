"""Measure ``POST /api/v1/predict`` of one server process over HTTP, for the table of docs/web.md.

    python tools/predict_speed.py

Server and client share the machine. Every time is from the first byte sent to the last received; the processor's time
is that of the server's process alone.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from netsift.cli.detect import default_model  # noqa: E402
from netsift.models.bundle import load_bundle  # noqa: E402
from netsift.web.prediction import Predictor  # noqa: E402
from tests.web.serving import Served, served  # noqa: E402

SINGLE: Final = 1_000
A_SECOND: Final = 200
SECONDS: Final = 10
CONNECTIONS: Final = 8
MANY: Final = 10_000
TIMES: Final = 7

Ask = Callable[[bytes], None]


def asker(server: Served) -> Ask:
    """Return what sends one request over a connection of its own and reads the answer."""
    place = urlsplit(server.address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port or 0, timeout=60)

    def ask(body: bytes) -> None:
        connection.request("POST", "/api/v1/predict", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content[:300]

    return ask


def timed(ask: Ask, bodies: Iterator[bytes]) -> list[float]:
    """Return the milliseconds of every request, one after the other."""
    found = []
    for body in bodies:
        began_s = time.perf_counter()
        ask(body)
        found.append((time.perf_counter() - began_s) * 1_000)
    return found


def at_a_rate(server: Served, body: bytes) -> list[float]:
    """Return the milliseconds of requests that are due at fixed times, from when they were due."""
    found: list[float] = []
    began_s = time.perf_counter() + 0.2

    def one(number: int) -> None:
        ask = asker(server)
        for request in range(number, A_SECOND * SECONDS, CONNECTIONS):
            due_s = began_s + request / A_SECOND
            time.sleep(max(0.0, due_s - time.perf_counter()))
            ask(body)
            found.append((time.perf_counter() - due_s) * 1_000)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def processor_ms(server: Served) -> float:
    """Return the processor's time of the process that answers, in milliseconds."""
    main = server.process.pid
    worker = Path(f"/proc/{main}/task/{main}/children").read_text().split()[0]
    fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1_000


def rows_of(predictor: Predictor, count: int) -> list[dict[str, Any]]:
    """Return flows of every class, each with its own times and sizes."""
    random = np.random.default_rng(0)
    examples = [predictor.example(name) for name in predictor.bundle.manifest.classes]
    found = []
    for number in range(count):
        row = dict(examples[number % len(examples)])
        for name, value in row.items():
            if isinstance(value, float) and value > 1:
                row[name] = round(value * random.uniform(0.9, 1.1), 2)
        found.append(row)
    return found


def say(server: Served, name: str, measure: Callable[[], list[float]]) -> None:
    """Print one line of the table."""
    before_ms = processor_ms(server)
    found = measure()
    spent_ms = (processor_ms(server) - before_ms) / len(found)
    p50, p99 = np.percentile(found, [50, 99])
    print(f"| {name} | {p50:.1f} ms | {p99:.1f} ms | {spent_ms:.1f} ms |", flush=True)


def main() -> int:
    """Print the table."""
    predictor = Predictor(load_bundle(default_model()))
    benign, scan = (json.dumps({"rows": [predictor.example(name)]}).encode() for name in ("benign", "scan"))
    rows = rows_of(predictor, MANY)
    named = json.dumps({"rows": rows, "explain": "none"}).encode()
    lists = json.dumps(
        {"columns": list(predictor.names), "rows": [list(row.values()) for row in rows], "explain": "none"}
    ).encode()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), "--no-demonstration") as server:
        timed(asker(server), iter([benign, scan, named, lists] * 3))
        print("| | p50 | p99 | processor |\n|---|---|---|---|")
        say(server, "one flow that is not flagged", lambda: timed(asker(server), iter([benign] * SINGLE)))
        say(server, "one flagged flow with its reasons", lambda: timed(asker(server), iter([scan] * SINGLE)))
        say(server, f"{A_SECOND} unflagged flows a second over {CONNECTIONS} connections",
            lambda: at_a_rate(server, benign))  # fmt: skip
        say(server, f"{A_SECOND} flagged flows a second with their reasons", lambda: at_a_rate(server, scan))
        say(
            server,
            f"{MANY:,} flows in one request, columns and lists",
            lambda: timed(asker(server), iter([lists] * TIMES)),
        )
        say(
            server,
            f"{MANY:,} flows in one request, values by name",
            lambda: timed(asker(server), iter([named] * TIMES)),
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
