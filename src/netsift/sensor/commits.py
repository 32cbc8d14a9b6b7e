"""Commits what was read of a watched folder, once its flows and the alerts of it are safe in the stores.

Three threads have a part in it. The watch says what was reached, and later that it has looked for incidents since. The
one that writes flows seals: files that it has written so far are those of a place, and what follows gets a new mark.
The one that writes alerts settles, because it knows that none of them waits.
"""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path

from netsift.sources.directory import WatchedFolder
from netsift.sources.live import Reached
from netsift.store.flow_files import FlowFolder
from netsift.store.unfinished import Unfinished


class Commits:
    """What of a folder is to be committed, in order."""

    def __init__(self, watched: WatchedFolder, flows: Path) -> None:
        """Take the folder that is watched, and that of the flow store."""
        self._watched, self._flows = watched, flows
        self._unfinished: Unfinished | None = None
        self._mark = ""
        self._sealed: deque[tuple[Reached, str]] = deque()
        self._looked_at = 0
        self._spoiled = False
        self._lock = threading.Lock()

    def recover(self) -> int:
        """Delete flow files of what will be read again, and return how many. Raises StoreError or OutputError."""
        with self._lock:
            if self._unfinished is None:
                self._unfinished = Unfinished(FlowFolder(self._flows), self._watched.journal.name)
            return self._unfinished.recover(self._watched.journal.marks, self._watched.can_be_read)

    def mark(self) -> str:
        """Return what is to be in the names of files that are written now. Raises StoreError or OutputError."""
        with self._lock:
            if self._unfinished is None:
                return ""
            mark = self._mark or self._unfinished.begin()
            self._unfinished.note(mark, self._watched.journal.sources())
            self._mark = mark
            return mark

    def seal(self, reached: Reached) -> None:
        """Say that all flows up to a place are written; nothing is said when some were dropped."""
        with self._lock:
            if not self._spoiled:
                self._sealed.append((reached, self._mark))
                self._mark = ""

    def spoil(self) -> None:
        """Say that flows were dropped: what follows is read again at the next start."""
        with self._lock:
            self._spoiled = True

    def looked_at(self, reached: Reached) -> None:
        """Say that the alerts of all flows up to a place were handed on."""
        with self._lock:
            self._looked_at = reached.count

    def settle(self) -> None:
        """Commit what is sealed and looked at; to be called while no alert waits. Raises StoreError or OutputError."""
        with self._lock:
            while self._sealed and self._sealed[0][0].count <= self._looked_at:
                reached, mark = self._sealed[0]
                self._watched.journal.commit(reached, mark)
                if self._unfinished is not None:
                    self._unfinished.finish(mark)
                self._sealed.popleft()
