"""The server with connections that are many, slow or left open, as other programs on this machine can make them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.web.serving import Served, served

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gunicorn does not run on Windows")

STREAMS = 1_000
AT_MOST_S = 4.0
"""Pages take less than a second; a machine that is busy with other tests may take some."""
ASK = b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield a server that has looked at nothing."""
    with served(tmp_path_factory.mktemp("worker"), "--no-demonstration") as running:
        yield running


def connected(server: Served) -> socket.socket:
    """Return a connection to the server."""
    place = urlsplit(server.address)
    return socket.create_connection((place.hostname, place.port), timeout=20)


def slowest_page_s(server: Served, times: int = 5) -> float:
    """Return the seconds that the slowest of some pages takes."""
    slowest = 0.0
    for _ in range(times):
        for path in ("/", "/alerts", "/api/v1/status"):
            began_s = time.monotonic()
            with urlopen(server.address + path, timeout=60) as answer:
                answer.read()
            slowest = max(slowest, time.monotonic() - began_s)
    return slowest


def test_pages_stay_quick_while_a_thousand_want_to_watch(server: Served) -> None:
    stop, statuses = threading.Event(), Counter[bytes]()
    place = urlsplit(server.address)

    async def client() -> None:
        while not stop.is_set():
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
            writer.write(ASK)
            status = (await reader.readline())[9:12]
            statuses[status] += 1
            while status == b"200" and not stop.is_set():
                await asyncio.sleep(0.2)
            writer.close()
            await asyncio.sleep(2)

    async def all_of_them() -> None:
        await asyncio.gather(*(client() for _ in range(STREAMS)))

    hammer = threading.Thread(target=lambda: asyncio.run(all_of_them()), daemon=True)
    hammer.start()
    while statuses.total() < STREAMS:
        time.sleep(0.01)
    slowest = slowest_page_s(server)
    stop.set()
    hammer.join(timeout=30)
    assert statuses[b"200"] == 32
    assert set(statuses) == {b"200", b"503"}
    assert slowest < AT_MOST_S


def test_connections_that_say_nothing_keep_no_thread(server: Served) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(connected(server))
        assert slowest_page_s(server) < AT_MOST_S


def test_answered_connections_that_are_left_open_keep_nobody_waiting(server: Served) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(connected(server))
            connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            assert b" 200 " in connection.recv(4_096)
        assert slowest_page_s(server, 1) < AT_MOST_S


def test_an_answer_before_the_end_of_a_body_arrives(server: Served) -> None:
    body = bytes(2_000_000)
    with connected(server) as connection:
        head = b"POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(head + b"Content-Length: 99999999999\r\n\r\n" + body)
        assert b" 413 " in connection.recv(4_096)


def test_kept_connections_end_when_idle(server: Served) -> None:
    place = urlsplit(server.address)
    connection = HTTPConnection(str(place.hostname), place.port, timeout=20)
    for _ in range(2):
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
    kept = connection.sock
    assert kept is not None, "the same connection served both"
    assert kept.recv(1) == b"", "and was closed when nothing more came"
    connection.close()


def test_the_server_ends_with_connections_open(tmp_path: Path) -> None:
    with served(tmp_path, "--no-demonstration") as running, contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connected(running)).sendall(ASK)
        began_s = time.monotonic()
        running.process.terminate()
        running.process.wait(timeout=30)
        assert time.monotonic() - began_s < 15
