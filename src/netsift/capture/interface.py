"""Decoded packets from a network interface while they pass (Linux): a ring, a filter, and the same kernels as of files.

The interface may go down and come up again, or be removed and made again under its name: the capture waits and goes on.
"""

from __future__ import annotations

import errno
import socket
import sys
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import numpy as np

from netsift.capture import filters
from netsift.capture.arp import ArpRecords, ArpTap
from netsift.capture.counters import CaptureCounters
from netsift.capture.reader import PACKETS_PER_BATCH, PacketDecoding
from netsift.capture.ring import LEAST_SNAP_LENGTH, MOST_SNAP_LENGTH, PacketRing, RingCounters, blocks_for
from netsift.errors import InputError, UsageError
from netsift.kernels.decode import decode_records
from netsift.kernels.layout import DONE, PACKET, RECORD, SKIP_REASONS
from netsift.kernels.link import LINK_ETHERNET, LINK_RAW
from netsift.kernels.ring import RING, scan_ring_block

Array = np.ndarray[Any, Any]

DEFAULT_SNAP_LENGTH: Final = 512
"""Bytes kept of a packet: every header that is decoded, and the first bytes of the payload, fit well."""
DEFAULT_RING_BYTES: Final = 64 << 20
BLOCK_TIMEOUT_MS: Final = 100

_SECONDS_BETWEEN_LOOKS: Final = 0.2
_LOOPBACK: Final = 772
# Hardware types of linux/if_arp.h whose frames are what a capture file of that link type holds.
_LINK_TYPES: Final = {
    1: LINK_ETHERNET,
    _LOOPBACK: LINK_ETHERNET,
    519: LINK_RAW,
    768: LINK_RAW,
    769: LINK_RAW,
    776: LINK_RAW,
    0xFFFE: LINK_RAW,
}
_GONE: Final = frozenset({errno.ENETDOWN, errno.ENODEV, errno.ENXIO})
_IFF_UP: Final = 1


