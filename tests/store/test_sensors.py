"""Sensors' files: what is read back, names of several, points of a series, and the band of what is usual."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from netsift.errors import OutputError
from netsift.store.sensors import (
    MINUTES,
    MOST_POINTS,
    Minute,
    SensorFolder,
    SensorState,
    free_name,
    sensor_name,
    series_of,
    usual_band,
)


def state_of(name: str = "eth0", **more: object) -> SensorState:
    """Return the state of a sensor of this process."""
    now_s = time.time()
    values = {"name": name, "source": name, "kind": "interface", "started_s": now_s, "written_s": now_s}
    return SensorState.model_validate(values | {"process": os.getpid(), "machine": socket.gethostname()} | more)


def minute(number: int, score: float | None = None) -> Minute:
    """Return a minute with a packet a second."""
    return Minute(start_s=60 * number, packets=60, flows=6, bytes=600, lost=1, score=score)


@pytest.mark.parametrize(
    ("source", "name"),
    [("eth0", "eth0"), ("standard input", "standard-input"), ("/var/Captures/", "var-captures"), ("…", "sensor")],
)
def test_names_are_made_of_sources(source: str, name: str) -> None:
    assert sensor_name(source) == name


def test_what_was_written_is_read(tmp_path: Path) -> None:
    folder, state = SensorFolder(tmp_path / "sensors"), state_of()
    assert (folder.states(), folder.state("eth0"), folder.minutes("eth0")) == ([], None, [])
    folder.write(state)
    folder.write_minutes("eth0", [minute(number) for number in range(2 * MINUTES)])
    assert folder.states() == [state] == [folder.state("eth0")]
    assert [one.start_s // 60 for one in folder.minutes("eth0")] == list(range(MINUTES, 2 * MINUTES))
    assert folder.state("../sensors/eth0") is None
    assert folder.forget(time.time() - 60) == 0
    assert folder.forget(time.time() + 60) == 1
    assert list(folder.folder.iterdir()) == []


def test_a_living_sensor_keeps_its_name_and_a_dead_one_gives_it_to_the_next(tmp_path: Path) -> None:
    folder = SensorFolder(tmp_path)
    other = os.getpid() + 1
    assert free_name(folder, "eth0", other) == "eth0"
    folder.write(state_of())
    assert free_name(folder, "eth0", os.getpid()) == "eth0"
    assert free_name(folder, "eth0", other) == "eth0-2"
    folder.write(state_of("eth0-2"))
    assert free_name(folder, "eth0", other) == "eth0-3"
    # Killed a moment ago, on this machine.
    folder.write(state_of(process=2**22 + 1))
    assert free_name(folder, "eth0", other) == "eth0"
    # On another machine nobody can tell before it is silent.
    folder.write(state_of(process=2**22 + 1, machine="elsewhere"))
    assert free_name(folder, "eth0", other) == "eth0-3"
    assert free_name(folder, "eth0", other, time.time() + 10) == "eth0"


def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "sensors").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        SensorFolder(tmp_path / "sensors").write(state_of())


@pytest.mark.parametrize("hours", [0.01, 1, 9.9, 10, 24, 100])
def test_a_series_has_a_bounded_number_of_points_and_loses_nothing(hours: float) -> None:
    now = 10 * MINUTES
    minutes = [minute(number) for number in range(now - MINUTES, now)]
    series = series_of(minutes, hours, 60 * now + 30)
    assert len(series.starts_s) <= MOST_POINTS + 1
    assert {one for one in series.packets_per_s if one is not None} == {1.0}
    shown = [one for one in minutes if one.start_s >= series.starts_s[0]]
    assert sum(count or 0 for count in series.lost) == len(shown)
    assert series.packets_per_s[-1] is None or series.step_s > 60


def test_what_is_usual_is_known_after_half_an_hour() -> None:
    assert usual_band([minute(number, 0.1) for number in range(29)]) is None
    assert usual_band([minute(number, number / 100) for number in range(100)]) == (0.05, 0.94)
    assert usual_band([minute(number) for number in range(100)]) is None
