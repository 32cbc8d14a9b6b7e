"""Packets cut out of captures as they are there: their own bytes, times and link types."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

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


def chosen_packets(
    inputs: list[str], chooser: Chooser, statistics: ReadStatistics, *, inner_tunnels: bool = False
) -> Iterator[CapturedPacket]:
    """Yield the packets of captures and folders that are wanted, in memory that does not depend on their sizes.

    Captures follow one another in the order of their first packets, each in its own order. What the chooser sees is
    what the flow meter would see; ``inner_tunnels`` shows it the innermost packet of a tunnel, and the whole packet is
    yielded. ``statistics`` are filled while packets are taken.

    Raises:
        InputError: a path does not exist, or nothing at all could be read.
        UsageError: standard input is combined with other inputs.
    """
    names = expand_inputs(inputs)
    if len(names) > 1:
        names = _in_order(names, statistics)
    decoding = PacketDecoding(random_key(), inner_tunnels)
    for name in names:
        try:
            yield from _chosen_of(name, decoding, chooser, statistics)
        except InputError as error:
            _refuse(error, statistics)
    if statistics.capture.inputs_read == 0:
        raise InputError("; ".join(statistics.capture.problems) or "no input")


def _in_order(names: list[str], statistics: ReadStatistics) -> list[str]:
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
    return [name for _, name in sorted(first_ns, key=itemgetter(0))]


def _chosen_of(
    name: str, decoding: PacketDecoding, chooser: Chooser, statistics: ReadStatistics
) -> Generator[CapturedPacket, None, None]:
    with closing(OpenedInput(name)) as source:
        if statistics.bytes_total is None:
            statistics.bytes_total = source.size
        taken_before = statistics.bytes_taken
        reader = CaptureReader(source, decoding, statistics.capture)
        with closing(reader.batches_with_records()) as batches:
            for packets, records in batches:
                statistics.bytes_taken = taken_before + source.position
                statistics.packets_taken += len(packets)
                for record in records[chooser(packets)]:
                    yield CapturedPacket(
                        int(record["time_ns"]),
                        int(record["link_type"]),
                        int(record["wire_length"]),
                        reader.record_bytes(record),
                    )


def _refuse(error: InputError, statistics: ReadStatistics) -> None:
    statistics.capture.inputs_refused += 1
    statistics.capture.report(str(error))
