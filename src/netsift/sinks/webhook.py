"""Alerts to a web address: one POST each, signed, with a key by which the receiver knows what it has already."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from netsift import __version__
from netsift.alerts.schema import Alert
from netsift.errors import UsageError
from netsift.sinks.base import RefusedError, SendError
from netsift.sinks.messages import TextFormat, text_of
from netsift.sinks.spool import Message

TIMEOUT_S: Final = 10.0
SIGNATURE: Final = "Netsift-Signature"
"""Header ``t=SECONDS,v1=HEX``: HMAC-SHA-256 (RFC 2104) of the seconds since 1970, a full stop and the body."""

_AGAIN: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_MOST_ANSWER: Final = 1 << 16


class WebhookSink:
    """Posts to one address. Redirections are not followed, because they would carry alerts elsewhere."""

    def __init__(
        self, url: str, secret: str, text_format: TextFormat = TextFormat.ECS, now: Callable[[], float] = time.time
    ) -> None:
        """Connect to nothing yet. Raises UsageError for an address that is no http or https one."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError("the address of a web hook begins with https:// or http://")
        self.name = f"web hook {parts.scheme}://{parts.hostname}"
        self._parts = parts
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._secret = secret.encode()
        self._format = text_format
        self._now = now
        self._connection: http.client.HTTPConnection | None = None

    def message(self, alert: Alert) -> bytes:
        """Return an alert as a body."""
        return text_of(alert, self._format).encode()

    def send(self, messages: Sequence[Message]) -> int:
        """Post messages; raises SendError or RefusedError of the first one that is not taken, if none was."""
        for sent, one in enumerate(messages):
            try:
                self._post(one)
            except (SendError, RefusedError):
                if sent:
                    return sent
                raise
        return len(messages)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, message: Message) -> None:
        try:
            if self._connection is None:
                kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
                self._connection = kind(str(self._parts.hostname), self._parts.port, timeout=TIMEOUT_S)
            self._connection.request("POST", self._path, message.body, self._headers(message))
            answer = self._connection.getresponse()
            answer.read(_MOST_ANSWER)
            if not answer.isclosed():
                self.close()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise SendError(f"{self.name}: {str(error) or type(error).__name__}") from None
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return
        said = f"{self.name}: answers {answer.status}"
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _AGAIN:
            raise SendError(said)
        raise RefusedError(said)

    def _headers(self, message: Message) -> dict[str, str]:
        seconds = int(self._now())
        signed = hmac.new(self._secret, b"%d." % seconds + message.body, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "text/plain" if self._format is TextFormat.CEF else "application/json",
            "User-Agent": f"netsift/{__version__}",
            "Idempotency-Key": message.alert.encode("ascii", "replace").decode(),
            SIGNATURE: f"t={seconds},v1={signed}",
        }
