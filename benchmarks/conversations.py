"""Totals per conversation, from netsift's flows and from tshark, in the same form.

``tshark -z conv,tcp`` counts frames exactly but prints bytes rounded and with link headers. So packets per TCP and UDP
conversation come from there, and packets and IP bytes per pair of addresses from the fields of each packet's outermost
IP header.
"""

from __future__ import annotations

import ipaddress
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

Ends = tuple[str, str]
Ports = tuple[str, int, str, int, int]

TSHARK: Final = "tshark"
_FIELDS: Final = ("frame.protocols", "ip.src", "ip.dst", "ip.len", "ipv6.src", "ipv6.dst", "ipv6.plen")
_PREFERENCES: Final = ("ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE")
_IPV6_HEADER: Final = 40
_SECTIONS: Final = {"TCP Conversations": 6, "UDP Conversations": 17}
_CONVERSATION: Final = re.compile(r"(\S+):(\d+)\s+<-> (\S+):(\d+)\s+(\d+) .*? (\d+) ")


@dataclass(slots=True)
class Totals:
    """Packets and IP bytes by pair of addresses, and packets by TCP or UDP conversation."""

    packets: Counter[Ends] = field(default_factory=Counter)
    bytes: Counter[Ends] = field(default_factory=Counter)
    conversations: Counter[Ports] = field(default_factory=Counter)


def has_tshark() -> bool:
    """Return whether tshark is installed here."""
    return shutil.which(TSHARK) is not None


def netsift_totals(rows: Iterable[Mapping[str, Any]]) -> Totals:
    """Add up flows."""
    totals = Totals()
    for row in rows:
        ends = _ends(row["src_ip"], row["dst_ip"])
        totals.packets[ends] += row["packets"]
        totals.bytes[ends] += row["bytes"]
        if row["protocol"] in _SECTIONS.values() and row["src_port"] is not None:
            first, second = (row["src_ip"], row["src_port"]), (row["dst_ip"], row["dst_port"])
            totals.conversations[_ports(first, second, row["protocol"])] += row["packets"]
    return totals


def tshark_totals(path: Path) -> Totals:
    """Let tshark add up a capture. Raises RuntimeError when it fails."""
    command = [TSHARK, "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=f"]
    command += [part for name in _FIELDS for part in ("-e", name)]
    command += [part for preference in _PREFERENCES for part in ("-o", preference)]
    fields = _run(command)
    command = [TSHARK, "-n", "-q", "-r", str(path), "-z", "conv,tcp", "-z", "conv,udp"]
    command += [part for preference in _PREFERENCES for part in ("-o", preference)]
    totals = Totals()
    for line in fields.splitlines():
        _add_packet(totals, line.split("\t"))
    _add_conversations(totals, _run(command))
    return totals


def _run(command: list[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode not in (0, 2):  # 2: the capture is cut in the middle of a packet, the rest was read
        raise RuntimeError(f"tshark ended with status {result.returncode}: {result.stderr.strip()}")
    return result.stdout


def _add_packet(totals: Totals, values: list[str]) -> None:
    protocols, *addresses = values
    outermost = next((name for name in protocols.split(":") if name in ("ip", "ipv6")), None)
    if outermost is None:
        return
    source, destination, length = addresses[:3] if outermost == "ip" else addresses[3:]
    if not source:
        return
    ends = _ends(source, destination)
    totals.packets[ends] += 1
    totals.bytes[ends] += int(length) + (_IPV6_HEADER if outermost == "ipv6" else 0)


def _add_conversations(totals: Totals, text: str) -> None:
    protocol = 0
    for line in text.splitlines():
        protocol = _SECTIONS.get(line.strip(), protocol)
        found = _CONVERSATION.match(line)
        if found:
            source, source_port, destination, destination_port, backward, forward = found.groups()
            key = _ports((source, int(source_port)), (destination, int(destination_port)), protocol)
            totals.conversations[key] += int(backward) + int(forward)


def _ends(first: str, second: str) -> Ends:
    low, high = sorted((str(ipaddress.ip_address(first)), str(ipaddress.ip_address(second))))
    return low, high


def _ports(first: tuple[str, int], second: tuple[str, int], protocol: int) -> Ports:
    low, high = sorted((str(ipaddress.ip_address(address)), port) for address, port in (first, second))
    return (*low, *high, protocol)
