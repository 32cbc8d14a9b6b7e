"""Flow batches from a folder into which a capture program writes one file after another.

A file is finished when a newer one is there, or when it has not changed for a while. Each is read once, also over
restarts: a journal (:mod:`netsift.sources.journal`) says which were.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from netsift.capture.counters import CaptureCounters
from netsift.capture.kept import Keep, kept_batches
from netsift.capture.reader import CaptureReader, PacketDecoding
from netsift.capture.streams import OpenedInput
from netsift.errors import InputError
from netsift.flows.meter import random_key
from netsift.kernels.layout import PACKET
from netsift.sources.journal import Journal, WatchedFile, is_all_there
from netsift.sources.live import BUFFERS, Arrays, LiveCounters, LiveSettings, Moment, Place, live_flows

Array = np.ndarray[Any, Any]

DEFAULT_SETTLED_S: Final = 60.0
"""So long a file must not have changed to be finished while it is the newest."""

_SECONDS_BETWEEN_LOOKS: Final = 0.5
_MOST_FILES: Final = 100_000
_LONGEST_S: Final = 86_400.0
"""A file that lasts longer is one of many, or has a forged time in it."""


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A folder of captures and what was read of it."""

    path: Path
    journal: Journal

    def can_be_read(self, names: Iterable[str]) -> bool:
        """Return whether files of these identities (as texts) are there, as they were or compressed since."""
        try:
            return is_all_there(names, _files(self.path))
        except InputError:
            return False


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

    Flows go on from one file into the next; the packet clock stands still for as long as the longest file lasts and
    ``settled_s`` more. A file that is no capture is counted, named among the problems, and not looked at again; files
    whose names begin with a dot are left alone. ``keep`` is given the bytes of the packets before they are metered.

    Moments say what was reached. Once the flows before one of these are safe, :meth:`Journal.commit` is to be called:
    what was not committed is read again at the next start, and so are, to go on with them, flows that ran then.

    Raises:
        InputError: the folder is away or cannot be listed.
    """
    reading = _Reading(folder, journal, settings, counters, stop, settled_s, keep)
    return live_flows(reading.packets(), replace(settings, silence_delay_s=None), counters)


def finished_files(folder: Path, settled_s: float, now_ns: int) -> tuple[list[WatchedFile], list[WatchedFile]]:
    """Return the files of a folder that are finished, the oldest first, and all that there are.

    Raises:
        InputError: the folder cannot be listed, or holds more files than anybody can watch.
    """
    present = _files(folder)
    latest_ns = max((file.changed_ns for file in present), default=0)
    settled_ns = now_ns - round(settled_s * 1e9)
    return [file for file in present if file.changed_ns < latest_ns or file.changed_ns <= settled_ns], present


class _Reading:
    """Reads the files of a folder one after another, and says in the journal how far it is."""

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        settings: LiveSettings,
        counters: LiveCounters,
        stop: threading.Event,
        settled_s: float,
        keep: Keep | None,
    ) -> None:
        self._folder, self._journal, self._counters = folder, journal, counters
        self._stop, self._settled_s, self._keep = stop, settled_s, keep
        self._decoding = PacketDecoding(
            random_key(), settings.inner_tunnels, arp=settings.arp, arp_records=keep is not None
        )
        self._longest_s = 0.0

    def packets(self) -> Arrays:
        yield from self._repeated()
        while not self._stop.is_set():
            finished, present = finished_files(self._folder, self._settled_s, time.time_ns())
            for file in (one for one in finished if not self._journal.has(one)):
                yield from self._new(file, present)
                yield self._place()
                if self._stop.is_set():
                    return
            yield self._place()
            yield np.empty(0, PACKET)
            self._stop.wait(_SECONDS_BETWEEN_LOOKS)

    def _place(self) -> Place:
        return Place(self._journal.number, still_s=self._settled_s + self._longest_s)

    def _repeated(self) -> Arrays:
        """Yield the packets of flows that ran when what came before them was kept."""
        now_ns = self._journal.now_ns
        again = [file for file in _files(self._folder) if self._journal.repeats(file)]
        if not again:
            return
        yield Place(self._journal.number, repeats=True)
        decoding = replace(self._decoding, arp=None, arp_records=False)
        for file in again:
            span = _Span(most=self._journal.skipped(file))
            yield from self._arrays(file, decoding, CaptureCounters(), None, span)
            if self._stop.is_set():
                return
            self._longest_s = max(self._longest_s, span.lasts_s)
        yield Place(self._journal.number, still_s=self._settled_s + self._longest_s, now_ns=now_ns)

    def _new(self, file: WatchedFile, present: list[WatchedFile]) -> Arrays:
        self._journal.begin(file)
        span = _Span(skip=self._journal.skipped(file))
        yield from self._arrays(file, self._decoding, self._counters.capture, self._keep, span)
        if self._stop.is_set():
            self._journal.leave(file, max(span.packets, span.skip), span.latest_ns)
            return
        self._longest_s = max(self._longest_s, span.lasts_s)
        self._journal.take(file, span.latest_ns, present)

    def _arrays(
        self, file: WatchedFile, decoding: PacketDecoding, counters: CaptureCounters, keep: Keep | None, span: _Span
    ) -> Generator[Array, None, None]:
        try:
            with closing(OpenedInput(str(file.path))) as source:
                reader = CaptureReader(source, decoding, counters, BUFFERS)
                batches = span.over(reader.batches_with_records())
                with closing(kept_batches(batches, lambda: reader, keep)) as arrays:
                    for array in arrays:
                        yield array
                        if self._stop.is_set():
                            return
        except InputError as error:
            counters.inputs_refused += 1
            counters.report(str(error))


@dataclass(slots=True)
class _Span:
    """Counts the packets of a file and the time that they take; leaves the first ``skip`` out, and all beyond ``most``.

    There is no ``most`` where it is 0.
    """

    skip: int = 0
    most: int = 0
    packets: int = 0
    first_ns: int | None = None
    latest_ns: int | None = None

    @property
    def lasts_s(self) -> float:
        if self.first_ns is None or self.latest_ns is None:
            return 0.0
        return min((self.latest_ns - self.first_ns) / 1e9, _LONGEST_S)

    def over(self, batches: Generator[tuple[Array, Array], None, None]) -> Generator[tuple[Array, Array], None, None]:
        with closing(batches):
            for packets, records in batches:
                if self.most and self.packets >= self.most:
                    return
                if self.most:
                    room = self.most - self.packets
                    packets, records = packets[:room], records[:room]  # noqa: PLW2901 - the rest is not to be seen
                left = max(self.skip - self.packets, 0)
                self.packets += len(packets)
                if len(packets):
                    first_ns, latest_ns = int(packets["time_ns"].min()), int(packets["time_ns"].max())
                    self.first_ns = first_ns if self.first_ns is None else min(self.first_ns, first_ns)
                    self.latest_ns = latest_ns if self.latest_ns is None else max(self.latest_ns, latest_ns)
                if left < len(packets) or not left:
                    yield packets[left:], records[left:]


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
