"""ARP packets for Ethernet and IPv4 (RFC 826): they are not metered, but what they say is written down."""

from __future__ import annotations

from netsift.kernels.bytes import (
    big_endian_16,
    big_endian_32,
)
from netsift.kernels.jit import (
    hostile_kernel,
)
from netsift.kernels.layout import (
    ARP_LOST,
    ARP_OBSERVED,
)

LENGTH = 28
HARDWARE_ETHERNET = 1
PROTOCOL_IPV4 = 0x0800
ADDRESS_LENGTHS = 0x0604
REQUEST = 1
REPLY = 2


@hostile_kernel
def observe_arp(buffer, offset, end, time_ns, vlan_id, observations, tally):
    """Append the ARP packet at ``offset`` to ``observations``, and count it in ``tally`` (int64, shape (2,)).

    A packet that is cut short, of other addresses than these, or neither a request nor a reply is left out. One that
    finds no room is counted as lost.
    """
    if end - offset < LENGTH:
        return
    if big_endian_16(buffer, offset) != HARDWARE_ETHERNET or big_endian_16(buffer, offset + 2) != PROTOCOL_IPV4:
        return
    operation = big_endian_16(buffer, offset + 6)
    if big_endian_16(buffer, offset + 4) != ADDRESS_LENGTHS or operation not in (REQUEST, REPLY):
        return
    place = tally[ARP_OBSERVED]
    if place >= observations.size:
        tally[ARP_LOST] += 1
        return
    observation = observations[place]
    observation.time_ns = time_ns
    observation.sender_hardware = (big_endian_16(buffer, offset + 8) << 32) | big_endian_32(buffer, offset + 10)
    observation.sender_address = big_endian_32(buffer, offset + 14)
    observation.target_hardware = (big_endian_16(buffer, offset + 18) << 32) | big_endian_32(buffer, offset + 20)
    observation.target_address = big_endian_32(buffer, offset + 24)
    observation.operation = operation
    observation.vlan_id = vlan_id
    tally[ARP_OBSERVED] = place + 1
