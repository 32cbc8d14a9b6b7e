"""The bytes of packets taken out of a capture's buffer before it is used again, to be kept by another thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from netsift.capture.kept import KeptCounts
from netsift.capture.writer import CapturedPacket
from netsift.sensor.stage import Stage
from netsift.store.packets import PacketRing

Array = np.ndarray[Any, Any]

MOST_WAITING_BYTES: Final = 64 << 20
"""Packets that may wait to be written."""
_SECONDS_TO_END: Final = 1.0


@dataclass(frozen=True, slots=True)
class TakenPackets:
    """Packets as they were captured: RECORDs, shape (n,), whose offsets are places in ``data``."""

    data: bytes
    records: Array

    def packets(self) -> Iterator[CapturedPacket]:
        """Yield the packets one after another."""
        fields = ("time_ns", "link_type", "wire_length", "offset", "captured")
        for time_ns, link_type, wire_length, offset, captured in zip(
            *(self.records[name].tolist() for name in fields), strict=True
        ):
            yield CapturedPacket(time_ns, link_type, wire_length, self.data[offset : offset + captured])


class PacketKeeping:
    """Writes packets into a ring, which is opened at the first of them; :meth:`flush` lets others read them."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Take the ring's folder and size."""
        self._folder, self._most_bytes = folder, most_bytes
        self._ring: PacketRing | None = None

    @property
    def lost(self) -> int:
        """Packets that could not be written though the ring gave up its oldest."""
        return 0 if self._ring is None else self._ring.counters.lost

    @property
    def trouble(self) -> str:
        """Why packets were lost last."""
        return "" if self._ring is None or not self._ring.counters.lost else self._ring.counters.trouble

    def write(self, some: list[TakenPackets]) -> None:
        """Keep packets. Raises StoreError where the ring cannot be opened."""
        if self._ring is None:
            self._ring = PacketRing(self._folder, self._most_bytes)
        while some:
            self._ring.append(some[0].packets())
            del some[0]

    def flush(self) -> None:
        """Write what is held."""
        if self._ring is not None:
            self._ring.flush()

    def close(self) -> None:
        """Write what is held and end the segment."""
        if self._ring is not None:
            self._ring.close()


@dataclass(frozen=True, slots=True)
class PacketKeeper:
    """Starts to keep packets in the ring of a folder, in whatever process."""

    folder: Path
    most_bytes: int

    def start(self) -> PacketStage:
        """Start a stage of its own."""
        return PacketStage(self.folder, self.most_bytes)


class PacketStage:
    """Keeps packets on a thread of its own, for which whoever has them never waits."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Start the thread."""
        self._keeping = PacketKeeping(folder, most_bytes)
        self._stage = Stage("packets", self._keeping.write, MOST_WAITING_BYTES, self._keeping.flush)

    def keep(self, data: bytes, records: Array) -> None:
        """Take packets: RECORDs, shape (n,), whose offsets are places in ``data``."""
        self._stage.put(TakenPackets(data, records), len(data) + records.nbytes)

    def counts(self) -> KeptCounts:
        """Return what became of them, in bytes; ``lost`` counts packets."""
        counts = self._stage.counts()
        trouble = counts.trouble or self._keeping.trouble
        return KeptCounts(counts.waiting, counts.written, counts.dropped, self._keeping.lost, trouble)

    def failures(self) -> tuple[int, str]:
        """Return how often writing failed since the beginning, and why it did so last."""
        counts = self._stage.counts()
        return counts.failures, counts.last_trouble

    def ask_to_end(self, within_s: float) -> None:
        """Have everything written within a time, and end; :meth:`close` waits for that."""
        self._stage.ask_to_end(within_s)

    def close(self) -> None:
        """Write what waits, for a second at most unless asked to end before, and end the segment."""
        self._stage.ask_to_end(_SECONDS_TO_END)
        self._stage.close()
        self._keeping.close()
