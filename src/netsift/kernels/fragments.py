"""Ports of first fragments, so that a datagram's later fragments are counted to its flow.

A bounded table: each datagram may lie in one of eight neighbouring entries, and the oldest of them gives way.
"""

from __future__ import annotations

import numpy as np

from netsift.kernels.jit import hostile_kernel
from netsift.kernels.layout import HAS_PORTS, NANOSECONDS_PER_SECOND
from netsift.kernels.siphash import siphash_words

FRAGMENT_TIMEOUT_NS = 30 * NANOSECONDS_PER_SECOND
PROBES = 8


@hostile_kernel
def _home(fragments, packet, announced, identification, key):
    context = (
        (np.uint64(identification) << np.uint64(16))
        | (np.uint64(announced) << np.uint64(8))
        | np.uint64(packet.ip_version)
    )
    words = (packet.source_high, packet.source_low, packet.destination_high, packet.destination_low, context)
    return np.int64(siphash_words(key[0], key[1], words) & np.uint64(fragments.size - 1))


@hostile_kernel
def _same_datagram(entry, packet, announced, identification):
    return (
        entry.used != 0
        and entry.identification == identification
        and entry.source_low == packet.source_low
        and entry.destination_low == packet.destination_low
        and entry.source_high == packet.source_high
        and entry.destination_high == packet.destination_high
        and entry.announced == announced
        and entry.ip_version == packet.ip_version
    )


@hostile_kernel
def remember_fragment(fragments, packet, announced, identification, key):
    """Keep the protocol and ports of a first fragment.

    ``fragments`` is a FRAGMENT_ENTRY array whose size is a power of two; ``announced`` is the protocol that stands in
    the header with the fragment offset, which all fragments of the datagram share.
    """
    home = _home(fragments, packet, announced, identification, key)
    chosen = home
    for probe in range(PROBES):
        place = (home + probe) & (fragments.size - 1)
        if fragments[place].used == 0 or _same_datagram(fragments[place], packet, announced, identification):
            chosen = place
            break
        if fragments[place].time_ns < fragments[chosen].time_ns:
            chosen = place
    entry = fragments[chosen]
    entry.source_high = packet.source_high
    entry.source_low = packet.source_low
    entry.destination_high = packet.destination_high
    entry.destination_low = packet.destination_low
    entry.time_ns = packet.time_ns
    entry.identification = identification
    entry.source_port = packet.source_port
    entry.destination_port = packet.destination_port
    entry.announced = announced
    entry.protocol = packet.protocol
    entry.has_ports = packet.marks & HAS_PORTS
    entry.ip_version = packet.ip_version
    entry.used = 1


@hostile_kernel
def recall_fragment(fragments, packet, identification, key):
    """Give a later fragment the protocol and ports of its datagram's first one, if that was seen within the timeout."""
    announced = packet.protocol
    home = _home(fragments, packet, announced, identification, key)
    for probe in range(PROBES):
        entry = fragments[(home + probe) & (fragments.size - 1)]
        if _same_datagram(entry, packet, announced, identification):
            if abs(packet.time_ns - entry.time_ns) < FRAGMENT_TIMEOUT_NS:
                packet.protocol = entry.protocol
                packet.source_port = entry.source_port
                packet.destination_port = entry.destination_port
                packet.marks |= entry.has_ports
            return
