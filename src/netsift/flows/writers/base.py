"""What every writer of flow batches does."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pyarrow as pa


class FlowWriter(ABC):
    """Takes flow batches one after another and writes them to the open file it was made with."""

    @abstractmethod
    def write(self, batch: pa.RecordBatch) -> None:
        """Write one batch."""

    @abstractmethod
    def close(self) -> None:
        """Write what is held back and the end of the file."""

    def abandon(self) -> None:  # noqa: B027 - most writers hold nothing back
        """Give up: write nothing more, not even when the writer is freed."""
