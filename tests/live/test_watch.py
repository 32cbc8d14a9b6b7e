"""``netsift watch`` in a network of its own: what it tells, how it stops, and what happens to the interface."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from netsift.cli.warmup import warmup
from netsift.flows.settings import MeterSettings
from netsift.sources.slices import chosen_packets
from netsift.sources.statistics import ReadStatistics
from netsift.store.opening import open_store
from netsift.store.packets import evidence, segments
from netsift.store.sensors import SensorFolder
from tests.detectors.arp.cases import disputed, sweep
from tests.detectors.arp.traffic import capture_of, together
from tests.detectors.behaviour.cases import syn_scan
from tests.flows.engine import engine
from tests.flows.traffic import busy
from tests.flows.writing import pcap
from tests.live.networks import RECEIVES, SENDS, Network, needs_network, network, sendable, wait_for

pytestmark = needs_network()


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warmup()


@dataclass(frozen=True)
class Watch:
    """A running ``netsift watch`` and the files that it writes."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def stats(self) -> dict[str, Any]:
        """Return the counts that it keeps in a file, empty before the first."""
        path = self.folder / "stats.json"
        return json.loads(path.read_text()) if path.exists() else {}

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """Return the lines that it has appended."""
        path = self.folder / "alerts.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def ends(self, number: int = signal.SIGTERM) -> tuple[str, str]:
        """Stop it, and return what it said; five seconds are promised, and a busy machine gets four times that."""
        began = time.monotonic()
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors.decode()
        assert time.monotonic() - began < 20
        return output.decode(), errors.decode()


