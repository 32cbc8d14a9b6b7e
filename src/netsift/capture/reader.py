"""Decoded packets out of one capture: container format, damage, decoding."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final

import numpy as np

from netsift.capture.arp import ArpLog, ArpRecords, ArpTap
from netsift.capture.counters import CaptureCounters
from netsift.capture.streams import ByteStream
from netsift.errors import InputError
from netsift.kernels import containers
from netsift.kernels.containers import INTERFACE, NEED_INPUT, SCANNER
from netsift.kernels.decode import decode_records
from netsift.kernels.layout import FRAGMENT_ENTRY, PACKET, RECORD, SKIP_REASONS

Array = np.ndarray[Any, Any]

PACKETS_PER_BATCH: Final = 8192
_BUFFER: Final = 1 << 22
_READ: Final = 1 << 18
_MOST_INTERFACES: Final = 4096
_FRAGMENT_ENTRIES: Final = 4096

_PCAP_HEADER_LENGTH: Final = 24
_PCAP_FORMATS: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 16, 1000),
    b"\xa1\xb2\xc3\xd4": (">", 16, 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 16, 1),
    b"\xa1\xb2\x3c\x4d": (">", 16, 1),
    b"\x34\xcd\xb2\xa1": ("<", 24, 1000),
    b"\xa1\xb2\xcd\x34": (">", 24, 1000),
}
_PCAPNG_MAGIC: Final = b"\x0a\x0d\x0d\x0a"
_OTHER_FORMATS: Final = {
    b"snoo": "a Solaris snoop capture",
    b"GMBU": "a Microsoft Network Monitor capture",
    b"RTSS": "a Microsoft Network Monitor 1 capture",
    b"TRSN": "a Network General Sniffer capture",
    b"XCP\x00": "a NetXRay capture",
    b"PAR1": "a Parquet file",
    b"ARRO": "an Arrow file",
    b"\x7fELF": "a program",
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"BZh9": "a bzip2 file",
    b"\xfd7zX": "an xz file",
    b"%PDF": "a PDF document",
}


@dataclass(frozen=True, slots=True)
class PacketDecoding:
    """How records become packets.

    ``inner`` meters the innermost packet of a tunnel in place of the outer one; ``key`` (uint64, shape (2,)) keys the
    hashes.
    ``fragments`` (FRAGMENT_ENTRY) is shared by captures that follow one another: a datagram may go on in the next file.
    What ARP packets say goes into ``arp``; ``arp_records`` says whether their RECORDs are wanted, too.
    """

    key: Array
    inner: bool = False
    fragments: Array = field(default_factory=lambda: np.zeros(_FRAGMENT_ENTRIES, FRAGMENT_ENTRY))
    arp: ArpLog | None = None
    arp_records: bool = False


class CaptureReader:
    """Reads one capture as a stream of decoded packets, in memory that does not depend on its size."""

    def __init__(
        self, source: ByteStream, decoding: PacketDecoding, counters: CaptureCounters, buffers: int = 1
    ) -> None:
        """Read the format from the first bytes. Raises InputError when it is no capture.

        ``buffers`` is how many of the yielded arrays stay valid at a time.
        """
        self.source = source
        self._decoding = decoding
        self._counters = counters
        self._buffer = np.empty(_BUFFER, np.uint8)
        self._view = memoryview(self._buffer.data)
        self._end = 0
        self._final = False
        self._records = np.empty(PACKETS_PER_BATCH, RECORD)
        self._packets = cycle([np.empty(PACKETS_PER_BATCH, PACKET) for _ in range(buffers)])
        self._scratch = np.zeros(1, PACKET)
        self._arp = ArpTap(decoding.arp, PACKETS_PER_BATCH)
        self._arp_records = ArpRecords(wanted=decoding.arp_records)
        self._scanner = np.zeros(1, SCANNER)
        self._interfaces = np.zeros(_MOST_INTERFACES, INTERFACE)
        self._reasons = np.zeros(len(SKIP_REASONS), np.int64)
        self._is_pcapng = self._identify()

    def batches(self) -> Generator[Array, None, None]:
        """Yield arrays of PACKET in the order of the file; each is overwritten ``buffers`` batches later.

        Where a live source has nothing for now, an array without packets is yielded.
        """
        try:
            for packets, _ in self._scan():
                yield packets
        finally:
            self._account()

    def batches_with_records(self) -> Generator[tuple[Array, Array], None, None]:
        """Yield arrays of PACKET and the RECORD of each; :meth:`record_bytes` has their bytes until the next batch."""
        try:
            yield from self._scan()
        finally:
            self._account()

    @property
    def buffer(self) -> Array:
        """The bytes (uint8) in which the RECORDs of the batch that was yielded last have their places."""
        return self._buffer

    @property
    def arp_records(self) -> Array:
        """The RECORDs of ARP packets of the batch that was yielded last, where the decoding wants them."""
        return self._arp_records.records

    def record_bytes(self, record: Any) -> bytes:
        """Return the captured bytes of a RECORD of the batch that was yielded last."""
        start = int(record["offset"])
        return bytes(self._view[start : start + int(record["captured"])])

    def _scan(self) -> Iterator[tuple[Array, Array]]:
        packets = next(self._packets)
        while True:
            if self._is_pcapng:
                status, count = containers.scan_pcapng(
                    self._buffer, self._end, self._final, self._records, self._scanner, self._interfaces
                )
            else:
                status, count = containers.scan_pcap(self._buffer, self._end, self._final, self._records, self._scanner)
            self._arp_records.remember(self._records[:count])
            decoded = decode_records(
                self._buffer, self._records, count, self._decoding.inner, packets, self._scratch, self._reasons,
                self._decoding.fragments, self._decoding.key, self._arp.observations, self._arp.tally,
            )  # fmt: skip
            self._arp.pass_on()
            self._arp_records.find(self._buffer, self._records[:decoded])
            if decoded or len(self.arp_records):
                yield packets[:decoded], self._records[:decoded]
                packets = next(self._packets)
            if status == NEED_INPUT:
                if self._final:
                    return
                if not self._fill():
                    yield packets[:0], self._records[:0]

    def _fill(self) -> bool:
        """Read on; return whether the source had anything to say, be it that this is the end."""
        position = int(self._scanner["position"][0])
        left = self._end - position
        if position:
            self._buffer[:left] = self._buffer[position : self._end].copy()
            self._scanner["position"] = 0
        count = self.source.readinto(self._view[left : min(left + _READ, _BUFFER)])
        self._end = left + (count or 0)
        self._final = count == 0
        return count is not None

    def _identify(self) -> bool:
        while self._end < _PCAP_HEADER_LENGTH and not self._final:
            count = self.source.readinto(self._view[self._end : self._end + _READ])
            self._end += count or 0
            self._final = count == 0
        head = bytes(self._buffer[: min(self._end, _PCAP_HEADER_LENGTH)])
        if head.startswith(_PCAPNG_MAGIC):
            return True
        if head[:4] not in _PCAP_FORMATS:
            raise InputError(f"{self.source.name}: {self.source.damage or _why_no_capture(head)}")
        if len(head) < _PCAP_HEADER_LENGTH:
            raise InputError(f"{self.source.name}: the pcap file ends within its header")
        order, record_header, fraction_to_ns = _PCAP_FORMATS[head[:4]]
        scanner = self._scanner
        scanner["position"] = _PCAP_HEADER_LENGTH
        scanner["big_endian"] = order == ">"
        scanner["record_header"] = record_header
        scanner["fraction_to_ns"] = fraction_to_ns
        scanner["link_type"] = struct.unpack_from(order + "I", head, 20)[0] & 0x03FFFFFF
        return False

    def _account(self) -> None:
        counters, scanner = self._counters, self._scanner[0]
        lost = {
            "truncated_record": int(scanner["truncated_records"]),
            "damaged_record": int(scanner["damaged_records"]),
            "unknown_interface": int(scanner["unknown_interfaces"]),
        }
        counters.inputs_read += 1
        counters.packets_read += int(self._reasons.sum()) + sum(lost.values())
        counters.packets_decoded += int(self._reasons[0])
        counters.garbage_bytes += int(scanner["garbage_bytes"])
        skipped = dict(zip(SKIP_REASONS[1:], self._reasons[1:].tolist(), strict=True)) | lost
        counters.skipped.update({reason: count for reason, count in skipped.items() if count})
        damage = [self.source.damage] if self.source.damage else []
        damage += [_counted(count, reason.replace("_", " ")) for reason, count in lost.items() if count]
        if scanner["repaired_records"]:
            damage.append(_counted(int(scanner["repaired_records"]), "wrong length") + " (read nevertheless)")
        if scanner["garbage_bytes"]:
            damage.append(_counted(int(scanner["garbage_bytes"]), "byte") + " of garbage")
        if damage:
            counters.report(f"{self.source.name}: damaged: {', '.join(damage)}")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _why_no_capture(head: bytes) -> str:
    if not head:
        return "the file is empty"
    for magic, name in _OTHER_FORMATS.items():
        if head.startswith(magic):
            return f"is {name}, not a pcap or pcapng capture"
    return f"is not a pcap or pcapng capture (it begins with {head[:8].hex(' ')})"
