"""A clock of one process that a test can set, by libfaketime: the machine's own stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

LIBRARIES: Final = "/usr/lib"


def library() -> Path | None:
    """Return libfaketime for several threads, None where it is not installed (Debian: libfaketime)."""
    return next(iter(sorted(Path(LIBRARIES).glob("*/faketime/libfaketimeMT.so.1"))), None)


class SteppedClock:
    """The clock of the processes that are started with :attr:`environment`."""

    def __init__(self, folder: Path) -> None:
        """Begin with the machine's own time."""
        found = library()
        if found is None:
            pytest.skip("libfaketime is not installed")
        self._file = folder / "clock"
        self.step(0)
        self.environment = {
            "LD_PRELOAD": str(found), "FAKETIME_TIMESTAMP_FILE": str(self._file), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
        }  # fmt: skip

    def step(self, seconds: int) -> None:
        """Set the clock so many seconds ahead of the machine's, or behind."""
        whole = self._file.with_suffix(".new")
        whole.write_text(f"{seconds:+d}s\n")
        whole.replace(self._file)
