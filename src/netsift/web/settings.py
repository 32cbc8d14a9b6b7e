"""How the web application is run: the ``web`` section of the configuration, and what a server takes from the others."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ByteSize, ConfigDict, Field

MEBIBYTE: Final = 1 << 20
GIBIBYTE: Final = 1 << 30

Bytes = Annotated[ByteSize, Field(ge=MEBIBYTE, le=1 << 50)]
"""A number of bytes, also as text: ``20GB`` or ``20GiB``."""


class WebOptions(BaseModel):
    """Where the server listens, and its limits.

    ``allowed_hosts`` are further names by which browsers may ask for it; ``behind_tls`` says that a proxy in front
    speaks HTTPS, so that cookies are sent over it alone. ``demonstration`` looks at simulated traffic where nothing was
    looked at yet. An upload has at most ``most_upload_bytes``, all together ``upload_quota_bytes``; ``jobs_at_once``
    processes look at them, each with at most ``job_memory_bytes``, of which tables reserve half and rarely use it.
    ``most_event_streams`` pages may watch at once; a session lasts ``session_hours``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, Field(min_length=1, max_length=255)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 5000
    allowed_hosts: tuple[str, ...] = ()
    behind_tls: bool = False
    demonstration: bool = True
    most_upload_bytes: Bytes = ByteSize(4 * GIBIBYTE)
    upload_quota_bytes: Bytes = ByteSize(20 * GIBIBYTE)
    job_memory_bytes: Bytes = ByteSize(4 * GIBIBYTE)
    jobs_at_once: Annotated[int, Field(ge=1, le=64)] = 1
    most_event_streams: Annotated[int, Field(ge=1, le=10_000)] = 32
    session_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 12.0

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can reach the server."""
        return is_loopback(self.host)


class WebSettings(WebOptions):
    """Settings of one server.

    ``data`` is the folder of everything that is kept: alerts, flows, uploads, models, secret key; ``database`` the URL
    of another alert database. ``shown`` are the values in force as the page shows them: name, value, origin.
    """

    data: Path
    database: Annotated[str, Field(repr=False)] = ""
    model: Path | None = None
    false_positive_rate: Annotated[float, Field(gt=0, lt=1)] = 0.01
    flow_days: float | None = 30.0
    flow_bytes: int | None = 20 * GIBIBYTE
    alert_days: float | None = 400.0
    audit_days: float | None = 400.0
    shown: tuple[tuple[str, str, str], ...] = ()

    @property
    def database_url(self) -> str | Path:
        """Where the alert database is: the URL, or a file in the data folder."""
        return self.database or self.data / "netsift.db"


def is_loopback(host: str) -> bool:
    """Return whether an address or name is this machine's own: ``localhost``, 127.0.0.0/8 or ::1 (RFC 6890)."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
