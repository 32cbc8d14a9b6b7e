"""Which captures of a watched folder have been read, so that each is read once, also over restarts and kills.

What counts as read is what was committed: files whose flows are safe, wherever these are kept. Beside them are the
files from which the flows can be made again that still ran then, and how far a file was read when somebody said stop.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from netsift.errors import InputError
from netsift.files import whole_file
from netsift.sources.live import Reached

_MOST_BYTES: Final = 64 << 20
_COMPRESSIONS: Final = (".gz", ".zst")
_MARKS: Final = 64

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


@dataclass(frozen=True, slots=True)
class _Taken:
    """A file that was read, as the ``number``-th, or its first ``packets``; its latest packet is of ``latest_ns``."""

    identity: Identity
    number: int
    latest_ns: int | None
    packets: int | None = None


@dataclass(slots=True)
class _Content:
    """What the file holds: files read, and those to be repeated with their latest packets' times.

    ``part`` is a file of which so many packets were read, ``now_ns`` the packet clock, and ``marks`` are names of what
    was kept together with the last commits.
    """

    read: dict[Identity, None]
    again: dict[Identity, int]
    part: tuple[Identity, int] | None = None
    now_ns: int | None = None
    marks: tuple[str, ...] = ()


class Journal:
    """What was read of a folder; kept in a file that is whole at any time.

    One thread reads files and says so; another one commits.
    """

    def __init__(self, path: Path) -> None:
        """Read the journal, an empty one where there is none yet. Raises InputError for a file that is none."""
        self._path = path
        self._content = _content(path) if path.exists() else _Content({}, {})
        self._taken: dict[Identity, _Taken] = {}
        self._begun: Identity | None = None
        self._names: frozenset[str] | None = None
        self._lock = threading.Lock()
        self.number = 0
        """How many files were taken by this run."""

    @property
    def marks(self) -> frozenset[str]:
        """Names of what was kept together with the last commits."""
        return frozenset(self._content.marks)

    @property
    def now_ns(self) -> int | None:
        """The packet clock at the last commit."""
        return self._content.now_ns

    def has(self, file: WatchedFile) -> bool:
        """Return whether a file has been read, as it is or before it was compressed."""
        with self._lock:
            return _is_among(file, self._content.read) or _is_among(file, self._taken)

    def repeats(self, file: WatchedFile) -> bool:
        """Return whether flows that ran at the last commit have packets in a file that was read."""
        return _is_among(file, self._content.again)

    def skipped(self, file: WatchedFile) -> int:
        """Return how many packets at the front of a file have been read."""
        part = self._content.part
        return part[1] if part is not None and _is_among(file, (part[0],)) else 0

    def begin(self, file: WatchedFile) -> None:
        """Say that a file is being read."""
        self._begun = file.identity

    def take(self, file: WatchedFile, latest_ns: int | None, present: Iterable[WatchedFile]) -> None:
        """Say that all of a file was read, whose latest packet is of ``latest_ns``, and which files there are."""
        self._names = frozenset(name for one in present for name in (one.path.name, one.path.stem))
        self._put(file, latest_ns, None)

    def leave(self, file: WatchedFile, packets: int, latest_ns: int | None) -> None:
        """Say that so many packets of a file were read, and no more."""
        self._put(file, latest_ns, packets)

    @property
    def name(self) -> str:
        """A name that no other folder's journal has."""
        return self._path.stem

    def sources(self) -> list[str]:
        """Return the identities, as texts, of the files from which what is not committed can be made again."""
        with self._lock:
            part = (self._content.part[0],) if self._content.part is not None else ()
            begun = (self._begun,) if self._begun is not None else ()
            return [json.dumps(one) for one in dict.fromkeys((*self._content.again, *part, *self._taken, *begun))]

    def commit(self, reached: Reached, mark: str = "") -> None:
        """Say that all flows that had ended when a place was reached are safe.

        Raises:
            OutputError: the journal cannot be written; nothing is committed.
        """
        with self._lock:
            made = self._with(reached, mark)
            if made != self._content:
                _write(self._path, made)
            self._content = made
            self._taken = {name: one for name, one in self._taken.items() if one.number > reached.number}

    def _put(self, file: WatchedFile, latest_ns: int | None, packets: int | None) -> None:
        with self._lock:
            self.number += 1
            self._taken[file.identity] = _Taken(file.identity, self.number, latest_ns, packets)
            self._begun = None

    def _with(self, reached: Reached, mark: str) -> _Content:
        """Return the content that stands for a place that was reached."""
        before = self._content
        done = [one for one in self._taken.values() if one.number <= reached.number]
        read = before.read | {one.identity: None for one in done if one.packets is None}
        part = next(((one.identity, one.packets) for one in done if one.packets is not None), before.part)
        again = before.again | {one.identity: one.latest_ns for one in done if one.latest_ns is not None}
        oldest_ns = reached.oldest_ns
        return _Content(
            read={name: None for name in read if self._is_there(name)},
            again={name: at for name, at in again.items() if oldest_ns is not None and at >= oldest_ns},
            part=None if part is None or part[0] in read else part,
            now_ns=reached.now_ns if oldest_ns is not None else None,
            marks=(*before.marks, mark)[-_MARKS:] if mark else before.marks,
        )

    def _is_there(self, identity: Identity) -> bool:
        return self._names is None or identity[0] in self._names


def is_all_there(names: Iterable[str], present: Sequence[WatchedFile]) -> bool:
    """Return whether files of these identities are present, as they were or compressed since."""
    exactly = {json.dumps(file.identity) for file in present}
    compressed = {file.path.stem for file in present if file.path.name.endswith(_COMPRESSIONS)}
    return all(name in exactly or _name_in(name) in compressed for name in names)


def _name_in(text: str) -> str | None:
    try:
        return _identity(json.loads(text))[0]
    except (ValueError, TypeError, RecursionError):
        return None


def _is_among(file: WatchedFile, known: Iterable[Identity]) -> bool:
    if file.identity in known:
        return True
    name = file.path.name
    return name.endswith(_COMPRESSIONS) and any(entry[0] == Path(name).stem for entry in known)


def _write(path: Path, content: _Content) -> None:
    part = None if content.part is None else [list(content.part[0]), content.part[1]]
    text = json.dumps(
        {
            "format": 2, "read": list(content.read), "again": [[*name, at] for name, at in content.again.items()],
            "part": part, "now_ns": content.now_ns, "marks": list(content.marks),
        }
    )  # fmt: skip
    with whole_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _content(path: Path) -> _Content:
    try:
        with path.open("rb") as file:
            content: Any = json.loads(file.read(_MOST_BYTES))
        part, now_ns = content.get("part"), content.get("now_ns")
        return _Content(
            read=dict.fromkeys(_identity(one) for one in content["read"]),
            again={_identity(one[:4]): int(one[4]) for one in content.get("again", [])},
            part=None if part is None else (_identity(part[0]), int(part[1])),
            now_ns=None if now_ns is None else int(now_ns),
            marks=tuple(str(one) for one in content.get("marks", [])),
        )
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise InputError(f"{path}: is no journal of a watched folder; remove it to read the folder anew") from None


def _identity(values: Any) -> Identity:
    name, number, size, changed = values
    return str(name), int(number), int(size), int(changed)
