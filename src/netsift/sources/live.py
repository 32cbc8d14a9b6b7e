"""Flow batches of traffic that is watched while it happens, from an interface, a pipe or a folder.

Reading and decoding is one thread, metering another, and what the caller does with the flows a third. Between them wait
a few arrays at most: where the caller is slow, so is the reading, and what then comes too fast is dropped in one
place only, the ring of the interface, where the kernel counts it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa

from netsift.capture.arp import ArpLog
from netsift.capture.counters import CaptureCounters
from netsift.capture.interface import InterfaceCounters
from netsift.errors import UsageError
from netsift.flows.meter import EndedFlows, Meter
from netsift.flows.settings import MeterSettings
from netsift.sources.captures import on_a_thread

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """How far a source has been read: a place between two of its arrays, from which it could be read again.

    ``number`` never falls. What follows on a place that ``repeats`` was metered by an earlier run: of its flows only
    those are handed out that still run at the next place, at the time ``now_ns``. Where nothing follows, the packet
    clock stands still for ``still_s``.
    """

    number: int
    repeats: bool = False
    still_s: float | None = None
    now_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """A place up to which every flow that has ended by ``now_ns`` was handed out; others run since ``oldest_ns``.

    ``count`` tells apart what was reached one after another.
    """

    count: int
    number: int
    oldest_ns: int | None = None
    now_ns: int | None = None


Arrays = Generator[Array | Place, None, None]
"""Arrays of PACKET in order of time, and places; an array without packets says that there is nothing for now."""

ARRAYS_IN_FLIGHT: Final = 4
BUFFERS: Final = ARRAYS_IN_FLIGHT + 3
"""How many arrays of packets are in use at a time: those that wait, one at each side, and one being filled."""
_MOMENTS_IN_FLIGHT: Final = 4

HAND_OUT_NS: Final = 500_000_000
"""Flows that have ended are handed out at least so often."""
MOST_RUNNING: Final = 8_192
"""Rows of a snapshot at most; those of the flows that began first."""
LONGEST_LAG_S: Final = 3_600.0
"""Packets of a pipe or a folder that are older were not captured just now."""
SHORTEST_SNAPSHOT_S: Final = 1.0
LONGEST_SNAPSHOT_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """How live traffic is metered.

    ``silence_delay_s`` is by how much the packet clock stays behind the real one while no packet comes; None keeps it
    still. Every ``snapshot_s`` there is a snapshot of the flows that have lasted that long. What ARP packets say goes
    into ``arp``.
    """

    meter: MeterSettings = field(default_factory=MeterSettings)
    inner_tunnels: bool = False
    silence_delay_s: float | None = 1.0
    snapshot_s: float | None = None
    arp: ArpLog | None = None

    def __post_init__(self) -> None:
        """Refuse snapshots that would be all there is to do, or none."""
        if self.snapshot_s is not None and not SHORTEST_SNAPSHOT_S <= self.snapshot_s <= LONGEST_SNAPSHOT_S:
            raise UsageError(
                f"snapshots must be {SHORTEST_SNAPSHOT_S:.0f} to {LONGEST_SNAPSHOT_S:.0f} seconds apart, "
                f"not {self.snapshot_s:g}"
            )


@dataclass(slots=True)
class LiveCounters:
    """What became of the traffic so far; written by the source's threads and read by anyone.

    ``packets`` and ``bytes`` are those metered, ``flows`` those handed out, ``early_flows`` those that ended because
    the table was full. ``lag_s`` is how far metering is behind the packets' own times, 0 where these are of
    a recording. ``interface`` is None where the source is none.
    """

    capture: CaptureCounters = field(default_factory=CaptureCounters)
    interface: InterfaceCounters | None = None
    packets: int = 0
    bytes: int = 0
    flows: int = 0
    live_flows: int = 0
    early_flows: int = 0
    lag_s: float = 0.0
    recorded: bool = False

    def compare(self, latest_ns: int, now_ns: int) -> None:
        """Take the time of the packet that was metered last, and what time it is."""
        lag_s = max((now_ns - latest_ns) / 1e9, 0.0)
        self.recorded = self.interface is None and lag_s > LONGEST_LAG_S
        self.lag_s = 0.0 if self.recorded else lag_s


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is to say at a time: flows that ended, a snapshot of those that run, or only the time.

    ``now_ns`` is the packet clock, None before the first packet. ``running`` is None between snapshots; each snapshot
    replaces the one before, and its flows come again among ``flows`` when they end. ``reached`` comes after the flows
    that it speaks of.
    """

    now_ns: int | None
    flows: pa.RecordBatch | None = None
    running: tuple[pa.RecordBatch, ...] | None = None
    reached: Reached | None = None


