"""Faults of the server for tools/soak.py: its processes are killed, and clients are many, slow or both."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from tests.live.networks import wait_for
from tests.web.serving import Served, served
from tools.soak_measured import Measured, capture_in

STREAMS: Final = 1_000
UPLOADS: Final = 200
HAMMERED_S: Final = 10.0
SLOW: Final = 300


def killed_server(folder: Path) -> Measured:
    """Kill the worker of a server under load."""
    with served(folder, "--no-demonstration") as server:
        worker = worker_of(server)
        stop, answers = threading.Event(), Counter[str]()
        threads = [threading.Thread(target=asking, args=(server, stop, answers)) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_for(lambda: answers["200"] > 50, "answers")
        os.kill(worker, signal.SIGKILL)
        before_s = time.monotonic()
        wait_for(lambda: not Path(f"/proc/{worker}").exists(), "its end")
        answered = answers["200"]
        wait_for(lambda: answers["200"] > answered, "answers again")
        again_s = time.monotonic() - before_s
        stop.set()
        for thread in threads:
            thread.join()
    return Measured(f"{answers['failed']} requests that were under way", f"{again_s:.1f} s", again_s < 60)


def killed_job(folder: Path) -> Measured:
    """Kill the process of a job, and look at its file again."""
    capture = capture_in(folder)
    with served(folder, "--no-demonstration") as server:
        answer = put(server, capture.read_bytes(), "traffic.pcap")
        job, file = answer["job"]["id"], answer["capture"]["id"]
        wait_for(lambda: ask(server, f"/api/v1/jobs/{job}")["state"] == "running", "the job to run")
        victims = [
            pid for pid in children_of(worker_of(server))
            if b"netsift.web.job" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]  # fmt: skip
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        before_s = time.monotonic()
        wait_for(lambda: ask(server, f"/api/v1/jobs/{job}")["state"] == "failed", "the job's end to be seen")
        said_s = time.monotonic() - before_s
        again = ask(server, f"/api/v1/captures/{file}/look", b"{}")["id"]
        wait_for(lambda: ask(server, f"/api/v1/jobs/{again}")["state"] == "done", "the second try")
        found = ask(server, "/api/v1/incidents/counts")["total"]
    return Measured(
        "the job, which says so; asked again, the file is looked at as a whole", f"{said_s:.1f} s", found > 0
    )


def many_streams(folder: Path) -> Measured:
    """Let a thousand clients ask for event streams again and again, and look at pages meanwhile."""
    with served(folder, "--no-demonstration") as server:
        stop, statuses, slowest_s = threading.Event(), Counter[str](), 0.0
        hammer = threading.Thread(target=lambda: asyncio.run(hammering(server, stop, statuses)), daemon=True)
        hammer.start()
        wait_for(lambda: statuses["200"] > 0 and statuses["503"] >= STREAMS, "streams and refusals")
        refused, began_s = statuses["503"], time.monotonic()
        while time.monotonic() - began_s < HAMMERED_S:
            for path in ("/", "/alerts", "/api/v1/status"):
                asked_s = time.monotonic()
                with urlopen(server.address + path, timeout=60) as answer:
                    answer.read()
                slowest_s = max(slowest_s, time.monotonic() - asked_s)
        rate = (statuses["503"] - refused) / (time.monotonic() - began_s)
        stop.set()
        hammer.join()
        wait_for(lambda: ask(server, "/api/v1/status")["streams_open"] == 0, "the streams to be given back")
    others = statuses.total() - statuses["200"] - statuses["503"]
    return Measured(
        f"{statuses['200']} streams served, the others refused to come again later, {rate:.0f} times a second",
        f"pages took {slowest_s * 1000:.0f} ms at most", slowest_s < 1 and not others,
    )  # fmt: skip


async def hammering(server: Served, stop: threading.Event, statuses: Counter[str]) -> None:
    """Ask for a thousand event streams, and again for each that is refused after a second, until told to stop."""
    address = urlsplit(server.address)

    async def client() -> None:
        while not stop.is_set():
            try:
                reader, writer = await asyncio.open_connection(address.hostname, address.port)
                writer.write(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
                status = (await reader.readline())[9:12].decode()
            except OSError as error:
                status = str(error)
            statuses[status] += 1
            while status == "200" and not stop.is_set():
                await asyncio.sleep(0.2)
            writer.close()
            await asyncio.sleep(1)

    await asyncio.gather(*(client() for _ in range(STREAMS)))


def slow_clients(folder: Path) -> Measured:
    """Let clients send heads, bodies and uploads that never end, and ask other things meanwhile."""
    heads = (
        b"GET /api/v1/status HTTP/1.1\r\nHost: local",
        b"POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{",
        b"PUT /api/v1/captures?name=slow.pcap HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\nabc",
    )
    slowest_s = 0.0
    with served(folder, "--no-demonstration") as server:
        address = urlsplit(server.address)
        open_ = [socket.create_connection((address.hostname, address.port), timeout=20) for _ in range(SLOW)]
        for number, connection in enumerate(open_):
            connection.sendall(heads[number % len(heads)])
        for _ in range(20):
            began_s = time.monotonic()
            ask(server, "/api/v1/status")
            slowest_s = max(slowest_s, time.monotonic() - began_s)
            time.sleep(0.5)
        for connection in open_:
            connection.close()
        put(server, capture_in(folder).read_bytes(), "after.pcap")
    return Measured("nothing of others", f"another request took {slowest_s * 1000:.0f} ms at most", slowest_s < 5)


def parallel_uploads(folder: Path) -> Measured:
    """Upload many files at once."""
    content = capture_in(folder).read_bytes()[:20_000]
    with served(folder, "--no-demonstration") as server:
        answers = Counter[str]()

        def send(number: int) -> None:
            try:
                put(server, content + number.to_bytes(4, "big"), f"{number}.pcap")
            except (OSError, http.client.HTTPException) as error:
                answers[str(error)[:60]] += 1
            else:
                answers["stored"] += 1

        threads = [threading.Thread(target=send, args=(number,)) for number in range(UPLOADS)]
        began_s = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took_s = time.monotonic() - began_s
        listed = len(ask(server, "/api/v1/captures")["captures"])
    others = {name: count for name, count in answers.items() if name != "stored"}
    return Measured(
        f"{UPLOADS - listed} of {UPLOADS} files" + (f": {others}" if others else ""), f"{took_s:.1f} s for all",
        listed == answers["stored"] == UPLOADS,
    )  # fmt: skip


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] + [
        int(word)
        for task in Path(f"/proc/{pid}/task").iterdir()
        if task.name != str(pid)
        for word in (task / "children").read_text().split()
    ]


def worker_of(server: Served) -> int:
    """Return the process that answers: the one forked by the process that was started."""
    own = Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
    [worker] = [pid for pid in children_of(server.process.pid) if Path(f"/proc/{pid}/cmdline").read_bytes() == own]
    return worker


def ask(server: Served, path: str, body: bytes | None = None) -> Any:
    """Return what the server answers as JSON."""
    request = Request(server.address + path, data=body, headers={"Content-Type": "application/json"})
    with urlopen(request, timeout=60) as answer:
        return json.load(answer)


def put(server: Served, content: bytes, name: str) -> Any:
    """Upload a file and return the answer."""
    request = Request(f"{server.address}/api/v1/captures?name={name}", data=content, method="PUT")
    request.add_header("Content-Type", "application/octet-stream")
    with urlopen(request, timeout=120) as answer:
        return json.load(answer)


def asking(server: Served, stop: threading.Event, answers: Counter[str]) -> None:
    """Ask for the status until somebody says stop."""
    while not stop.is_set():
        try:
            ask(server, "/api/v1/status")
        except (OSError, http.client.HTTPException):
            answers["failed"] += 1
            stop.wait(0.05)
        else:
            answers["200"] += 1
