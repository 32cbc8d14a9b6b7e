"""How sensors are: a small file each, written anew every second, and their last day by the minute in another.

They are files and not rows of the database, because a page must say how a sensor is most of all when the database is
locked or gone; a file written beside its name and renamed needs neither a lock nor a writer's turn. A sensor that was
killed says so by what it no longer writes.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from netsift.errors import OutputError, StoreError
from netsift.files import whole_file

SILENT_S: Final = 5.0
"""A sensor that has not written for so long, and had not ended, is silent."""
MINUTES: Final = 24 * 60
"""Minutes of the past that are kept."""
MOST_SENSORS: Final = 64
MOST_HAPPENED: Final = 20
MOST_POINTS: Final = 600
"""Points of a line at most."""

_MOST_BYTES: Final = 1 << 20
_LONGEST_TEXT: Final = 500
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_MINUTES_SUFFIX: Final = ".minutes.json"

Count = Annotated[int, Field(ge=0)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=_LONGEST_TEXT)]


class _Read(BaseModel):
    # What a later version writes besides is left out.
    model_config = ConfigDict(frozen=True, extra="ignore")


class PartState(_Read):
    """What became of what a part of a sensor was given; ``trouble`` says why its last attempt failed."""

    name: Text
    waiting: Count
    dropped: Count
    trouble: Text = ""


class KeptState(PartState):
    """What became of what is to be kept, a kind each: alerts, flows, packets (in bytes)."""

    written: Count


class ReceiverState(PartState):
    """What became of the messages to a receiver of alerts, over all runs."""

    sent: Count
    refused: Count


class Happened(_Read):
    """What happened to a sensor, and when."""

    at_s: Number
    words: Text


class SensorState(_Read):
    """How a sensor is: times in seconds since 1970, rates of the last seconds, counts since it started.

    ``score`` is the model's mean score in the last whole minute with flows; ``happened`` the last things that went
    wrong or right again, also before a restart, the latest last.
    """

    name: Annotated[str, Field(pattern=f"^{_NAME.pattern}$")]
    source: Text
    kind: Literal["interface", "pipe", "folder"]
    started_s: Number
    written_s: Number
    ended: bool = False
    down: bool = False
    process: Count = 0
    machine: Text = ""
    packets: Count = 0
    bytes: Count = 0
    flows: Count = 0
    live_flows: Count = 0
    alerts: Count = 0
    incidents: Count = 0
    packets_per_s: Number = 0.0
    flows_per_s: Number = 0.0
    bits_per_s: Number = 0.0
    lag_s: Number = 0.0
    score: Number | None = None
    lost: Annotated[dict[Text, Count], Field(max_length=64)] = {}
    kept: Annotated[tuple[KeptState, ...], Field(max_length=16)] = ()
    receivers: Annotated[tuple[ReceiverState, ...], Field(max_length=64)] = ()
    happened: Annotated[tuple[Happened, ...], Field(max_length=MOST_HAPPENED)] = ()

    def is_silent(self, now_s: float) -> bool:
        """Return whether it should have written and has not, by the clock that it writes with."""
        return not self.ended and abs(now_s - self.written_s) > SILENT_S

    def condition(self, now_s: float) -> str:
        """Return how it is in a word: ended, silent, down, troubled or watching."""
        if self.ended:
            return "ended"
        if self.is_silent(now_s):
            return "silent"
        if self.down:
            return "down"
        return "troubled" if self.troubles() else "watching"

    def troubles(self) -> list[str]:
        """Return what goes wrong now, in sentences."""
        return [f"{one.name}: {one.trouble}" for one in self.parts() if one.trouble]

    def parts(self) -> list[PartState]:
        """Return what is kept and who is told."""
        return [*self.kept, *self.receivers]


class Minute(_Read):
    """One minute: when it began, what was counted in it, and the mean score of its flows."""

    start_s: Count
    packets: Count
    flows: Count
    bytes: Count
    lost: Count
    score: Number | None = None


class _Minutes(_Read):
    minutes: Annotated[list[Minute], Field(max_length=MINUTES)]


@dataclass(frozen=True, slots=True)
class SensorSeries:
    """The last hours of a sensor in steps of ``step_s``: rates a second, what was lost in each step, and scores.

    Each has a value for every one of ``starts_s``; None where the sensor did not watch, or saw no flow. ``usual`` is
    the band in which nine of ten minutes' scores lay, None where there are too few.
    """

    step_s: int
    starts_s: list[int]
    packets_per_s: list[float | None]
    flows_per_s: list[float | None]
    bits_per_s: list[float | None]
    lost: list[int | None]
    scores: list[float | None]
    usual: tuple[float, float] | None


class SensorFolder:
    """The states of all sensors that keep what they see below one folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, which need not be there."""
        self.folder = folder

    def write(self, state: SensorState) -> None:
        """Write the state of a sensor. Raises OutputError."""
        self._write(f"{state.name}.json", state.model_dump_json())

    def write_minutes(self, name: str, minutes: Sequence[Minute]) -> None:
        """Write the last minutes of a sensor. Raises OutputError."""
        self._write(f"{name}{_MINUTES_SUFFIX}", _Minutes(minutes=list(minutes)[-MINUTES:]).model_dump_json())

    def states(self) -> list[SensorState]:
        """Return the states of all sensors by name; what is none is left out."""
        try:
            paths = sorted(path for path in self.folder.glob("*.json") if not path.name.startswith("."))
        except OSError:
            return []
        found = [_parsed(path, SensorState) for path in paths if not path.name.endswith(_MINUTES_SUFFIX)]
        return [one for one in found if one is not None][:MOST_SENSORS]

    def state(self, name: str) -> SensorState | None:
        """Return the state of a sensor, None where there is none of that name."""
        return _parsed(self.folder / f"{name}.json", SensorState) if _NAME.fullmatch(name) else None

    def minutes(self, name: str) -> list[Minute]:
        """Return the last minutes of a sensor, the oldest first; none where there are none."""
        found = _parsed(self.folder / f"{name}{_MINUTES_SUFFIX}", _Minutes) if _NAME.fullmatch(name) else None
        return found.minutes if found is not None else []

    def series(self, name: str, hours: float, now_s: float) -> SensorSeries:
        """Return the last hours of a sensor, of at most :data:`MOST_POINTS` steps."""
        return series_of(self.minutes(name), hours, now_s)

    def forget(self, before_s: float) -> int:
        """Delete what sensors that have not written since a time left; return how many."""
        old = [one for one in self.states() if one.written_s < before_s]
        for one in old:
            for suffix in (".json", _MINUTES_SUFFIX):
                (self.folder / f"{one.name}{suffix}").unlink(missing_ok=True)
        return len(old)

    def _write(self, name: str, text: str) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be made: {error.strerror or error}") from None
        try:
            with whole_file(self.folder / name, passing=True) as temporary:
                temporary.write_text(text + "\n", encoding="utf-8")
        except OutputError:
            # A full disk still has room for what takes the place of something as long.
            if not _written_over(self.folder / name, text + "\n"):
                raise


def _written_over(path: Path, text: str) -> bool:
    try:
        with path.open("r+b") as file:
            file.write(text.encode())
            file.truncate()
    except OSError:
        return False
    return True


def sensor_name(source: str) -> str:
    """Return the name of a sensor that watches a source: small letters, digits, dots and hyphens."""
    return re.sub(r"[^a-z0-9.]+", "-", source.lower()).strip("-.")[-64:].strip("-.") or "sensor"


def free_name(folder: SensorFolder, wanted: str, process: int, now_s: float | None = None) -> str:
    """Return a name that no other living sensor writes under: the wanted one, or that with a number."""
    now_s = time.time() if now_s is None else now_s
    for number in range(1, MOST_SENSORS + 1):
        name = wanted if number == 1 else f"{wanted[:60]}-{number}"
        state = folder.state(name)
        if state is None or state.process == process or not _may_live(state, now_s):
            return name
    raise StoreError(f"{folder.folder}: there are {MOST_SENSORS} sensors of the name {wanted} already")


def _may_live(state: SensorState, now_s: float) -> bool:
    """Return whether the process of a sensor may still write; of one on this machine /proc says so at once."""
    if state.ended or state.is_silent(now_s):
        return False
    is_here = state.machine == socket.gethostname() and Path("/proc/self").exists()
    return not is_here or Path(f"/proc/{state.process}").exists()


def series_of(minutes: Sequence[Minute], hours: float, now_s: float) -> SensorSeries:
    """Return minutes as a series that ends with the present minute.

    >>> series_of([Minute(start_s=0, packets=120, flows=60, bytes=30, lost=0)], 0.03, 100).packets_per_s
    [2.0, None]
    """
    count = max(min(round(hours * 60), MINUTES), 2)
    step = -(-count // MOST_POINTS)
    last = int(now_s) // 60
    first = (last - count + 1) // step * step
    groups: dict[int, list[Minute]] = {}
    for one in minutes:
        if first <= one.start_s // 60 <= last:
            groups.setdefault((one.start_s // 60 - first) // step, []).append(one)
    places = range((last - first) // step + 1)
    parts = [groups.get(place, []) for place in places]
    return SensorSeries(
        step_s=60 * step,
        starts_s=[60 * (first + place * step) for place in places],
        packets_per_s=[_rate(sum(one.packets for one in part), part) for part in parts],
        flows_per_s=[_rate(sum(one.flows for one in part), part) for part in parts],
        bits_per_s=[_rate(8 * sum(one.bytes for one in part), part) for part in parts],
        lost=[sum(one.lost for one in part) if part else None for part in parts],
        scores=[_mean([one.score for one in part if one.score is not None]) for part in parts],
        usual=usual_band(minutes),
    )


def usual_band(minutes: Sequence[Minute], least: int = 30) -> tuple[float, float] | None:
    """Return between which scores nine of ten minutes lie, None where fewer than ``least`` have one."""
    scores = sorted(one.score for one in minutes if one.score is not None)
    if len(scores) < least:
        return None
    return scores[len(scores) // 20], scores[-1 - len(scores) // 20]


def _rate(total: int, part: Sequence[Minute]) -> float | None:
    return round(total / (60 * len(part)), 3) if part else None


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 6) if values else None


Parsed = TypeVar("Parsed", bound=BaseModel)


def _parsed(path: Path, model: type[Parsed]) -> Parsed | None:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        return model.model_validate_json(data) if len(data) <= _MOST_BYTES else None
    except (OSError, ValidationError):
        return None
