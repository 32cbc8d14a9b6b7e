"""The packets of the last while, in a bounded ring of files, so that there is evidence when an alert comes.

A segment is a pcapng file named after the times of its first and last packet, so that an alert's packets are looked for
in a few segments only. Any number of rings write into a folder, each its own segments, and share the room; any number
of processes read meanwhile. After a kill the last segment ends where the last write did, at worst within a packet,
which readers leave out and count. A segment that is being written is locked (``flock``), so that no other ring deletes
it.
"""

from __future__ import annotations

import importlib
import io
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

from netsift.alerts.coverage import Coverage
from netsift.alerts.schema import Alert
from netsift.capture.writer import CapturedPacket, PcapngWriter
from netsift.errors import InputError, StoreError
from netsift.sources.slices import chosen_packets
from netsift.sources.statistics import ReadStatistics

SMALLEST_RING: Final = 4 << 20
"""Bytes of a ring at least."""

_NAME: Final = re.compile(r"packets-([0-9]{20})-([0-9]{20}|open)(?:-[0-9a-f]{8})?\.pcapng")
_LEAST_SEGMENT: Final = 1 << 20
_MOST_SEGMENT: Final = 128 << 20
_SEGMENTS: Final = 32
_SHIFT: Final = 1 << 63
"""Added to times in names, so that those before 1970 sort first."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of the ring; ``last_ns`` is None while it is written, and after a kill."""

    path: Path
    first_ns: int
    last_ns: int | None
    size: int


@dataclass(slots=True)
class RingCounters:
    """Packets that were kept, and those that could not be written; ``trouble`` says why the last of them could not."""

    kept: int = 0
    lost: int = 0
    segments_deleted: int = 0
    trouble: str = ""


