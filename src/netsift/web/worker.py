"""gunicorn's worker with threads, so that no connection keeps others waiting: for its first byte, its end, or its rest.

gunicorn's own gives a thread to a connection that has said nothing yet, keeps as many idle connections as it can have
at all and then takes no more, and waits in its only loop for up to two seconds until the other side has closed. A
thousand pages that all want to watch made everybody else wait for seconds by that.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from concurrent.futures import Future
from functools import partial
from selectors import EVENT_READ
from socket import SHUT_WR, socket
from typing import Any, Final

from gunicorn.workers.gthread import TConn

from netsift.web.patience import PatientWorker

MOST_CONNECTIONS: Final = 800
"""Open at once; many systems allow a process 1,024 files."""
MOST_IDLE: Final = 256
"""Connections that are kept for a next request; others are closed when they were answered."""

_ACCEPTED_AT_ONCE: Final = 64
_CLOSED_AFTER_S: Final = 2.0
_READ_BYTES: Final = 65_536
"""What Werkzeug reads at once."""


class Connection(TConn):  # type: ignore[misc]
    """A connection that receives no more of a body than the application reads at once.

    gunicorn's own receives a mebibyte, of which it copies the rest with every one of the application's reads: twice and
    more the time for a body of 30 MB.
    """

    def init(self) -> None:
        """Make its parser, once."""
        super().init()
        self.parser.unreader.max_body_chunk = _READ_BYTES


class Worker(PatientWorker):
    """Accepts many connections at once, gives threads only to whole requests, and waits for nobody to close."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        """Begin as gunicorn's own does."""
        super().__init__(*arguments, **keywords)
        self.max_keepalived = MOST_IDLE
        self._closing: deque[tuple[float, Connection]] = deque()

    def accept(self, listener: socket) -> None:
        """Accept who waits, and wait for their requests."""
        for _ in range(min(_ACCEPTED_AT_ONCE, self.worker_connections - self.nr_conns)):
            try:
                client, address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            self.nr_conns += 1
            self.wait_for_head(Connection(self.cfg, client, address, listener.getsockname()))

    def finish_request(self, conn: Connection, fs: Future[object]) -> None:
        """Keep or close a connection that was answered, without waiting for the other side."""
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
            return
        self.give_thread_back(conn)
        # What is still on its way must be read, or the other side loses the answer (RFC 9112, section 9.6).
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(SHUT_WR)
        except OSError:
            self._close(conn)
            return
        self._closing.append((time.monotonic() + _CLOSED_AFTER_S, conn))
        self.poller.register(conn.sock, EVENT_READ, partial(self._read_on, conn))

    def murder_pending(self) -> None:
        """Close connections that took too long, and those whose other side does not close them."""
        super().murder_pending()
        while self._closing and self._closing[0][0] <= time.monotonic():
            connection = self._closing.popleft()[1]
            if connection.sock.fileno() >= 0:
                self.poller.unregister(connection.sock)
                self._close(connection)

    def _read_on(self, connection: Connection, client: socket) -> None:
        try:
            more = client.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
            self.poller.unregister(client)
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        self.nr_conns -= 1
        with contextlib.suppress(OSError):
            connection.sock.close()
