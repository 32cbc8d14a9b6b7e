"""The bytes of packets taken out of a capture's buffer before it is used again, to be kept by another thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netsift.capture.writer import CapturedPacket
from netsift.store.packets import PacketRing

Array = np.ndarray[Any, Any]


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
