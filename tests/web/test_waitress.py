"""The server where there is no gunicorn: waitress, really started."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.web.conftest import wait_for
from tests.web.serving import WITHOUT_GUNICORN, Served, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield a server that has looked at nothing."""
    folder = tmp_path_factory.mktemp("waitress")
    with served(folder, "--no-demonstration", program=WITHOUT_GUNICORN) as running:
        yield running


def ask(server: Served, path: str, content: bytes | None = None, method: str = "GET") -> Any:
    """Return what the server answers as JSON."""
    request = Request(server.address + path, data=content, method=method)
    if content is not None:
        request.add_header("Content-Type", "application/octet-stream")
    with urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_it_is_waitress_that_serves(server: Served) -> None:
    if sys.platform == "linux":
        assert not Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text(), "no worker"
    with urlopen(server.address + "/healthz", timeout=60) as answer:
        assert "gunicorn" not in answer.headers.get("Server", "")


def test_pages_are_shown_with_their_files(server: Served) -> None:
    with urlopen(server.address + "/", timeout=60) as answer:
        page = answer.read().decode()
    assert "netsift" in page
    script = page.partition('<script src="')[2].partition('"')[0]
    with urlopen(server.address + script, timeout=60) as answer:
        assert answer.status == 200


def test_an_event_comes_while_the_stream_goes_on(server: Served) -> None:
    began_s = time.monotonic()
    with urlopen(server.address + "/api/v1/events", timeout=60) as stream:
        assert stream.readline() == b"event: status\n"
        assert json.loads(stream.readline().removeprefix(b"data: "))["streams_open"] >= 0
        assert time.monotonic() - began_s < 30
    # A stream of somebody who went away ends when something is sent.
    wait_for(lambda: ask(server, "/api/v1/status")["streams_open"] == 0)


@pytest.mark.usefixtures("compiled")
def test_a_file_is_uploaded_and_looked_at(server: Served, capture: Path) -> None:
    job = ask(server, "/api/v1/captures?name=scan.pcap", capture.read_bytes(), "PUT")["job"]["id"]
    wait_for(lambda: ask(server, f"/api/v1/jobs/{job}")["state"] in ("done", "failed"))
    assert ask(server, f"/api/v1/jobs/{job}")["state"] == "done"
    assert ask(server, "/api/v1/incidents/counts")["total"] > 0


def test_a_wrong_request_is_a_problem(server: Served) -> None:
    with pytest.raises(HTTPError) as refused:
        ask(server, "/api/v1/jobs/nothing")
    assert refused.value.headers["Content-Type"] == "application/problem+json"
    refused.value.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
def test_it_ends_when_told(tmp_path: Path) -> None:
    with served(tmp_path, "--no-demonstration", program=WITHOUT_GUNICORN) as running:
        running.process.terminate()
        assert running.process.wait(timeout=30) == 0
