"""From the bytes of one packet record to one PACKET: network layer, transport layer, hash.

One function per layer. Each is given a buffer and the end of what may be read, checks lengths once, and returns where
the next layer starts, or the negative code of a skip reason (``netsift.kernels.layout.SKIP_REASONS``).
"""

from __future__ import annotations

import numpy as np

from netsift.kernels.arp import (
    observe_arp,
)
from netsift.kernels.bytes import (
    big_endian_16,
    big_endian_32,
    big_endian_64,
    little_endian_64,
)
from netsift.kernels.fragments import (
    recall_fragment,
    remember_fragment,
)
from netsift.kernels.jit import (
    hostile_kernel,
    inline_hostile_kernel,
)
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
    TCP_KNOWN,
    TOO_MANY_HEADERS,
    TRUNCATED_IP,
    TRUNCATED_TRANSPORT,
    TUNNEL_GENEVE,
    TUNNEL_NONE,
    TUNNEL_VXLAN,
)
from netsift.kernels.link import (
    ETHERTYPE_IPV4,
    MAX_LAYERS,
    encapsulation,
    link_layer,
)
from netsift.kernels.protocols import (
    AUTHENTICATION_HEADER,
    DCCP,
    HIP,
    HOP_BY_HOP,
    ICMP,
    ICMPV6,
    IPV6_DESTINATION,
    IPV6_FRAGMENT,
    IPV6_NO_NEXT_HEADER,
    IPV6_ROUTING,
    MOBILITY,
    SCTP,
    SHIM6,
    TCP,
    UDP,
    UDP_LITE,
)
from netsift.kernels.remote_calls import (
    remote_call,
)
from netsift.kernels.siphash import (
    siphash_words,
)
from netsift.kernels.tunnels import (
    find_tunnel,
)

MAX_IPV6_EXTENSIONS = 16


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
    length = big_endian_16(buffer, offset + 4) + 40
    unknown = length == 40 and buffer[offset + 6] != IPV6_NO_NEXT_HEADER
    length = wire_room if unknown or length > wire_room else length
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
def _fragment(buffer, transport, data_end, payload, later, identification, announced, packet, fragments, key):
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
    if protocol == TCP and packet.prefix_length == 8:
        packet.call = remote_call(buffer, offset + header_length, end, packet.payload_prefix)
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
def _clear_packet(packet):
    """Set every field that decoding may leave untouched."""
    packet.sequence = 0
    packet.tunnel_id = 0
    packet.source_port = 0
    packet.destination_port = 0
    packet.window = 0
    packet.vlan_id = NO_VLAN
    packet.call = 0
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
    offset, ethertype = link_layer(buffer, start, end, np.int64(record.link_type))
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
    kind, identifier, offset, ethertype = find_tunnel(buffer, transport, data_end, packet)
    packet.tunnel = kind
    if inner:
        _enter_tunnels(buffer, data_end, wire_end, kind, identifier, offset, ethertype, packet, scratch, fragments, key)
    return DECODED


@hostile_kernel
def _observe(buffer, record, packet, observations, tally):
    """Write down what the ARP packet of a record says; ``packet`` is overwritten."""
    start = np.int64(record.offset)
    end = start + np.int64(record.captured)
    packet.vlan_id = NO_VLAN
    offset, ethertype = link_layer(buffer, start, end, np.int64(record.link_type))
    _, offset = encapsulation(buffer, offset, end, ethertype, packet)
    if offset > 0:
        observe_arp(buffer, offset, end, record.time_ns, packet.vlan_id, observations, tally)


@hostile_kernel
def _enter_tunnels(buffer, end, wire_end, kind, identifier, offset, ethertype, packet, scratch, fragments, key):
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
        kind, identifier, offset, ethertype = find_tunnel(buffer, transport, end, packet)


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
    target.call = source.call
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
def decode_records(buffer, records, count, inner, packets, scratch, counters, fragments, key, observations, tally):
    """Decode ``records[:count]`` into ``packets``; return how many were decoded.

    ``counters`` (int64, one per SKIP_REASONS) is added to; ``packets`` must have room for ``count``. The records of the
    decoded packets move to the front, so that ``records[i]`` is that of ``packets[i]``. What ARP packets outside of
    tunnels say goes into ``observations`` (ARP_OBSERVATION), counted in ``tally`` (``netsift.kernels.arp``).
    """
    decoded = 0
    for index in range(count):
        packet = packets[decoded]
        reason = _decode_packet(buffer, records[index], inner, packet, scratch[0], fragments, key)
        counters[reason] += 1
        if reason == DECODED:
            packet.hash = _hash_packet(packet, key)
            if decoded != index:
                records[decoded] = records[index]
            decoded += 1
        elif reason == ARP:
            _observe(buffer, records[index], packet, observations, tally)
    return decoded
