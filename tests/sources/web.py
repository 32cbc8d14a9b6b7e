"""A web server on this machine that serves, breaks off, redirects and lies as a test asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase

PIECE = 1 << 16


@dataclass
class Behaviour:
    """How the server answers, pausing in the middle of the file, and what it was asked."""

    content: bytes = b""
    tag: str | None = '"one"'
    modified: str | None = None
    ranges: bool = True
    shifted: int = 0
    breaks_off_after: int | None = None
    says_length: bool = True
    announced: int | None = None
    kind: str = "application/octet-stream"
    status: int = 200
    location: str | None = None
    endless: bool = False
    pause_s: float = 0.0
    requested: list[str | None] = field(default_factory=list)


def write_halves(file: BufferedIOBase, body: bytes, pause_s: float) -> None:
    """Write a file with a pause in its middle."""
    half = len(body) // 2
    file.write(body[:half])
    time.sleep(pause_s)
    file.write(body[half:])


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """Yield the address of a file on a server that behaves so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            behaviour.requested.append(self.headers.get("Range"))
            if behaviour.location is not None:
                self.send_response(302)
                self.send_header("Location", behaviour.location)
                self.end_headers()
            elif behaviour.status != 200:
                self.send_error(behaviour.status)
            else:
                self._send_content()

        def _send_content(self) -> None:
            start = self._start()
            whole = len(behaviour.content)
            if start is not None and start >= whole:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{whole}")
                self.end_headers()
                return
            self.send_response(200 if start is None else 206)
            if start is not None:
                self.send_header("Content-Range", f"bytes {start + behaviour.shifted}-{whole - 1}/{whole}")
            for name, value in (("ETag", behaviour.tag), ("Last-Modified", behaviour.modified)):
                if value:
                    self.send_header(name, value)
            if behaviour.says_length:
                length = whole - (start or 0) if behaviour.announced is None else behaviour.announced
                self.send_header("Content-Length", str(length))
            self.send_header("Content-Type", behaviour.kind)
            self.end_headers()
            self._send_body(behaviour.content[start or 0 : behaviour.breaks_off_after])

        def _start(self) -> int | None:
            asked = self.headers.get("Range")
            same = self.headers.get("If-Range") in (behaviour.tag, behaviour.modified)
            return int(asked.removeprefix("bytes=").rstrip("-")) if asked and same and behaviour.ranges else None

        def _send_body(self, body: bytes) -> None:
            try:
                write_halves(self.wfile, body, behaviour.pause_s)
                while behaviour.endless:
                    self.wfile.write(bytes(PIECE))
            except (BrokenPipeError, ConnectionResetError):
                behaviour.endless = False

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/file.bin"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
