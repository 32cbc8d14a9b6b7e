"""Alerts to a syslog server: RFC 5424 messages over UDP (RFC 5426), TCP (RFC 6587, octet counting) or TLS (RFC 5425).

UDP loses what it loses. Over TCP and TLS the server says nothing when it has a message, so what was on its way when the
connection broke is lost or doubled: the last messages before a break are sent again, as the alert's id tells.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from netsift.alerts.schema import Alert, utc_text
from netsift.sinks.base import RefusedError, SendError
from netsift.sinks.messages import TextFormat, text_of
from netsift.sinks.spool import Message

TIMEOUT_S: Final = 10.0
LONGEST_DATAGRAM: Final = 65_000
"""Bytes of a message over UDP; a longer one fits into no datagram."""

_FACILITY: Final = 10  # security and authorisation (RFC 5424, table 1)
_SEVERITY: Final = {"critical": 2, "high": 3, "medium": 4, "low": 5}
_SENT_AGAIN: Final = 20
"""Messages sent again when a connection breaks: what may have been on its way."""


class Transport(StrEnum):
    """How messages travel."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class SyslogSink:
    """Sends to one server, over a connection that is kept."""

    def __init__(
        self, host: str, port: int, transport: Transport, text_format: TextFormat = TextFormat.ECS,
        authorities: Path | None = None,
    ) -> None:  # fmt: skip
        """Connect to nothing yet; ``authorities`` are certificates (PEM) to be trusted in place of the system's."""
        self.name = f"syslog {host}:{port} ({transport})"
        self._address = (host, port)
        self._transport = transport
        self._format = text_format
        self._authorities = authorities
        self._socket: socket.socket | None = None
        self._latest: deque[bytes] = deque(maxlen=_SENT_AGAIN)

    def message(self, alert: Alert) -> bytes:
        """Return an alert as an RFC 5424 message, its id as MSGID."""
        priority = _FACILITY * 8 + _SEVERITY[alert.severity]
        head = f"<{priority}>1 {utc_text(alert.end_ns)} {_host_name()} netsift {os.getpid()} {_word(alert.id)} -"
        return f"{head} {text_of(alert, self._format)}".encode()

    def send(self, messages: Sequence[Message]) -> int:
        """Send messages; raises SendError when the server cannot be reached, RefusedError for too long a datagram."""
        sent = 0
        try:
            for one in messages:
                if self._transport is Transport.UDP and len(one.body) > LONGEST_DATAGRAM:
                    if sent:
                        return sent
                    raise RefusedError(f"{self.name}: a message of {len(one.body):,} bytes fits into no datagram")
                self._send_one(one.body)
                sent += 1
        except OSError as error:
            self.close()
            if not sent:
                raise SendError(f"{self.name}: {error.strerror or error}") from None
        return sent

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send_one(self, body: bytes) -> None:
        if self._socket is not None and self._transport is not Transport.UDP and _is_closed(self._socket):
            self.close()
        if self._socket is None:
            self._socket = self._connected()
            for earlier in self._latest:
                self._socket.sendall(earlier)
        if self._transport is Transport.UDP:
            self._socket.send(body)
            return
        frame = b"%d %b" % (len(body), body)
        self._socket.sendall(frame)
        self._latest.append(frame)

    def _connected(self) -> socket.socket:
        if self._transport is Transport.UDP:
            family, kind, protocol, _, address = socket.getaddrinfo(*self._address, type=socket.SOCK_DGRAM)[0]
            made = socket.socket(family, kind, protocol)
            made.connect(address)
            return made
        plain = socket.create_connection(self._address, timeout=TIMEOUT_S)
        if self._transport is Transport.TCP:
            return plain
        context = ssl.create_default_context(cafile=None if self._authorities is None else str(self._authorities))
        return context.wrap_socket(plain, server_hostname=self._address[0])


def _is_closed(connection: socket.socket) -> bool:
    """Return whether the other side has closed a connection over which it never says anything."""
    connection.setblocking(False)
    try:
        return not connection.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(TIMEOUT_S)


def _host_name() -> str:
    return _word(socket.gethostname())[:255] or "-"


def _word(text: str) -> str:
    """Return printable ASCII without spaces, as RFC 5424 section 6 asks of header fields."""
    return "".join(letter if "!" <= letter <= "~" else "_" for letter in text)[:32] or "-"
