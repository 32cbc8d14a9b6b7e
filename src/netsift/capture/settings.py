"""How live traffic is captured: the ``capture`` section of the configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, le=86_400)]


class CaptureSection(BaseModel):
    """The options of ``netsift watch`` by the same names.

    ``filter`` is an expression of libpcap and ``exclude`` ends whose packets are left out; ``snap_length`` bytes are
    kept of a packet, and ``ring_mib`` MiB of them wait. ``processes`` share an interface. A folder's newest file is
    finished after ``settled_s``; running flows are looked at every ``snapshot_s``, or not at all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    filter: Annotated[str, Field(max_length=10_000)] = ""
    exclude: Annotated[tuple[str, ...], Field(max_length=1_000)] = ()
    promiscuous: bool = False
    snap_length: Annotated[int, Field(ge=96, le=262_144)] = 512
    ring_mib: Annotated[int, Field(ge=2, le=4_096)] = 64
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    user: str | None = None
    settled_s: Seconds = 60.0
    tunnels: Literal["outer", "inner"] = "outer"
    snapshot_s: Annotated[float, Field(ge=1, le=86_400)] | None = None
