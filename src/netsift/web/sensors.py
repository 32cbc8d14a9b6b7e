"""How the sensors are, as status, metrics and pages say it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final

from netsift.store.sensors import SensorFolder, SensorState
from netsift.web.operations import Out, moment

BY_THE_KERNEL: Final = "dropped by the kernel"
NO_LOSS: Final = frozenset({"packets skipped"})
"""What is counted by stage and is no loss: packets that are no flow's."""


class HappenedOut(Out):
    """What happened to a sensor, and when."""

    at: str
    words: str


class KeptOut(Out):
    """What became of what is to be kept; packets are counted in bytes."""

    name: str
    waiting: int
    written: int
    dropped: int
    trouble: str


class ReceiverOut(Out):
    """What became of the messages to a receiver of alerts."""

    name: str
    waiting: int
    sent: int
    dropped: int
    refused: int
    trouble: str


class SensorOut(Out):
    """A sensor: `condition` is one of watching, troubled, down, silent and ended; rates are of the last seconds."""

    name: str
    source: str
    kind: str
    condition: str
    started: str
    written: str
    packets: int
    flows: int
    bytes: int
    live_flows: int
    alerts: int
    incidents: int
    packets_per_s: float
    flows_per_s: float
    bits_per_s: float
    lag_s: float
    score: float | None
    dropped_packets: int
    lost: dict[str, int]
    troubles: list[str]
    kept: list[KeptOut]
    receivers: list[ReceiverOut]
    happened: list[HappenedOut]


def sensors_in(folder: SensorFolder, now_s: float | None = None) -> list[dict[str, Any]]:
    """Return all sensors as JSON values, those that live first."""
    now_s = time.time() if now_s is None else now_s
    found = [_shown(state, now_s) for state in folder.states()]
    return sorted(found, key=lambda one: (one["condition"] == "ended", one["name"]))


def problems_of(sensors: list[dict[str, Any]]) -> list[str]:
    """Return what somebody should look after, in sentences."""
    found = []
    for one in sensors:
        if one["condition"] == "silent":
            found.append(f"The sensor {one['name']} is silent: it last wrote at {one['written'][:19]} UTC.")
        elif one["condition"] == "down":
            found.append(f"The sensor {one['name']} waits for its interface, which is down.")
        found += [f"The sensor {one['name']}: {trouble}" for trouble in one["troubles"]]
    return found


def _shown(state: SensorState, now_s: float) -> dict[str, Any]:
    condition = state.condition(now_s)
    silent = condition == "silent"
    return state.model_dump(include=set(SensorOut.model_fields) - {"happened"}) | {
        "condition": condition,
        "started": _time(state.started_s),
        "written": _time(state.written_s),
        "packets_per_s": 0.0 if silent else state.packets_per_s,
        "flows_per_s": 0.0 if silent else state.flows_per_s,
        "bits_per_s": 0.0 if silent else state.bits_per_s,
        "dropped_packets": state.lost.get(BY_THE_KERNEL, 0),
        "lost": {name: count for name, count in state.lost.items() if name not in NO_LOSS},
        "troubles": [] if state.ended else state.troubles(),
        "kept": [one.model_dump() for one in state.kept],
        "receivers": [one.model_dump() for one in state.receivers],
        "happened": [{"at": _time(one.at_s), "words": one.words} for one in reversed(state.happened)],
    }


def _time(at_s: float) -> str:
    """Return a time of a file, which may say anything, as text."""
    try:
        return str(moment(datetime.fromtimestamp(at_s, UTC)))
    except (OverflowError, OSError, ValueError):
        return str(moment(datetime.fromtimestamp(0, UTC)))
