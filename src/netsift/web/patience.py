"""A worker whose threads wait for nobody: what comes slowly is waited for without one.

A thread of gunicorn's gthread worker reads a request as slowly as it is sent, so as many slow clients as there are
threads would keep everybody else out (RFC 9112, section 9.5, leaves the patience to the server). Here the loop that
accepts connections looks at what has come without taking it (``MSG_PEEK``), and hands a request to a thread when its
head is whole, and its body too where that is short. Uploads, and what has large answers, get a thread each while there
are some to spare, and uploads a time that follows from their size.
"""

from __future__ import annotations

import re
import selectors
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any, Final

from gunicorn.workers.gthread import TConn, ThreadWorker

HEAD_S: Final = 10.0
"""So long a request's head, and a short body, may take."""
UPLOAD_WAITS_S: Final = 120.0
"""So long an upload, or what has a large answer, may wait for a thread."""
SILENCE_S: Final = 10.0
"""So long a client may send or take nothing while a thread is busy with it."""
LEAST_RATE: Final = 16_384
"""Bytes per second that an upload must reach, apart from its first :data:`SILENCE_S`."""

_SHORT_BODY: Final = 32_768
_MOST_PEEKED: Final = 65_536
_MOST_LENGTH: Final = 1 << 50
_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_LARGE_ANSWER: Final = re.compile(rb"GET /(?:static/|api/[^ ?]+/evidence)")


def wanted(peeked: bytes) -> tuple[int, int]:
    """Return how many bytes of a request must be there before a thread reads it, and how long its body is.

    The first is 0 where more of the head is needed; bodies of unknown length count as the longest.
    """
    head, end, _ = peeked.partition(_END)
    if not end:
        return (1, 0) if len(peeked) >= _MOST_PEEKED // 2 else (0, 0)
    lines = head + b"\r\n"
    if _CHUNKED.search(lines):
        return 1, _MOST_LENGTH
    found = _LENGTH.search(lines)
    length = int(found[1]) if found else 0
    return (len(head) + len(end) + length if length <= _SHORT_BODY else 1), length


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's worker with threads, which are given whole requests; who is accepted is to be waited for."""

    def __init__(self, *arguments: Any, **names: Any) -> None:
        """Start with nobody connected."""
        super().__init__(*arguments, **names)
        self._heads: dict[TConn, float] = {}
        self._uploads: deque[tuple[TConn, float, int]] = deque()
        self._uploading: dict[TConn, int] = {}

    @property
    def _most_uploads(self) -> int:
        return max(int(self.cfg.threads) // 2, 1)

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Wait for the next request of a connection that was kept."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self.wait_for_head(conn)

    def murder_pending(self) -> None:
        """Close what took too long."""
        super().murder_pending()
        now_s = time.monotonic()
        for conn in [one for one, ends_s in self._heads.items() if ends_s < now_s]:
            self._leave_poller(conn)
            self._drop(conn)
        while self._uploads and self._uploads[0][1] < now_s:
            self._drop(self._uploads.popleft()[0])

    def finish_request(self, conn: TConn, future: Any) -> None:
        """Take a connection back from a thread."""
        self.give_thread_back(conn)
        super().finish_request(conn, future)

    def give_thread_back(self, conn: TConn) -> None:
        """Give the thread that a connection had to an upload that waits."""
        self._uploading.pop(conn, None)
        while self._uploads and len(self._uploading) < self._most_uploads:
            waiting, _, length = self._uploads.popleft()
            self._upload(waiting, length)

    def handle_request(self, request: Any, conn: TConn) -> Any:
        """Answer a request; one whose client does nothing, or uploads too slowly, is ended."""
        conn.sock.settimeout(SILENCE_S)
        length = self._uploading.get(conn, 0)
        if not length:
            return super().handle_request(request, conn)
        timer = threading.Timer(SILENCE_S + length / LEAST_RATE, partial(_end, conn.sock))
        timer.daemon = True
        timer.start()
        try:
            return super().handle_request(request, conn)
        finally:
            timer.cancel()

    def wait_for_head(self, conn: TConn) -> None:
        """Watch a connection until its next request is whole."""
        conn.sock.setblocking(False)
        self._heads[conn] = time.monotonic() + HEAD_S
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._look, conn))

    def _look(self, conn: TConn, client: socket.socket) -> None:
        """Look at what has come, and go on with the request or wait for more."""
        try:
            peeked = client.recv(_MOST_PEEKED, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            peeked = b""
        needed, length = wanted(peeked)
        if peeked and (not needed or len(peeked) < needed):
            # Called again when there is more than that.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, max(needed, len(peeked) + 1))
            return
        self._leave_poller(conn)
        if not peeked:
            self._drop(conn)
        elif length <= _SHORT_BODY and not _LARGE_ANSWER.match(peeked):
            self._hand_on(conn)
        elif len(self._uploading) < self._most_uploads:
            self._upload(conn, length)
        else:
            self._uploads.append((conn, time.monotonic() + UPLOAD_WAITS_S, length))

    def _upload(self, conn: TConn, length: int) -> None:
        self._uploading[conn] = length
        self._hand_on(conn)

    def _hand_on(self, conn: TConn) -> None:
        with suppress(OSError):
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        conn.data_ready = True
        self.enqueue_req(conn)

    def _leave_poller(self, conn: TConn) -> None:
        del self._heads[conn]
        with suppress(KeyError, ValueError, OSError):
            self.poller.unregister(conn.sock)

    def _drop(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
