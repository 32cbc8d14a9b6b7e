"""Which tunnel a packet carries, and where the packet inside it begins."""

from __future__ import annotations

import numpy as np

from netsift.kernels.bytes import (
    big_endian_16,
    big_endian_32,
)
from netsift.kernels.jit import (
    hostile_kernel,
    inline_hostile_kernel,
)
from netsift.kernels.layout import (
    FRAGMENT,
    TUNNEL_6IN4,
    TUNNEL_GENEVE,
    TUNNEL_GRE,
    TUNNEL_GTPU,
    TUNNEL_IPIP,
    TUNNEL_NONE,
    TUNNEL_VXLAN,
)
from netsift.kernels.link import (
    ETHERNET_FRAME,
    ETHERTYPE_BRIDGING,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    VERSION_NIBBLE,
)
from netsift.kernels.protocols import (
    GRE,
    IPIP,
    IPV6_IN_IP,
    UDP,
)

PORT_VXLAN = 4789
PORT_GENEVE = 6081
PORT_GTPU = 2152


@inline_hostile_kernel
def find_tunnel(buffer, transport, end, packet):
    """Return (kind, identifier, offset of the inner packet, its EtherType) of the tunnel that a packet carries."""
    nothing = (TUNNEL_NONE, np.int64(0), np.int64(0), 0)
    if packet.marks & FRAGMENT:
        return nothing
    protocol = packet.protocol
    if protocol == IPIP:
        return TUNNEL_IPIP, np.int64(0), transport, ETHERTYPE_IPV4
    if protocol == IPV6_IN_IP:
        return TUNNEL_6IN4, np.int64(0), transport, ETHERTYPE_IPV6
    if protocol == GRE:
        return _gre(buffer, transport, end)
    if protocol == UDP:
        inner = transport + 8
        if packet.destination_port == PORT_VXLAN and end - inner >= 8 and buffer[inner] & 0x08:
            return TUNNEL_VXLAN, big_endian_32(buffer, inner + 4) >> 8, inner + 8, ETHERNET_FRAME
        if packet.destination_port == PORT_GENEVE and end - inner >= 8 and buffer[inner] >> 6 == 0:
            return _geneve(buffer, inner, end)
        if (packet.destination_port == PORT_GTPU or packet.source_port == PORT_GTPU) and end - inner >= 8:
            return _gtpu(buffer, inner, end)
    return nothing


@hostile_kernel
def _gre(buffer, offset, end):
    # RFC 2784 and RFC 2890: version 0; checksum, key and sequence each add four bytes.
    if end - offset < 4:
        return TUNNEL_GRE, np.int64(0), np.int64(0), 0
    flags = big_endian_16(buffer, offset)
    if flags & 0x4007:
        return TUNNEL_GRE, np.int64(0), np.int64(0), 0
    inner = offset + 4 + 4 * (((flags >> 15) & 1) + ((flags >> 13) & 1) + ((flags >> 12) & 1))
    return TUNNEL_GRE, np.int64(0), inner, _inner_ethertype(big_endian_16(buffer, offset + 2))


@hostile_kernel
def _geneve(buffer, offset, end):
    inner = offset + 8 + np.int64(buffer[offset] & 0x3F) * 4
    if inner > end:
        return TUNNEL_NONE, np.int64(0), np.int64(0), 0
    identifier = big_endian_32(buffer, offset + 4) >> 8
    return TUNNEL_GENEVE, identifier, inner, _inner_ethertype(big_endian_16(buffer, offset + 2))


@inline_hostile_kernel
def _inner_ethertype(ethertype):
    if ethertype in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
        return ethertype
    return ETHERNET_FRAME if ethertype == ETHERTYPE_BRIDGING else 0


@hostile_kernel
def _gtpu(buffer, offset, end):
    # 3GPP TS 29.281 section 5: version 1, protocol type 1, message 255 is a user's packet.
    nothing = (TUNNEL_NONE, np.int64(0), np.int64(0), 0)
    if buffer[offset] & 0xF0 != 0x30 or buffer[offset + 1] != 0xFF:
        return nothing
    inner = offset + (12 if buffer[offset] & 0x07 else 8)
    if inner > end:
        return nothing
    following = buffer[inner - 1] if buffer[offset] & 0x04 else np.uint8(0)
    while following != 0:
        size = np.int64(buffer[inner]) * 4 if inner < end else np.int64(0)
        if size == 0 or inner + size > end:
            return nothing
        inner += size
        following = buffer[inner - 1]
    return TUNNEL_GTPU, np.int64(0), inner, VERSION_NIBBLE
