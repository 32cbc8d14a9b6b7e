"""Packet records out of pcap and pcapng bytes, also past damage.

A record is believed when its header is plausible and what follows it is too. Where what follows is not, the scanner
looks for records that follow one another: if they begin inside the record and go on past its end, the record lied about
its length and is counted as damaged; if they begin behind it, the record is good and the bytes between are garbage.

Formats: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html and draft-ietf-opsawg-pcapng-02.html.
"""

from __future__ import annotations

import numpy as np

from netsift.kernels.bytes import integer_16, integer_32
from netsift.kernels.jit import hostile_kernel, inline_hostile_kernel
from netsift.kernels.layout import NANOSECONDS_PER_SECOND, OUTPUT_FULL

NEED_INPUT = 3
"""The scanner needs more bytes; read on and call again."""

LARGEST_PACKET = 262_144
"""No capture program writes longer packets (tcpdump's MAXIMUM_SNAPLEN)."""

LARGEST_SECOND = 9_000_000_000
PLAUSIBLE_JUMP_SECONDS = 86_400

SCANNER = np.dtype(
    [
        ("position", np.int64),
        ("seeking", np.int64),
        ("big_endian", np.int64),
        ("record_header", np.int64),
        ("fraction_to_ns", np.int64),
        ("link_type", np.int64),
        ("interfaces", np.int64),
        ("records", np.int64),
        ("truncated_records", np.int64),
        ("damaged_records", np.int64),
        ("repaired_records", np.int64),
        ("garbage_bytes", np.int64),
        ("unknown_interfaces", np.int64),
        ("last_time_ns", np.int64),
    ],
    align=True,
)
"""State of a scan: place in the buffer, format facts, and counters."""

INTERFACE = np.dtype(
    [
        ("units_per_second", np.int64),
        ("offset_seconds", np.int64),
        ("link_type", np.int64),
        ("snap_length", np.int64),
    ],
    align=True,
)
"""One pcapng interface description."""

BLOCK_SECTION = 0x0A0D0D0A
BLOCK_INTERFACE = 1
BLOCK_PACKET = 2
BLOCK_SIMPLE_PACKET = 3
BLOCK_NAME_RESOLUTION = 4
BLOCK_INTERFACE_STATISTICS = 5
BLOCK_ENHANCED_PACKET = 6
BLOCK_DECRYPTION_SECRETS = 10
BYTE_ORDER_MAGIC = 0x1A2B3C4D
BYTE_ORDER_MAGIC_SWAPPED = 0x4D3C2B1A

UNKNOWN_LINK_TYPE = 0xFFFF
"""Link type of an interface whose description is too short to have one."""

OPTION_TIMESTAMP_RESOLUTION = 9
OPTION_TIMESTAMP_OFFSET = 14


@inline_hostile_kernel
def _plausible_record(buffer, position, scanner):
    """Return the captured length if a plausible pcap record header stands at ``position``, else −1."""
    big_endian = scanner.big_endian
    captured = integer_32(buffer, position + 8, big_endian)
    if captured > LARGEST_PACKET:
        return np.int64(-1)
    if integer_32(buffer, position + 12, big_endian) > 16 * LARGEST_PACKET:
        return np.int64(-1)
    fraction = integer_32(buffer, position + 4, big_endian)
    if fraction * scanner.fraction_to_ns >= NANOSECONDS_PER_SECOND:
        return np.int64(-1)
    if captured == 0 and integer_32(buffer, position, big_endian) == 0:
        return np.int64(-1)
    return captured


