"""Files that were uploaded: written while they come, bounded in size and number, named by their SHA-256.

What a sender calls a file is text to show, never a path. Of the name only a suffix that netsift knows stays, because
readers of flow files go by it; whatever has none is read as a capture.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from netsift.files import whole_file
from netsift.flows.write import FORMATS
from netsift.sources.suffixes import PACKED_SUFFIXES, TEXT_SUFFIXES, ZIP
from netsift.web.errors import Refusal

CHUNK_BYTES: Final = 1 << 20
LONGEST_NAME: Final = 200
PATIENCE_S: Final = 60.0
LEAST_BYTES_S: Final = 1_000
"""A sender slower than this after the first minute is turned away: he keeps a thread busy."""

ID: Final = re.compile(r"[0-9a-f]{64}")
_KNOWN: Final = frozenset({*FORMATS, *TEXT_SUFFIXES, ZIP, ".pcap", ".pcapng", ".cap"})
_NOTE: Final = ".note.json"


@dataclass(frozen=True, slots=True)
class StoredCapture:
    """A file that was uploaded; ``id`` is its SHA-256, ``name`` what its sender called it.

    ``flows_kept`` says that its flows are in the flow store. ``begins_ns`` and ``ends_ns`` are the time of its flows,
    0 until a job has looked at it.
    """

    id: str
    name: str
    size_bytes: int
    uploaded: str
    suffix: str
    demonstration: bool = False
    flows_kept: bool = False
    begins_ns: int = 0
    ends_ns: int = 0


class CaptureFolder:
    """The folder of uploaded files, each with a note beside it."""

    def __init__(self, folder: Path, most_bytes: int, quota_bytes: int, *, tidy: bool = True) -> None:
        """Use a folder, made if need be; a file has at most ``most_bytes``, all together ``quota_bytes``.

        ``tidy`` removes what uploads that were cut off left behind.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._most, self._quota = folder, most_bytes, quota_bytes
        self._lock = threading.Lock()
        for rest in folder.glob(".upload.*") if tidy else ():
            rest.unlink(missing_ok=True)
        self._coming = 0
        self._counted: tuple[int, int] = (0, 0)

    @property
    def used_bytes(self) -> int:
        """Size of all files, those that jobs made too, and of what is being uploaded."""
        with self._lock:
            return self._stored() + self._coming

    def path(self, capture: StoredCapture) -> Path:
        """Return where the file is."""
        return self._folder / f"{capture.id}{capture.suffix}"

    def every(self) -> list[StoredCapture]:
        """Return all files, the latest first; one without a note or without content is none."""
        found = (self.get(path.name.removesuffix(_NOTE)) for path in self._folder.glob(f"*{_NOTE}"))
        return sorted((one for one in found if one is not None), key=lambda one: one.uploaded, reverse=True)

    def get(self, identifier: str) -> StoredCapture | None:
        """Return a file by its id."""
        if not ID.fullmatch(identifier):
            return None
        try:
            note = json.loads((self._folder / f"{identifier}{_NOTE}").read_text(encoding="utf-8"))
            capture = StoredCapture(**note)
        except (OSError, ValueError, TypeError):
            return None
        return capture if self.path(capture).is_file() else None

    def receive(self, stream: IO[bytes], name: str, announced: int | None = None) -> StoredCapture:
        """Write a file that comes in, and return it; the same content is kept once.

        Raises:
            Refusal: it is empty, larger than a file may be (413), there is no room for it (507), or it comes too
                slowly (408).
        """
        if announced is not None and announced > self._most:
            raise self._too_large()
        digest, size = hashlib.sha256(), 0
        handle, temporary = tempfile.mkstemp(prefix=".upload.", dir=self._folder)
        try:
            with os.fdopen(handle, "wb") as file, _disk_errors():
                for chunk in _chunks(stream):
                    size += len(chunk)
                    self._claim(len(chunk), size)
                    digest.update(chunk)
                    file.write(chunk)
            if not size:
                raise Refusal(422, "The file is empty.")
            known = self.get(digest.hexdigest())
            return known or self._keep(Path(temporary), digest.hexdigest(), name, size)
        finally:
            self._release(size)
            Path(temporary).unlink(missing_ok=True)

    def add(self, path: Path, name: str, *, demonstration: bool) -> StoredCapture:
        """Take over a file that was made here."""
        with path.open("rb") as file:
            capture = self.receive(file, name)
        return self.note(replace(capture, demonstration=demonstration))

    def note(self, capture: StoredCapture) -> StoredCapture:
        """Write what is known of a file beside it. Raises OutputError when that is impossible."""
        with whole_file(self._folder / f"{capture.id}{_NOTE}") as temporary:
            temporary.write_text(json.dumps(asdict(capture)), encoding="utf-8")
        return capture

    def remove(self, capture: StoredCapture) -> None:
        """Delete a file and its note."""
        (self._folder / f"{capture.id}{_NOTE}").unlink(missing_ok=True)
        self.path(capture).unlink(missing_ok=True)

    def _keep(self, temporary: Path, identifier: str, name: str, size: int) -> StoredCapture:
        uploaded = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        capture = StoredCapture(identifier, shown_name(name), size, uploaded, suffix_of(name))
        temporary.replace(self.path(capture))
        return self.note(capture)

    def _claim(self, count: int, size: int) -> None:
        with self._lock:
            self._coming += count
            if size > self._most:
                raise self._too_large()
            if self._stored() + self._coming > self._quota:
                raise Refusal(507, f"The uploads have no more room: {self._quota:,} bytes are kept. Delete some.")

    def _release(self, count: int) -> None:
        with self._lock:
            self._coming -= count

    def _stored(self) -> int:
        """Return the size of the files that are there; they are counted again when the folder has changed."""
        changed_ns = self._folder.stat().st_mtime_ns
        if self._counted[0] != changed_ns:
            sizes = (
                entry.stat().st_size
                for entry in os.scandir(self._folder)
                if not entry.name.startswith(".") and not entry.name.endswith(_NOTE)
            )
            self._counted = (changed_ns, sum(sizes))
        return self._counted[1]

    def _too_large(self) -> Refusal:
        return Refusal(413, f"A file has at most {self._most:,} bytes.")


def suffix_of(name: str) -> str:
    """Return the suffix of a name that readers go by, in lower case, empty for any other."""
    suffixes = [suffix.lower() for suffix in Path(name.replace("\\", "/")).suffixes[-2:]]
    packed = suffixes[-1] if suffixes and suffixes[-1] in PACKED_SUFFIXES else ""
    inner = suffixes[-2:-1] if packed else suffixes[-1:]
    return (inner[0] if inner and inner[0] in _KNOWN else "") + packed


def shown_name(name: str) -> str:
    """Return a sender's name as text of one line: no controls, no folders, not too long."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[:LONGEST_NAME].strip() or "unnamed"


def _chunks(stream: IO[bytes], clock: Callable[[], float] = time.monotonic) -> Iterator[bytes]:
    begun, size = clock(), 0
    while chunk := stream.read(CHUNK_BYTES):
        size += len(chunk)
        passed_s = clock() - begun
        if passed_s > PATIENCE_S and size < passed_s * LEAST_BYTES_S:
            raise Refusal(408, "The file comes too slowly.")
        yield chunk


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise Refusal(507, "The server's disk is full.") from None
        raise
