"""Flow batches from a folder into which a capture program writes one file after another.

A file is finished when a newer one is there, or when it has not changed for a while. Each is read once, also over
restarts: a journal says which were.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from netsift.capture.kept import Keep, kept_batches
from netsift.capture.reader import CaptureReader, PacketDecoding
from netsift.capture.streams import OpenedInput
from netsift.errors import InputError
from netsift.files import whole_file
from netsift.flows.meter import random_key
from netsift.kernels.layout import PACKET
from netsift.sources.live import BUFFERS, Arrays, LiveCounters, LiveSettings, Moment, live_flows

DEFAULT_SETTLED_S: Final = 60.0
"""So long a file must not have changed to be finished while it is the newest."""

_SECONDS_BETWEEN_LOOKS: Final = 0.5
_MOST_FILES: Final = 100_000
_MOST_JOURNAL_BYTES: Final = 64 << 20
_COMPRESSIONS: Final = (".gz", ".zst")

Identity = tuple[str, int, int, int]
"""Name, number of the file on its disk, size in bytes, and time of the last change in ns."""


@dataclass(frozen=True, slots=True)
class WatchedFile:
    """A file of the folder as it was when it was looked at."""

    path: Path
    identity: Identity

    @property
    def changed_ns(self) -> int:
        """When it was last written to, in ns since 1970."""
        return self.identity[3]


class Journal:
    """Which files of a folder have been read; kept in a file that is whole at any time."""

    def __init__(self, path: Path) -> None:
        """Read the journal, an empty one where there is none yet. Raises InputError for a file that is none."""
        self._path = path
        self._read: dict[Identity, None] = {}
        if path.exists():
            self._read = dict.fromkeys(_identities(path))

    def has(self, file: WatchedFile) -> bool:
        """Return whether a file has been read, as it is or before it was compressed."""
        name = file.path.name
        if file.identity in self._read:
            return True
        return name.endswith(_COMPRESSIONS) and any(entry[0] == Path(name).stem for entry in self._read)

    def add(self, file: WatchedFile, present: list[WatchedFile]) -> None:
        """Remember that a file has been read, and forget those that are no longer there."""
        names = {one.path.name for one in present} | {one.path.stem for one in present}
        self._read = {entry: None for entry in self._read if entry[0] in names}
        self._read[file.identity] = None
        with whole_file(self._path) as temporary:
            temporary.write_text(json.dumps({"format": 1, "read": list(self._read)}) + "\n", encoding="utf-8")


def directory_flows(
    folder: Path,
    journal: Journal,
    settings: LiveSettings,
    counters: LiveCounters,
    stop: threading.Event,
    settled_s: float = DEFAULT_SETTLED_S,
    keep: Keep | None = None,
) -> Generator[Moment, None, None]:
    """Yield moments of the finished captures of a folder, in order of their last change, until ``stop`` is set.

    Flows go on from one file into the next. A file that is no capture is counted, named among the problems, and not
    looked at again; files whose names begin with a dot are left alone. ``keep`` is given the bytes of the packets
    before they are metered.

    Raises:
        InputError: the folder is away or cannot be listed.
    """
    return live_flows(_packets(folder, journal, settings, counters, stop, settled_s, keep), settings, counters)


def finished_files(folder: Path, settled_s: float, now_ns: int) -> tuple[list[WatchedFile], list[WatchedFile]]:
    """Return the files of a folder that are finished, the oldest first, and all that there are.

    Raises:
        InputError: the folder cannot be listed, or holds more files than anybody can watch.
    """
    present = _files(folder)
    latest_ns = max((file.changed_ns for file in present), default=0)
    settled_ns = now_ns - round(settled_s * 1e9)
    return [file for file in present if file.changed_ns < latest_ns or file.changed_ns <= settled_ns], present


def _packets(
    folder: Path,
    journal: Journal,
    settings: LiveSettings,
    counters: LiveCounters,
    stop: threading.Event,
    settled_s: float,
    keep: Keep | None,
) -> Arrays:
    decoding = PacketDecoding(random_key(), settings.inner_tunnels, arp=settings.arp)
    while not stop.is_set():
        finished, present = finished_files(folder, settled_s, time.time_ns())
        for file in (one for one in finished if not journal.has(one)):
            yield from _read(file, decoding, counters, stop, keep)
            if stop.is_set():
                break
            journal.add(file, present)
        yield np.empty(0, PACKET)
        stop.wait(_SECONDS_BETWEEN_LOOKS)


def _read(
    file: WatchedFile,
    decoding: PacketDecoding,
    counters: LiveCounters,
    stop: threading.Event,
    keep: Keep | None,
) -> Arrays:
    try:
        with closing(OpenedInput(str(file.path))) as source:
            reader = CaptureReader(source, decoding, counters.capture, BUFFERS)
            with closing(kept_batches(reader.batches_with_records(), lambda: reader.buffer, keep)) as arrays:
                for array in arrays:
                    yield array
                    if stop.is_set():
                        return
    except InputError as error:
        counters.capture.inputs_refused += 1
        counters.capture.report(str(error))


def _files(folder: Path) -> list[WatchedFile]:
    try:
        paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}") from None
    if len(paths) > _MOST_FILES:
        raise InputError(f"{folder}: more than {_MOST_FILES:,} files cannot be watched")
    found = []
    for path in paths:
        try:
            status = path.stat()
        except FileNotFoundError:  # renamed or removed while we look
            continue
        if path.is_file():
            found.append(WatchedFile(path, (path.name, status.st_ino, status.st_size, status.st_mtime_ns)))
    return sorted(found, key=lambda file: (file.changed_ns, file.path.name))


def _identities(path: Path) -> list[Identity]:
    try:
        with path.open("rb") as file:
            content: Any = json.loads(file.read(_MOST_JOURNAL_BYTES))
        return [(str(name), int(number), int(size), int(changed)) for name, number, size, changed in content["read"]]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: is no journal of a watched folder; remove it to read the folder anew") from None
