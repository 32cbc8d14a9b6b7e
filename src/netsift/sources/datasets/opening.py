"""The bytes of a data-set file: decompressed, in whole lines, and mended so that they are text."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from netsift.capture.streams import ByteStream, OpenedInput
from netsift.errors import InputError

LONGEST_LINE: Final = 1 << 20
"""Bytes; the longest line that a data set may have."""

_PIECE: Final = 1 << 18
_MOST_BYTES: Final = 1 << 38
"""Decompressed; the greatest public set has about 2³⁴ bytes."""
_MOST_BYTES_PER_PACKED_BYTE: Final = 200
_ZIP_MAGIC: Final = b"PK\x03\x04"


class ZipMember:
    """The one file in a zip archive, as a byte stream."""

    def __init__(self, path: Path) -> None:
        """Open the archive. Raises InputError when it is damaged, encrypted, holds several files or a zip bomb."""
        self.name = str(path)
        self.damage: str | None = None
        try:
            self._archive = zipfile.ZipFile(path)
            self._member: IO[bytes] = self._archive.open(_only_member(self.name, self._archive))
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
            raise InputError(f"{path}: cannot be read as a zip archive: {error}") from None

    def readinto(self, target: memoryview, /) -> int:
        """Fill the front of ``target`` and return how many bytes came; 0 at the end or where the data is broken."""
        try:
            data = self._member.read(len(target))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError):
            self.damage = "the zip data is cut or broken"
            return 0
        target[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the archive."""
        self._member.close()
        self._archive.close()


def _only_member(name: str, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        raise InputError(f"{name}: the archive holds {len(members)} files; unpack it and name them")
    member = members[0]
    if member.file_size > min(_MOST_BYTES, _MOST_BYTES_PER_PACKED_BYTE * max(member.compress_size, 1)):
        raise InputError(
            f"{name}: refused, because {member.compress_size:,} bytes would unpack to {member.file_size:,}"
        )
    return member


@contextmanager
def opened(path: Path) -> Iterator[ByteStream]:
    """Yield the decompressed bytes of a plain, gzip, zstd or one-file zip file. Raises InputError when it cannot."""
    if not _is_file(path):
        raise InputError(f"{path}: no such file")
    stream = ZipMember(path) if _is_zip(path) else OpenedInput(str(path))
    try:
        yield stream
    finally:
        stream.close()


def head(path: Path, count: int) -> bytes:
    """Return the first ``count`` decompressed bytes; fewer when the file is shorter. Raises InputError."""
    with opened(path) as stream:
        return take(stream, count)


def take(stream: ByteStream, count: int) -> bytes:
    """Return the next ``count`` bytes of a stream; fewer at its end."""
    buffer = memoryview(bytearray(count))
    filled = 0
    while filled < count and (taken := stream.readinto(buffer[filled:])):
        filled += taken
    return bytes(buffer[:filled])


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


class TextLines(io.RawIOBase):
    """A readable file of whole UTF-8 lines made from a byte stream.

    A line that is not UTF-8 is read as Windows-1252, in which the data sets' authors wrote it. Where the stream is
    damaged, the unfinished last line is left out. ``damage`` says why reading stopped early.
    """

    def __init__(self, stream: ByteStream, repair: Callable[[bytes], bytes] | None) -> None:
        """Read on from where ``stream`` stands; ``repair`` is applied to every piece of whole lines."""
        self._stream = stream
        self._repair = repair
        self._rest = b""
        self._ready = b""
        self._taken = 0
        self._ended = False
        self.damage: str | None = None

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def has_more(self) -> bool:
        """Return whether there is another line."""
        while not self._ready and not self._ended:
            self._ready = self._next_lines()
        return bool(self._ready)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill ``buffer`` and return how many bytes came; fewer than it holds only at the end."""
        target = memoryview(buffer)
        filled = 0
        while filled < len(target) and self.has_more():
            count = min(len(target) - filled, len(self._ready))
            target[filled : filled + count] = self._ready[:count]
            self._ready = self._ready[count:]
            filled += count
        return filled

    def _next_lines(self) -> bytes:
        piece = take(self._stream, _PIECE)
        self._taken += len(piece)
        if not piece:
            self._ended = True
            self.damage = self._stream.damage
            lines = b"" if self.damage else self._rest
        else:
            whole, newline, rest = (self._rest + piece).rpartition(b"\n")
            lines, self._rest = whole + newline, rest
            self._check_bounds()
        mended = as_utf8(lines)
        return self._repair(mended) if self._repair else mended

    def _check_bounds(self) -> None:
        if len(self._rest) > LONGEST_LINE:
            self.damage = f"a line is longer than {LONGEST_LINE:,} bytes"
        elif self._taken > _MOST_BYTES:
            self.damage = f"it unpacks to more than {_MOST_BYTES:,} bytes"
        self._ended = self.damage is not None


def as_utf8(lines: bytes) -> bytes:
    """Return lines as UTF-8, each that is not taken for Windows-1252."""
    try:
        lines.decode()
    except UnicodeDecodeError:
        return b"".join(_line_as_utf8(line) for line in lines.splitlines(keepends=True))
    return lines


def _line_as_utf8(line: bytes) -> bytes:
    try:
        line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace").encode()
    return line
