"""Flow batches out of packet captures: read and decode, meter, and make columns, each on a thread of its own."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa

from netsift.capture.arp import ArpLog
from netsift.capture.counters import CaptureCounters
from netsift.capture.merge import merge_captures
from netsift.capture.reader import CaptureReader, PacketDecoding
from netsift.capture.streams import STANDARD_INPUT, OpenedInput
from netsift.errors import InputError, UsageError
from netsift.flows.meter import EndedFlows, Meter, random_key
from netsift.flows.settings import MeterSettings
from netsift.sources.statistics import ReadStatistics

Array = np.ndarray[Any, Any]
Item = TypeVar("Item")

_IN_FLIGHT: Final = 4
"""How many arrays of packets, or batches of ended flows still in the meter's memory, may wait between two threads."""
_BATCHES_IN_FLIGHT: Final = 1
"""How many finished flow batches may wait; one takes about six megabytes."""


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """How captures are read and metered.

    ``inner_tunnels`` meters the innermost packet of a tunnel; ``threads`` is 1, or 2 to read, meter and make columns
    side by side with what the caller does with them. What ARP packets say goes into ``arp``.
    """

    meter: MeterSettings = field(default_factory=MeterSettings)
    inner_tunnels: bool = False
    threads: int = min(2, os.cpu_count() or 1)
    arp: ArpLog | None = None

    def __post_init__(self) -> None:
        """Refuse a number of threads that the pipeline does not have."""
        if self.threads not in (1, 2):
            raise UsageError(f"threads must be 1 or 2, not {self.threads}")


def capture_flows(names: list[str], settings: CaptureSettings, statistics: ReadStatistics) -> Iterator[pa.RecordBatch]:
    """Yield the flows of the captures as one stream; inputs that are no captures are reported in ``statistics``.

    Raises InputError when nothing at all can be read.
    """
    meter = Meter(settings.meter)
    packets = _Packets(names, settings, statistics)
    if settings.threads > 1:
        arrays = on_a_thread(packets.arrays(), _IN_FLIGHT)
        ended_flows = on_a_thread(_metered(meter, packets, arrays), _IN_FLIGHT)
        batches = on_a_thread(_batches(ended_flows), _BATCHES_IN_FLIGHT)
    else:
        batches = _batches(_metered(meter, packets, packets.arrays()))
    try:
        with closing(batches):
            yield from batches
    finally:
        counters = meter.counters()
        statistics.packets_metered += counters.metered_packets
        statistics.flows += counters.opened - counters.live
        statistics.peak_flows = max(statistics.peak_flows, counters.peak)
        for reason, count in counters.ended.items():
            statistics.flows_by_end_reason[reason] = statistics.flows_by_end_reason.get(reason, 0) + count


def _metered(
    meter: Meter, packets: _Packets, arrays: Generator[Array, None, None]
) -> Generator[EndedFlows, None, None]:
    with closing(arrays):
        for array in arrays:
            yield from meter.end_flows(array)
            if packets.live:
                yield from meter.hand_out()
    yield from meter.end_all()


def _batches(ended_flows: Generator[EndedFlows, None, None]) -> Generator[pa.RecordBatch, None, None]:
    with closing(ended_flows):
        for ended in ended_flows:
            yield ended.batch()


class _Packets:
    """The packets of all inputs in time order, each input opened when its turn comes."""

    def __init__(self, names: list[str], settings: CaptureSettings, statistics: ReadStatistics) -> None:
        self._names = names
        self._decoding = PacketDecoding(random_key(), settings.inner_tunnels, arp=settings.arp)
        self._statistics = statistics
        self._buffers = _IN_FLIGHT + 3 if settings.threads > 1 else 1
        self._open = 0
        self.live = False

    def arrays(self) -> Generator[Array, None, None]:
        counters = self._statistics.capture
        if len(self._names) == 1:
            yield from self._read(self._names[0])
        else:
            if STANDARD_INPUT in self._names:
                raise UsageError("standard input (-) cannot be combined with other inputs")
            yield from self._read_in_order()
        if counters.inputs_read == 0:
            raise InputError("; ".join(counters.problems) or "no input")

    def _read_in_order(self) -> Generator[Array, None, None]:
        captures: list[tuple[int, Callable[[], Iterator[Array]]]] = []
        total = 0
        for name in self._names:
            start_ns, size = self._peek(name)
            total += size
            if start_ns is not None:
                captures.append((start_ns, partial(self._read, name)))
        self._statistics.bytes_total = total
        yield from merge_captures(captures)

    def _peek(self, name: str) -> tuple[int | None, int]:
        """Return the first packet's time and the size of a capture, or no time when it is none."""
        try:
            return first_time_and_size(name)
        except InputError as error:
            self._refuse(str(error))
            return None, 0

    def _read(self, name: str) -> Generator[Array, None, None]:
        try:
            source = OpenedInput(name)
        except InputError as error:
            self._refuse(str(error))
            return
        with closing(source):
            self.live = source.live
            if self._statistics.bytes_total is None:
                self._statistics.bytes_total = source.size
            taken_before = self._statistics.bytes_taken
            try:
                reader = CaptureReader(source, self._next_decoding(), self._statistics.capture, self._buffers)
            except InputError as error:
                self._refuse(str(error))
                return
            self._open += 1
            try:
                for array in reader.batches():
                    self._statistics.bytes_taken = taken_before + source.position
                    self._statistics.packets_taken += len(array)
                    yield array
            finally:
                self._open -= 1

    def _next_decoding(self) -> PacketDecoding:
        """Return how to decode the next capture.

        One that follows on others goes on with their fragments; captures that overlap are decoded side by side, some
        packets ahead of one another, and would find each other's fragments by chance.
        """
        decoding = self._decoding
        return PacketDecoding(decoding.key, decoding.inner, arp=decoding.arp) if self._open else decoding

    def _refuse(self, problem: str) -> None:
        self._statistics.capture.inputs_refused += 1
        self._statistics.capture.report(problem)


def first_time_and_size(name: str) -> tuple[int, int]:
    """Return the time of a capture's first packet in ns, 0 when it holds none, and its size in bytes.

    Raises:
        InputError: it is no capture, or cannot be read.
    """
    with closing(OpenedInput(name)) as source:
        reader = CaptureReader(source, PacketDecoding(random_key()), CaptureCounters())
        with closing(reader.batches()) as batches:
            first = next(batches, None)
        return (0 if first is None else int(first["time_ns"][0])), source.size or 0


def on_a_thread(items: Generator[Item, None, None], ahead: int) -> Generator[Item, None, None]:
    """Run an iterator on another thread, up to ``ahead`` items ahead; its errors come out here."""
    waiting: queue.Queue[Item | BaseException | None] = queue.Queue(ahead)
    stopped = threading.Event()

    def put(item: Item | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def produce() -> None:
        try:
            with closing(items):
                for item in items:
                    if not put(item):
                        return
            put(None)
        except BaseException as error:  # noqa: BLE001 - raised again on the thread that waits
            put(error)

    thread = threading.Thread(target=produce, name="netsift-stage", daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join(timeout=5)
