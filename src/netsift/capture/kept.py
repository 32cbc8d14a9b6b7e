"""The bytes of captured packets, copied out of the buffer in which they were decoded before it is used again.

ARP packets are among them: they are no flow's, but there are alerts of them, which need evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, Any]
Keep = Callable[[bytes, Array], None]
"""Takes bytes and the RECORDs, shape (n,), of packets whose offsets are places in them; must not wait."""


@dataclass(frozen=True, slots=True)
class KeptCounts:
    """What became of packets that are kept: bytes that wait, were written and dropped, and packets that were lost.

    ``trouble`` says why writing failed last.
    """

    waiting: int = 0
    written: int = 0
    dropped: int = 0
    lost: int = 0
    trouble: str = ""

    def __add__(self, other: KeptCounts) -> KeptCounts:
        """Return the counts of both."""
        return KeptCounts(
            self.waiting + other.waiting, self.written + other.written, self.dropped + other.dropped,
            self.lost + other.lost, self.trouble or other.trouble,
        )  # fmt: skip


class Keeping(Protocol):
    """Keeps the bytes of packets somewhere."""

    def keep(self, data: bytes, records: Array) -> None:
        """Take packets as :data:`Keep` does."""

    def counts(self) -> KeptCounts:
        """Return what became of them."""

    def close(self) -> None:
        """Write what waits, within a time."""


class Keeper(Protocol):
    """Starts to keep packets in a process of its own, to which it can be sent."""

    def start(self) -> Keeping:
        """Start."""


class Recorded(Protocol):
    """A capture whose batches have bytes in a buffer."""

    @property
    def buffer(self) -> Array:
        """The bytes (uint8) in which the RECORDs of the batch at hand have their places."""

    @property
    def arp_records(self) -> Array:
        """The RECORDs of ARP packets of the batch at hand."""


def kept_batches(
    batches: Generator[tuple[Array, Array], None, None], capture: Callable[[], Recorded], keep: Keep | None
) -> Generator[Array, None, None]:
    """Yield the packets of a capture's batches with records, after their bytes were handed to ``keep``.

    Closing this closes the batches.
    """
    with closing(batches):
        for packets, records in batches:
            if keep is not None:
                every = np.concatenate((records, capture().arp_records))
                if len(every):
                    keep(*_copied(capture().buffer, every[np.argsort(every["offset"], kind="stable")]))
            yield packets


def _copied(buffer: Array, records: Array) -> tuple[bytes, Array]:
    begins = int(records["offset"].min())
    ends = int((records["offset"] + records["captured"]).max())
    own = records.copy()
    own["offset"] -= begins
    return buffer[begins:ends].tobytes(), own