@dataclass(frozen=True, slots=True)
class InterfaceSettings:
    """What is captured of which interface.

    ``snap_length`` bytes are kept of a packet; ``ring_bytes`` of memory wait for this process. ``exclude`` are ends,
    as :func:`netsift.capture.filters.without` has them, whose packets are left out.

    Raises:
        UsageError: a size is outside its range, or one of the ends is none.
    """

    name: str
    expression: str = ""
    exclude: tuple[str, ...] = ()
    snap_length: int = DEFAULT_SNAP_LENGTH
    ring_bytes: int = DEFAULT_RING_BYTES
    promiscuous: bool = False
    fanout_group: int | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no ring."""
        if not LEAST_SNAP_LENGTH <= self.snap_length <= MOST_SNAP_LENGTH:
            raise UsageError(
                f"the snap length must lie between {LEAST_SNAP_LENGTH} and {MOST_SNAP_LENGTH}, not {self.snap_length}"
            )
        blocks_for(self.ring_bytes)
        filters.without(self.expression, list(self.exclude))

    @property
    def filter_expression(self) -> str:
        """The whole filter, with what is excluded."""
        return filters.without(self.expression, list(self.exclude)) if self.exclude else self.expression


@dataclass(slots=True)
class InterfaceCounters:
    """What became of an interface's packets, beside :class:`CaptureCounters`.

    ``cut`` packets were longer than the snap length. ``outages`` counts how often the interface went down or away;
    ``down`` says that it is so now.
    """

    ring: RingCounters = field(default_factory=RingCounters)
    cut: int = 0
    outages: int = 0
    down: bool = False


class InterfaceCapture:
    """Captures from one interface; opening needs the right to, going on does not."""

    def __init__(self, settings: InterfaceSettings) -> None:
        """Open the ring with its filter; nothing comes in before :meth:`batches`.

        Raises:
            InputError: there is no such interface, no right to capture, no libpcap for a filter, or this is not Linux.
            UsageError: the filter makes no sense.
        """
        self.settings = settings
        self.counters = InterfaceCounters()
        self._ring = PacketRing(blocks_for(settings.ring_bytes), BLOCK_TIMEOUT_MS)
        try:
            number_of(settings.name)
            expression = settings.filter_expression
            self._ring.attach_filter(
                filters.compiled(expression, settings.name, settings.snap_length)
                if expression
                else filters.everything(settings.snap_length)
            )
        except (InputError, UsageError):
            self._ring.close()
            raise
        self.counters.ring = self._ring.counters
        self._walk = np.zeros(1, RING)
        self._walk["big_endian"] = sys.byteorder == "big"
        self._records = np.empty(PACKETS_PER_BATCH, RECORD)
        self._scratch = np.zeros(1, PACKET)
        self._reasons = np.zeros(len(SKIP_REASONS), np.int64)
        self._block = np.empty(0, np.uint8)
        self._arp_records = ArpRecords(wanted=False)

    def batches(
        self, decoding: PacketDecoding, counters: CaptureCounters, stop: threading.Event, buffers: int = 1
    ) -> Generator[Array, None, None]:
        """Yield arrays of PACKET until ``stop`` is set; each is overwritten ``buffers`` batches later.

        An array without packets says that the ring is empty. ``counters`` are up to date with every array.

        Raises:
            InputError: the link type of the interface is not known.
        """
        for packets, _ in self.batches_with_records(decoding, counters, stop, buffers):
            yield packets

    def batches_with_records(
        self, decoding: PacketDecoding, counters: CaptureCounters, stop: threading.Event, buffers: int = 1
    ) -> Generator[tuple[Array, Array], None, None]:
        """Yield arrays of PACKET and the RECORD of each; :meth:`record_bytes` has their bytes until the next."""
        self._bind()
        counters.inputs_read += 1
        arrays = cycle([np.empty(PACKETS_PER_BATCH, PACKET) for _ in range(buffers)])
        tap = ArpTap(decoding.arp, PACKETS_PER_BATCH)
        self._arp_records = ArpRecords(wanted=decoding.arp_records)
        try:
            while not stop.is_set():
                yield from self._round(decoding, counters, arrays, tap)
            # What came before the stop lies in a block that is handed over when its time is up.
            self._ring.wait(2 * BLOCK_TIMEOUT_MS / 1000)
            yield from self._round(decoding, counters, arrays, tap)
        finally:
            self._ring.count()
            self._ring.close()

    @property
    def buffer(self) -> Array:
        """The bytes (uint8) in which the RECORDs of the batch that was yielded last have their places."""
        return self._block

    @property
    def arp_records(self) -> Array:
        """The RECORDs of ARP packets of the batch that was yielded last, where the decoding wants them."""
        return self._arp_records.records

    def record_bytes(self, record: Any) -> bytes:
        """Return the captured bytes of a RECORD of the batch that was yielded last."""
        start = int(record["offset"])
        return self._block[start : start + int(record["captured"])].tobytes()

    def _round(
        self, decoding: PacketDecoding, counters: CaptureCounters, arrays: Iterator[Array], tap: ArpTap
    ) -> Iterator[tuple[Array, Array]]:
        """Wait a moment and take what is ready, or say that there is nothing."""
        ready = self._wait()
        self._ring.count()
        if not ready:
            yield np.empty(0, PACKET), self._records[:0]
            return
        for block in self._ring.ready_blocks():
            self._block = block
            self._walk["position"] = 0
            yield from self._decoded(block, decoding, counters, arrays, tap)

    def _decoded(
        self, block: Array, decoding: PacketDecoding, counters: CaptureCounters, arrays: Iterator[Array], tap: ArpTap
    ) -> Iterator[tuple[Array, Array]]:
        status = -1
        while status != DONE:
            status, count = scan_ring_block(block, self._records, self._walk)
            packets = next(arrays)
            self._arp_records.remember(self._records[:count])
            decoded = decode_records(
                block, self._records, count, decoding.inner, packets, self._scratch, self._reasons,
                decoding.fragments, decoding.key, tap.observations, tap.tally,
            )  # fmt: skip
            tap.pass_on()
            self._arp_records.find(block, self._records[:decoded])
            self._account(counters)
            if decoded or len(self.arp_records):
                yield packets[:decoded], self._records[:decoded]

    def _account(self, counters: CaptureCounters) -> None:
        damaged = int(self._walk["damaged_records"][0])
        counters.packets_read += int(self._reasons.sum()) + damaged
        counters.packets_decoded += int(self._reasons[0])
        lost = dict(zip(SKIP_REASONS[1:], self._reasons[1:].tolist(), strict=True)) | {"damaged_record": damaged}
        counters.skipped.update({reason: count for reason, count in lost.items() if count})
        self.counters.cut += int(self._walk["cut_records"][0])
        self._reasons[:] = 0
        self._walk["cut_records"] = self._walk["damaged_records"] = 0

    def _wait(self) -> bool:
        """Wait for a block; where the interface is down or away, note it and see whether it is back."""
        try:
            ready = self._ring.wait(_SECONDS_BETWEEN_LOOKS)
        except OSError as error:
            if error.errno not in _GONE:
                raise InputError(f"{self.settings.name}: {error.strerror}") from None
            if not self.counters.down:
                self.counters.outages += 1
            self.counters.down = True
            return False
        if self.counters.down:
            self._look_whether_up()
        return ready

    def _look_whether_up(self) -> None:
        if not is_up(self.settings.name):
            return
        # Its number is another one where it was removed and made again.
        if number_of(self.settings.name) != self._number:
            self._bind()
        self.counters.down = False

    def _bind(self) -> None:
        settings = self.settings
        self._number = number_of(settings.name)
        try:
            kind = self._ring.bind(settings.name, settings.fanout_group, promiscuous=settings.promiscuous)
        except OSError as error:
            raise InputError(f"{settings.name}: cannot be captured from: {error.strerror}") from None
        link_type = _LINK_TYPES.get(kind)
        if link_type is None:
            raise InputError(
                f"{settings.name} has frames of a kind that is not captured directly (hardware type {kind}): "
                f"tcpdump -i {settings.name} -U -w - | netsift watch -"
            )
        if kind == _LOOPBACK:
            self._ring.ignore_outgoing()
        self._walk["link_type"] = link_type


def number_of(interface: str) -> int:
    """Return the system's number of an interface. Raises InputError when there is none of that name."""
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        names = ", ".join(name for _, name in socket.if_nameindex())
        raise InputError(f"there is no interface {interface!r}; there are {names}") from None


def is_up(interface: str) -> bool:
    """Return whether an interface is there and up, as sysfs says."""
    try:
        flags = (Path("/sys/class/net") / interface / "flags").read_text(encoding="ascii")
    except OSError:
        return False
    return bool(int(flags, 16) & _IFF_UP)
