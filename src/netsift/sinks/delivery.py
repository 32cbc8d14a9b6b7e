"""Takes alerts from whoever finds them and sends them from a thread of its own until they are taken."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from time import monotonic
from typing import Final

from netsift.alerts.schema import Alert
from netsift.errors import StoreError
from netsift.sinks.base import RefusedError, SendError, Sink
from netsift.sinks.spool import Spool, SpoolCounts

MESSAGES_AT_A_TIME: Final = 100
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 300.0


class Delivery:
    """A sink, its spool, and the thread that sends.

    ``trouble`` says why the last attempt failed, and is empty when it did not.
    """

    def __init__(self, sink: Sink, spool: Spool, *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        """Take the sink and its spool; :meth:`start` begins to send, what an earlier run left first."""
        self.trouble = ""
        self._sink = sink
        self._spool = spool
        self._first_pause_s = first_pause_s
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sink {sink.name}", daemon=True)

    @property
    def name(self) -> str:
        """The sink in words, without secrets."""
        return self._sink.name

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def put(self, alerts: Iterable[Alert]) -> None:
        """Have alerts sent: when this returns they are on disk. Raises StoreError when they cannot be written there."""
        messages = [(alert.id, self._sink.message(alert)) for alert in alerts]
        if messages:
            self._spool.add(messages)
            self._wake.set()

    def counts(self) -> SpoolCounts:
        """Return how many messages wait, were sent, dropped and refused. Raises StoreError."""
        return self._spool.counts()

    def close(self, within_s: float = 2.0) -> None:
        """Send what can be sent within a time, and stop; the rest is sent by the next run."""
        deadline = monotonic() + within_s
        while self._thread.is_alive() and not self.trouble and self._spool.counts().waiting and monotonic() < deadline:
            self._wake.set()
            self._stop.wait(0.01)
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(within_s)
        self._sink.close()
        if not self._thread.is_alive():
            self._spool.close()

    def send_waiting(self) -> bool:
        """Send what waits now; return whether all of it was taken or refused. Raises StoreError."""
        while not self._stop.is_set() and (messages := self._spool.first(MESSAGES_AT_A_TIME)):
            try:
                taken = self._sink.send(messages)
            except RefusedError as error:
                self.trouble = str(error)
                self._spool.refused(messages[:1])
                continue
            except SendError as error:
                self.trouble = str(error)
                return False
            self._spool.sent(messages[:taken])
            self.trouble = ""
        return True

    def _run(self) -> None:
        pause_s = self._first_pause_s
        chance = random.Random(self.name)  # nosec B311 # how long to wait is no secret
        while not self._stop.is_set():
            self._wake.clear()
            if self._tried():
                pause_s = self._first_pause_s
                self._wake.wait()
            else:
                # Half of the pause is by chance, so that senders that failed together do not come back together.
                self._stop.wait(pause_s * (0.5 + chance.random() / 2))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _tried(self) -> bool:
        try:
            return self.send_waiting()
        except StoreError as error:
            self.trouble = str(error)
            return False
