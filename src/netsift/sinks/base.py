"""What every sink is: a way to write an alert as a message, and a way to send messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from netsift.alerts.schema import Alert
from netsift.sinks.spool import Message


class SendError(Exception):
    """Messages could not be sent now; trying again later may help."""


class RefusedError(Exception):
    """The receiver will never take the first of the messages, which is dropped and counted."""


class Sink(Protocol):
    """A receiver of alerts; only one thread sends to it."""

    name: str

    def message(self, alert: Alert) -> bytes:
        """Return an alert as the message that is sent."""

    def send(self, messages: Sequence[Message]) -> int:
        """Send messages in order; return how many of the first were taken.

        Raises:
            SendError: none was taken, and trying again may help.
            RefusedError: the first will never be taken.
        """

    def close(self) -> None:
        """Give up connections."""
