"""Slow clients keep nobody out: requests are given to threads when they are whole, uploads while there are some."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from netsift.web.patience import wanted
from tests.live.networks import wait_for
from tests.web.serving import Served, served

CLIENTS = 200
HALF_A_HEAD = b"GET /api/v1/status HTTP/1.1\r\nHost: local"
HALF_A_BODY = (
    b"POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
)
PUT = "PUT /api/v1/captures?name={} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"


def upload(name: str, length: int) -> bytes:
    """Return the head of an upload."""
    return f"{PUT.format(name)}Content-Length: {length}\r\n\r\n".encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield a server that nobody else asks."""
    with served(tmp_path_factory.mktemp("slow"), "--no-demonstration") as made:
        yield made


def connected(server: Served) -> socket.socket:
    """Return a connection to a server."""
    address = urlsplit(server.address)
    return socket.create_connection((address.hostname, address.port), timeout=60)


def answer(connection: socket.socket) -> bytes:
    """Return the first bytes that come back, none where the server has ended the connection."""
    try:
        return connection.recv(1 << 16)
    except ConnectionError:
        return b""


@pytest.mark.parametrize("begins", [b"", HALF_A_HEAD, HALF_A_BODY, upload("slow.pcap", 10_000_000) + b"abc"])
def test_slow_clients_keep_nobody_out(begins: bytes, server: Served) -> None:
    slow = [connected(server) for _ in range(CLIENTS)]
    try:
        for one in slow:
            one.sendall(begins)
        for _ in range(10):
            began_s = time.monotonic()
            with urlopen(server.address + "/api/v1/status", timeout=30) as response:
                assert response.status == 200
            assert time.monotonic() - began_s < 5
    finally:
        for one in slow:
            one.close()


def test_clients_that_take_nothing_keep_nobody_out(server: Served) -> None:
    pages = [urlopen(server.address + path, timeout=30).read().decode() for path in ("/", "/models")]
    [large] = {found for page in pages for found in re.findall(r'"(/static/[^"]+/plotly[^"]*)"', page)}
    slow = []
    try:
        for _ in range(CLIENTS):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            address = urlsplit(server.address)
            one.connect((address.hostname, address.port))
            one.sendall(f"GET {large} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            slow.append(one)
        for _ in range(10):
            began_s = time.monotonic()
            with urlopen(server.address + "/api/v1/status", timeout=30) as response:
                assert response.status == 200
            assert time.monotonic() - began_s < 5
    finally:
        for one in slow:
            one.close()


def test_who_never_ends_a_head_is_left(server: Served) -> None:
    with connected(server) as slow:
        began_s = time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() - began_s < 60:
                slow.sendall(b"G")
                time.sleep(0.5)
        assert 5 < time.monotonic() - began_s < 50


def test_a_request_may_come_in_parts_and_another_after_it(server: Served) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connected(server) as one:
        for _ in range(3):
            for place in range(0, len(request), 10):
                one.sendall(request[place : place + 10])
                time.sleep(0.01)
            said = b""
            while not said.endswith(b"}\n"):
                said += answer(one)
            assert said.startswith(b"HTTP/1.1 200")


def test_an_upload_that_takes_its_time_is_taken(server: Served) -> None:
    content = b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00" + bytes(60_000)
    with connected(server) as one:
        one.sendall(upload("patient.pcap", len(content)))
        for place in range(0, len(content), 6_000):
            one.sendall(content[place : place + 6_000])
            time.sleep(0.2)
        assert answer(one).split()[1] in (b"200", b"201", b"202")


def test_uploads_beyond_the_threads_wait_for_one(server: Served) -> None:
    slow = [connected(server) for _ in range(60)]
    try:
        for one in slow:
            one.sendall(upload("slow.pcap", 1_000_000) + b"abc")
        time.sleep(0.5)
        with connected(server) as late:
            late.sendall(upload("late.pcap", 40_000) + b"\xd4\xc3\xb2\xa1" + bytes(39_996))
            late.settimeout(1)
            with pytest.raises(TimeoutError):
                late.recv(1)
            for one in slow:
                one.close()
            late.settimeout(60)
            assert answer(late).split()[1] in (b"200", b"201", b"202")
    finally:
        for one in slow:
            one.close()
    wait_for(lambda: urlopen(Request(server.address + "/healthz"), timeout=30).status == 200, "the server")


@pytest.mark.parametrize(
    ("peeked", "needed", "length"),
    [
        (b"", 0, 0),
        (b"GET / HTTP/1.1\r\n", 0, 0),
        (b"GET / HTTP/1.1\r\n\r\n", 18, 0),
        (b"POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\nab", 45, 7),
        (b"POST / HTTP/1.1\r\ncontent-length:\t40000 \r\n\r\n", 1, 40_000),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 1, 1 << 50),
        (b"G" * 40_000, 1, 0),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 38, 0),
    ],
)
def test_what_a_thread_waits_for(peeked: bytes, needed: int, length: int) -> None:
    found = wanted(peeked)
    assert found[1] == length
    assert found[0] == (len(peeked) - 2 + 7 if needed == 45 else len(peeked) if needed in (18, 38) else needed)
