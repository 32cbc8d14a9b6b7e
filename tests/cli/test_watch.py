"""``netsift watch``: what it refuses, what it shows, and what it keeps of its counts."""

from __future__ import annotations

import io
import shutil
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from rich.console import Console

from netsift.alerts.behaviour import BehaviourSearch
from netsift.alerts.detection import detect
from netsift.alerts.suppression import Suppression
from netsift.capture.interface import InterfaceCounters
from netsift.capture.privileges import drop_privileges
from netsift.capture.ring import RingCounters
from netsift.cli.watch_view import PlainView, Rates, Status, TerminalView, rates_line, status_line, view_for
from netsift.cli.watching import Looking, Stop, Watching, stopping
from netsift.errors import UsageError
from netsift.flows.settings import MeterSettings
from netsift.sources.live import LiveCounters, Moment
from tests.cli.running import Program, finish, start
from tests.detectors.behaviour.cases import syn_scan

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="interfaces are captured from on Linux only")


@linux_only
@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["nowhere0"], 1, "there is no interface 'nowhere0'; there are "),
        (["lo", "--ring", "1"], 2, "capture.ring_mib: Input should be greater than or equal to 2"),
        (["lo", "--snap-length", "20"], 2, "capture.snap_length: Input should be greater than or equal to 96"),
        (["lo", "--exclude", "me"], 2, "'me' is no address, and no address with a port"),
        (["lo", "--filter", "tcp prot 80"], 2, "the filter 'tcp prot 80': "),
        (["lo", "--snapshot", "soon"], 2, "--snapshot must look like "),
        (["lo", "--snapshot", "0s"], 2, "snapshots must be 1 to 86400 seconds apart"),
        (["lo", "--no-model", "--model", "x"], 2, "--no-model and --model exclude each other"),
        (["-", "--filter", "tcp"], 2, "--filter and --exclude are for an interface"),
    ],
)
def test_refusals(arguments: list[str], status: int, words: str, run: Program) -> None:
    ended = run("watch", *arguments)
    if "CAP_NET_RAW" in ended.errors:
        pytest.skip("this process has no right to capture")
    assert ended.status == status
    assert words in ended.errors
    assert ended.errors.count("\n") == 1


@linux_only
def test_without_the_right_it_says_how_to_get_it() -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    process = start("-c", limit="import subprocess, os; os.execvp('setpriv', ['setpriv', '--bounding-set=-net_raw', "
                    "sys.executable, '-m', 'netsift', 'watch', 'lo'])")  # fmt: skip
    ended = finish(process)
    if "setpriv:" in ended.errors:
        pytest.skip("only root can take rights away from itself")
    assert ended.status == 1
    assert "CAP_NET_RAW" in ended.errors
    assert "setcap" in ended.errors
    assert ended.errors.count("\n") == 1


def test_a_user_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no user"):
        drop_privileges("nobody-of-that-name")


def counters() -> LiveCounters:
    """Return counts of an interface that has dropped packets."""
    interface = InterfaceCounters(RingCounters(packets=1_000, dropped=7, freezes=1))
    made = LiveCounters(interface=interface, packets=900, bytes=90_000, flows=40, live_flows=3, lag_s=0.25)
    made.capture.skipped["arp"] = 93
    return made


def test_losses_stand_in_the_order_of_the_stages() -> None:
    status = Status("eth0", counters())
    status.losses.flows_not_looked_at = 5
    assert [(name, count) for name, count in status.drops().items() if count] == [
        ("dropped by the kernel", 7), ("ring freezes", 1), ("packets skipped", 93), ("flows not looked at", 5),
    ]  # fmt: skip
    said = status.as_dictionary()
    assert said["packets_from_kernel"] == 1_000
    assert said["packets_skipped"] == {"arp": 93}
    assert "900 packets, 7 dropped by the kernel, 40 flows and 3 running" in status_line(status)


def test_a_recording_has_no_lag() -> None:
    year_ns = 365 * 86_400 * 10**9
    old = LiveCounters()
    old.compare(year_ns, 2 * year_ns)
    assert old.lag_s == 0
    assert status_line(Status("standard input", old)).endswith(", reading a recording")
    old.compare(year_ns, year_ns + 3 * 10**9)
    assert status_line(Status("standard input", old)).endswith(", 3.0 s behind")
    late = LiveCounters(interface=InterfaceCounters())
    late.compare(year_ns, 2 * year_ns)
    assert late.lag_s == pytest.approx(year_ns / 1e9)


def test_rates_are_of_the_time_between_looks() -> None:
    counts = counters()
    rates = Rates(counts)
    began = time.monotonic()
    counts.packets += 1_000
    counts.bytes += 1_000_000
    rates.look()
    most = time.monotonic() - began
    assert rates.packets >= 1_000 / max(most, 1e-3)
    assert rates.bits == pytest.approx(8_000 * rates.packets)
    assert rates_line(rates).count("/s") == 3
    rates.look()
    assert rates.packets == 0


def test_a_pipe_gets_lines_and_a_terminal_a_view(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(view_for(counters(), quiet=True, silent=False), PlainView)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert isinstance(view_for(counters(), quiet=True, silent=True), PlainView)
    view = view_for(counters(), quiet=True, silent=False)
    view.close()
    assert isinstance(view, TerminalView)


def test_the_view_has_rates_losses_notes_and_incidents(tmp_path: Path) -> None:
    status = Status("eth0", counters(), found=detect(syn_scan(40).batches(tmp_path), BehaviourSearch(), None))
    view = TerminalView(status.counters)
    view.note("eth0 is down: waiting for it")
    view.close()
    console = Console(file=io.StringIO(), width=200)
    console.print(view._drawn(status))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for words in ("packets/s", "7 dropped by the kernel", "93 packets skipped", "waiting for it", "tried 40 ports"):
        assert words in shown


def looking() -> Looking:
    """Return behaviour detectors only."""
    return Looking(
        None, None, rate=0.01, required=False, everything=False, suppression=Suppression(), meter=MeterSettings()
    )


def test_what_is_left_when_the_time_is_over_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsift.cli.watching.SECONDS_TO_FLUSH", 0.2)
    stop = Stop()

    def moments() -> Generator[Moment, None, None]:
        while True:
            yield Moment(0)
            stop.set()

    status = Status("eth0", counters())
    Watching(looking(), status, PlainView(status.counters, quiet=True, silent=True), stop).run(moments())
    # Three were in the table and forty handed out that nobody has seen.
    assert status.losses.flows_not_looked_at == 43


def test_a_second_signal_ends_at_once() -> None:
    stop = Stop()
    before = signal.getsignal(signal.SIGINT)
    with stopping(stop):
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before
