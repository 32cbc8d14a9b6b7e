"""The bytes of captured packets, copied out of the buffer in which they were decoded before it is used again."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Keep = Callable[[bytes, Array], None]
"""Takes bytes and the RECORDs, shape (n,), of packets whose offsets are places in them; must not wait."""


def kept_batches(
    batches: Generator[tuple[Array, Array], None, None], buffer: Callable[[], Array], keep: Keep | None
) -> Generator[Array, None, None]:
    """Yield the packets of batches with records, after their bytes were handed to ``keep``.

    ``buffer`` returns the bytes (uint8) in which the records of the batch at hand have their places. Closing
    this closes the batches.
    """
    with closing(batches):
        for packets, records in batches:
            if keep is not None and len(records):
                keep(*_copied(buffer(), records))
            yield packets


def _copied(buffer: Array, records: Array) -> tuple[bytes, Array]:
    begins = int(records["offset"].min())
    ends = int((records["offset"] + records["captured"]).max())
    own = records.copy()
    own["offset"] -= begins
    return buffer[begins:ends].tobytes(), own
