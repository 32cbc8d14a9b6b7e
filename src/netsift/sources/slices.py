"""Packets cut out of captures as they are there: their own bytes, times and link types."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from netsift.capture.arp import arp_addresses
from netsift.capture.merge import MOST_OPEN
from netsift.capture.reader import CaptureReader, PacketDecoding
from netsift.capture.streams import STANDARD_INPUT, OpenedInput, expand_inputs
from netsift.capture.writer import CapturedPacket
from netsift.errors import InputError, UsageError
from netsift.flows.meter import random_key
from netsift.sources.captures import first_time_and_size
from netsift.sources.statistics import ReadStatistics

Array = np.ndarray[Any, Any]
Chooser = Callable[[Array], npt.NDArray[np.bool_]]
"""Says which of an array of PACKET, shape (n,), are wanted, shape (n,)."""
ArpChooser = Callable[[Array, Array, Array], npt.NDArray[np.bool_]]
"""Says the same of ARP packets, by their times, senders' and targets' IPv4 addresses, shape (n,) each."""


def chosen_packets(
    inputs: list[str],
    chooser: Chooser,
    statistics: ReadStatistics,
    *,
    inner_tunnels: bool = False,
    arp: ArpChooser | None = None,
) -> Iterator[CapturedPacket]:
    """Yield the packets of captures and folders that are wanted, in memory that does not depend on their sizes.

    Captures follow one another in the order of their first packets, each in its own order; where they overlap, the
    earlier packet comes first. What the chooser sees is what the flow meter would see; ``inner_tunnels`` shows it the
    innermost packet of a tunnel, and the whole packet is yielded. ``arp`` chooses among ARP packets, which no flow
    has; none without it. ``statistics`` are filled while packets are taken.

    Raises:
        InputError: a path does not exist, or nothing at all could be read.
        UsageError: standard input is combined with other inputs.
    """
    names = expand_inputs(inputs)
    slicing = _Slicing(chooser, arp, inner_tunnels, statistics)
    if len(names) > 1:
        yield from slicing.merged(_in_order(names, statistics))
    else:
        for name in names:
            yield from slicing.packets(name)
    if statistics.capture.inputs_read == 0:
        raise InputError("; ".join(statistics.capture.problems) or "no input")


def _in_order(names: list[str], statistics: ReadStatistics) -> list[tuple[int, str]]:
    if STANDARD_INPUT in names:
        raise UsageError("standard input (-) cannot be combined with other inputs")
    first_ns: list[tuple[int, str]] = []
    statistics.bytes_total = 0
    for name in names:
        try:
            start_ns, size = first_time_and_size(name)
        except InputError as error:
            _refuse(error, statistics)
            continue
        first_ns.append((start_ns, name))
        statistics.bytes_total += size
    return sorted(first_ns, key=itemgetter(0))


class _Slicing:
    """Cuts packets out of captures."""

    def __init__(
        self, chooser: Chooser, arp: ArpChooser | None, inner_tunnels: bool, statistics: ReadStatistics
    ) -> None:
        self._chooser, self._arp, self._statistics = chooser, arp, statistics
        self._decoding = PacketDecoding(random_key(), inner_tunnels, arp_records=arp is not None)
        self._open = 0

    def merged(self, names: list[tuple[int, str]]) -> Iterator[CapturedPacket]:
        """Yield the packets of captures, given with their first packets' times and in order of these."""
        waiting = deque(names)
        open_: list[tuple[int, int, CapturedPacket, Generator[CapturedPacket, None, None]]] = []
        number = 0
        while waiting or open_:
            while waiting and len(open_) < MOST_OPEN and (not open_ or waiting[0][0] <= open_[0][0]):
                packets = self.packets(waiting.popleft()[1])
                if (first := next(packets, None)) is not None:
                    heapq.heappush(open_, (first.time_ns, number, first, packets))
                    number += 1
            if open_:
                _, place, packet, packets = open_[0]
                yield packet
                if (following := next(packets, None)) is None:
                    heapq.heappop(open_)
                else:
                    heapq.heapreplace(open_, (following.time_ns, place, following, packets))

    def packets(self, name: str) -> Generator[CapturedPacket, None, None]:
        """Yield the packets of a capture; one that is none is counted and named."""
        # Captures that overlap would find each other's fragments by chance.
        decoding = (
            self._decoding
            if not self._open
            else replace(self._decoding, fragments=PacketDecoding(self._decoding.key).fragments)
        )
        self._open += 1
        try:
            yield from self._chosen_of(name, decoding)
        except InputError as error:
            _refuse(error, self._statistics)
        finally:
            self._open -= 1

    def _chosen_of(self, name: str, decoding: PacketDecoding) -> Generator[CapturedPacket, None, None]:
        statistics = self._statistics
        with closing(OpenedInput(name)) as source:
            if statistics.bytes_total is None:
                statistics.bytes_total = source.size
            position = 0
            reader = CaptureReader(source, decoding, statistics.capture)
            with closing(reader.batches_with_records()) as batches:
                for packets, records in batches:
                    statistics.bytes_taken += source.position - position
                    position = source.position
                    statistics.packets_taken += len(packets)
                    for record in self._wanted(packets, records, reader):
                        yield CapturedPacket(
                            int(record["time_ns"]),
                            int(record["link_type"]),
                            int(record["wire_length"]),
                            reader.record_bytes(record),
                        )

    def _wanted(self, packets: Array, records: Array, reader: CaptureReader) -> Array:
        """Return the RECORDs that are wanted, in the order of the capture."""
        wanted = records[self._chooser(packets)]
        if self._arp is None or not len(reader.arp_records):
            return wanted
        arp = reader.arp_records
        chosen = arp[self._arp(arp["time_ns"], *arp_addresses(reader.buffer, arp))]
        every = np.concatenate((wanted, chosen))
        return every[np.argsort(every["offset"], kind="stable")]


def _refuse(error: InputError, statistics: ReadStatistics) -> None:
    statistics.capture.inputs_refused += 1
    statistics.capture.report(str(error))
