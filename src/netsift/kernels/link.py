"""From the start of a frame to its IP header: link layers, VLAN tags, MPLS labels, PPPoE, PPP and LLC.

Each function returns where the next layer starts, or the negative code of a skip reason
(``netsift.kernels.layout.SKIP_REASONS``).
"""

from __future__ import annotations

import numpy as np

from netsift.kernels.bytes import (
    big_endian_16,
)
from netsift.kernels.jit import (
    hostile_kernel,
    inline_hostile_kernel,
)
from netsift.kernels.layout import (
    ARP,
    BAD_IP_VERSION,
    NO_VLAN,
    NOT_IP,
    TOO_MANY_HEADERS,
    TRUNCATED_IP,
    TRUNCATED_LINK,
    UNSUPPORTED_LINK_TYPE,
    WIRELESS_LINK_TYPE,
)

# Link types (https://www.tcpdump.org/linktypes.html).
LINK_NULL = 0
LINK_ETHERNET = 1
LINK_PPP = 9
LINK_RAW_BSD = 12
LINK_RAW_OPENBSD = 14
LINK_PPP_HDLC = 50
LINK_PPPOE = 51
LINK_RAW = 101
LINK_CISCO_HDLC = 104
LINK_WIRELESS = 105
LINK_LOOP = 108
LINK_LINUX_COOKED = 113
LINK_WIRELESS_PRISM = 119
LINK_WIRELESS_RADIOTAP = 127
LINK_WIRELESS_AVS = 163
LINK_IPV4 = 228
LINK_IPV6 = 229
LINK_LINUX_COOKED_2 = 276

# EtherTypes (IANA IEEE 802 numbers), and two of our own for "look at the version nibble" and "a PPP protocol follows".
ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_ARP = 0x0806
ETHERTYPE_BRIDGING = 0x6558
ETHERTYPE_RARP = 0x8035
ETHERTYPE_VLAN = 0x8100
ETHERTYPE_QINQ = 0x88A8
ETHERTYPE_QINQ_OLD = 0x9100
ETHERTYPE_IPV6 = 0x86DD
ETHERTYPE_MPLS = 0x8847
ETHERTYPE_MPLS_MULTICAST = 0x8848
ETHERTYPE_PPPOE_SESSION = 0x8864
LARGEST_LENGTH_FIELD = 1500
VERSION_NIBBLE = 0x10000
PPP_PROTOCOL = 0x10001
ETHERNET_FRAME = 0x10002

MAX_LAYERS = 8
"""Tags, labels and tunnels that one packet may have of each."""


@inline_hostile_kernel
def link_layer(buffer, start, end, link_type):
    """Return (offset of the next layer or −reason, its EtherType) for a frame at ``start``."""
    room = end - start
    if link_type == LINK_ETHERNET:
        return _need(start, room, 14), (big_endian_16(buffer, start + 12) if room >= 14 else 0)
    if link_type in (LINK_RAW, LINK_RAW_BSD, LINK_RAW_OPENBSD):
        return start, VERSION_NIBBLE
    if link_type == LINK_LINUX_COOKED:
        return _need(start, room, 16), (big_endian_16(buffer, start + 14) if room >= 16 else 0)
    if link_type == LINK_LINUX_COOKED_2:
        return _need(start, room, 20), (big_endian_16(buffer, start) if room >= 20 else 0)
    if link_type in (LINK_NULL, LINK_LOOP):
        return _need(start, room, 4), (_loopback_ethertype(buffer, start) if room >= 4 else 0)
    serial = link_type in (LINK_PPP, LINK_PPP_HDLC)
    if link_type == LINK_CISCO_HDLC or (serial and _is_cisco_framed(buffer, start, room)):
        return _need(start, room, 4), (big_endian_16(buffer, start + 2) if room >= 4 else 0)
    if serial:
        prefix = 2 if room >= 2 and buffer[start] == 0xFF and buffer[start + 1] == 0x03 else 0
        return start + prefix, PPP_PROTOCOL
    if link_type == LINK_PPPOE:
        return start, ETHERTYPE_PPPOE_SESSION
    if link_type == LINK_IPV4:
        return start, ETHERTYPE_IPV4
    if link_type == LINK_IPV6:
        return start, ETHERTYPE_IPV6
    if link_type in (LINK_WIRELESS, LINK_WIRELESS_PRISM, LINK_WIRELESS_RADIOTAP, LINK_WIRELESS_AVS):
        return -WIRELESS_LINK_TYPE, 0
    return -UNSUPPORTED_LINK_TYPE, 0


@inline_hostile_kernel
def _need(start, room, length):
    return start + length if room >= length else -TRUNCATED_LINK


@inline_hostile_kernel
def _is_cisco_framed(buffer, start, room):
    """Return whether a frame on a serial line begins as Cisco's do: 0x0F for one receiver or 0x8F for all, then 0."""
    return room >= 2 and buffer[start] & 0x7F == 0x0F and buffer[start + 1] == 0


