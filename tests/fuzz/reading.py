"""Reads bytes as a capture, in memory, and tells what came of them."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from netsift.capture.counters import CaptureCounters
from netsift.capture.reader import CaptureReader, PacketDecoding
from netsift.capture.streams import OpenedInput
from netsift.errors import InputError
from netsift.kernels.layout import PACKET

Array = np.ndarray[Any, Any]

KEY: Final = np.array([7, 11], np.uint64)
OUTER: Final = PacketDecoding(KEY)
INNER: Final = PacketDecoding(KEY, inner=True)
EVERYTHING: Final = 1 << 30


class BytesInput:
    """Bytes in memory as an input, given out at most ``piece`` at a time."""

    def __init__(self, data: bytes, piece: int = EVERYTHING) -> None:
        self.name = "bytes"
        self.damage: str | None = None
        self._data = data
        self._piece = piece
        self._position = 0

    def readinto(self, target: memoryview, /) -> int:
        """Fill the front of ``target`` and return how many bytes came; 0 at the end."""
        count = min(len(target), self._piece)
        taken = self._data[self._position : self._position + count]
        target[: len(taken)] = taken
        self._position += len(taken)
        return len(taken)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader made of some bytes: the decoded packets in order, the counters, or why the input was refused."""

    packets: Array
    counters: CaptureCounters
    refused: str = ""

    def counts(self) -> tuple[int, int, dict[str, int], int]:
        """Return what must not depend on how the bytes came: packets read, decoded, skipped by reason, garbage."""
        counters = self.counters
        return counters.packets_read, counters.packets_decoded, dict(counters.skipped), counters.garbage_bytes


def read_bytes(data: bytes, decoding: PacketDecoding = OUTER, piece: int = EVERYTHING) -> Reading:
    """Read ``data`` as a capture that comes at most ``piece`` bytes at a time."""
    return _read(BytesInput(data, piece), decoding)


def read_compressed(data: bytes, decoding: PacketDecoding = OUTER) -> Reading:
    """Read ``data`` from a file, so that it is decompressed as its first bytes say."""
    with tempfile.NamedTemporaryFile(prefix="netsift-fuzz-") as file:
        Path(file.name).write_bytes(data)
        with closing(OpenedInput(file.name)) as source:
            return _read(source, decoding)


def _read(source: BytesInput | OpenedInput, decoding: PacketDecoding) -> Reading:
    counters = CaptureCounters()
    try:
        reader = CaptureReader(source, decoding, counters)
    except InputError as error:
        return Reading(np.empty(0, PACKET), counters, str(error))
    arrays = [packets.copy() for packets in reader.batches()]
    return Reading(np.concatenate(arrays) if arrays else np.empty(0, PACKET), counters)
