"""Traffic that is watched while it happens: time that passes in silence, snapshots, pipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsift.cli.warmup import warmup
from netsift.errors import UsageError
from netsift.flows.settings import MeterSettings
from netsift.kernels.layout import PACKET
from netsift.sources.live import LiveCounters, LiveSettings, live_flows
from tests.cli.running import start
from tests.detectors.behaviour.cases import syn_scan
from tests.flows.engine import engine, rows_of
from tests.flows.traffic import busy
from tests.flows.writing import pcap
from tests.kernels.test_ring import packets_of
from tests.live.networks import wait_for


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warmup()


def arrays(*parts: Any, silence: int = 0) -> Generator[Any, None, None]:
    """Yield arrays of packets, and then say so often that there is nothing."""
    yield from parts
    for _ in range(silence):
        yield np.empty(0, PACKET)
        time.sleep(0.02)


def endless(*parts: Any) -> Generator[Any, None, None]:
    """Yield arrays of packets and then nothing, for ever."""
    yield from parts
    while True:
        yield np.empty(0, PACKET)
        time.sleep(0.02)


def test_flows_are_those_of_a_file(tmp_path: Path) -> None:
    records = busy(5_000)
    path = tmp_path / "whole.pcap"
    path.write_bytes(pcap(records))
    packets = packets_of(records)
    counters = LiveCounters()
    moments = list(live_flows(arrays(*np.array_split(packets, 40)), LiveSettings(), counters))
    rows, _ = engine(path)
    # Fragments find their first one by a key that is drawn anew, so only the tables are compared, not their hashes.
    assert rows_of([one.flows for one in moments if one.flows is not None]) == rows
    assert counters.flows == len(rows)
    assert counters.packets == len(packets)
    assert counters.bytes == int(packets["length"].sum())
    assert counters.live_flows == 0


def test_idle_flows_come_out_though_no_packet_does() -> None:
    packets = packets_of(busy(200, fragments=False))
    settings = LiveSettings(MeterSettings(idle_timeout_s=1, linger_s=0.1), silence_delay_s=0.1)
    counters = LiveCounters()
    moments = live_flows(endless(packets), settings, counters)
    wait_for(lambda: next(moments) is not None and counters.flows > 0 and counters.live_flows == 0, "all flows to end")
    moments.close()


def test_time_stands_still_where_it_shall() -> None:
    packets = packets_of(busy(200, fragments=False))
    settings = LiveSettings(MeterSettings(idle_timeout_s=0.5, linger_s=0.1), silence_delay_s=None)
    moments = list(live_flows(arrays(packets, silence=60), settings, LiveCounters()))
    latest = int(packets["time_ns"].max())
    assert {one.now_ns for one in moments} == {latest}


def test_snapshots_come_as_packet_time_goes_on() -> None:
    records = busy(3_000, fragments=False)
    packets = packets_of(records)
    parts = np.array_split(packets, 60)

    def slowly() -> Iterator[Any]:
        for part in parts:
            yield part
            time.sleep(0.05)

    generator = (part for part in slowly())
    moments = list(live_flows(generator, LiveSettings(snapshot_s=30.0), LiveCounters()))
    snapshots = [rows_of(one.running) for one in moments if one.running is not None]
    assert any(snapshots)
    ended = rows_of([one.flows for one in moments if one.flows is not None])
    assert sum(int(str(row["packets"])) for row in ended) == len(packets)


@pytest.mark.parametrize("every_s", [0, 0.5, 90_000])
def test_snapshots_too_often_or_too_seldom_are_refused(every_s: float) -> None:
    with pytest.raises(UsageError, match="snapshots must be"):
        LiveSettings(snapshot_s=every_s)


def test_what_fails_while_reading_comes_out() -> None:
    def broken() -> Generator[Any, None, None]:
        yield packets_of(busy(50))
        raise RuntimeError("the wire is cut")

    with pytest.raises(RuntimeError, match="the wire is cut"):
        list(live_flows(broken(), LiveSettings(), LiveCounters()))


def test_a_moment_comes_at_least_twice_a_second() -> None:
    moments = live_flows(endless(), LiveSettings(), LiveCounters())
    began = time.monotonic()
    assert len(list(islice(moments, 3))) == 3
    assert time.monotonic() - began < 30
    moments.close()
    wait_for(lambda: not any(one.name == "netsift-stage" for one in threading.enumerate()), "the threads to end")


def stages(folder: Path) -> dict[str, Any]:
    """Return the counts that a watch keeps, empty before the first."""
    path = folder / "stats.json"
    return json.loads(path.read_text()) if path.exists() else {}


@contextmanager
def watching_a_pipe(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start ``netsift watch -``; yield it and what to write into."""
    reading, writing = os.pipe()
    process = start(
        "watch", "-", "--no-model", "--no-suppressions", "--stats", folder / "stats.json", "-o",
        folder / "alerts.jsonl", stdin=reading,
    )  # fmt: skip
    os.close(reading)
    try:
        yield process, writing
    finally:
        process.kill()
        with suppress(OSError):
            os.close(writing)
        if process.stdout is not None and not process.stdout.closed:
            process.communicate()


def test_a_pipe_is_watched_until_it_ends(tmp_path: Path) -> None:
    scan = syn_scan(40)
    with watching_a_pipe(tmp_path) as (process, writing):
        os.write(writing, scan.capture(tmp_path).read_bytes())
        wait_for(lambda: stages(tmp_path).get("packets_metered", 0) >= len(scan.packets) - 1, "all but the last")
        os.close(writing)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    alerts = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert {one["category"] for one in alerts} == {"scan"}
    assert b"tried 40 ports" in output


def test_a_silent_pipe_is_left_at_sigterm(tmp_path: Path) -> None:
    with watching_a_pipe(tmp_path) as (process, writing):
        os.write(writing, pcap(busy(100)))
        wait_for(lambda: stages(tmp_path).get("packets_metered", 0) > 50, "the packets")
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert time.monotonic() - began < 30
    assert process.returncode == 0, errors.decode()
    assert stages(tmp_path)["live_flows"] == 0
    assert stages(tmp_path)["flows"] > 0


def test_a_pipe_without_a_capture_is_refused(tmp_path: Path) -> None:
    with watching_a_pipe(tmp_path) as (process, writing):
        os.write(writing, b"GIF89a" + bytes(100))
        os.close(writing)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"is not a pcap or pcapng capture" in errors
