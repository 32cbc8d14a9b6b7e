"""What questions to flow files take and give: settings, pages' columns, series, facets, talkers, totals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SHOWN: Final = (
    "start_time", "end_time", "src_ip", "src_port", "dst_ip", "dst_port", "protocol", "duration_us", "packets", "bytes",
    "packets_fwd", "packets_bwd", "bytes_fwd", "bytes_bwd", "conn_state", "end_reason", "payload_kind_fwd",
    "payload_kind_bwd", "tunnel", "vlan_id",
)  # fmt: skip
"""Columns of a flow in a list."""

FACETS: Final = ("protocol", "dst_port", "conn_state", "payload_kind_fwd", "tunnel", "src_ip", "dst_ip")
"""Columns whose commonest values are worth a look."""


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """How much is held in memory, and what a question may take.

    ``held_rows`` are buffered at most before they are written, for ``held_s`` at most when flows keep coming;
    ``most_hours`` are the hours of one write that get files of their own. A question may take ``query_s`` and
    ``memory_bytes`` on ``threads``.
    """

    held_rows: int = 100_000
    held_s: float = 30.0
    most_hours: int = 256
    query_s: float = 30.0
    memory_bytes: int = 1 << 30
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Series:
    """Flows by time: of those that began in ``step_s`` from each of ``starts_ns`` on, how many there were and sums.

    A flow counts as a whole where it began. Times without flows have zeros.
    """

    step_s: int
    starts_ns: list[int]
    flows: list[int]
    packets: list[int]
    bytes: list[int]


@dataclass(frozen=True, slots=True)
class Facet:
    """A value of a column and the flows that have it; ``value`` is None where the column is null."""

    value: str | int | None
    flows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Talkers:
    """Two hosts, the first of which began the flows, and what they said."""

    source: str
    target: str
    flows: int
    packets: int
    bytes_forward: int
    bytes_backward: int


@dataclass(frozen=True, slots=True)
class Totals:
    """How many flows, packets and bytes; ``first_ns`` and ``last_ns`` are the starts of the first and last flow."""

    flows: int
    packets: int
    bytes: int
    first_ns: int | None
    last_ns: int | None
