"""Reads bytes as a capture, in memory, and tells what came of them."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from functools import cache
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


def read_bytes(data: bytes, piece: int = EVERYTHING, *, inner: bool = False) -> Reading:
    """Read ``data`` as a capture that comes at most ``piece`` bytes at a time."""
    return _read(BytesInput(data, piece), PacketDecoding(KEY, inner))


def read_compressed(data: bytes, *, inner: bool = False) -> Reading:
    """Read ``data`` from a file, so that it is decompressed as its first bytes say."""
    path = _scratch_folder() / "capture"
    path.write_bytes(data)
    with closing(OpenedInput(str(path))) as source:
        return _read(source, PacketDecoding(KEY, inner))


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="netsift-fuzz-")


def _scratch_folder() -> Path:
    """Return this process's folder for files; it goes with the process."""
    return Path(_folder().name)


def _read(source: BytesInput | OpenedInput, decoding: PacketDecoding) -> Reading:
    counters = CaptureCounters()
    try:
        reader = CaptureReader(source, decoding, counters)
    except InputError as error:
        return Reading(np.empty(0, PACKET), counters, str(error))
    packets = b"".join(array.tobytes() for array in reader.batches())
    return Reading(_without_padding(np.frombuffer(packets, PACKET)), counters)


def _without_padding(packets: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return packets whose bytes can be compared: between the fields stands whatever was in memory before."""
    clean = np.zeros(len(packets), PACKET)
    for name in PACKET.names or ():
        clean[name] = packets[name]
    return clean