@contextmanager
def watching(made: Network, folder: Path, *options: object, for_all: bool = False) -> Iterator[Watch]:
    """Start to watch the receiving end, by a Python that is there ``for_all`` users, and wait until it does."""
    process = (made.open_python if for_all else made.python)(
        "-m", "netsift", "watch", RECEIVES, "-o", folder / "alerts.jsonl", "--stats", folder / "stats.json",
        "--no-suppressions", "--no-model", *options,
    )  # fmt: skip
    found = Watch(process, folder)
    try:
        wait_for(lambda: bool(found.stats) or process.poll() is not None, "the first counts")
        assert process.poll() is None, process.communicate()
        yield found
    finally:
        process.kill()
        if process.stdout is not None and not process.stdout.closed:
            process.communicate()


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Return a capture of a scan of forty ports."""
    return syn_scan(40).capture(tmp_path)


def test_a_scan_is_told_while_it_is_watched_and_once(scan: Path, tmp_path: Path) -> None:
    with network() as made, watching(made, tmp_path, "--idle-timeout", 2) as watch:
        made.send(scan, "-M", "10")
        # Nobody stops it and no packet comes any more: the flows end by themselves.
        wait_for(lambda: bool(watch.alerts), "the alert")
        output, errors = watch.ends()
    kinds = {one["id"]: one["kind"] for one in watch.alerts}
    assert sorted(kinds.values()) == ["alert", "incident"]
    assert {one["category"] for one in watch.alerts} == {"scan"}
    # It may have been told before all forty were in, and once more when it had grown.
    assert {line.split()[-1] for line in output.splitlines()} == {name for name in kinds if kinds[name] == "incident"}
    assert "tried 40 ports" in output
    assert "lost: nothing" in errors


def test_kill_leaves_whole_lines_and_the_next_start_goes_on(scan: Path, tmp_path: Path) -> None:
    with network() as made:
        with watching(made, tmp_path, "--idle-timeout", 2) as watch:
            made.send(scan, "-M", "10")
            wait_for(lambda: bool(watch.alerts), "the alert")
            watch.process.kill()
            watch.process.wait()
        before = watch.alerts
        with (tmp_path / "alerts.jsonl").open("a") as file:
            file.write('{"id": "unfinis')
        (tmp_path / "stats.json").unlink()
        with watching(made, tmp_path) as watch:
            assert watch.alerts == before
            watch.ends(signal.SIGINT)


def test_an_interface_that_goes_down_and_away_is_waited_for(scan: Path, tmp_path: Path) -> None:
    with network() as made, watching(made, tmp_path, "--idle-timeout", 2) as watch:
        made.run("ip", "link", "set", RECEIVES, "down")
        wait_for(lambda: bool(watch.stats["interface_down"]), "the interface to be seen down")
        made.run("ip", "link", "set", RECEIVES, "up")
        wait_for(lambda: not watch.stats["interface_down"], "the interface to be seen up")
        made.run("ip", "link", "delete", SENDS)
        wait_for(lambda: bool(watch.stats["interface_down"]), "the interface to be seen away")
        made.run("ip", "link", "add", SENDS, "type", "veth", "peer", "name", RECEIVES)
        for interface in (SENDS, RECEIVES):
            made.run("ip", "link", "set", interface, "up")
        wait_for(lambda: not watch.stats["interface_down"], "the interface to be seen again")
        made.send(scan, "-M", "10")
        wait_for(lambda: bool(watch.alerts), "the alert")
        _, errors = watch.ends()
    assert errors.count("is down: waiting for it") == 2
    assert errors.count("is up again: going on") == 2


def test_several_processes_see_everything_once(tmp_path: Path) -> None:
    records = sendable(busy(2_000, fragments=False))
    (tmp_path / "sent.pcap").write_bytes(pcap(records))
    # Sent at once no flow is idle, and with these settings no packet ends one: each is one row.
    endless = MeterSettings(idle_timeout_s=86_400, active_timeout_s=86_400, tcp_end=False)
    rows, skipped = engine(tmp_path / "sent.pcap", endless)
    with network() as made, watching(made, tmp_path, "--fanout", 2, "--no-tcp-end") as watch:
        made.send(tmp_path / "sent.pcap", "-t")
        wait_for(lambda: watch.stats["packets_from_kernel"] >= len(records), "all packets")
        watch.ends()
        stats = watch.stats
    assert stats["packets_from_kernel"] == len(records)
    assert stats["packets_metered"] == len(records) - skipped.total()
    assert stats["packets_skipped"] == dict(skipped)
    assert stats["lost"]["dropped_by_the_kernel"] == 0
    # Both directions of a flow came to the same process. On a busy machine there was no time to look at the last ones.
    assert stats["flows"] + stats["live_flows"] == len(rows)


@pytest.mark.parametrize("options", [(), ("--fanout", 2)])
def test_what_arp_packets_show_is_told(options: tuple[object, ...], tmp_path: Path) -> None:
    sent = capture_of(together(sweep(60, 10), disputed(40, every_s=0.05)).ordered(), tmp_path / "arp.pcap")
    with network() as made, watching(made, tmp_path, *options) as watch:
        made.send(sent)
        wait_for(lambda: {"scan", "other"} <= {one["category"] for one in watch.alerts}, "both alerts")
        watch.ends()
    detectors = {name for one in watch.alerts for name in one["detectors"]}
    assert detectors == {"arp_sweep", "arp_spoofing"}
    assert watch.stats["lost"]["arp_packets_without_room"] == 0


def test_rights_are_given_up(tmp_path: Path) -> None:
    with network() as made, watching(made, tmp_path) as watch:
        status = status_of(watch.process.pid)
        assert int(status["CapEff"], 16) & 1 << 13 == 0
        assert int(status["CapPrm"], 16) == 1 << 1 | 1 << 2
        assert status["NoNewPrivs"] == "1"
        watch.ends()


@pytest.mark.parametrize("options", [(), ("--fanout", 2)])
def test_another_user_goes_on_with_no_rights_at_all(
    options: tuple[object, ...], scan: Path, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = pwd.getpwnam(user)
    with tempfile.TemporaryDirectory(dir="/tmp") as name, network() as made:
        folder = Path(name)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        monkeypatch.setenv("HOME", name)
        kept = ("--data", folder / "data", "--keep-packets", "8MB", "--user", user)
        with watching(made, folder, "--idle-timeout", 2, *kept, *options, for_all=True) as watch:
            for pid in (watch.process.pid, *children_of(watch.process.pid)):
                rights = status_of(pid)
                assert {*rights["Uid"].split()} == {str(entry.pw_uid)}
                assert {*rights["Gid"].split()} == {str(entry.pw_gid)}
                assert [int(rights[one], 16) for one in ("CapEff", "CapPrm", "CapInh", "CapAmb")] == [0, 0, 0, 0]
                assert rights["NoNewPrivs"] == "1"
            made.send(scan, "-M", "10")
            wait_for(lambda: bool(watch.alerts), "the alert")
            watch.ends()
        written = [path for path in (folder / "data").rglob("*") if path.is_file()]
        assert {path.stat().st_uid for path in (*written, folder / "alerts.jsonl")} == {entry.pw_uid}
        assert {"packets", "flows", "sensors"} <= {path.relative_to(folder / "data").parts[0] for path in written}


@pytest.fixture
def user() -> str:
    """Return a user who has no rights."""
    try:
        return pwd.getpwnam("nobody").pw_name
    except KeyError:
        pytest.skip("there is no user nobody")


def children_of(pid: int) -> list[int]:
    """Return the processes that capture for another one."""
    tasks = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
    children = [int(word) for task in tasks for word in task.read_text().split()]
    return [one for one in children if b"resource_tracker" not in Path(f"/proc/{one}/cmdline").read_bytes()]


def status_of(pid: int) -> dict[str, str]:
    """Return what Linux says of a process."""
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_keep_all_packets(processes: int, scan: Path, tmp_path: Path) -> None:
    records = sendable(busy(2_000, fragments=False))
    (tmp_path / "sent.pcap").write_bytes(pcap(records))
    data = tmp_path / "data"
    with (
        network() as made,
        watching(
            made, tmp_path, "--fanout", processes, "--data", data, "--keep-packets", "16MB", "--idle-timeout", 2
        ) as watch,
    ):
        made.send(tmp_path / "sent.pcap", "-t")
        made.send(scan, "-M", "10")
        wait_for(lambda: bool(watch.alerts), "the alert")
        watch.ends()
        stats = watch.stats
    with open_store(data / "netsift.db") as store:
        alerts = [one.alert for one in store.alerts.every() if one.alert.kind == "alert"]
    [alert] = [one for one in alerts if one.category == "scan" and len(one.ports) == 40]
    found = list(evidence(data / "packets", [alert], ReadStatistics()))
    assert len(found) == alert.packets > 0
    assert found == sorted(found, key=lambda one: one.time_ns)
    names = [str(one.path) for one in segments(data / "packets")]
    assert len(names) >= processes
    every = list(chosen_packets(names, lambda packets: packets["time_ns"] > 0, ReadStatistics()))
    assert len(every) == stats["packets_metered"]
    state = SensorFolder(data / "sensors").state(RECEIVES)
    assert state is not None
    [kept] = [one for one in state.kept if one.name == "packets"]
    assert (kept.waiting, kept.dropped, kept.trouble) == (0, 0, "")
    assert kept.written > 0