def live_flows(arrays: Arrays, settings: LiveSettings, counters: LiveCounters) -> Generator[Moment, None, None]:
    """Yield moments, at least two a second, until the arrays end; then the flows that are left.

    The generators that ``arrays`` may wait in are run on threads of their own; closing this one ends them.
    """
    metering = _Metering(settings, counters)
    packets = on_a_thread(arrays, ARRAYS_IN_FLIGHT)
    return on_a_thread(metering.moments(packets), _MOMENTS_IN_FLIGHT)


class _Silence:
    """What time it is for the packets while none comes: the last one's, and what has passed since on a steady clock."""

    def __init__(self, delay_s: float | None, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.delay_s = delay_s
        self._clock_ns = clock_ns
        self._last_ns: int | None = None
        self._heard_ns = 0

    def heard(self, packet_ns: int) -> None:
        self._last_ns, self._heard_ns = packet_ns, self._clock_ns()

    def now_ns(self) -> int | None:
        """Return the time up to which surely no packet is on its way, None where that is not known."""
        if self._last_ns is None or self.delay_s is None:
            return None
        passed_ns = self._clock_ns() - self._heard_ns - round(self.delay_s * 1e9)
        return self._last_ns + passed_ns if passed_ns > 0 else None


class _Metering:
    def __init__(self, settings: LiveSettings, counters: LiveCounters) -> None:
        self._meter = Meter(settings.meter)
        self._settings = settings
        self._counters = counters
        self._silence = _Silence(settings.silence_delay_s)
        self._handed_out_ns = time.monotonic_ns()
        self._next_snapshot_ns: int | None = None
        self._place: Place | None = None
        self._is_there = False
        self._reached = Reached(0, -1)
        self._news = True

    def moments(self, arrays: Arrays) -> Generator[Moment, None, None]:
        with closing(arrays):
            for array in arrays:
                if isinstance(array, Place):
                    yield from self._arrive(array)
                    continue
                self._is_there &= not len(array)
                yield from self._flows(self._take(array))
                if time.monotonic_ns() - self._handed_out_ns >= HAND_OUT_NS:
                    self._handed_out_ns = time.monotonic_ns()
                    yield from self._flows(self._meter.hand_out())
                    yield from self._snapshot()
                    self._count()
                    yield Moment(self._meter.now_ns)
        yield from self._flows(self._meter.end_all())
        if self._place is not None and self._is_there and not self._place.repeats:
            yield from self._reach(self._place.number)

    def _arrive(self, place: Place) -> Iterator[Moment]:
        if place.now_ns is not None:
            yield from self._flows(self._meter.pass_time(place.now_ns))
        yield from self._flows(self._meter.hand_out())
        if not place.repeats:
            yield from self._reach(place.number)
        self._place, self._is_there = place, True
        if place.still_s is not None:
            self._silence.delay_s = place.still_s

    def _reach(self, number: int) -> Iterator[Moment]:
        """Yield that a place was reached, unless that was said before and nothing has happened since."""
        oldest_ns = self._meter.oldest_ns
        if self._news or (number, oldest_ns) != (self._reached.number, self._reached.oldest_ns):
            now_ns = self._meter.now_ns
            self._reached = Reached(self._reached.count + 1, number, oldest_ns, now_ns)
            self._news = False
            yield Moment(now_ns, reached=self._reached)

    @property
    def _repeats(self) -> bool:
        return self._place is not None and self._place.repeats

    def _take(self, array: Array) -> Iterator[EndedFlows]:
        if len(array):
            latest_ns = int(array["time_ns"][-1])
            self._silence.heard(latest_ns)
            yield from self._meter.end_flows(array)
            if self._repeats:
                return
            self._counters.packets += len(array)
            self._counters.bytes += int(array["length"].sum())
            self._counters.compare(latest_ns, time.time_ns())
        else:
            self._counters.lag_s = 0.0
            now_ns = self._silence.now_ns()
            if now_ns is not None:
                yield from self._meter.pass_time(now_ns)

    def _flows(self, ended_flows: Iterator[EndedFlows]) -> Iterator[Moment]:
        for ended in ended_flows:
            if self._repeats:
                ended.written = True
                continue
            batch = ended.batch()
            self._news = True
            self._counters.flows += batch.num_rows
            self._count()
            yield Moment(self._meter.now_ns, flows=batch)

    def _snapshot(self) -> Iterator[Moment]:
        every_s, now_ns = self._settings.snapshot_s, self._meter.now_ns
        if every_s is None or now_ns is None:
            return
        every_ns = round(every_s * 1e9)
        # The clock may have been set back since.
        if self._next_snapshot_ns is None or self._next_snapshot_ns - now_ns > every_ns:
            self._next_snapshot_ns = now_ns + every_ns
        elif now_ns >= self._next_snapshot_ns:
            self._next_snapshot_ns = now_ns + every_ns
            yield Moment(now_ns, running=tuple(self._meter.running(every_s, MOST_RUNNING)))

    def _count(self) -> None:
        counted = self._meter.counters()
        self._counters.live_flows = counted.live
        self._counters.early_flows = counted.ended["table_full"]