class PacketRing:
    """Writes packets into a folder, of which no more than ``most_bytes`` are kept: the oldest segment goes first."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Make the folder where there is none.

        Raises:
            StoreError: it cannot be made, or the ring is too small to be one.
        """
        if most_bytes < SMALLEST_RING:
            raise StoreError(f"{folder}: a ring of packets has at least {SMALLEST_RING:,} bytes, not {most_bytes:,}")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{folder}: cannot be made: {error.strerror or error}") from None
        self.counters = RingCounters()
        self._folder = folder
        self._most_bytes = most_bytes
        self._segment_bytes = min(max(most_bytes // _SEGMENTS, _LEAST_SEGMENT), _MOST_SEGMENT)
        self._pending_bytes = self._segment_bytes // 8
        self._file: IO[bytes] | None = None
        self._path = Path()
        self._ring_name = secrets.token_hex(4)
        self._pending = io.BytesIO()
        self._writer = PcapngWriter(self._pending)
        self._count = 0
        self._size = 0
        self._first_ns = self._last_ns = 0

    def append(self, packets: Iterable[CapturedPacket]) -> None:
        """Take packets; they are written when there are enough of them, or by :meth:`flush`.

        Where the disk is full the ring gives up older segments; packets that even so cannot be written are counted.
        """
        for packet in packets:
            if not self._count and not self._size:
                self._first_ns = self._last_ns = packet.time_ns
            self._first_ns, self._last_ns = min(self._first_ns, packet.time_ns), max(self._last_ns, packet.time_ns)
            self._writer.write(packet)
            self._count += 1
            if self._pending.tell() >= self._pending_bytes:
                self.flush()

    def flush(self) -> None:
        """Write what is held, so that others can read it."""
        if not self._count:
            return
        data = self._pending.getvalue()
        self._make_room(len(data))
        while not self._written(data):
            if not self._delete_oldest():
                self.counters.lost += self._count
                self._end_segment()
                return
        self.counters.kept += self._count
        self._size += len(data)
        self._count = 0
        self._pending.seek(0)
        self._pending.truncate()
        if self._size >= self._segment_bytes:
            self._end_segment()

    def close(self) -> None:
        """Write what is held and end the segment."""
        self.flush()
        self._end_segment()

    def __enter__(self) -> PacketRing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _written(self, data: bytes) -> bool:
        """Write bytes to the segment, all or none of them; return whether that was possible."""
        try:
            if self._file is None:
                self._path = self._folder / f"packets-{self._first_ns + _SHIFT:020d}-open-{self._ring_name}.pcapng"
                self._file = self._path.open("ab", buffering=0)
                _lock(self._file)
                self._file.truncate(0)
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            self.counters.trouble = f"{self._folder}: {error.strerror or error}"
            if self._file is not None:
                self._file.truncate(self._size)
            return False
        return True

    def _end_segment(self) -> None:
        """Give the segment its final name, and begin anew."""
        if self._file is not None:
            self._file.close()
            self._file, path, self._path = None, self._path, Path()
            if self._size:
                times = f"{self._first_ns + _SHIFT:020d}-{self._last_ns + _SHIFT:020d}"
                path.replace(path.with_name(f"packets-{times}-{self._ring_name}.pcapng"))
            else:
                path.unlink(missing_ok=True)
        self._pending = io.BytesIO()
        self._writer = PcapngWriter(self._pending)
        self._count = self._size = 0

    def _make_room(self, wanted: int) -> None:
        while sum(one.size for one in segments(self._folder)) + wanted > self._most_bytes:
            if not self._delete_oldest():
                return

    def _delete_oldest(self) -> bool:
        """Delete the oldest segment but those that are written; return whether there was one."""
        for one in segments(self._folder):
            if one.last_ns is not None or (one.path != self._path and not _is_written(one.path)):
                one.path.unlink(missing_ok=True)
                self.counters.segments_deleted += 1
                return True
        return False


def _lock(file: IO[bytes]) -> None:
    """Say that a segment is being written; where there are no such locks, one ring writes at a time."""
    if (locking := _locking()) is not None:
        locking.flock(file, locking.LOCK_EX | locking.LOCK_NB)


def _is_written(path: Path) -> bool:
    """Return whether some ring, be it another process's, writes a segment."""
    locking = _locking()
    try:
        with path.open("rb") as file:
            if locking is not None:
                locking.flock(file, locking.LOCK_SH | locking.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _locking() -> Any:
    """Return the module of locks, by name, because not every system has it; None there."""
    try:
        return importlib.import_module("fcntl")
    except ImportError:
        return None


def segments(folder: Path) -> list[Segment]:
    """Return the segments of a ring, the oldest first; none where there is no ring."""
    found: list[Segment] = []
    try:
        paths = list(folder.iterdir())
    except OSError:
        return []
    for path in paths:
        name = _NAME.fullmatch(path.name)
        if name is None:
            continue
        try:
            size = path.stat().st_size
        except OSError:
            continue  # deleted meanwhile
        last_ns = None if name[2] == "open" else int(name[2]) - _SHIFT
        found.append(Segment(path, int(name[1]) - _SHIFT, last_ns, size))
    return sorted(found, key=lambda one: (one.first_ns, one.path.name))


def evidence(
    folder: Path, alerts: Sequence[Alert], statistics: ReadStatistics, *, inner_tunnels: bool = False
) -> Iterator[CapturedPacket]:
    """Yield the packets of a ring that belong to alerts, as ``netsift evidence`` cuts them out of captures.

    Raises:
        InputError: the ring has no packets of their time (any more), or they cannot be read.
    """
    begins_ns = min((alert.start_ns for alert in alerts), default=0)
    ends_ns = max((alert.end_ns for alert in alerts), default=0)
    names = [
        str(one.path)
        for one in segments(folder)
        if one.first_ns <= ends_ns and (one.last_ns is None or one.last_ns >= begins_ns)
    ]
    if not names:
        raise InputError(f"{folder}: there are no packets of that time: they were not kept, or for not long enough")
    coverage = Coverage(alerts)
    yield from chosen_packets(names, coverage.chooses, statistics, inner_tunnels=inner_tunnels, arp=coverage.arp)
