"""Says every second how a sensor is, from a thread of its own, and keeps its last day by the minute."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from netsift.errors import OutputError
from netsift.sensor.recording import Recording
from netsift.sources.live import LiveCounters
from netsift.store.sensors import MINUTES, MOST_HAPPENED, Happened, Minute, SensorFolder, SensorState

EVERY_S: Final = 1.0
RATES_S: Final = 5.0
"""Rates are those of so many seconds."""

Kind = Literal["interface", "pipe", "folder"]


@dataclass(slots=True)
class Scores:
    """Sums of a model's scores since they were taken last; filled by one thread and taken by another."""

    total: float = 0.0
    flows: int = 0

    def add(self, total: float, flows: int) -> None:
        """Add the scores of some flows."""
        self.total, self.flows = self.total + total, self.flows + flows


@dataclass(frozen=True, slots=True)
class _Counted:
    steady_s: float
    packets: int
    flows: int
    bytes: int
    lost: int
    score: float
    scored: int


class SensorReport:
    """Writes the state of a sensor until it is closed.

    ``drops`` returns what was lost by stage. ``alerts`` and ``incidents`` are those known now.
    """

    def __init__(
        self,
        folder: SensorFolder,
        name: str,
        source: str,
        kind: Kind,
        counters: LiveCounters,
        recording: Recording,
        drops: Callable[[], dict[str, int]],
    ) -> None:
        """Read what an earlier run left, and start."""
        self.alerts = self.incidents = 0
        self.scores = Scores()
        self._folder, self._name, self._source, self._kind = folder, name, source, kind
        self._counters, self._recording, self._drops = counters, recording, drops
        self._started_s = time.time()
        self._seen = deque([self._counted()])
        self._minutes = deque(folder.minutes(name), MINUTES)
        self._minute = int(self._started_s) // 60
        self._minute_began = self._seen[0]
        self._score: float | None = None
        self._happened = deque(_happened_before(folder.state(name), self._started_s), MOST_HAPPENED)
        self._troubles: dict[str, str] = {}
        self._failures: dict[str, int] = {}
        self._was_down = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="netsift report", daemon=True)
        self._thread.start()

    def file(self, kind: str) -> Path:
        """Return where something of this sensor's is kept."""
        return self._folder.folder / f"{self._name}.{kind}"

    def note(self, words: str) -> None:
        """Have something shown that happened."""
        self._happened.append(Happened(at_s=time.time(), words=words[:500]))

    def close(self) -> None:
        """Say for the last time how the sensor is: that it has ended."""
        self._stop.set()
        self._thread.join()
        self._end_minute()
        self._write(ended=True)

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            if int(time.time()) // 60 != self._minute:
                self._end_minute()
            self._write()

    def _write(self, *, ended: bool = False) -> None:
        state = self._state(ended=ended)
        self._note_changes(state)
        try:
            self._folder.write(state.model_copy(update={"happened": tuple(self._happened)}))
        except OutputError:
            # Nobody reads it then; the page says that the sensor is silent.
            return

    def _state(self, *, ended: bool) -> SensorState:
        counters, now = self._counters, self._counted()
        before = self._look_back(now)
        seconds = max(now.steady_s - before.steady_s, 1e-3)
        interface = counters.interface
        return SensorState(
            name=self._name, source=self._source[:500], kind=self._kind, started_s=self._started_s,
            written_s=time.time(), ended=ended, down=interface is not None and interface.down, process=os.getpid(),
            machine=socket.gethostname()[:200],
            packets=now.packets, bytes=now.bytes, flows=now.flows, live_flows=0 if ended else counters.live_flows,
            alerts=self.alerts, incidents=self.incidents,
            packets_per_s=0.0 if ended else round((now.packets - before.packets) / seconds, 3),
            flows_per_s=0.0 if ended else round((now.flows - before.flows) / seconds, 3),
            bits_per_s=0.0 if ended else round(8 * (now.bytes - before.bytes) / seconds, 3),
            lag_s=round(counters.lag_s, 3), score=self._score, lost=self._drops(), kept=self._recording.kept(),
            receivers=self._recording.receivers(),
        )  # fmt: skip

    def _look_back(self, now: _Counted) -> _Counted:
        self._seen.append(now)
        while len(self._seen) > 2 and now.steady_s - self._seen[1].steady_s >= RATES_S:
            self._seen.popleft()
        return self._seen[0]

    def _counted(self) -> _Counted:
        counters, scores = self._counters, self.scores
        lost = counters.interface.ring.dropped if counters.interface is not None else 0
        return _Counted(
            time.monotonic(), counters.packets, counters.flows, counters.bytes, lost, scores.total, scores.flows
        )

    def _end_minute(self) -> None:
        """Add the minute that is over to the last day."""
        before, now = self._minute_began, self._counted()
        scored = now.scored - before.scored
        score = round((now.score - before.score) / scored, 6) if scored > 0 else None
        self._score = self._score if score is None else score
        self._minutes.append(
            Minute(
                start_s=max(60 * self._minute, 0), packets=now.packets - before.packets,
                flows=now.flows - before.flows, bytes=now.bytes - before.bytes, lost=max(now.lost - before.lost, 0),
                score=score,
            )
        )  # fmt: skip
        self._minute, self._minute_began = int(time.time()) // 60, now
        try:
            self._folder.write_minutes(self._name, self._minutes)
        except OutputError:
            # The next minute writes them all.
            return

    def _note_changes(self, state: SensorState) -> None:
        """Note what began to go wrong since the last time, and what goes well again."""
        if state.down != self._was_down:
            self.note(f"{state.source} is down: waiting for it" if state.down else f"{state.source} is up again")
            self._was_down = state.down
        troubles = self._short_troubles() | {one.name: one.trouble for one in state.parts() if one.trouble}
        for name in troubles.keys() - self._troubles.keys():
            self.note(f"{name}: {troubles[name]}")
        for name in self._troubles.keys() - troubles.keys():
            self.note(f"{name}: goes on")
        self._troubles = troubles

    def _short_troubles(self) -> dict[str, str]:
        """Return what went wrong since the last time, be it that it goes well again."""
        now = self._recording.failures()
        new = {name: words for name, (count, words) in now.items() if count > self._failures.get(name, 0)}
        self._failures = {name: count for name, (count, _) in now.items()}
        return new


def _happened_before(state: SensorState | None, now_s: float) -> Iterable[Happened]:
    """Return what an earlier run noted, and that it ended without saying so."""
    if state is None:
        return ()
    if state.ended:
        return state.happened
    return (*state.happened, Happened(at_s=now_s, words="started again; the run before was killed or lost its power"))