@hostile_kernel
def _despite_its_fraction(buffer, position, end, final, scanner):
    """Return the captured length of a record whose fraction is a second or more, as some programs write it.

    It is believed when its lengths are plausible and what follows is a record, or one of the same kind that is near it
    in time: −1 where that is not so, −2 where more bytes are needed to tell.
    """
    header, big_endian = scanner.record_header, scanner.big_endian
    captured = integer_32(buffer, position + 8, big_endian)
    if not 0 < captured <= LARGEST_PACKET or not _length_agrees(buffer, position, scanner):
        return np.int64(-1)
    if integer_32(buffer, position + 12, big_endian) > 16 * LARGEST_PACKET:
        return np.int64(-1)
    following = position + header + captured
    if following + header > end:
        if not final:
            return np.int64(-2)
        return captured if following == end else np.int64(-1)
    if _plausible_record(buffer, following, scanner) > 0:
        return captured
    if integer_32(buffer, following + 8, big_endian) > LARGEST_PACKET or not _length_agrees(buffer, following, scanner):
        return np.int64(-1)
    apart = integer_32(buffer, following, big_endian) - integer_32(buffer, position, big_endian)
    return captured if abs(apart) <= PLAUSIBLE_JUMP_SECONDS else np.int64(-1)


@inline_hostile_kernel
def _record_here(buffer, position, end, final, scanner):
    """Return the captured length of the record at ``position``, −1 if none is there, −2 if more bytes are needed."""
    captured = _plausible_record(buffer, position, scanner)
    return captured if captured >= 0 else _despite_its_fraction(buffer, position, end, final, scanner)


@inline_hostile_kernel
def _length_agrees(buffer, position, scanner):
    """Return whether a record header's packet was at least as long on the wire as what was captured of it.

    Without it, headers read four bytes late would follow one another as well as the true ones do.
    """
    big_endian = scanner.big_endian
    return integer_32(buffer, position + 12, big_endian) >= integer_32(buffer, position + 8, big_endian)


@inline_hostile_kernel
def _plausible_chain(buffer, position, reach, end, final, scanner, budget):
    """Return (verdict, budget left) on whether records follow one another from ``position`` to ``reach`` and past it.

    The verdict is 1 for two records or more, the last at or behind ``reach`` or the end of the input, 0 for anything
    else, −1 if more bytes are needed to tell. Each record behind the first costs one of the budget.
    """
    header = scanner.record_header
    steps = 0
    second = np.int64(0)
    while True:
        if position + header > end:
            if not final:
                return -1, budget
            return (1 if steps > 1 or (steps == 1 and position == end) else 0), budget
        captured = _plausible_record(buffer, position, scanner)
        if captured <= 0 or not _length_agrees(buffer, position, scanner):
            return 0, budget
        previous, second = second, integer_32(buffer, position, scanner.big_endian)
        if steps > 0 and abs(second - previous) > PLAUSIBLE_JUMP_SECONDS:
            return 0, budget
        if steps > 0 and position >= reach:
            return 1, budget
        if budget <= 0:
            return 0, budget
        budget -= 1
        steps += 1
        position += header + captured


@inline_hostile_kernel
def _next_record(buffer, start, limit, reach, near, end, final, scanner):
    """Return (place, verdict): the first place from ``start`` to ``limit`` where a chain to ``reach`` begins.

    Where ``near`` is not negative, the chain begins within a day of that second. The verdict is 1 where there is one, 0
    where there is none, and −1 where it cannot be told yet; then the place is where to look again. The work is bounded
    by the number of bytes looked at.
    """
    position = start
    budget = np.int64(64) + 2 * (limit - start)
    while position + scanner.record_header <= limit:
        second = integer_32(buffer, position, scanner.big_endian)
        if near < 0 or abs(second - near) <= PLAUSIBLE_JUMP_SECONDS:
            verdict, budget = _plausible_chain(buffer, position, max(reach, position + 1), end, final, scanner, budget)
            if verdict != 0:
                return position, verdict
        position += 1
    return position, 0


