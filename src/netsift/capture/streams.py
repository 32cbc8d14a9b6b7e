"""Bytes out of a file, a compressed file or standard input, in pieces of bounded size."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa

from netsift.errors import InputError

STANDARD_INPUT: Final = "-"
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_PIECE: Final = 1 << 18
_ZSTD_PIECE: Final = 1 << 14
_ZSTD_LIVE_PIECE: Final = 1 << 10
"""Arrow loses up to so many good bytes in front of damage; a stream cannot be read once more to get them."""
_ZSTD_INPUT: Final = 1 << 12
"""Compressed bytes given at a time: blocks that end within them are lost with a broken one behind them."""
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


class ByteStream(Protocol):
    """Where a capture's bytes come from; ``damage`` is a sentence once they turned out to be cut or broken."""

    name: str
    damage: str | None

    def readinto(self, target: memoryview, /) -> int | None:
        """Fill the front of ``target`` and return how many bytes came; 0 at the end, None for nothing yet."""
        ...


class OpenedInput:
    """One input, decompressed as its first bytes say.

    ``size`` is the number of bytes on disk (None for a stream), ``position`` how many of them have been taken: what a
    progress bar needs. ``damage`` holds a sentence once the compressed data turned out to be cut or broken.
    """

    def __init__(self, name: str) -> None:
        """Open a path, or standard input for ``-``. Raises InputError when that is impossible."""
        self.name = "standard input" if name == STANDARD_INPUT else name
        self.damage: str | None = None
        self._raw = _open_raw(name)
        with_size = os.fstat(self._raw.fileno())
        self.live = not stat.S_ISREG(with_size.st_mode)
        self.size = None if self.live else with_size.st_size
        self.position = 0
        self._ahead = b""
        self._piece = bytearray(_PIECE)
        head = self._peek(4)
        self._read: Callable[[memoryview], int] = self._take_raw
        if head.startswith(_GZIP_MAGIC):
            self._inflater = zlib.decompressobj(_GZIP_WINDOW)
            self._compressed = b""
            self._read = self._take_gzip
        elif head.startswith(_ZSTD_MAGIC):
            self._zstd = self._open_zstd()
            self._zstd_piece = _ZSTD_LIVE_PIECE if self.live else _ZSTD_PIECE
            self._delivered = 0
            self._read = self._take_zstd

    def readinto(self, target: memoryview, /) -> int:
        """Fill the front of ``target`` with decompressed bytes and return how many came; 0 at the end."""
        return self._read(target)

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._raw.close()

    def _peek(self, count: int) -> bytes:
        while len(self._ahead) < count:
            piece = self._raw.read(count - len(self._ahead))
            if not piece:
                break
            self._ahead += piece
        return self._ahead

    def _take_raw(self, target: memoryview) -> int:
        if self._ahead:
            count = min(len(self._ahead), len(target))
            target[:count] = self._ahead[:count]
            self._ahead = self._ahead[count:]
        else:
            try:
                count = self._raw.readinto(target) or 0
            except OSError as error:
                self.damage = f"reading stopped: {error.strerror}"
                return 0
        self.position += count
        return count

    def _take_gzip(self, target: memoryview) -> int:
        while True:
            if not self._compressed:
                count = self._take_raw(memoryview(self._piece))
                self._compressed = bytes(self._piece[:count])
                if not count:
                    return self._end_gzip(target)
            if self._inflater.eof:
                # As gzip does: zeros behind a member are padding, to the block size of a tape, say.
                self._compressed = self._compressed.lstrip(b"\0")
                if not self._compressed:
                    continue
                self._inflater = zlib.decompressobj(_GZIP_WINDOW)
            before = self._inflater.copy()
            try:
                data = self._inflater.decompress(self._compressed, len(target))
            except zlib.error:
                self.damage = "the gzip data is broken"
                data = _inflate_until_broken(before, self._compressed)
                self._read = _nothing
            else:
                behind = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
                self._compressed = behind
            if data or self.damage:
                target[: len(data)] = data
                return len(data)

    def _end_gzip(self, target: memoryview) -> int:
        if self._inflater.eof:
            return 0
        self.damage = "the gzip data ends early"
        data = self._inflater.decompress(b"", len(target))
        target[: len(data)] = data
        return len(data)

    def _take_zstd(self, target: memoryview) -> int:
        try:
            data = self._zstd.read(min(len(target), self._zstd_piece))
        except (OSError, pa.ArrowInvalid):
            self.damage = "the zstd data is cut or broken"
            self._read = _nothing
            data = self._read_until_broken()
        self._delivered += len(data)
        target[: len(data)] = data
        return len(data)

    def _read_until_broken(self) -> bytes:
        """Return what Arrow had decompressed for the call that failed; it is lost with the error, so read once more."""
        if self.live:
            return b""
        self._raw.seek(0)
        self._ahead = b""
        result = bytearray()
        with contextlib.suppress(OSError, pa.ArrowInvalid):
            stream = self._open_zstd()
            left = self._delivered
            while left:
                left -= len(stream.read(min(left, _PIECE)))
            while byte := stream.read(1):
                result += byte
        return bytes(result)

    def _open_zstd(self) -> pa.CompressedInputStream:
        return pa.CompressedInputStream(pa.PythonFile(_Readable(self), mode="r"), "zstd")

    def take_raw(self, target: memoryview) -> int:
        """Fill the front of ``target`` with bytes as they are on disk."""
        return self._take_raw(target)


class _Readable(io.RawIOBase):
    """The file object that Arrow's decompressor reads from."""

    def __init__(self, source: OpenedInput) -> None:
        super().__init__()
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, target: memoryview, /) -> int:  # type: ignore[override]
        # A slice of the bytearray that read() passes would be a copy.
        return self._source.take_raw(memoryview(target)[:_ZSTD_INPUT])


def _nothing(target: memoryview) -> int:  # noqa: ARG001 - what reads on behind damage
    return 0


def _inflate_until_broken(inflater: Any, data: bytes) -> bytes:
    """Return what ``data`` holds in front of the byte that zlib stumbles over; zlib drops it with its error."""
    result = bytearray()
    with contextlib.suppress(zlib.error):
        for place in range(len(data)):
            result += inflater.decompress(data[place : place + 1])
    return bytes(result)


def _open_raw(name: str) -> io.FileIO:
    if name == STANDARD_INPUT:
        return io.FileIO(sys.stdin.fileno(), closefd=False)
    try:
        return io.FileIO(name)
    except FileNotFoundError:
        raise InputError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{name}: is a directory") from None
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from None


def expand_inputs(inputs: list[str]) -> list[str]:
    """Return the files that the given paths stand for: a directory is every file below it, in the order of names.

    Raises InputError for a path that does not exist and for a directory without files.
    """
    files: list[str] = []
    for name in inputs:
        path = Path(name)
        if name == STANDARD_INPUT or not path.is_dir():
            files.append(name)
            continue
        found = _files_below(path)
        if not found:
            raise InputError(f"{name}: the directory holds no files")
        files.extend(found)
    return files


def _files_below(folder: Path) -> list[str]:
    """Return every file below a folder that is not hidden. Raises InputError for a folder that cannot be listed."""

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: {error.strerror}") from None

    below = (
        Path(parent, name)
        for parent, _, names in os.walk(folder, onerror=refuse)
        for name in names
        if not name.startswith(".")
    )
    return sorted(str(path) for path in below if path.is_file())
