"""From the bytes of one packet record to one PACKET: link layer, network layer, transport layer, tunnels.

One function per layer. Each is given a buffer and the end of what may be read, checks lengths once, and returns where
the next layer starts, or the negative code of a skip reason (``netsift.kernels.layout.SKIP_REASONS``).
"""

from __future__ import annotations

import numpy as np

from netsift.kernels.bytes import big_endian_16, big_endian_32, big_endian_64, little_endian_64
from netsift.kernels.fragments import recall_fragment, remember_fragment
from netsift.kernels.jit import hostile_kernel, inline_hostile_kernel
from netsift.kernels.layout import (
    ARP,
    BAD_IP_HEADER,
    BAD_IP_VERSION,
    DECODED,
    EMPTY,
    FRAGMENT,
    HAS_PORTS,
    HAS_TUNNEL_ID,
    ICMP_KNOWN,
    LATER_FRAGMENT,
    NO_VLAN,
    NOT_IP,
    TCP_KNOWN,
    TOO_MANY_HEADERS,
    TRUNCATED_IP,
    TRUNCATED_LINK,
    TRUNCATED_TRANSPORT,
    TUNNEL_6IN4,
    TUNNEL_GENEVE,
    TUNNEL_GRE,
    TUNNEL_GTPU,
    TUNNEL_IPIP,
    TUNNEL_NONE,
    TUNNEL_VXLAN,
    UNSUPPORTED_LINK_TYPE,
    WIRELESS_LINK_TYPE,
)
from netsift.kernels.siphash import siphash_words

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

# IP protocol numbers (IANA).
HOP_BY_HOP = 0
ICMP = 1
IPIP = 4
TCP = 6
DCCP = 33
UDP = 17
IPV6_IN_IP = 41
IPV6_ROUTING = 43
IPV6_FRAGMENT = 44
GRE = 47
AUTHENTICATION_HEADER = 51
ICMPV6 = 58
IPV6_DESTINATION = 60
SCTP = 132
MOBILITY = 135
UDP_LITE = 136
HIP = 139
SHIM6 = 140

PORT_VXLAN = 4789
PORT_GENEVE = 6081
PORT_GTPU = 2152

MAX_LAYERS = 8
MAX_IPV6_EXTENSIONS = 16


@inline_hostile_kernel
def _link_layer(buffer, start, end, link_type):
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
    if link_type in (LINK_PPP, LINK_PPP_HDLC):
        prefix = 2 if room >= 2 and buffer[start] == 0xFF and buffer[start + 1] == 0x03 else 0
        return start + prefix, PPP_PROTOCOL
    if link_type == LINK_PPPOE:
        return start, ETHERTYPE_PPPOE_SESSION
    if link_type == LINK_CISCO_HDLC:
        return _need(start, room, 4), (big_endian_16(buffer, start + 2) if room >= 4 else 0)
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

    Sets ``packet.vlan_id`` to the outermost tag if none was set before.
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
        elif ethertype in (ETHERTYPE_ARP, ETHERTYPE_RARP):
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


@inline_hostile_kernel
def _network_layer(buffer, offset, end, wire_room, version, packet, fragments, key):
    """Decode an IP header of the given version; return (transport offset or −reason, end of what belongs to it).

    ``wire_room`` is the number of bytes on the wire from the IP header on.
    """
    if version == 4:
        return _ipv4(buffer, offset, end, wire_room, packet, fragments, key)
    return _ipv6(buffer, offset, end, wire_room, packet, fragments, key)


