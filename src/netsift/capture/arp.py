"""What ARP packets say, on its way from the readers to whoever looks at it."""

from __future__ import annotations

import threading
from typing import Any, Final

import numpy as np

from netsift.kernels.layout import ARP_LOST, ARP_OBSERVATION, ARP_OBSERVED, RECORD

Array = np.ndarray[Any, Any]

DEFAULT_MOST: Final = 1 << 18

_ARP: Final = 0x0806
_TAGS: Final = (0x8100, 0x88A8)
_MOST_TAGS: Final = 2
_LENGTH: Final = 28
_SENDER: Final = 14
_TARGET: Final = 24
_LINK_TYPES: Final = {1: (12, 14), 113: (14, 16), 276: (0, 20)}
"""Where the protocol stands and what follows on it: Ethernet, Linux's cooked captures of both versions."""


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


class ArpRecords:
    """The RECORDs of the ARP packets of each batch, which the decoder leaves out because they are no flow's."""

    def __init__(self, *, wanted: bool) -> None:
        """Keep none unless they are wanted."""
        self.records = np.empty(0, RECORD)
        self._wanted = wanted
        self._before = self.records

    def remember(self, records: Array) -> None:
        """Take the RECORDs, shape (n,), that are about to be decoded."""
        if self._wanted:
            self._before = records.copy()

    def find(self, buffer: Array, decoded: Array) -> None:
        """Find the ARP packets among those that were not ``decoded``; ``buffer`` (uint8) holds the bytes."""
        if not self._wanted:
            return
        left = self._before[~np.isin(self._before["offset"], decoded["offset"])]
        self.records = left[arp_bodies(buffer, left) > 0] if len(left) else left


def arp_bodies(buffer: Array, records: Array) -> Array:
    """Return where the ARP packets of RECORDs, shape (n,), begin in ``buffer`` (uint8): int64, -1 for other packets.

    RFC 826, behind at most two tags (IEEE 802.1Q); one that is cut short is no ARP packet here.
    """
    bodies = np.full(len(records), -1, np.int64)
    for link_type, (place, follows) in _LINK_TYPES.items():
        chosen = np.flatnonzero(records["link_type"] == link_type)
        starts = records["offset"][chosen].astype(np.int64)
        ends = starts + records["captured"][chosen]
        protocols, begins = starts + place, starts + follows
        for _ in range(_MOST_TAGS):
            tagged = np.isin(_number_at(buffer, protocols, ends), _TAGS)
            protocols, begins = np.where(tagged, begins + 2, protocols), begins + 4 * tagged
        is_arp = (_number_at(buffer, protocols, ends) == _ARP) & (begins + _LENGTH <= ends)
        bodies[chosen[is_arp]] = begins[is_arp]
    return bodies


def arp_addresses(buffer: Array, records: Array) -> tuple[Array, Array]:
    """Return the sender's and target's IPv4 address of RECORDs of ARP packets, uint32 of shape (n,) each."""
    bodies = arp_bodies(buffer, records)
    sender, target = (
        buffer[bodies[:, None] + np.arange(place, place + 4)].view(">u4").ravel().astype(np.uint32)
        for place in (_SENDER, _TARGET)
    )
    return sender, target


def _number_at(buffer: Array, places: Array, ends: Array) -> Array:
    """Return the 16-bit numbers at places, int64 of shape (n,); 0 where a packet ends before."""
    inside = places + 2 <= ends
    safe = np.where(inside, places, 0)
    numbers = buffer[safe].astype(np.int64) << 8 | buffer[np.minimum(safe + 1, len(buffer) - 1)]
    return np.where(inside, numbers, 0)
