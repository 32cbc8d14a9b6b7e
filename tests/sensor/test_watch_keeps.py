"""``netsift watch --data``: what was seen is in the stores, once, over kills, locks and dead receivers."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pytest

from netsift.alerts.schema import Alert
from netsift.alerts.suppression import new_rule, scope_of
from netsift.cli.warmup import warmup
from netsift.simulate import SimulationSettings, simulate
from netsift.sources.statistics import ReadStatistics
from netsift.store.alert_filter import AlertFilter
from netsift.store.flow_filter import FlowFilter
from netsift.store.flows import FlowStore
from netsift.store.opening import open_store
from netsift.store.packets import evidence
from netsift.store.sensors import SensorFolder, SensorState
from tests.cli.running import finish, start
from tests.detectors.arp.cases import disputed, sweep
from tests.detectors.arp.traffic import capture_of, together
from tests.detectors.behaviour.cases import syn_scan
from tests.flows.engine import engine
from tests.flows.traffic import busy
from tests.flows.writing import pcap
from tests.live.networks import wait_for
from tests.sinks.receivers import Hook

NAME = "standard-input"


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warmup()


@dataclass(frozen=True)
class Watch:
    """A running ``netsift watch -`` and the folder that it keeps things in."""

    process: subprocess.Popen[bytes]
    data: Path

    @property
    def pipe(self) -> IO[bytes]:
        """What it reads from."""
        assert self.process.stdin is not None
        return self.process.stdin

    def state(self) -> SensorState:
        """Return how it says it is."""
        found = SensorFolder(self.data / "sensors").state(NAME)
        assert found is not None
        return found

    def ends(self) -> str:
        """End the pipe, wait for the end, and return what it said."""
        with suppress(BrokenPipeError):
            self.pipe.close()
        self.process.stdin = None
        _, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors.decode()
        return errors.decode()


@contextmanager
def watching(data: Path, *options: object) -> Iterator[Watch]:
    """Start to watch a pipe, and wait until the sensor says that it lives."""
    process = start(
        "watch", "-", "--data", data, "--no-model", "--no-suppressions", *options, stdin=subprocess.PIPE
    )  # fmt: skip
    folder = SensorFolder(data / "sensors")
    before = folder.state(NAME)

    def lives() -> bool:
        state = folder.state(NAME)
        return process.poll() is not None or (state is not None and (before is None or state.process == process.pid))

    try:
        wait_for(lives, "the sensor to say that it lives")
        assert process.poll() is None, process.communicate()
        yield Watch(process, data)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


def alerts_in(data: Path) -> list[Alert]:
    """Return what is in the alert store."""
    with open_store(data / "netsift.db") as store:
        return [one.alert for one in store.alerts.every()]


def flows_in(data: Path) -> int:
    """Return how many flows are in the flow store."""
    with FlowStore(data / "flows") as flows:
        return flows.totals(FlowFilter()).flows


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Return a capture of a scan of forty ports."""
    return syn_scan(40).capture(tmp_path)


def test_the_stores_have_what_a_file_of_the_same_packets_has(scan: Path, tmp_path: Path) -> None:
    rows, _ = engine(scan)
    with watching(tmp_path / "data", "--keep-packets", "8MB") as watch:
        watch.pipe.write(scan.read_bytes())
        watch.ends()
        state = watch.state()
    assert state.condition(time.time()) == "ended"
    assert (state.flows, flows_in(watch.data)) == (len(rows), len(rows))
    assert not any(state.lost.values())
    found = {one.kind: one for one in alerts_in(watch.data)}
    assert (state.alerts, state.incidents, len(found)) == (1, 1, 2)
    packets = list(evidence(watch.data / "packets", [found["alert"]], ReadStatistics()))
    assert len(packets) == found["alert"].packets > 0


def test_packets_that_are_no_flow_are_kept_for_alerts_of_them(tmp_path: Path) -> None:
    capture = capture_of(together(sweep(60, 10), disputed(40, every_s=0.05)).ordered(), tmp_path / "arp.pcap")
    with watching(tmp_path / "data", "--keep-packets", "8MB") as watch:
        watch.pipe.write(capture.read_bytes())
        watch.ends()
    alerts = [one for one in alerts_in(watch.data) if one.kind == "alert"]
    assert {one.category for one in alerts} == {"scan", "other"}
    for alert in alerts:
        assert len(list(evidence(watch.data / "packets", [alert], ReadStatistics()))) >= alert.packets > 0