@inline_hostile_kernel
def _ipv4(buffer, offset, end, wire_room, packet, fragments, key):
    if end - offset < 20:
        return -TRUNCATED_IP, 0
    if buffer[offset] >> 4 != 4:
        return -BAD_IP_VERSION, 0
    header_length = np.int64(buffer[offset] & 0x0F) * 4
    if header_length < 20:
        return -BAD_IP_HEADER, 0
    if header_length > end - offset:
        return -TRUNCATED_IP, 0
    length = big_endian_16(buffer, offset + 2)
    if length == 0 or length > wire_room:
        length = wire_room
    if length < header_length:
        return -BAD_IP_HEADER, 0
    packet.ip_version = 4
    packet.length = length
    packet.traffic_class = buffer[offset + 1]
    packet.time_to_live = buffer[offset + 8]
    packet.protocol = buffer[offset + 9]
    packet.source_high = 0
    packet.destination_high = 0
    packet.source_low = big_endian_32(buffer, offset + 12)
    packet.destination_low = big_endian_32(buffer, offset + 16)
    data_end = min(end, offset + length)
    fragment_field = big_endian_16(buffer, offset + 6)
    identification = big_endian_16(buffer, offset + 4)
    transport = offset + header_length
    payload = length - header_length
    later = fragment_field & 0x1FFF != 0
    announced = packet.protocol
    extensions = 0
    while packet.protocol == AUTHENTICATION_HEADER and not later:
        extensions += 1
        if extensions > MAX_IPV6_EXTENSIONS:
            return -TOO_MANY_HEADERS, 0
        if data_end - transport < 8:
            return -TRUNCATED_IP, 0
        size = (np.int64(buffer[transport + 1]) + 2) * 4
        if data_end - transport < size:
            return -TRUNCATED_IP, 0
        packet.protocol = buffer[transport]
        transport += size
        payload -= size
    if fragment_field & 0x3FFF:
        return _fragment(
            buffer, transport, data_end, payload, later, identification, announced, packet, fragments, key
        ), data_end
    return _transport_layer(buffer, transport, data_end, payload, packet), data_end


@hostile_kernel
def _ipv6(buffer, offset, end, wire_room, packet, fragments, key):
    if end - offset < 40:
        return -TRUNCATED_IP, 0
    if buffer[offset] >> 4 != 6:
        return -BAD_IP_VERSION, 0
    length = big_endian_16(buffer, offset + 4)
    length = wire_room if length == 0 or length + 40 > wire_room else length + 40
    packet.ip_version = 6
    packet.length = length
    packet.traffic_class = ((buffer[offset] & 0x0F) << 4) | (buffer[offset + 1] >> 4)
    packet.time_to_live = buffer[offset + 7]
    packet.source_high = big_endian_64(buffer, offset + 8)
    packet.source_low = big_endian_64(buffer, offset + 16)
    packet.destination_high = big_endian_64(buffer, offset + 24)
    packet.destination_low = big_endian_64(buffer, offset + 32)
    data_end = min(end, offset + length)
    protocol = np.int64(buffer[offset + 6])
    transport = offset + 40
    extensions = 0
    fragment, later, identification, announced = False, False, np.int64(0), protocol
    while not later and _is_extension_header(protocol):
        extensions += 1
        if extensions > MAX_IPV6_EXTENSIONS:
            return -TOO_MANY_HEADERS, 0
        if data_end - transport < 8:
            return -TRUNCATED_IP, 0
        following = np.int64(buffer[transport])
        if protocol == IPV6_FRAGMENT:
            size = 8
            fragment_field = big_endian_16(buffer, transport + 2)
            if fragment_field & 0xFFF9:
                fragment, later = True, fragment_field & 0xFFF8 != 0
                identification = big_endian_32(buffer, transport + 4)
                announced = following
        elif protocol == AUTHENTICATION_HEADER:
            size = (np.int64(buffer[transport + 1]) + 2) * 4
        else:
            size = (np.int64(buffer[transport + 1]) + 1) * 8
        if data_end - transport < size:
            return -TRUNCATED_IP, 0
        transport += size
        protocol = following
    packet.protocol = protocol
    payload = length - (transport - offset)
    if fragment:
        return _fragment(
            buffer, transport, data_end, payload, later, identification, announced, packet, fragments, key
        ), data_end
    return _transport_layer(buffer, transport, data_end, payload, packet), data_end


@inline_hostile_kernel
def _is_extension_header(protocol):
    return protocol in (
        HOP_BY_HOP,
        IPV6_ROUTING,
        IPV6_FRAGMENT,
        AUTHENTICATION_HEADER,
        IPV6_DESTINATION,
        MOBILITY,
        HIP,
        SHIM6,
    )


@hostile_kernel
def _fragment(
    buffer, transport, data_end, payload, later, identification, announced, packet, fragments, key
):
    packet.marks |= FRAGMENT
    if not later:
        result = _transport_layer(buffer, transport, data_end, payload, packet)
        if result >= 0:
            remember_fragment(fragments, packet, announced, identification, key)
        return result
    packet.marks |= LATER_FRAGMENT
    packet.header_length = 0
    packet.payload_length = payload
    recall_fragment(fragments, packet, identification, key)
    return transport


