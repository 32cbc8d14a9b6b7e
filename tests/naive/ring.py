"""Records out of one block of a TPACKET_V3 receive ring (linux/if_packet.h), VLAN tags put back as libpcap does."""

from __future__ import annotations

import struct
from collections import Counter

from .containers import NANOSECONDS, Record

_BLOCK_HEADER, _PACKET_HEADER = 48, 48
_ETHERNET = 1
_VLAN_VALID, _VLAN_PROTOCOL_VALID = 1 << 4, 1 << 6


def read_block(block: bytearray, link_type: int = _ETHERNET, order: str = "<") -> tuple[list[Record], Counter[str]]:
    """Return the records of a block, and how many packets were ``cut``, had a ``tag`` or are ``damaged``.

    A tag is put back within the block, which matters where damaged headers make packets overlap.
    """
    counts: Counter[str] = Counter()
    records: list[Record] = []
    if len(block) < _BLOCK_HEADER:
        return records, counts
    packets, position = struct.unpack_from(order + "II", block, 12)
    for number in range(packets):
        if not _BLOCK_HEADER <= position <= len(block) - _PACKET_HEADER:
            counts["damaged"] = packets - number
            break
        following, seconds, nanoseconds, captured, length, status, mac, _, _, tci, tpid = struct.unpack_from(
            order + "IIIIIIHHIIH", block, position
        )
        start = position + mac
        data = bytes(block[start : start + captured])
        if mac < _PACKET_HEADER or start + captured > len(block):
            counts["damaged"] = packets - number
            break
        length = max(length, captured)
        counts["cut"] += captured < length
        has_tag = tci != 0 or status & _VLAN_VALID
        if has_tag and link_type == _ETHERNET and captured >= 12 and mac >= _PACKET_HEADER + 4:
            protocol = tpid if status & _VLAN_PROTOCOL_VALID and tpid else 0x8100
            block[start - 4 : start + 12] = data[:12] + struct.pack(">HH", protocol, tci & 0xFFFF)
            data = bytes(block[start - 4 : start + captured])
            length = min(length + 4, 0xFFFF_FFFF)
            counts["tag"] += 1
        records.append(Record(seconds * NANOSECONDS + nanoseconds, link_type, length, data))
        position += max(following, _PACKET_HEADER)
    return records, +counts
