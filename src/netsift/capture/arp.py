"""What ARP packets say, on its way from the readers to whoever looks at it."""

from __future__ import annotations

import threading
from typing import Any, Final

import numpy as np

from netsift.kernels.layout import ARP_LOST, ARP_OBSERVATION, ARP_OBSERVED

Array = np.ndarray[Any, Any]

DEFAULT_MOST: Final = 1 << 18


class ArpLog:
    """ARP observations that wait to be looked at, at most ``most``; any thread may add and take.

    ``observed`` counts all that came, ``lost`` those of them that found no room.
    """

    def __init__(self, most: int = DEFAULT_MOST) -> None:
        """Start empty."""
        self.observed = 0
        self.lost = 0
        self._most = most
        self._waiting: list[Array] = []
        self._count = 0
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._count

    def add(self, observations: Array, lost: int = 0) -> None:
        """Keep copies of ARP_OBSERVATION, shape (n,); ``lost`` more were lost before they came here."""
        with self._lock:
            kept = observations[: self._most - self._count].copy()
            self.observed += len(observations) + lost
            self.lost += len(observations) - len(kept) + lost
            if len(kept):
                self._waiting.append(kept)
                self._count += len(kept)

    def take(self, until_ns: int | None = None) -> Array:
        """Return and drop the observations up to a time, all without one, in order of time and of coming.

        Captures that overlap are read some packets ahead of one another: what is later than the packets that have been
        looked at may still be preceded by what another capture holds. When half the room is used, all are returned.
        """
        with self._lock:
            if not self._waiting:
                return np.empty(0, ARP_OBSERVATION)
            waiting = np.concatenate(self._waiting)
            waiting = waiting[np.argsort(waiting["time_ns"], kind="stable")]
            count = len(waiting)
            if until_ns is not None and 2 * count < self._most:
                count = int(np.searchsorted(waiting["time_ns"], until_ns, side="right"))
            self._waiting = [waiting[count:]] if count < len(waiting) else []
            self._count = len(waiting) - count
            return waiting[:count]


class ArpTap:
    """The room that one reader's kernel writes observations to, passed on to a log after each batch."""

    def __init__(self, log: ArpLog | None, room: int) -> None:
        """Make room for ``room`` observations, for none without a log."""
        self.observations = np.empty(room if log is not None else 0, ARP_OBSERVATION)
        self.tally = np.zeros(2, np.int64)
        self._log = log

    def pass_on(self) -> None:
        """Give what was written to the log."""
        if self._log is not None and self.tally.any():
            self._log.add(self.observations[: self.tally[ARP_OBSERVED]], int(self.tally[ARP_LOST]))
        self.tally[:] = 0