@inline_hostile_kernel
def _has_ports(protocol):
    """Return whether the first four transport bytes of this IP protocol are two port numbers."""
    return protocol in (TCP, UDP, SCTP, UDP_LITE, DCCP)


@inline_hostile_kernel
def _transport_layer(buffer, offset, end, payload, packet):
    """Decode ports, flags and lengths; ``payload`` is what the wire held behind the network headers."""
    protocol = packet.protocol
    captured = end - offset
    header_length = np.int64(0)
    if _has_ports(protocol):
        if captured < 4:
            return -TRUNCATED_TRANSPORT
        packet.source_port = big_endian_16(buffer, offset)
        packet.destination_port = big_endian_16(buffer, offset + 2)
        packet.marks |= HAS_PORTS
    if protocol == TCP:
        header_length = _tcp(buffer, offset, captured, payload, packet)
    elif protocol in (UDP, UDP_LITE):
        header_length = 8
    elif protocol in (ICMP, ICMPV6):
        header_length = 8
        if captured >= 2:
            packet.icmp_type = buffer[offset]
            packet.icmp_code = buffer[offset + 1]
            packet.marks |= ICMP_KNOWN
    elif protocol == SCTP:
        header_length = 12
    elif protocol == DCCP and captured >= 5:
        header_length = np.int64(buffer[offset + 4]) * 4
    header_length = min(header_length, payload)
    packet.header_length = header_length
    packet.payload_length = payload - header_length
    _payload_prefix(buffer, offset + header_length, end, packet)
    return offset


@inline_hostile_kernel
def _tcp(buffer, offset, captured, payload, packet):
    if captured >= 16:
        packet.marks |= TCP_KNOWN
        packet.sequence = big_endian_32(buffer, offset + 4)
        packet.tcp_flags = buffer[offset + 13]
        packet.window = big_endian_16(buffer, offset + 14)
    if captured < 13:
        return np.int64(20)
    header_length = np.int64(buffer[offset + 12] >> 4) * 4
    return header_length if 20 <= header_length <= payload else np.int64(20)


@inline_hostile_kernel
def _payload_prefix(buffer, offset, end, packet):
    length = end - offset
    if length >= 8:
        packet.payload_prefix = little_endian_64(buffer, offset)
        packet.prefix_length = 8
    elif length > 0:
        prefix = np.uint64(0)
        for index in range(length):
            prefix |= np.uint64(buffer[offset + index]) << np.uint64(8 * index)
        packet.payload_prefix = prefix
        packet.prefix_length = length


@inline_hostile_kernel
def _find_tunnel(buffer, transport, end, packet):
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


@inline_hostile_kernel
def _clear_packet(packet):
    """Set every field that decoding may leave untouched."""
    packet.sequence = 0
    packet.tunnel_id = 0
    packet.source_port = 0
    packet.destination_port = 0
    packet.window = 0
    packet.vlan_id = NO_VLAN
    packet.tcp_flags = 0
    packet.tunnel = TUNNEL_NONE
    packet.icmp_type = 0
    packet.icmp_code = 0
    packet.payload_prefix = 0
    packet.prefix_length = 0
    packet.marks = 0


@inline_hostile_kernel
def _decode_packet(buffer, record, inner, packet, scratch, fragments, key):
    """Decode one RECORD into ``packet``; return DECODED or the reason why it is skipped.

    With ``inner`` the innermost packet of a tunnel takes the place of the outer one whenever it can be decoded.
    """
    if record.captured == 0:
        return EMPTY
    start = np.int64(record.offset)
    end = start + np.int64(record.captured)
    wire_end = start + np.int64(record.wire_length)
    _clear_packet(packet)
    packet.time_ns = record.time_ns
    offset, ethertype = _link_layer(buffer, start, end, np.int64(record.link_type))
    if offset < 0:
        return -offset
    version = 4
    if ethertype != ETHERTYPE_IPV4:
        offset, version = encapsulation(buffer, offset, end, ethertype, packet)
        if offset < 0:
            return -offset
    transport, data_end = _network_layer(buffer, offset, end, wire_end - offset, version, packet, fragments, key)
    if transport < 0:
        return -transport
    wire_end = min(wire_end, offset + np.int64(packet.length))
    kind, identifier, offset, ethertype = _find_tunnel(buffer, transport, data_end, packet)
    packet.tunnel = kind
    if inner:
        _enter_tunnels(buffer, data_end, wire_end, kind, identifier, offset, ethertype, packet, scratch, fragments, key)
    return DECODED


