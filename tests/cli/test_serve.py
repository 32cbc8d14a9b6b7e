"""``netsift serve``, ``user`` and ``token``: what they refuse, and that a server ends when it is told to."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.cli.running import Program
from tests.web.serving import served

PASSWORD = "correct horse battery"


def test_users_and_tokens(run: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    monkeypatch.setenv("NETSIFT_PASSWORD_FILE", str(secret))
    folder = ("--data", tmp_path / "data")
    assert run("user", "add", "anna", "--scope", "read", *folder).status == 0
    again = run("user", "add", "anna", *folder)
    assert (again.status, "already" in again.errors) == (2, True)
    assert run("user", "list", *folder).text.split("\t")[:2] == ["anna", "read"]
    made = run("token", "create", "sensor", "--scope", "ingest", "--days", "1", *folder)
    assert made.text.startswith("netsift_")
    listed = run("token", "list", *folder).text
    assert "sensor" in listed
    assert made.text.strip() not in listed
    assert run("token", "revoke", listed.split("\t")[0], *folder).status == 0
    assert "revoked" in run("token", "list", *folder).text
    assert run("user", "password", "anna", *folder).status == 0
    assert run("user", "remove", "anna", *folder).status == 0
    assert run("user", "list", *folder).text == ""
    assert run("user", "remove", "anna", *folder).status == 1


def test_a_short_password_or_none_is_refused(run: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text("short")
    monkeypatch.setenv("NETSIFT_PASSWORD_FILE", str(tmp_path / "password"))
    assert run("user", "add", "anna", "--data", tmp_path).status == 2
    monkeypatch.setenv("NETSIFT_PASSWORD_FILE", str(tmp_path / "nothing"))
    assert run("user", "add", "anna", "--data", tmp_path).status == 1


def test_others_are_not_let_in_by_default(run: Program, tmp_path: Path) -> None:
    refused = run("serve", "--host", "0.0.0.0", "--port", "0", "--data", tmp_path)
    assert refused.status == 2
    assert "netsift user add" in refused.errors


def test_a_port_that_is_taken_is_told(run: Program, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused = run("serve", "--port", taken.getsockname()[1], "--data", tmp_path)
    assert refused.status == 1
    assert "choose another --port" in refused.errors


def test_a_setting_that_is_none_is_refused(run: Program, tmp_path: Path) -> None:
    (tmp_path / "netsift.toml").write_text("[web]\nprot = 1\n")
    refused = run("serve", "--config", tmp_path / "netsift.toml", "--data", tmp_path)
    assert (refused.status, "did you mean web.port" in refused.errors) == (2, True)


def test_a_server_serves_and_ends(tmp_path: Path) -> None:
    with served(tmp_path, "--no-demonstration", NETSIFT_WEB__MOST_EVENT_STREAMS="2") as server:
        with urlopen(f"{server.address}/api/v1/status", timeout=30) as answer:
            assert json.load(answer)["streams_most"] == 2
        with pytest.raises(HTTPError) as refused:
            urlopen(Request(f"{server.address}/", headers={"Host": "evil.example"}), timeout=30)
        assert refused.value.code == 400
        refused.value.close()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=30) in (0, 143)
        assert "Traceback" not in server.log.read_text()


def test_what_was_found_survives_a_kill(tmp_path: Path) -> None:
    with served(tmp_path, "--no-demonstration") as server:
        request = Request(f"{server.address}/api/v1/captures?name=x.pcap", data=b"not a capture" * 10, method="PUT")
        with urlopen(request, timeout=30) as answer:
            job = json.load(answer)["job"]["id"]
        server.process.kill()
        server.process.wait()
    with (
        served(tmp_path, "--no-demonstration") as server,
        urlopen(f"{server.address}/api/v1/jobs/{job}", timeout=30) as answer,
    ):
        assert json.load(answer)["id"] == job
