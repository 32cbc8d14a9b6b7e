"""A bounded queue and a thread that empties it: whoever fills it never waits, and what fails is tried again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Final, Generic, TypeVar

from netsift.errors import NetsiftError

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 15.0
IDLE_S: Final = 0.5
"""A stage with nothing to do looks after itself so often."""
_SECONDS_BETWEEN_LOOKS: Final = 0.05

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class StageCounts:
    """Items that wait, were written, and were dropped for want of room; ``trouble`` says why the last attempt failed.

    ``failures`` counts attempts that failed since the beginning, ``last_trouble`` says why the last of them did.
    """

    name: str
    waiting: int
    written: int
    dropped: int
    failures: int
    trouble: str
    last_trouble: str


class Stage(Generic[Item]):
    """Writes items in order from a thread of its own.

    ``write`` is given a list and removes from its front what it has written; when it raises, the rest is tried again
    after a pause that doubles up to :data:`LONGEST_PAUSE_S`. ``look_after`` is called between writes, at least every
    second. Items count by their size, in whatever unit ``most`` has; what finds no room is dropped and counted.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[list[Item]], None],
        most: int,
        look_after: Callable[[], None] | None = None,
        *,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        """Start the thread."""
        self.name = name
        self._write, self._look_after, self._most = write, look_after, most
        self._first_pause_s = first_pause_s
        self._changed = threading.Condition()
        self._waiting: OrderedDict[Hashable, tuple[Item, int]] = OrderedDict()
        self._next_key = 0
        self._size = self._written = self._dropped = self._failures = 0
        self._trouble = self._last_trouble = ""
        self._ends_s: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"netsift {name}", daemon=True)
        self._thread.start()

    def put(self, item: Item, size: int = 1, key: Hashable = None) -> bool:
        """Have an item written; return False where there was no room. One of the same key that still waits gives way.

        Never waits for what is written meanwhile.
        """
        with self._changed:
            if key is None:
                key, self._next_key = self._next_key, self._next_key + 1
            before = self._waiting[key][1] if key in self._waiting else 0
            if self._size - before + size > self._most:
                self._dropped += size
                return False
            self._waiting[key] = (item, size)
            self._size += size - before
            self._changed.notify()
            return True

    def wait_for_room(self, size: int, until: threading.Event) -> None:
        """Wait until there is room for so much, or until somebody says not to wait any more."""
        while not until.is_set():
            with self._changed:
                if self._size + size <= self._most or not self._size:
                    return
            until.wait(_SECONDS_BETWEEN_LOOKS)

    def counts(self) -> StageCounts:
        """Return what became of the items, in the unit of their sizes."""
        with self._changed:
            return StageCounts(
                self.name, self._size, self._written, self._dropped, self._failures, self._trouble, self._last_trouble
            )

    def ask_to_end(self, within_s: float) -> None:
        """Have everything written within a time, and end; :meth:`close` waits for that."""
        with self._changed:
            self._ends_s = monotonic() + within_s
            self._changed.notify()

    def close(self) -> list[Item]:
        """Wait until the time to end is over at most; return what could not be written, which counts as dropped."""
        self._thread.join(max((self._ends_s or monotonic()) - monotonic(), 0) + IDLE_S)
        with self._changed:
            left = [item for item, _ in self._waiting.values()]
            self._dropped += self._size
            self._size = 0
            self._waiting.clear()
            return left

    def _run(self) -> None:
        pause_s = self._first_pause_s
        while True:
            with self._changed:
                if not self._waiting and self._ends_s is None:
                    self._changed.wait(IDLE_S)
                some = list(self._waiting.items())
                if not some and self._ends_s is not None:
                    return
            failed = not self._tried(some)
            with self._changed:
                if self._ends_s is not None and monotonic() >= self._ends_s:
                    return
                if not failed:
                    pause_s = self._first_pause_s
                    continue
                left_s = pause_s if self._ends_s is None else min(pause_s, self._ends_s - monotonic())
                # News must not cut the pause short, only the wish to end.
                ends_before = self._ends_s
                self._changed.wait_for(lambda: self._ends_s != ends_before, left_s)  # noqa: B023 - used at once
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _tried(self, some: list[tuple[Hashable, tuple[Item, int]]]) -> bool:
        items = [item for _, (item, _) in some]
        trouble = self._attempted(items)
        with self._changed:
            for key, entry in some[: len(some) - len(items)]:
                self._written += entry[1]
                # What came under the same key meanwhile is newer and stays.
                if self._waiting.get(key) is entry:
                    del self._waiting[key]
                    self._size -= entry[1]
            self._trouble = trouble
            self._last_trouble = trouble or self._last_trouble
            self._failures += bool(trouble)
        return not trouble

    def _attempted(self, items: list[Item]) -> str:
        """Write items and look after what is written to; return why that failed, or nothing."""
        try:
            if items:
                self._write(items)
            if self._look_after is not None:
                self._look_after()
        except NetsiftError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - the boundary of this thread
            # Nobody expected it; it is shown, and the watch goes on.
            return f"{type(error).__name__}: {error}"
        return ""