@hostile_kernel
def _enter_tunnels(
    buffer, end, wire_end, kind, identifier, offset, ethertype, packet, scratch, fragments, key
):
    for _ in range(MAX_LAYERS):
        if kind == TUNNEL_NONE or ethertype == 0 or offset > end:
            return
        _clear_packet(scratch)
        scratch.time_ns = packet.time_ns
        scratch.vlan_id = packet.vlan_id
        offset, version = encapsulation(buffer, offset, end, ethertype, scratch)
        if offset < 0:
            return
        transport, end = _network_layer(buffer, offset, end, wire_end - offset, version, scratch, fragments, key)
        if transport < 0:
            return
        wire_end = min(wire_end, offset + np.int64(scratch.length))
        _copy_packet(scratch, packet)
        packet.tunnel = kind
        packet.tunnel_id = identifier
        if kind in (TUNNEL_VXLAN, TUNNEL_GENEVE):
            packet.marks |= HAS_TUNNEL_ID
        kind, identifier, offset, ethertype = _find_tunnel(buffer, transport, end, packet)


@inline_hostile_kernel
def _copy_packet(source, target):
    target.source_high = source.source_high
    target.source_low = source.source_low
    target.destination_high = source.destination_high
    target.destination_low = source.destination_low
    target.payload_prefix = source.payload_prefix
    target.length = source.length
    target.payload_length = source.payload_length
    target.sequence = source.sequence
    target.source_port = source.source_port
    target.destination_port = source.destination_port
    target.window = source.window
    target.header_length = source.header_length
    target.vlan_id = source.vlan_id
    target.protocol = source.protocol
    target.ip_version = source.ip_version
    target.tcp_flags = source.tcp_flags
    target.time_to_live = source.time_to_live
    target.traffic_class = source.traffic_class
    target.icmp_type = source.icmp_type
    target.icmp_code = source.icmp_code
    target.prefix_length = source.prefix_length
    target.marks = source.marks


@inline_hostile_kernel
def _hash_packet(packet, key):
    """Return the keyed 32-bit hash of the packet's flow key, the same for both directions."""
    source_port = np.uint64(packet.source_port)
    destination_port = np.uint64(packet.destination_port)
    source_high, source_low = packet.source_high, packet.source_low
    destination_high, destination_low = packet.destination_high, packet.destination_low
    if _comes_first(
        destination_high, destination_low, destination_port, source_high, source_low, source_port
    ):  # the smaller endpoint stands first whichever way the packet goes
        source_high, destination_high = destination_high, source_high
        source_low, destination_low = destination_low, source_low
        source_port, destination_port = destination_port, source_port
    endpoint_ports = (
        (source_port << np.uint64(16)) | destination_port | (np.uint64(packet.protocol) << np.uint64(32))
    ) | (np.uint64(packet.ip_version) << np.uint64(40))
    context = (np.uint64(packet.vlan_id) << np.uint64(32)) | np.uint64(packet.tunnel_id)
    if packet.ip_version == 4:
        addresses = (source_low << np.uint64(32)) | destination_low
        digest = siphash_words(key[0], key[1], (addresses, endpoint_ports, context))
    else:
        words = (source_high, source_low, destination_high, destination_low, endpoint_ports, context)
        digest = siphash_words(key[0], key[1], words)
    return np.uint32(digest & np.uint64(0xFFFFFFFF))


@inline_hostile_kernel
def _comes_first(high, low, port, other_high, other_low, other_port):
    if high != other_high:
        return high < other_high
    if low != other_low:
        return low < other_low
    return port < other_port


@hostile_kernel
def decode_records(buffer, records, count, inner, packets, scratch, counters, fragments, key):
    """Decode ``records[:count]`` into ``packets``; return how many were decoded.

    ``counters`` (int64, one per SKIP_REASONS) is added to; ``packets`` must have room for ``count``.
    """
    decoded = 0
    for index in range(count):
        packet = packets[decoded]
        reason = _decode_packet(buffer, records[index], inner, packet, scratch[0], fragments, key)
        counters[reason] += 1
        if reason == DECODED:
            packet.hash = _hash_packet(packet, key)
            decoded += 1
    return decoded