@inline_hostile_kernel
def _loopback_ethertype(buffer, start):
    # The address family is in the byte order of the machine that captured; the known ones are below 256.
    family = max(buffer[start], buffer[start + 3]) if buffer[start + 1] == 0 and buffer[start + 2] == 0 else 0
    if buffer[start] != 0 and buffer[start + 3] != 0:
        return 0
    if family == 2:
        return ETHERTYPE_IPV4
    if family in (10, 24, 28, 30):
        return ETHERTYPE_IPV6
    return 0


@hostile_kernel
def encapsulation(buffer, offset, end, ethertype, packet):
    """Peel VLAN tags, MPLS labels, PPPoE, PPP and LLC; return (offset of the IP header or −reason, IP version).

    For ARP the offset of its packet stands in the place of the version, for its reverse (RFC 903) 0. Sets
    ``packet.vlan_id`` to the outermost tag if none was set before.
    """
    layers = 0
    while True:
        if ethertype == ETHERTYPE_IPV4:
            return offset, 4
        if ethertype == ETHERTYPE_IPV6:
            return offset, 6
        if ethertype in (ETHERTYPE_VLAN, ETHERTYPE_QINQ, ETHERTYPE_QINQ_OLD):
            layers += 1
            if layers > MAX_LAYERS:
                return -TOO_MANY_HEADERS, 0
            if end - offset < 4:
                return -TRUNCATED_LINK, 0
            if packet.vlan_id == NO_VLAN:
                packet.vlan_id = big_endian_16(buffer, offset) & 0x0FFF
            ethertype = big_endian_16(buffer, offset + 2)
            offset += 4
        elif ethertype in (ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST):
            layers += 1
            if layers > MAX_LAYERS:
                return -TOO_MANY_HEADERS, 0
            if end - offset < 5:
                return -TRUNCATED_LINK, 0
            bottom = buffer[offset + 2] & 1
            offset += 4
            if bottom:
                offset, ethertype = _behind_mpls(buffer, offset, end)
        elif ethertype == ETHERTYPE_PPPOE_SESSION:
            if end - offset < 6:
                return -TRUNCATED_LINK, 0
            offset += 6
            ethertype = PPP_PROTOCOL
        elif ethertype == PPP_PROTOCOL:
            offset, ethertype = _ppp(buffer, offset, end)
        elif ethertype == VERSION_NIBBLE:
            if end - offset < 1:
                return -TRUNCATED_IP, 0
            version = buffer[offset] >> 4
            return (offset, np.int64(version)) if version in (4, 6) else (-BAD_IP_VERSION, 0)
        elif ethertype == ETHERNET_FRAME:
            if end - offset < 14:
                return -TRUNCATED_LINK, 0
            ethertype = big_endian_16(buffer, offset + 12)
            offset += 14
        elif ethertype == ETHERTYPE_ARP:
            return -ARP, offset
        elif ethertype == ETHERTYPE_RARP:
            return -ARP, 0
        elif 0 < ethertype <= LARGEST_LENGTH_FIELD:
            offset, ethertype = _logical_link(buffer, offset, end)
        else:
            return -NOT_IP, 0
        if offset < 0:
            return offset, 0


@inline_hostile_kernel
def _behind_mpls(buffer, offset, end):
    nibble = buffer[offset] >> 4
    if nibble == 4:
        return offset, ETHERTYPE_IPV4
    if nibble == 6:
        return offset, ETHERTYPE_IPV6
    if nibble == 0:
        # RFC 4385: a control word starts with a zero nibble; an Ethernet frame follows.
        return (offset + 4, ETHERNET_FRAME) if end - offset >= 4 else (-TRUNCATED_LINK, 0)
    return -NOT_IP, 0


@inline_hostile_kernel
def _ppp(buffer, offset, end):
    # RFC 1661: a protocol field of one byte is odd, one of two bytes starts even.
    if end - offset < 1 or (end - offset < 2 and buffer[offset] & 1 == 0):
        return -TRUNCATED_LINK, 0
    short = buffer[offset] & 1
    protocol = np.int64(buffer[offset]) if short else big_endian_16(buffer, offset)
    offset += 1 if short else 2
    if protocol == 0x0021:
        return offset, ETHERTYPE_IPV4
    if protocol == 0x0057:
        return offset, ETHERTYPE_IPV6
    return -NOT_IP, 0


@inline_hostile_kernel
def _logical_link(buffer, offset, end):
    if end - offset < 3:
        return -TRUNCATED_LINK, 0
    if buffer[offset] != 0xAA or buffer[offset + 1] != 0xAA or buffer[offset + 2] != 0x03:
        return -NOT_IP, 0
    if end - offset < 8:
        return -TRUNCATED_LINK, 0
    ethertype = big_endian_16(buffer, offset + 6)
    return (offset + 8, ethertype) if ethertype > LARGEST_LENGTH_FIELD else (-NOT_IP, 0)
