"""Which sinks there are: the ``sinks`` section of the configuration."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Field, SecretStr, model_validator

from netsift.errors import InputError
from netsift.sinks.base import Sink
from netsift.sinks.delivery import Delivery
from netsift.sinks.lines import LinesSink
from netsift.sinks.messages import TextFormat
from netsift.sinks.spool import Spool
from netsift.sinks.syslog import SyslogSink, Transport
from netsift.sinks.webhook import WebhookSink

MOST_SINKS: Final = 32
_MOST_SECRET_BYTES: Final = 1 << 16


class FileSettings(BaseModel):
    """Lines at the end of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["file"]
    path: Path
    format: TextFormat = TextFormat.ECS

    def sink(self) -> Sink:
        """Return the sink."""
        return LinesSink(self.path.expanduser(), self.format)

    def address(self) -> str:
        """Return what tells this receiver from others."""
        return str(self.path)


class SyslogSettings(BaseModel):
    """A syslog server; ``authorities`` are certificates (PEM) to be trusted in place of the system's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["syslog"]
    host: Annotated[str, Field(min_length=1, max_length=255)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 514
    transport: Transport = Transport.TCP
    format: TextFormat = TextFormat.ECS
    authorities: Path | None = None

    def sink(self) -> Sink:
        """Return the sink."""
        return SyslogSink(self.host, self.port, self.transport, self.format, self.authorities)

    def address(self) -> str:
        """Return what tells this receiver from others."""
        return f"{self.transport}://{self.host}:{self.port}"


class WebhookSettings(BaseModel):
    """A web address and the secret with which messages to it are signed, or the file that holds it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["webhook"]
    url: SecretStr
    secret: SecretStr | None = None
    secret_file: Path | None = None
    format: TextFormat = TextFormat.ECS

    @model_validator(mode="after")
    def has_one_secret(self) -> WebhookSettings:
        """Ask for the secret or its file, and not for both."""
        if (self.secret is None) == (self.secret_file is None):
            raise ValueError("a web hook needs either a secret or a secret_file")
        return self

    def sink(self) -> Sink:
        """Return the sink. Raises InputError when the secret's file cannot be read, UsageError for no such address."""
        return WebhookSink(self.url.get_secret_value(), self._secret(), self.format)

    def address(self) -> str:
        """Return what tells this receiver from others."""
        return self.url.get_secret_value()

    def _secret(self) -> str:
        if self.secret is not None:
            return self.secret.get_secret_value()
        path = Path(str(self.secret_file))
        try:
            with path.open("rb") as file:
                text = file.read(_MOST_SECRET_BYTES).decode().strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: {getattr(error, 'strerror', None) or 'holds no text'}") from None
        if not text:
            raise InputError(f"{path}: holds no secret")
        return text


SinkSettings = Annotated[FileSettings | SyslogSettings | WebhookSettings, Field(discriminator="kind")]


class SinksSettings(BaseModel):
    """Where alerts are told; each receiver has a spool of at most ``spool_bytes``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: Annotated[tuple[SinkSettings, ...], Field(max_length=MOST_SINKS)] = ()
    spool_bytes: Annotated[ByteSize, Field(ge=1 << 16, le=1 << 50)] = ByteSize(100 << 20)


def deliveries(settings: SinksSettings, folder: Path) -> list[Delivery]:
    """Return the deliveries of all sinks, not started, with their spools in a folder.

    A spool's name follows from its receiver, so that what waits is found again however the list is changed.

    Raises:
        InputError, UsageError: a sink makes no sense.
        StoreError: a spool cannot be opened.
    """
    made: list[Delivery] = []
    for one in settings.to:
        digest = hashlib.sha256(f"{one.kind} {one.format} {one.address()}".encode()).hexdigest()[:12]
        made.append(Delivery(one.sink(), Spool(folder / f"{one.kind}-{digest}.db", settings.spool_bytes)))
    return made
