"""Where things are kept and for how long: the ``store`` section of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ByteSize, ConfigDict, Field, SecretStr

MEBIBYTE: Final = 1 << 20
GIBIBYTE: Final = 1 << 30

Days = Annotated[float, Field(gt=0, le=36_500)]
Bytes = Annotated[ByteSize, Field(ge=MEBIBYTE, le=1 << 50)]
"""A number of bytes, also as text: ``20GB`` or ``20GiB``."""


class StoreSettings(BaseModel):
    """What is kept.

    ``data`` is the folder of everything; ``database`` the URL of the alerts' database where it is not a file there.
    Flows are deleted when they are older than ``flow_days`` or more than ``flow_bytes``, the oldest first; alerts that
    were last seen ``alert_days`` ago, and lines of the audit log after ``audit_days``. ``packet_bytes`` are kept for
    evidence; none unless given. None means for ever.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Path("~/.local/share/netsift")
    database: SecretStr | None = None
    flow_days: Days | None = 30.0
    flow_bytes: Bytes | None = ByteSize(20 * GIBIBYTE)
    alert_days: Days | None = 400.0
    audit_days: Days | None = 400.0
    packet_bytes: Bytes | None = None

    @property
    def folder(self) -> Path:
        """The folder of everything, ``~`` replaced."""
        return self.data.expanduser()

    @property
    def database_url(self) -> str | Path:
        """What :func:`netsift.store.opening.open_store` opens."""
        return self.folder / "netsift.db" if self.database is None else self.database.get_secret_value()

    @property
    def flows_folder(self) -> Path:
        """What :class:`netsift.store.flows.FlowStore` opens."""
        return self.folder / "flows"

    @property
    def packets_folder(self) -> Path:
        """What :class:`netsift.store.packets.PacketRing` opens."""
        return self.folder / "packets"
