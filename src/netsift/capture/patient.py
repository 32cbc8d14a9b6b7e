"""A live byte stream that says when there is nothing for now, so that whoever reads it need not wait for it."""

from __future__ import annotations

import select
import sys
import threading
from typing import Final

from netsift.capture.streams import STANDARD_INPUT, OpenedInput

_SECONDS_BETWEEN_LOOKS: Final = 0.2


class PatientInput:
    """Standard input as a capture that is still being written.

    ``damage`` is as of :class:`netsift.capture.streams.OpenedInput`.
    """

    def __init__(self, stop: threading.Event) -> None:
        """Wait for the first bytes, or for ``stop``, which also ends the stream. Raises InputError where there is none.

        On systems where standard input cannot be waited for, reading waits.
        """
        self._stop = stop
        self._can_wait = sys.platform != "win32"
        while not self._has_bytes() and not stop.is_set():
            pass
        self._input = None if stop.is_set() else OpenedInput(STANDARD_INPUT)
        self.name = "standard input"
        self.damage: str | None = None

    def readinto(self, target: memoryview, /) -> int | None:
        """Fill the front of ``target``; return how many bytes came, 0 at the end or stop, None for nothing yet."""
        if self._input is None or self._stop.is_set():
            return 0
        if not self._has_bytes():
            return None
        count = self._input.readinto(target)
        self.damage = self._input.damage
        return count

    def close(self) -> None:
        """Standard input stays open."""

    def _has_bytes(self) -> bool:
        if not self._can_wait:
            return True
        ready, _, _ = select.select([sys.stdin.fileno()], [], [], _SECONDS_BETWEEN_LOOKS)
        return bool(ready)
