"""Sinks: every alert at least once, at real receivers, whatever fails in between."""

from __future__ import annotations

import hashlib
import hmac
import json
import resource
import signal
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from netsift.alerts.ecs import as_ecs
from netsift.alerts.stored import stored_alerts
from netsift.errors import UsageError
from netsift.sinks.base import RefusedError, SendError, Sink
from netsift.sinks.cef import as_cef
from netsift.sinks.delivery import Delivery
from netsift.sinks.lines import LinesSink
from netsift.sinks.messages import TextFormat
from netsift.sinks.spool import Message, Spool
from netsift.sinks.syslog import SyslogSink, Transport
from netsift.sinks.webhook import SIGNATURE, WebhookSink
from tests.alerts.made import SCAN, made
from tests.conftest import ROOT
from tests.sinks.receivers import Hook, certificate, free_port, rsyslog, tls_server, wait_until


def delivery(sink: Sink, tmp_path: Path, most_bytes: int = 1 << 20) -> Delivery:
    """Return a delivery that tries again at once."""
    return Delivery(sink, Spool(tmp_path / "spool.db", most_bytes), first_pause_s=0.01)


def messages(sink: Sink, count: int) -> list[Message]:
    """Return so many messages of different alerts."""
    return [Message(number, made(number).id, sink.message(made(number))) for number in range(1, count + 1)]


def test_lines_are_alerts_that_netsift_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    for text_format in (TextFormat.ECS, TextFormat.NETSIFT):
        sending = delivery(LinesSink(path, text_format), tmp_path / text_format)
        sending.put([made(1), made(2)])
        assert sending.send_waiting()
        assert sending.counts() == (0, 2, 0, 0)
        sending.close()
    assert list(stored_alerts(path)) == [made(1), made(2)] * 2
    assert json.loads(path.read_text().splitlines()[0]) == as_ecs(made(1))