def test_no_flows_and_no_packets_where_nobody_wants_them(scan: Path, tmp_path: Path) -> None:
    with watching(tmp_path / "data", "--no-flows") as watch:
        watch.pipe.write(scan.read_bytes())
        watch.ends()
    assert len(alerts_in(watch.data)) == 2
    assert not (watch.data / "flows").exists() or flows_in(watch.data) == 0
    assert not (watch.data / "packets").exists()


def test_after_a_kill_nothing_is_doubled_and_nothing_broken(scan: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with watching(data, "--idle-timeout", 2, "--keep-packets", "8MB") as watch:
        watch.pipe.write(scan.read_bytes())
        watch.pipe.flush()
        wait_for(lambda: (data / "netsift.db").exists() and len(alerts_in(data)) == 2, "the alerts")
        watch.process.kill()
        watch.process.wait()
    first = {one.id for one in alerts_in(data)}
    assert flows_in(data) in (0, len(engine(scan)[0]))
    with watching(data, "--idle-timeout", 2, "--keep-packets", "8MB") as watch:
        watch.pipe.write(scan.read_bytes())
        watch.ends()
        assert any("killed" in one.words for one in watch.state().happened)
    assert {one.id for one in alerts_in(data)} == first
    [alert] = [one for one in alerts_in(data) if one.kind == "alert"]
    assert list(evidence(data / "packets", [alert], ReadStatistics()))


def test_a_killed_sensor_is_silent(tmp_path: Path) -> None:
    with watching(tmp_path / "data") as watch:
        assert watch.state().condition(time.time()) == "watching"
        watch.process.kill()
        watch.process.wait()
    wait_for(lambda: watch.state().condition(time.time()) == "silent", "the silence to be noticed")


def test_a_locked_database_holds_up_nothing_else_and_is_written_later(scan: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with watching(data, "--idle-timeout", 2) as watch:
        wait_for(lambda: stage_of(watch, "alerts").trouble == "" and (data / "netsift.db").exists(), "the database")
        with closing(sqlite3.connect(data / "netsift.db", isolation_level=None)) as other:
            wait_for(lambda: _locks(other), "the lock")
            watch.pipe.write(scan.read_bytes())
            watch.pipe.flush()
            wait_for(lambda: stage_of(watch, "alerts").waiting == 2, "the alerts to wait")
            wait_for(lambda: watch.state().flows > 0, "the flows to be metered")
            wait_for(lambda: "locked" in stage_of(watch, "alerts").trouble, "the trouble to be told")
            assert watch.state().condition(time.time()) == "troubled"
            other.execute("ROLLBACK")
        wait_for(lambda: stage_of(watch, "alerts").waiting == 0, "the alerts to be written")
        watch.ends()
        words = [one.words for one in watch.state().happened]
    assert any("locked" in one for one in words)
    assert "alerts: goes on" in words
    assert len(alerts_in(data)) == 2
    assert flows_in(data) == len(engine(scan)[0])


def test_alerts_that_could_not_be_stored_before_the_end_are_by_the_next_run(scan: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with watching(data) as watch:
        wait_for(lambda: stage_of(watch, "alerts").trouble == "" and (data / "netsift.db").exists(), "the database")
        with closing(sqlite3.connect(data / "netsift.db", isolation_level=None)) as other:
            wait_for(lambda: _locks(other), "the lock")
            watch.pipe.write(scan.read_bytes())
            watch.ends()
            other.execute("ROLLBACK")
    assert alerts_in(data) == []
    with watching(data):
        wait_for(lambda: len(alerts_in(data)) == 2, "the alerts of the run before")
    assert not list((data / "sensors").glob("*.waiting"))


def test_what_a_baseline_learned_is_there_after_a_restart(tmp_path: Path) -> None:
    baseline, data = tmp_path / "normal.netsift", tmp_path / "data"
    capture = tmp_path / "traffic.pcap"
    simulate(capture, SimulationSettings(seed=5, duration_s=600, clients=4, volume=0.2))
    done = finish(start("learn", capture, "-o", baseline, "-q"))
    assert done.status == 0, done.errors
    learned = []
    for _ in range(2):
        with watching(data, "--baseline", baseline, "--online", 7) as watch:
            watch.pipe.write(capture.read_bytes())
            watch.ends()
            said = [one.words for one in watch.state().happened if "goes on from" in one.words]
        line = (data / "sensors" / f"{NAME}.learned").read_bytes().partition(b"\n")[0]
        learned.append(json.loads(line)["counts"][0])
    assert 0 < learned[0] < learned[1]
    assert said == [f"the baseline goes on from {learned[0]:,} flows that were learned before"]


def test_rules_of_the_store_hide_while_it_is_watched(scan: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with open_store(data / "netsift.db") as store:
        store.suppressions.add(new_rule(scope_of(category=["scan"]), "our scanner", datetime.now(UTC)))
    with watching(data) as watch:
        watch.pipe.write(scan.read_bytes())
        watch.ends()
    with open_store(data / "netsift.db") as store:
        found = list(store.alerts.every(AlertFilter()))
    assert [(one.alert.kind, bool(one.alert.suppressed)) for one in found] == [("alert", True)]
    assert watch.state().incidents == 0


def test_receivers_are_told_once_they_live_and_reload_changes_them(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nobody"))
    config, told = tmp_path / "netsift.toml", tmp_path / "told.jsonl"
    hook = Hook()
    hook.planned = [503] * 1_000
    with hook.running():
        config.write_text(f'[[sinks.to]]\nkind = "webhook"\nurl = "{hook.url}"\nsecret = "s"\n')
        with watching(tmp_path / "data", "--config", config, "--idle-timeout", 2) as watch:
            watch.pipe.write(scan.read_bytes())
            watch.pipe.flush()
            wait_for(lambda: bool(watch.state().receivers[0].trouble), "the dead receiver to be told of")
            hook.planned.clear()
            wait_for(lambda: watch.state().receivers[0].sent == 2, "both messages")
            config.write_text(f'[[sinks.to]]\nkind = "file"\npath = "{told}"\n[flows]\nmax_flows = 1000\n')
            watch.process.send_signal(signal.SIGHUP)
            wait_for(lambda: told.name in str(watch.state().receivers), "the other receiver")
            wait_for(lambda: any("max_flows" in one.words for one in watch.state().happened), "what waits to be said")
            config.write_text("[flows]\nmax_flowz = 1\n")
            watch.process.send_signal(signal.SIGHUP)
            wait_for(lambda: any("not taken" in one.words for one in watch.state().happened), "the mistake to be said")
            watch.ends()


def test_a_disk_without_room_is_waited_for(tmp_path: Path, small_disk: Callable[[], Path]) -> None:
    disk = small_disk()
    (tmp_path / "busy.pcap").write_bytes(pcap(busy(2_000, fragments=False)))
    rows, _ = engine(tmp_path / "busy.pcap")
    filler = disk / "filler"
    with watching(disk / "data") as watch:
        wait_for((disk / "data" / "netsift.db").exists, "the database")
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        watch.pipe.write((tmp_path / "busy.pcap").read_bytes())
        watch.pipe.flush()
        wait_for(lambda: watch.state().packets > 0 and watch.state().condition(time.time()) != "silent", "packets")
        filler.unlink()
        watch.ends()
    assert flows_in(watch.data) == len(rows)


def stage_of(watch: Watch, name: str) -> Any:
    """Return what became of a kind of thing that a sensor keeps."""
    return next(one for one in watch.state().kept if one.name == name)


def _locks(other: sqlite3.Connection) -> bool:
    try:
        other.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    return True


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """Yield what makes a file system of a few MiB; it needs root."""
    made: list[Path] = []

    def make() -> Path:
        folder = tmp_path / "disk"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.decode()}")
        made.append(folder)
        return folder

    yield make
    for folder in made:
        subprocess.run(["umount", "-l", folder], check=False)


def test_the_state_is_json_that_others_can_read(tmp_path: Path) -> None:
    with watching(tmp_path / "data"):
        content = json.loads((tmp_path / "data" / "sensors" / f"{NAME}.json").read_text())
    assert content["kind"] == "pipe"
