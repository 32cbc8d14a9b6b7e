"""A bounded queue of messages on disk: what is in it is sent at least once, whatever is killed meanwhile."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from netsift.errors import StoreError

BUSY_S: Final = 15.0

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS messages (number INTEGER PRIMARY KEY AUTOINCREMENT, alert TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT OR IGNORE INTO counts VALUES ('dropped', 0), ('refused', 0), ('sent', 0), ('bytes', 0);
"""


class Message(NamedTuple):
    """A message: its number in the spool, the id of its alert, and what is sent."""

    number: int
    alert: str
    body: bytes


class SpoolCounts(NamedTuple):
    """Messages that wait, were sent, were dropped for want of room, or refused by the receiver; over all runs."""

    waiting: int
    sent: int
    dropped: int
    refused: int


class Spool:
    """A file of messages in order, of at most ``most_bytes``; when there is no room the oldest are dropped.

    A message that was added is there after a kill; after a loss of power the last ones may be missing. It may be used
    from several threads.
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        """Open the file; make it where there is none. Raises StoreError."""
        self._path = path
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        with self._sentences():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        with self._sentences():
            self._connection.execute("PRAGMA journal_mode = WAL").close()
            self._connection.execute("PRAGMA synchronous = NORMAL").close()
            self._connection.executescript(_TABLES).close()

    def add(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Add messages, each the id of its alert and what is to be sent. Raises StoreError when that is impossible."""
        with self._transaction() as connection:
            connection.executemany("INSERT INTO messages (alert, body) VALUES (?, ?)", messages)
            self._count("bytes", sum(len(body) for _, body in messages))
            self._drop_what_has_no_room()

    def first(self, most: int) -> list[Message]:
        """Return the oldest messages, at most so many. Raises StoreError."""
        with self._lock, self._sentences():
            query = "SELECT number, alert, body FROM messages ORDER BY number LIMIT ?"
            return [Message(*row) for row in self._connection.execute(query, (most,))]

    def sent(self, messages: Sequence[Message]) -> None:
        """Remove messages that were sent. Raises StoreError."""
        self._remove(messages, "sent")

    def refused(self, messages: Sequence[Message]) -> None:
        """Remove messages that the receiver will never take. Raises StoreError."""
        self._remove(messages, "refused")

    def counts(self) -> SpoolCounts:
        """Return the counts. Raises StoreError."""
        with self._lock, self._sentences():
            found = dict(self._connection.execute("SELECT name, value FROM counts"))
            (waiting,) = self._connection.execute("SELECT count(*) FROM messages").fetchone()
        return SpoolCounts(waiting, found["sent"], found["dropped"], found["refused"])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _remove(self, messages: Sequence[Message], counted: str) -> None:
        with self._transaction() as connection:
            removed = [
                row for one in messages
                for row in connection.execute(
                    "DELETE FROM messages WHERE number = ? RETURNING length(body)", (one.number,)
                )
            ]  # fmt: skip
            self._count(counted, len(removed))
            self._count("bytes", -sum(size for (size,) in removed))

    def _drop_what_has_no_room(self) -> None:
        (held,) = self._connection.execute("SELECT value FROM counts WHERE name = 'bytes'").fetchone()
        gone: list[tuple[int]] = []
        freed = 0
        if held > self._most_bytes:
            for number, size in self._connection.execute("SELECT number, length(body) FROM messages ORDER BY number"):
                if held - freed <= self._most_bytes:
                    break
                gone.append((number,))
                freed += size
        self._connection.executemany("DELETE FROM messages WHERE number = ?", gone)
        self._count("dropped", len(gone))
        self._count("bytes", -freed)

    def _count(self, name: str, by: int) -> None:
        self._connection.execute("UPDATE counts SET value = value + ? WHERE name = ?", (by, name))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        # The connection's own context commits, or rolls back what an error interrupted.
        with self._lock, self._sentences(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self._path}: {error}") from None
