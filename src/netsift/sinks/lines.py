"""Alerts as lines at the end of a file, which other programs follow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from netsift.alerts.schema import Alert
from netsift.sinks.base import SendError
from netsift.sinks.messages import TextFormat, text_of
from netsift.sinks.spool import Message


class LinesSink:
    """Appends a line for every alert. The file is opened anew each time, so it may be rotated at will."""

    def __init__(self, path: Path, text_format: TextFormat = TextFormat.ECS) -> None:
        """Remember the file."""
        self.name = f"file {path}"
        self._path = path
        self._format = text_format

    def message(self, alert: Alert) -> bytes:
        """Return an alert as a line."""
        return text_of(alert, self._format).encode() + b"\n"

    def send(self, messages: Sequence[Message]) -> int:
        """Append all messages, or none of them; raises SendError when the file cannot be written."""
        data = b"".join(one.body for one in messages)
        try:
            with self._path.open("ab", buffering=0) as file:
                before = file.seek(0, os.SEEK_END)
                try:
                    view = memoryview(data)
                    while view:
                        view = view[file.write(view) :]
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(before)
                    raise
        except OSError as error:
            raise SendError(f"{self._path}: {error.strerror or error}") from None
        return len(messages)

    def close(self) -> None:
        """Do nothing: the file is not kept open."""
