"""Which flows are asked for: filters that become conditions of SQL with bound parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_network
from typing import Any, Final

from netsift.errors import UsageError
from netsift.flows.schema import CONNECTION_STATES, PAYLOAD_KINDS

LAST_PORT: Final = 65_535

_IPV4_OF: Final = (
    "(try_cast(split_part({side}, '.', 1) AS BIGINT) * 16777216"
    " + try_cast(split_part({side}, '.', 2) AS BIGINT) * 65536"
    " + try_cast(split_part({side}, '.', 3) AS BIGINT) * 256"
    " + try_cast(split_part({side}, '.', 4) AS BIGINT))"
)
"""An IPv4 address in text as a number, null for anything else."""

_GROUPS: Final = (
    "list_transform(list_filter(string_split({text}, ':'), lambda word: word <> ''),"
    " lambda word: try_cast('0x' || word AS UHUGEINT))"
)
_BEFORE, _AFTER = (_GROUPS.format(text=f"split_part({{side}}, '::', {place})") for place in (1, 2))
_MAPPED: Final = _IPV4_OF.format(side="substr({side}, 8)")
_IPV6_OF: Final = (
    f"(CASE WHEN starts_with({{side}}, '::ffff:') AND contains({{side}}, '.')"
    f" THEN 281470681743360::UHUGEINT + {_MAPPED}::UHUGEINT"
    f" WHEN contains({{side}}, ':') THEN list_reduce({_BEFORE}"
    f" || list_resize([]::UHUGEINT[], greatest(8 - len({_BEFORE}) - len({_AFTER}), 0), 0) || {_AFTER},"
    f" lambda high, low: high * 65536 + low) END)"
)
"""An IPv6 address in text (RFC 5952) as a number, null for anything else."""
_ONE_OF: Final = (
    "{side} IN (SELECT address FROM (SELECT DISTINCT {side} AS address FROM flows WHERE contains({side}, ':'))"
)
"""The beginning of a condition on addresses, so that a number is worked out once for each of them."""

Condition = tuple[str, dict[str, Any]]


class FlowOrder(StrEnum):
    """By what flows are ordered; a minus means the greatest first."""

    START = "start"
    START_LAST = "-start"
    DURATION = "duration"
    DURATION_LAST = "-duration"
    BYTES = "bytes"
    BYTES_LAST = "-bytes"
    PACKETS = "packets"
    PACKETS_LAST = "-packets"

    @property
    def descending(self) -> bool:
        """Whether the greatest comes first."""
        return self.value.startswith("-")

    @property
    def expression(self) -> str:
        """The number that is ordered by, in SQL."""
        return _ORDERS[self.value.removeprefix("-")]


_ORDERS: Final = {"start": "start_time", "duration": "duration_us", "bytes": "bytes", "packets": "packets"}


@dataclass(frozen=True, slots=True)
class FlowFilter:
    """What flows have to be; what is empty or None asks for nothing, of several values any will do.

    They begin in the time (``begins_ns`` inclusive, ``ends_ns`` exclusive). ``host`` is either end, ``source`` and
    ``target`` are one; each is an address or a network, of IPv4 or IPv6. ``port`` is either port, ``target_port`` that
    of the target.
    """

    begins_ns: int | None = None
    ends_ns: int | None = None
    host: str = ""
    source: str = ""
    target: str = ""
    port: int | None = None
    target_port: int | None = None
    protocols: tuple[int, ...] = ()
    states: tuple[str, ...] = ()
    payloads: tuple[str, ...] = ()
    least_bytes: int | None = None

    def conditions(self) -> Iterator[Condition]:
        """Yield conditions with their parameters. Raises UsageError for a value that makes no sense."""
        if self.begins_ns is not None:
            yield "start_time >= make_timestamp_ns($begins)::TIMESTAMPTZ_NS", {"begins": _time(self.begins_ns)}
        if self.ends_ns is not None:
            yield "start_time < make_timestamp_ns($ends)::TIMESTAMPTZ_NS", {"ends": _time(self.ends_ns)}
        for name, host, sides in (
            ("host", self.host, ("src_ip", "dst_ip")),
            ("source", self.source, ("src_ip",)),
            ("target", self.target, ("dst_ip",)),
        ):
            if host:
                yield _within(name, host, sides)
        yield from self._of_ports()
        if self.protocols:
            yield "list_contains($protocols, protocol)", {"protocols": list(self.protocols)}
        if self.states:
            yield "list_contains($states, conn_state)", {"states": _known(self.states, CONNECTION_STATES)}
        if self.payloads:
            kinds = {"payloads": _known(self.payloads, PAYLOAD_KINDS)}
            yield "(list_contains($payloads, payload_kind_fwd) OR list_contains($payloads, payload_kind_bwd))", kinds
        if self.least_bytes is not None:
            yield "bytes >= $least_bytes", {"least_bytes": self.least_bytes}

    def _of_ports(self) -> Iterator[Condition]:
        for port in (self.port, self.target_port):
            if port is not None and not 0 <= port <= LAST_PORT:
                raise UsageError(f"a port is 0 to {LAST_PORT}, not {port}")
        if self.port is not None:
            yield "(src_port = $port OR dst_port = $port)", {"port": self.port}
        if self.target_port is not None:
            yield "dst_port = $target_port", {"target_port": self.target_port}


def _within(name: str, host: str, sides: tuple[str, ...]) -> Condition:
    """Return the condition that one of some addresses is a host or in a network."""
    try:
        network = ip_network(host, strict=False)
    except ValueError:
        return _any(sides, f"{{side}} = ${name}"), {name: host}
    if network.prefixlen == network.max_prefixlen:
        return _any(sides, f"{{side}} = ${name}"), {name: str(network.network_address)}
    low, high = network.network_address, network.broadcast_address
    if isinstance(low, IPv6Address):
        number = _IPV6_OF.format(side="address")
        condition = f"{_ONE_OF} WHERE {number} BETWEEN ${name}_low::UHUGEINT AND ${name}_high::UHUGEINT)"
        return _any(sides, condition), {f"{name}_low": str(int(low)), f"{name}_high": str(int(high))}
    condition = f"{_IPV4_OF} BETWEEN ${name}_low AND ${name}_high"
    return _any(sides, condition), {f"{name}_low": int(low), f"{name}_high": int(high)}


def _any(sides: tuple[str, ...], condition: str) -> str:
    return f"({' OR '.join(condition.format(side=side) for side in sides)})"


def _known(asked: tuple[str, ...], names: tuple[str, ...]) -> list[str]:
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise UsageError(f"{unknown[0][:40]!r} is none of {', '.join(names)}")
    return list(asked)


def _time(time_ns: int) -> int:
    return min(max(time_ns, -(2**63) + 1), 2**63 - 1)
