"""Flow files that count only when what they were made of has been read: removed at the next start where it was not.

A source that can be read again, such as a folder of captures, would have its flows twice after a kill: those that were
written, and the same made again. So the names of files carry a mark, and before the first of them is written a note
says that the mark is unfinished, and what its flows are made of. When these are read and the flows written, whoever
knows what was read remembers the mark, and only then the note is taken back. What a note still has at the next start
and nobody remembers is made again, and deleted before.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final

from netsift.errors import StoreError
from netsift.files import whole_file
from netsift.store.flow_files import MARK_DIGITS, FlowFolder

_FOLDER: Final = "unfinished"
_MOST_BYTES: Final = 64 << 20
_MARK: Final = re.compile(f"[0-9a-f]{{{MARK_DIGITS}}}")


class Unfinished:
    """The note of one source about its unfinished flow files; names of what they are made of are any texts."""

    def __init__(self, folder: FlowFolder, name: str) -> None:
        """Read the note, if there is one."""
        self._folder = folder
        self._path = folder.path / _FOLDER / f"{name}.json"
        self._made_of = _read(self._path)

    def recover(self, finished: Collection[str], can_be_made: Callable[[list[str]], bool]) -> int:
        """Delete the files of marks that are not ``finished``, and return how many.

        What cannot be made again is left as it is.

        Raises:
            StoreError, OutputError: a file cannot be deleted, or the note not be written.
        """
        count = 0
        for mark, names in list(self._made_of.items()):
            if mark not in finished and can_be_made(names):
                for path in self._folder.with_mark(mark):
                    _delete(path)
                    count += 1
            self.finish(mark)
        return count

    def begin(self) -> str:
        """Return a mark for files that are about to be written."""
        return secrets.token_hex(MARK_DIGITS // 2)

    def note(self, mark: str, names: Iterable[str]) -> None:
        """Say of what the flows of a mark are made, before a file of it is written. Raises StoreError, OutputError."""
        made_of = list(names)
        if self._made_of.get(mark) != made_of:
            self._write(self._made_of | {mark: made_of})

    def finish(self, mark: str) -> None:
        """Say that files of a mark are there to stay. Raises StoreError or OutputError."""
        if mark in self._made_of:
            self._write({name: value for name, value in self._made_of.items() if name != mark})

    def _write(self, made_of: dict[str, list[str]]) -> None:
        try:
            if made_of:
                self._path.parent.mkdir(exist_ok=True)
                with whole_file(self._path) as temporary:
                    temporary.write_text(json.dumps(made_of) + "\n", encoding="utf-8")
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror or error}") from None
        self._made_of = made_of


def unfinished_marks(folder: Path) -> frozenset[str]:
    """Return the marks of all notes of a flow store."""
    return frozenset(mark for path in (folder / _FOLDER).glob("*.json") for mark in _read(path))


def _read(path: Path) -> dict[str, list[str]]:
    """Return what a note says; nothing where it cannot be understood."""
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {
        mark: [name for name in names if isinstance(name, str)]
        for mark, names in content.items()
        if _MARK.fullmatch(mark) and isinstance(names, list)
    }


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from None
