"""Several captures as one stream of packets ordered by time.

A capture keeps its own order; between captures the one whose next packet is earlier goes first, and of equal ones the
capture that begins earlier or was given first. Files that do not
overlap are read one after another, so a folder of a thousand rotated files holds one file open at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, Any]
MOST_OPEN: Final = 128
"""How many overlapping captures are merged at a time; a further one is opened when one of them ends."""


class _Stream:
    """One capture being merged: its current array of packets, and their times made monotone."""

    def __init__(self, batches: Iterator[Array]) -> None:
        self._batches = batches
        self.packets: Array = np.empty(0)
        self.times_ns: Array = np.empty(0, np.int64)
        self.latest_ns: int = np.iinfo(np.int64).min
        self.advance()

    def advance(self) -> None:
        self.packets = next(self._batches, np.empty(0))
        if len(self.packets):
            self.times_ns = np.maximum(np.maximum.accumulate(self.packets["time_ns"]), self.latest_ns)
            self.latest_ns = int(self.times_ns[-1])

    def take(self, horizon_ns: int, *, inclusive: bool) -> tuple[Array, Array]:
        """Return and drop the packets up to the horizon, or before it, with their monotone times."""
        count = int(np.searchsorted(self.times_ns, horizon_ns, side="right" if inclusive else "left"))
        taken = self.packets[:count], self.times_ns[:count]
        self.packets, self.times_ns = self.packets[count:], self.times_ns[count:]
        return taken


def merge_captures(captures: list[tuple[int, Callable[[], Iterator[Array]]]]) -> Iterator[Array]:
    """Yield PACKET arrays of all captures in time order.

    ``captures`` are pairs of (time of the first packet in ns, function that opens the capture and yields its arrays).
    """
    waiting = sorted(captures, key=lambda capture: capture[0])
    active: list[_Stream] = []
    while active or waiting:
        reach_ns = min((int(stream.times_ns[-1]) for stream in active), default=None)
        while waiting and len(active) < MOST_OPEN and (reach_ns is None or waiting[0][0] <= reach_ns):
            stream = _Stream(waiting.pop(0)[1]())
            if len(stream.packets):
                active.append(stream)
                reach_ns = min(int(stream.times_ns[-1]) for stream in active)
        if not active:
            continue
        lasts_ns = [int(stream.times_ns[-1]) for stream in active]
        horizon_ns = min(lasts_ns)
        # The first capture that reaches the horizon may go on at that very time; those behind it have to wait.
        turn = lasts_ns.index(horizon_ns)
        yield from _in_order(
            [stream.take(horizon_ns, inclusive=number <= turn) for number, stream in enumerate(active)]
        )
        for stream in active:
            if not len(stream.packets):
                stream.advance()
        active = [stream for stream in active if len(stream.packets)]


def _in_order(parts: list[tuple[Array, Array]]) -> Iterator[Array]:
    parts = [part for part in parts if len(part[0])]
    if len(parts) == 1:
        yield parts[0][0]
    elif parts:
        order = np.argsort(np.concatenate([times for _, times in parts]), kind="stable")
        yield np.concatenate([packets for packets, _ in parts])[order]