@hostile_kernel
def scan_pcap(buffer, end, final, records, scanner_array):
    """Fill ``records`` from the pcap records in ``buffer[position:end]``; return (status, number of records).

    ``final`` says that no bytes will come behind ``end``. NEED_INPUT asks for more bytes behind the scanner's position.
    """
    scanner = scanner_array[0]
    header = scanner.record_header
    count = 0
    while count < records.size:
        if scanner.seeking:
            position, verdict = _next_record(buffer, scanner.position, end, 0, -1, end, final, scanner)
            if verdict != 1 and final:
                position = end
            scanner.garbage_bytes += position - scanner.position
            scanner.position = position
            if verdict != 1:
                return NEED_INPUT, count
            scanner.seeking = 0
        position = scanner.position
        if position + header > end:
            return _end_of_pcap(final, end, scanner, count)
        captured = _record_here(buffer, position, end, final, scanner)
        if captured == -2:
            return NEED_INPUT, count
        if captured < 0:
            scanner.damaged_records += 1
            scanner.seeking = 1
            continue
        following = position + header + captured
        if following > end and final:
            return _truncated_pcap(buffer, position, end, scanner, count)
        if following + header > end and not final:
            return NEED_INPUT, count
        next_captured = _record_here(buffer, following, end, final, scanner) if following + header <= end else 0
        if next_captured == -2:
            return NEED_INPUT, count
        if next_captured == -1:
            second = integer_32(buffer, position, scanner.big_endian)
            place, verdict = _next_record(buffer, position + header, following, following, second, end, final, scanner)
            if verdict == -1:
                return NEED_INPUT, count
            if verdict == 1:
                scanner.damaged_records += 1
                scanner.position = place
                continue
            scanner.seeking = 1
        _emit_pcap(buffer, position, header, captured, records[count], scanner)
        scanner.position = following
        count += 1
    return OUTPUT_FULL, count


@inline_hostile_kernel
def _end_of_pcap(final, end, scanner, count):
    if final and scanner.position < end:
        scanner.truncated_records += 1
        scanner.position = end
    return NEED_INPUT, count


@inline_hostile_kernel
def _truncated_pcap(buffer, position, end, scanner, count):
    # The record runs past the end: either the file was cut, or its length lies and good records follow inside.
    second = integer_32(buffer, position, scanner.big_endian)
    place, verdict = _next_record(buffer, position + scanner.record_header, end, 0, second, end, True, scanner)
    if verdict == 1:
        scanner.damaged_records += 1
        scanner.position = place
        return OUTPUT_FULL, count
    scanner.truncated_records += 1
    scanner.position = end
    return NEED_INPUT, count


@inline_hostile_kernel
def _emit_pcap(buffer, position, header, captured, record, scanner):
    big_endian = scanner.big_endian
    second = integer_32(buffer, position, big_endian)
    fraction = integer_32(buffer, position + 4, big_endian)
    record.time_ns = second * NANOSECONDS_PER_SECOND + fraction * scanner.fraction_to_ns
    record.offset = position + header
    record.captured = captured
    record.wire_length = max(captured, integer_32(buffer, position + 12, big_endian))
    record.link_type = scanner.link_type
    scanner.records += 1


@inline_hostile_kernel
def _plausible_block(buffer, position, end, scanner):
    """Return the length of the block at ``position``: 0 if it runs past ``end``, −1 if it makes no sense."""
    kind = integer_32(buffer, position, scanner.big_endian)
    big_endian = scanner.big_endian
    if kind == BLOCK_SECTION:
        if position + 12 > end:
            return np.int64(0)
        magic = integer_32(buffer, position + 8, False)
        if magic == BYTE_ORDER_MAGIC:
            big_endian = 0
        elif magic == BYTE_ORDER_MAGIC_SWAPPED:
            big_endian = 1
        else:
            return np.int64(-1)
    length = integer_32(buffer, position + 4, big_endian)
    if length < 12 or length % 4 != 0 or length > 4 * LARGEST_PACKET:
        return np.int64(-1)
    return length if position + length <= end else np.int64(0)


@inline_hostile_kernel
def _trailer_agrees(buffer, position, length, scanner):
    big_endian = scanner.big_endian
    if integer_32(buffer, position, big_endian) == BLOCK_SECTION:
        big_endian = 1 if integer_32(buffer, position + 8, False) == BYTE_ORDER_MAGIC_SWAPPED else 0
    return integer_32(buffer, position + length - 4, big_endian) == length


@inline_hostile_kernel
def _known_block(buffer, position, scanner):
    kind = integer_32(buffer, position, scanner.big_endian)
    return kind == BLOCK_SECTION or 1 <= kind <= BLOCK_DECRYPTION_SECRETS


