"""The flow meter: owns the table's memory, feeds packets to the kernels, and hands out flow batches."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from netsift.errors import UsageError
from netsift.flows.columns import ColumnWriter
from netsift.flows.schema import END_REASONS
from netsift.flows.settings import MeterSettings
from netsift.kernels import meter as kernels
from netsift.kernels.columns import RESERVED_DETAILS, TEMPLATE_DETAIL
from netsift.kernels.layout import (
    CLOSED,
    DETAIL,
    DONE,
    END_ACTIVE,
    FLOW,
    INDEX_FULL,
    NANOSECONDS_PER_SECOND,
    NO_PAYLOAD_KIND,
    STATE,
    TABLE_FULL,
    WHEEL_ENTRY,
    WHEEL_SLOTS,
)
from netsift.kernels.table import rebuild_index

Array = np.ndarray[Any, Any]

ROWS_PER_BATCH: Final = 8192
MOST_BATCHES_WAITING: Final = 32
"""How many batches of ended flows may wait to be written before the meter refuses to go on."""
_FIRST_INDEX: Final = 1 << 17


def random_key() -> Array:
    """Return a fresh 128-bit hash key as uint64 of shape (2,)."""
    return np.frombuffer(secrets.token_bytes(16), np.uint64).copy()


@dataclass(slots=True)
class MeterCounters:
    """What the meter did; ``sum(ended.values()) + live == opened`` at any time."""

    metered_packets: int
    opened: int
    live: int
    peak: int
    ended: dict[str, int]


class EndedFlows:
    """Flows that have ended and wait in the meter's memory to be written.

    The meter goes on while another thread calls :meth:`batch`; it takes the memory back once that is done.
    """

    def __init__(self, slots: Array, writer: ColumnWriter, *memory: Array) -> None:
        """Remember which slots (int32, in output order) of which arrays hold the flows."""
        self.slots = slots
        self.written = False
        self._writer = writer
        self._memory = memory

    def batch(self) -> pa.RecordBatch:
        """Return the flows as a record batch of the canonical schema; call it once."""
        batch = self._writer.batch(self.slots, *self._memory)
        self.written = True
        return batch


class Meter:
    """Turns decoded packets into flows, in bounded memory.

    Feed PACKET arrays with :meth:`add`, which yields flow batches, or with :meth:`end_flows`, which leaves the making
    of batches to another thread. :meth:`finish` ends what is left. Rows come in an order that depends on the packets
    alone, however they are cut into calls.
    """

    def __init__(self, settings: MeterSettings | None = None) -> None:
        """Start with an empty table.

        The room for ``settings.max_flows`` is reserved at once: the operating system gives memory to a page of it
        when a flow first uses it, and nothing is ever copied to grow. Raises UsageError when that much cannot be had.
        """
        self.settings = settings or MeterSettings()
        self._settings = self.settings.as_array()
        self._state = np.zeros(1, STATE)
        self._state["detail_high_water"] = RESERVED_DETAILS
        self._wheel = np.full(WHEEL_SLOTS, -1, np.int32).repeat(2).view(WHEEL_ENTRY)
        self._ended = np.empty(ROWS_PER_BATCH, np.int32)
        self._index = np.zeros(_FIRST_INDEX, np.uint64)
        self._reserve(self.settings.max_flows + MOST_BATCHES_WAITING * ROWS_PER_BATCH)
        self._details[TEMPLATE_DETAIL : TEMPLATE_DETAIL + 1] = _empty_detail()
        self._writer = ColumnWriter()
        self._handed_out: deque[EndedFlows] = deque()
        self._ended_by_reason = np.zeros(len(END_REASONS), np.int64)

    def add(self, packets: Array) -> Iterator[pa.RecordBatch]:
        """Meter an array of PACKET and yield a batch whenever enough flows have ended."""
        for ended in self.end_flows(packets):
            yield ended.batch()

    def end_flows(self, packets: Array) -> Iterator[EndedFlows]:
        """Meter an array of PACKET and yield the ended flows whenever there are enough for a batch."""
        while True:
            status = kernels.meter_packets(
                packets, len(packets), self._settings, self._state, self._flows, self._details, self._first_lengths,
                self._first_gaps_us, self._index, self._wheel, self._free_flows, self._free_details, self._ended,
            )  # fmt: skip
            if status == DONE:
                return
            self._take_back()
            if status == INDEX_FULL:
                self._grow_index()
            elif status == TABLE_FULL and len(self._handed_out) >= MOST_BATCHES_WAITING:
                raise RuntimeError(f"more than {MOST_BATCHES_WAITING} batches of ended flows were never written")
            else:
                yield from self.hand_out()

    def pass_time(self, now_ns: int) -> Iterator[EndedFlows]:
        """Let packet time go on to ``now_ns`` without a packet, and yield flows that end by it, when there are enough.

        For traffic that is watched while it happens. Packets that come later with an earlier time are metered as late
        packets of a file are.
        """
        while (
            kernels.pass_time(
                np.int64(now_ns), self._settings, self._state, self._flows, self._index, self._wheel, self._ended
            )
            != DONE
        ):
            self._take_back()
            yield from self.hand_out()

    def running(self, least_s: float, most: int) -> Iterator[pa.RecordBatch]:
        """Yield the live flows that have lasted so long by packet time, as they are now; they stay in the table.

        At most ``most`` rows, those that began first. Their ``end_reason`` is ``active``: there is more to come. A flow
        of one packet, and one that has closed and only lingers, are left out.
        """
        entries = self._index[self._index != 0]
        slots = ((entries & np.uint64(0xFFFF_FFFF)) - np.uint64(1)).astype(np.int32)
        flows = self._flows[slots]
        latest_ns = int(self._state["now_ns"][0]) - round(least_s * NANOSECONDS_PER_SECOND)
        chosen = (flows["first_ns"] <= latest_ns) & (flows["history"] & CLOSED == 0) & (flows["detail"] >= 0)
        order = np.lexsort((slots[chosen], flows["first_ns"][chosen]))[:most]
        slots = slots[chosen][order]
        for first in range(0, len(slots), ROWS_PER_BATCH):
            yield self._as_they_are(slots[first : first + ROWS_PER_BATCH])

    def _as_they_are(self, slots: Array) -> pa.RecordBatch:
        """Return live flows as a batch made from a copy, because making it closes their statistics."""
        flows = self._flows[slots]
        flows["end_reason"] = END_ACTIVE
        places = np.concatenate((np.arange(RESERVED_DETAILS), flows["detail"]))
        flows["detail"] = np.arange(RESERVED_DETAILS, len(places))
        return self._writer.batch(
            np.arange(len(slots), dtype=np.int32), flows, self._details[places], self._first_lengths[places],
            self._first_gaps_us[places], self._settings,
        )  # fmt: skip

    @property
    def now_ns(self) -> int | None:
        """The packet clock: the latest packet's time, or what it was let go on to; None before the first packet."""
        return int(self._state["now_ns"][0]) if self._state["started"][0] else None

    @property
    def oldest_ns(self) -> int | None:
        """When the live flow that began first began; None where there is none."""
        entries = self._index[self._index != 0]
        if not len(entries):
            return None
        slots = ((entries & np.uint64(0xFFFF_FFFF)) - np.uint64(1)).astype(np.int32)
        return int(self._flows["first_ns"][slots].min())

    def hand_out(self) -> Iterator[EndedFlows]:
        """Yield the flows that have ended and were not handed out yet, if any."""
        self._take_back()
        count = int(self._state["done"][0])
        if count == 0:
            return
        slots = self._ended[:count].copy()
        self._state["done"] = 0
        self._ended_by_reason += np.bincount(self._flows["end_reason"][slots], minlength=len(END_REASONS))
        ended = EndedFlows(
            slots, self._writer, self._flows, self._details, self._first_lengths, self._first_gaps_us, self._settings
        )
        self._handed_out.append(ended)
        yield ended

    def end_all(self) -> Iterator[EndedFlows]:
        """End every live flow and yield what is left."""
        while kernels.end_all(self._state, self._flows, self._index, self._wheel, self._ended) != DONE:
            yield from self.hand_out()
        yield from self.hand_out()

    def finish(self) -> Iterator[pa.RecordBatch]:
        """End every live flow and yield what is left as batches."""
        for ended in self.end_all():
            yield ended.batch()
        self._take_back()

    def counters(self) -> MeterCounters:
        """Return the counts so far."""
        state = self._state[0]
        return MeterCounters(
            metered_packets=int(state["metered_packets"]),
            opened=int(state["opened_flows"]),
            live=int(state["live_flows"]),
            peak=int(state["peak_flows"]),
            ended={name: int(count) for name, count in zip(END_REASONS, self._ended_by_reason, strict=True)},
        )

    def _take_back(self) -> None:
        """Give the memory of flows that have been written to new ones."""
        while self._handed_out and self._handed_out[0].written:
            slots = self._handed_out.popleft().slots
            kernels.release_ended(self._state, self._flows, self._free_flows, self._free_details, slots)

    def _grow_index(self) -> None:
        index = np.zeros(2 * len(self._index), np.uint64)
        rebuild_index(self._index, index)
        self._index = index

    def _reserve(self, flows: int) -> None:
        details, packets = flows + RESERVED_DETAILS, self.settings.first_packets
        try:
            self._flows = np.empty(flows, FLOW)
            self._free_flows = np.empty(flows, np.int32)
            self._details = np.empty(details, DETAIL)
            self._free_details = np.empty(details, np.int32)
            self._first_lengths = np.empty((details, packets), np.int32)
            self._first_gaps_us = np.empty((details, packets), np.float64)
        except MemoryError:
            most = f"{self.settings.max_flows:,}"
            raise UsageError(f"there is no memory for a table of {most} flows; choose a smaller --max-flows") from None


def _empty_detail() -> Array:
    detail = np.zeros(1, DETAIL)
    for side in ("forward", "backward"):
        detail[side]["gap_min_ns"] = np.iinfo(np.int64).max
        detail[side]["length_min"] = np.iinfo(np.uint32).max
        detail[side]["payload_min"] = np.iinfo(np.uint32).max
        detail[side]["header_min"] = np.iinfo(np.uint16).max
        detail[side]["ttl_min"] = np.iinfo(np.uint8).max
        detail[side]["payload_kind"] = NO_PAYLOAD_KIND
    for name in ("gap_min_ns", "active_min_ns", "idle_min_ns"):
        detail[name] = np.iinfo(np.int64).max
    detail["subflows"] = 1
    return detail