def test_a_file_that_cannot_be_written_is_tried_again_and_has_no_half_lines(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "alerts.jsonl"
    sending = delivery(LinesSink(path), tmp_path)
    sending.put([made(1)])
    assert not sending.send_waiting()
    assert sending.trouble == f"{path}: No such file or directory"
    path.parent.mkdir()
    sink = LinesSink(path)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        with pytest.raises(SendError, match="File too large"):
            sink.send(messages(sink, 3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == b""
    assert sending.send_waiting()
    assert sending.trouble == ""
    assert list(stored_alerts(path)) == [made(1)]
    sending.close()


def test_a_hook_gets_every_alert_signed_and_with_its_key(tmp_path: Path) -> None:
    hook = Hook()
    with hook.running():
        sending = delivery(WebhookSink(hook.url, "secret", now=lambda: 1_700_000_000.5), tmp_path)
        sending.start()
        sending.put([made(number) for number in range(1, 6)])
        wait_until(lambda: len(hook.got) == 5)
        sending.close()
    assert [json.loads(body) for _, body in hook.got] == [as_ecs(made(number)) for number in range(1, 6)]
    headers, body = hook.got[0]
    signed = hmac.new(b"secret", b"1700000000." + body, hashlib.sha256).hexdigest()
    assert headers[SIGNATURE] == f"t=1700000000,v1={signed}"
    assert headers["Idempotency-Key"] == made(1).id
    assert headers["Content-Type"] == "application/json"


def test_a_hook_that_fails_at_will_gets_every_alert_in_order(tmp_path: Path) -> None:
    hook = Hook()
    hook.planned = [500, None, 429, 200, 503, 200, None, 408]
    with hook.running():
        sending = delivery(WebhookSink(hook.url, "secret"), tmp_path)
        sending.start()
        for number in range(1, 9):
            sending.put([made(number)])
        wait_until(lambda: sending.counts().sent == 8)
        sending.close()
    assert [headers["Idempotency-Key"] for headers, _ in hook.got] == [made(number).id for number in range(1, 9)]


def test_what_a_hook_will_never_take_is_counted_and_holds_nothing_up(tmp_path: Path) -> None:
    hook = Hook()
    hook.planned = [400, 302, 200]
    with hook.running():
        sending = delivery(WebhookSink(hook.url, "secret"), tmp_path)
        sending.put([made(1), made(2), made(3)])
        assert sending.send_waiting()
        assert sending.counts() == (0, 1, 0, 2)
        sending.close()
    assert [headers["Idempotency-Key"] for headers, _ in hook.got] == [made(3).id]


def test_alerts_wait_for_a_dead_receiver_over_a_restart_and_a_kill(tmp_path: Path) -> None:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "tests.sinks.deliver_for_ever",
        f"http://127.0.0.1:{port}/",
        str(tmp_path / "spool.db"),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 20:
            break
    process.send_signal(signal.SIGKILL)
    process.stdout.read()
    process.wait()
    process.stdout.close()
    hook = Hook()
    with hook.running(port):
        sending = delivery(WebhookSink(hook.url, "secret"), tmp_path, 1 << 30)
        waiting = sending.counts().waiting
        sending.start()
        wait_until(lambda: sending.counts().waiting == 0)
        sending.close()
    assert waiting >= 20
    assert [headers["Idempotency-Key"] for headers, _ in hook.got] == [made(number + 1).id for number in range(waiting)]


def test_beyond_the_bound_the_oldest_are_dropped_and_counted(tmp_path: Path) -> None:
    sink = WebhookSink(f"http://127.0.0.1:{free_port()}/", "secret")
    size = len(sink.message(made(1)))
    sending = delivery(sink, tmp_path, 10 * size)
    for number in range(1, 31):
        sending.put([made(number)])
    assert not sending.send_waiting()
    assert "refused" in sending.trouble
    assert sending.counts() == (10, 0, 20, 0)
    sending.close()


@pytest.mark.parametrize("url", ["ftp://host/", "hook", "https://", "file:///etc/passwd"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="begins with https"):
        WebhookSink(url, "secret")


def test_the_name_of_a_hook_holds_no_secret() -> None:
    assert WebhookSink("https://ada:hunter2@hooks.example/T0KEN?key=1", "s").name == "web hook https://hooks.example"


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
def test_rsyslog_gets_every_alert(tmp_path: Path, transport: Transport) -> None:
    port = free_port()
    alerts = [made(number, severity="critical", reason="odd \n <b>§</b>") for number in range(1, 41)]
    with rsyslog(tmp_path, port) as log:
        sending = delivery(SyslogSink("127.0.0.1", port, transport), tmp_path)
        sending.put(alerts)
        assert sending.send_waiting()
        wait_until(lambda: log.exists() and log.read_bytes().count(b"\n") == len(alerts))
        sending.close()
    for line, alert in zip(log.read_text().splitlines(), alerts, strict=True):
        severity, program, identity, text = line.split(" ", 3)
        assert (severity, program, identity) == ("2", "netsift", alert.id)
        assert json.loads(text) == as_ecs(alert)


def test_alerts_are_sent_when_rsyslog_comes_back(tmp_path: Path) -> None:
    port = free_port()
    sending = delivery(SyslogSink("127.0.0.1", port, Transport.TCP, TextFormat.CEF), tmp_path)
    sending.start()
    sending.put([made(1)])
    wait_until(lambda: "refused" in sending.trouble)
    with rsyslog(tmp_path, port) as log:
        wait_until(lambda: sending.counts().waiting == 0)
        wait_until(lambda: log.exists() and b"\n" in log.read_bytes())
    sending.put([made(2)])
    wait_until(lambda: bool(sending.trouble))
    with rsyslog(tmp_path, port) as log:
        wait_until(lambda: made(2).id in log.read_text())
    sending.close()
    lines = log.read_text().splitlines()
    assert {line.split()[2] for line in lines} == {made(1).id, made(2).id}
    assert all("CEF:0|netsift|netsift|" in line for line in lines)


def test_a_tls_server_gets_frames_if_it_is_who_it_says(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    with tls_server(chain, key) as (port, read):
        stranger = SyslogSink("127.0.0.1", port, Transport.TLS)
        with pytest.raises(SendError, match="certificate verify failed"):
            stranger.send(messages(stranger, 1))
        with closing(SyslogSink("127.0.0.1", port, Transport.TLS, authorities=chain)) as sink:
            given = messages(sink, 3)
            assert sink.send(given) == 3
            expected = b"".join(b"%d %b" % (len(one.body), one.body) for one in given)
            wait_until(lambda: b"".join(read) == expected)


def test_a_message_that_fits_into_no_datagram_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        with closing(SyslogSink("127.0.0.1", server.getsockname()[1], Transport.UDP)) as sink:
            large = Message(2, "large", bytes(70_000))
            assert sink.send([Message(1, "small", b"small"), large]) == 1
            with pytest.raises(RefusedError, match="70,000 bytes"):
                sink.send([large])
        assert server.recv(100) == b"small"


def test_a_syslog_message_is_as_rfc_5424_has_it() -> None:
    text = SyslogSink("127.0.0.1", 1, Transport.UDP).message(replace(SCAN, severity="high", id="odd id \0")).decode()
    head, _, body = text.partition(" {")
    priority, when, host, program, process, identity, data = head.split(" ")
    assert (priority, program, identity, data) == ("<83>1", "netsift", "odd_id__", "-")
    assert when == "2026-03-02T12:01:00.000000Z"
    assert host
    assert process.isdecimal()
    assert json.loads("{" + body)["event"]["id"] == "odd id \0"


def test_cef_escapes_what_is_not_its_own() -> None:
    line = as_cef(replace(SCAN, reason="a|b\\c=d\nCEF:0|forged", severity="critical", sources=("x=y",)))
    head, extension = line.split("|start=")[0], line
    assert "\n" not in line
    assert "|a\\|b\\\\c=d CEF:0\\|forged|10|" in head
    assert "msg=a|b\\\\c\\=d CEF:0|forged" in extension
    assert "src=x\\=y" in extension
    assert f"externalId={SCAN.id}" in extension