@inline_hostile_kernel
def _next_block(buffer, start, end, final, scanner):
    """Return (place, found) of the first known block with two agreeing lengths from ``start`` on."""
    position = start
    while position + 12 <= end:
        if _known_block(buffer, position, scanner):
            length = _plausible_block(buffer, position, end, scanner)
            if length > 0 and _trailer_agrees(buffer, position, length, scanner):
                return position, True
            if length == 0 and not final:
                return position, False
        position += 1
    return position, False


@hostile_kernel
def scan_pcapng(buffer, end, final, records, scanner_array, interfaces):
    """Fill ``records`` from the pcapng blocks in ``buffer[position:end]``; return (status, number of records).

    ``interfaces`` (INTERFACE) is filled from interface descriptions; packets of interfaces beyond its size, or never
    described, are counted as ``unknown_interfaces``.
    """
    scanner = scanner_array[0]
    count = 0
    while count < records.size:
        if scanner.seeking:
            position, found = _next_block(buffer, scanner.position, end, final, scanner)
            if not found and final:
                position = end
            scanner.garbage_bytes += position - scanner.position
            scanner.position = position
            if not found:
                return NEED_INPUT, count
            scanner.seeking = 0
        position = scanner.position
        if position + 12 > end:
            return _end_of_pcap(final, end, scanner, count)
        length = _plausible_block(buffer, position, end, scanner)
        if length == 0 and not final:
            return NEED_INPUT, count
        if length == 0:
            place, found = _next_block(buffer, position + 4, end, True, scanner)
            if found:
                scanner.damaged_records += 1
                scanner.position = place
                continue
            scanner.truncated_records += 1
            scanner.position = end
            return NEED_INPUT, count
        if length < 0:
            scanner.damaged_records += 1
            scanner.position += 4
            scanner.garbage_bytes += 4
            scanner.seeking = 1
            continue
        if not _trailer_agrees(buffer, position, length, scanner):
            place, found = _next_block(buffer, position + 4, position + length, True, scanner)
            if found:
                scanner.damaged_records += 1
                scanner.position = place
                continue
            scanner.repaired_records += 1
            scanner.seeking = 1
        count += _block(buffer, position, length, records[count], scanner, interfaces)
        scanner.position = position + length
    return OUTPUT_FULL, count


@inline_hostile_kernel
def _block(buffer, position, length, record, scanner, interfaces):
    """Act on one whole block; return 1 if it gave a packet record."""
    kind = integer_32(buffer, position, scanner.big_endian)
    if kind == BLOCK_ENHANCED_PACKET:
        return _packet_block(buffer, position, length, 8, record, scanner, interfaces)
    if kind == BLOCK_PACKET:
        return _packet_block(buffer, position, length, 8, record, scanner, interfaces)
    if kind == BLOCK_SIMPLE_PACKET:
        return _simple_packet_block(buffer, position, length, record, scanner, interfaces)
    if kind == BLOCK_SECTION:
        scanner.big_endian = 1 if integer_32(buffer, position + 8, False) == BYTE_ORDER_MAGIC_SWAPPED else 0
        scanner.interfaces = 0
    elif kind == BLOCK_INTERFACE:
        _interface_block(buffer, position, length, scanner, interfaces)
    return 0


@inline_hostile_kernel
def _interface_block(buffer, position, length, scanner, interfaces):
    number = scanner.interfaces
    scanner.interfaces += 1
    if number >= interfaces.size:
        return
    big_endian = scanner.big_endian
    interface = interfaces[number]
    interface.link_type = UNKNOWN_LINK_TYPE
    interface.snap_length = 0
    interface.units_per_second = 1_000_000
    interface.offset_seconds = 0
    if length < 20:
        return
    interface.link_type = integer_16(buffer, position + 8, big_endian)
    interface.snap_length = integer_32(buffer, position + 12, big_endian)
    option, end = position + 16, position + length - 4
    while option + 4 <= end:
        code = integer_16(buffer, option, big_endian)
        size = integer_16(buffer, option + 2, big_endian)
        if code == 0 or option + 4 + size > end:
            return
        if code == OPTION_TIMESTAMP_RESOLUTION and size == 1:
            interface.units_per_second = _units_per_second(buffer[option + 4])
        if code == OPTION_TIMESTAMP_OFFSET and size == 8:
            first = integer_32(buffer, option + 4, big_endian)
            second = integer_32(buffer, option + 8, big_endian)
            high, low = (first, second) if big_endian else (second, first)
            offset = (high << 32) | low
            interface.offset_seconds = min(max(offset, -LARGEST_SECOND), LARGEST_SECOND)
        option += 4 + ((size + 3) & ~3)


