"""A file of alerts that only grows: one JSON object per line, whole lines only."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from netsift.alerts.schema import Alert
from netsift.errors import OutputError

_PIECE: Final = 1 << 16


class AlertLog:
    """Appends alerts to a file.

    A process that is killed may leave an unfinished last line; it is removed by the next one that opens the file.
    """

    def __init__(self, path: Path | None, form: Callable[[Alert], dict[str, Any]] = Alert.as_json) -> None:
        """Open the file, make it if there is none; None is standard output. Raises OutputError when that fails."""
        self._path, self._form = path or "standard output", form
        try:
            if path is None:
                self._file = os.dup(sys.stdout.fileno())
                return
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o666)
            self._remove_unfinished_line()
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from None

    def write(self, alerts: Iterable[Alert]) -> None:
        """Append alerts. Raises OutputError when the disk is full, and then no part of a line stays."""
        for alert in alerts:
            line = (json.dumps(self._form(alert), ensure_ascii=False) + "\n").encode()
            try:
                self._write_whole(line)
            except BrokenPipeError:
                raise
            except OSError as error:
                with contextlib.suppress(OSError):
                    self._remove_unfinished_line()
                raise OutputError(f"{self._path}: cannot be written: {error.strerror}") from None

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write_whole(self, line: bytes) -> None:
        while line:
            line = line[os.write(self._file, line) :]

    def _remove_unfinished_line(self) -> None:
        status = os.fstat(self._file)
        if not stat.S_ISREG(status.st_mode):
            return
        end = status.st_size
        while end > 0:
            start = max(end - _PIECE, 0)
            os.lseek(self._file, start, os.SEEK_SET)
            place = os.read(self._file, end - start).rfind(b"\n")
            if place >= 0:
                end = start + place + 1
                break
            end = start
        os.ftruncate(self._file, end)
