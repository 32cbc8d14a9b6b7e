"""Why a flow of netsift and one of NFStream differ: rules that look at the capture, not at the result alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from tests.naive.containers import Record
from tests.naive.link import ETHERNET, IpStart, SkippedError, find_ip

Row = Mapping[str, Any]
Key = tuple[str, int, str, int, int]
"""Two addresses with their ports in order of their text, and the protocol."""

TIMES_BACKWARDS: Final = "times run backwards"
MILLISECONDS: Final = "times cut to milliseconds"
LATER_FRAGMENTS: Final = "later fragments"
CUT_IPV6: Final = "cut IPv6 packets"
LYING_LENGTHS: Final = "lying lengths"
MISSING_PORTS: Final = "ports not captured"
SCTP_PORTS: Final = "SCTP ports"
AUTHENTICATION: Final = "authentication header"
TUNNELS: Final = "IP in IP"
LINK_LAYERS: Final = "link layers"
TCP_HEADER: Final = "impossible TCP header length"
OTHER_PAYLOAD: Final = "payload without TCP, UDP or ICMP"
PART_DIRECTION: Final = "direction of a later part"
VERSIONS: Final = "IPv4 and IPv6 confused"
UNEXPLAINED: Final = "unexplained"

EXPLANATIONS: Final = {
    TIMES_BACKWARDS: "The capture is not in time order. NFStream replaces a time that lies before the latest one so far"
    " by that latest time; netsift keeps each packet's own time and counts no negative gaps.",
    MILLISECONDS: "NFStream cuts times to whole milliseconds, netsift keeps nanoseconds. Differences below 1 ms are not"
    " counted; in these flows a packet falls on the other side of a timeout.",
    LATER_FRAGMENTS: "NFStream drops the later fragments of a datagram; netsift counts them to the datagram's flow.",
    CUT_IPV6: "NFStream drops an IPv6 packet whose end was not captured, though it keeps such IPv4 packets; netsift"
    " counts both with their length on the wire.",
    LYING_LENGTHS: "The IP header's length is 0 or larger than the frame. NFStream believes it, netsift the wire.",
    MISSING_PORTS: "The ports were not captured. NFStream meters the packet with ports 0, netsift skips and counts it.",
    SCTP_PORTS: "NFStream reads no ports of SCTP.",
    AUTHENTICATION: "NFStream meters the authentication header as the protocol, netsift what stands behind it.",
    TUNNELS: "NFStream looks into IP in IP, IPv6 in IPv4 and the like also when told not to; netsift meters the outer"
    " packet unless `--tunnels inner` is given.",
    LINK_LAYERS: "A link layer that only one of them reads.",
    TCP_HEADER: "The TCP data offset is below 5 or runs past the packet. NFStream believes it, netsift takes 20 bytes.",
    OTHER_PAYLOAD: "NFStream knows no payload but that of TCP, UDP and ICMP; for netsift all behind the IP headers is"
    " payload where it knows no header of the protocol (mostly IGMP).",
    PART_DIRECTION: "After an active timeout NFStream takes the next packet's direction for forward; netsift keeps the"
    " conversation's.",
    VERSIONS: "An IPv4 and an IPv6 conversation whose addresses begin with the same bytes are one flow for NFStream.",
    UNEXPLAINED: "No rule applies.",
}  # fmt: skip

_PROTOCOLS_WITH_NFSTREAM_PAYLOAD: Final = frozenset({1, 6, 17, 58})
_PROTOCOLS_WITH_PORTS: Final = frozenset({6, 17})
_TCP, _SCTP, _AUTHENTICATION = 6, 132, 51
_TUNNELS: Final = frozenset({"ipip", "6in4"})
_IPV4_HEADER, _IPV6_HEADER = 20, 40
_PPPOE: Final = b"\x88\x64"


@dataclass(frozen=True, slots=True)
class Difference:
    """Flows of one key that are not equal: how many, in which columns, and netsift's rows.

    The one column is ``flows`` where the two tools have different numbers of them.
    """

    key: Key
    flows: int
    columns: frozenset[str]
    rows: tuple[Row, ...]


class Evidence:
    """What one capture holds that can explain a difference."""

    def __init__(self, records: Sequence[Record], differences: Sequence[Difference], rows: Sequence[Row]) -> None:
        """Look through the records; ``differences`` and netsift's ``rows`` are those of the levelled capture."""
        self._backwards = any(later.time_ns < earlier.time_ns for earlier, later in pairwise(records))
        self._cut_ipv6: set[frozenset[str]] = set()
        self._lying: set[frozenset[str]] = set()
        for record in records:
            self._look_at(record)
        self._other_link = any(record.link_type != ETHERNET or record.data[12:14] == _PPPOE for record in records)
        self._tunnels = any(row["tunnel"] in _TUNNELS for row in rows)
        self._keys = [difference.key for difference in differences]

    def _look_at(self, record: Record) -> None:
        try:
            start = find_ip(record)
        except SkippedError:
            return
        ends, claimed = _header(start)
        on_wire = start.view.wire_end - start.offset
        if not ends:
            return
        if claimed == 0 or claimed > on_wire:
            self._lying.add(ends)
        elif start.version != 4 and claimed > len(record.data) - start.offset:
            self._cut_ipv6.add(ends)

    def cause(self, level: Difference | None, as_it_is: Difference) -> str:
        """Return the cause of a difference; ``level`` is what is left of it in the levelled capture."""
        if level is not None:
            return self._lasting_cause(level)
        if self._backwards:
            return TIMES_BACKWARDS
        return MILLISECONDS if "flows" in as_it_is.columns else UNEXPLAINED

    def _lasting_cause(self, difference: Difference) -> str:
        protocol = difference.key[4]
        ends = frozenset({difference.key[0], difference.key[2]})
        only_payload = all(name.startswith("payload_") for name in difference.columns)
        rules = (
            (any(row["fragments"] for row in difference.rows), LATER_FRAGMENTS),
            (ends in self._cut_ipv6, CUT_IPV6),
            (ends in self._lying, LYING_LENGTHS),
            (protocol == _SCTP, SCTP_PORTS),
            (any(key[4] == _AUTHENTICATION for key in self._keys), AUTHENTICATION),
            (self._tunnels and "flows" in difference.columns, TUNNELS),
            (only_payload and protocol == _TCP, TCP_HEADER),
            (only_payload and protocol not in _PROTOCOLS_WITH_NFSTREAM_PAYLOAD, OTHER_PAYLOAD),
            ("direction" in difference.columns and all(row["part"] > 0 for row in difference.rows), PART_DIRECTION),
            (protocol in _PROTOCOLS_WITH_PORTS and difference.key[1] == difference.key[3] == 0, MISSING_PORTS),
            (self._has_twin(difference.key), VERSIONS),
            (self._other_link, LINK_LAYERS),
        )  # fmt: skip
        return next((cause for holds, cause in rules if holds), UNEXPLAINED)

    def _has_twin(self, key: Key) -> bool:
        return any(other != key and _first_bytes(other) == _first_bytes(key) for other in self._keys)


def _first_bytes(key: Key) -> tuple[bytes, int, bytes, int, int]:
    first, second = (ipaddress.ip_address(address).packed[:4] for address in (key[0], key[2]))
    return first, key[1], second, key[3], key[4]


def _header(start: IpStart) -> tuple[frozenset[str] | None, int]:
    """Return the addresses and the packet length of an IP header; no addresses where it was not captured."""
    data = start.view.data[start.offset :]
    if start.version == 4:
        if len(data) < _IPV4_HEADER:
            return None, 0
        return _ends(data[12:16], data[16:20]), int.from_bytes(data[2:4], "big")
    if len(data) < _IPV6_HEADER:
        return None, 0
    length = int.from_bytes(data[4:6], "big")
    return _ends(data[8:24], data[24:40]), length + _IPV6_HEADER if length else 0


def _ends(source: bytes, destination: bytes) -> frozenset[str]:
    return frozenset(str(ipaddress.ip_address(address)) for address in (source, destination))