@inline_hostile_kernel
def _units_per_second(resolution):
    exponent = np.int64(resolution & 0x7F)
    if resolution & 0x80:
        return np.int64(1) << min(exponent, np.int64(62))
    units = np.int64(1)
    for _ in range(min(exponent, np.int64(18))):
        units *= 10
    return units


@inline_hostile_kernel
def _packet_block(buffer, position, length, body, record, scanner, interfaces):
    big_endian = scanner.big_endian
    if length < 32:
        scanner.damaged_records += 1
        return 0
    enhanced = integer_32(buffer, position, big_endian) == BLOCK_ENHANCED_PACKET
    number = (
        integer_32(buffer, position + body, big_endian) if enhanced else integer_16(buffer, position + body, big_endian)
    )
    captured = integer_32(buffer, position + body + 12, big_endian)
    if captured > length - 32:
        # The block is whole, so what lies between its header and its end is packet.
        scanner.repaired_records += 1
        captured = length - 32
    record.offset = position + body + 20
    record.captured = captured
    record.wire_length = max(captured, min(integer_32(buffer, position + body + 16, big_endian), 16 * LARGEST_PACKET))
    if number >= min(scanner.interfaces, interfaces.size):
        scanner.unknown_interfaces += 1
        return 0
    interface = interfaces[number]
    high = integer_32(buffer, position + body + 4, big_endian)
    low = integer_32(buffer, position + body + 8, big_endian)
    record.time_ns = _time_ns(high, low, interface)
    record.link_type = interface.link_type
    scanner.last_time_ns = record.time_ns
    scanner.records += 1
    return 1


@inline_hostile_kernel
def _time_ns(high, low, interface):
    units = np.uint64(interface.units_per_second)
    ticks = (np.uint64(high) << np.uint64(32)) | np.uint64(low)
    whole = ticks // units
    if whole > np.uint64(LARGEST_SECOND):
        return np.int64(LARGEST_SECOND) * NANOSECONDS_PER_SECOND
    seconds = np.int64(whole) + interface.offset_seconds
    if seconds < 0 or seconds >= LARGEST_SECOND:
        return min(max(seconds, np.int64(0)), np.int64(LARGEST_SECOND)) * NANOSECONDS_PER_SECOND
    return seconds * NANOSECONDS_PER_SECOND + _nanoseconds(ticks % units, units)


@inline_hostile_kernel
def _nanoseconds(rest, units):
    """Return ``rest`` of ``units`` a second (a power of ten or of two) in whole nanoseconds, rounded down."""
    nano = np.uint64(NANOSECONDS_PER_SECOND)
    if units <= np.uint64(1 << 34):
        return np.int64(rest * nano // units)
    if units % nano == 0:
        return np.int64(rest // (units // nano))
    # The product has up to 92 bits: multiply halves, drop the lower 32 bits, then divide by what is left of 2^k.
    low = (rest & np.uint64(0xFFFFFFFF)) * nano >> np.uint64(32)
    return np.int64(((rest >> np.uint64(32)) * nano + low) // (units >> np.uint64(32)))


@inline_hostile_kernel
def _simple_packet_block(buffer, position, length, record, scanner, interfaces):
    if scanner.interfaces == 0 or length < 16:
        scanner.unknown_interfaces += 1
        return 0
    interface = interfaces[0]
    wire_length = integer_32(buffer, position + 8, scanner.big_endian)
    captured = min(wire_length, length - 16)
    if interface.snap_length > 0:
        captured = min(captured, interface.snap_length)
    record.time_ns = scanner.last_time_ns
    record.offset = position + 12
    record.captured = captured
    record.wire_length = min(wire_length, 16 * LARGEST_PACKET)
    record.link_type = interface.link_type
    scanner.records += 1
    return 1
