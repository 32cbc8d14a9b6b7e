"""A receive ring of Linux packet sockets (AF_PACKET, TPACKET_V3): memory that the kernel fills and this process reads.

The kernel writes packets into blocks and hands a block over when it is full or ``block_timeout_ms`` have passed since
its first packet. What comes while all blocks are taken is dropped and counted by the kernel.

Sources: linux/if_packet.h, packet(7), Documentation/networking/packet_mmap.rst.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import select
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from netsift.errors import InputError, UsageError

Array = np.ndarray[Any, Any]

BLOCK_BYTES: Final = 1 << 20
LEAST_BLOCKS: Final = 2
MOST_BLOCKS: Final = 4096
LEAST_SNAP_LENGTH: Final = 96
MOST_SNAP_LENGTH: Final = 262_144

_FRAME_BYTES: Final = 2048
"""A ring of whole blocks has no frames of its own; the kernel only wants a number that divides a block."""
_ALL_PROTOCOLS: Final = 0x0003

# Numbers of linux/if_packet.h, linux/socket.h and linux/filter.h that the socket module does not name.
_SOL_PACKET: Final = 263
_PACKET_ADD_MEMBERSHIP: Final = 1
_PACKET_RX_RING: Final = 5
_PACKET_STATISTICS: Final = 6
_PACKET_VERSION: Final = 10
_PACKET_RESERVE: Final = 12
_PACKET_FANOUT: Final = 18
_PACKET_IGNORE_OUTGOING: Final = 23
_PACKET_MR_PROMISCUOUS: Final = 1
_TPACKET_V3: Final = 2
_FANOUT_HASH: Final = 0
_SO_ATTACH_FILTER: Final = 26
_BLOCK_STATUS: Final = 8
_BLOCK_OF_KERNEL: Final = 0
_BLOCK_OF_USER: Final = 1
_TAG_BYTES: Final = 4

GRANT: Final = (
    "capturing needs the right CAP_NET_RAW: run as root, give it to the program once (sudo setcap cap_net_raw+ep "
    "$(readlink -f $(command -v python3))), or let systemd give it to the service (AmbientCapabilities=CAP_NET_RAW)"
)


@dataclass(slots=True)
class RingCounters:
    """What the kernel says of a ring since it was opened; ``packets`` includes those that it ``dropped``.

    A ``freeze`` is a time in which all blocks were taken, so that packets were dropped.
    """

    packets: int = 0
    dropped: int = 0
    freezes: int = 0


class PacketRing:
    """A packet socket with its ring mapped into this process; packets come in from :meth:`bind` on."""

    def __init__(self, blocks: int, block_timeout_ms: int) -> None:
        """Open a socket that receives nothing yet.

        Raises:
            InputError: this is not Linux, the right to capture is missing, or there is no memory for the ring.
        """
        self._socket = _packet_socket()
        self.counters = RingCounters()
        self._next = 0
        self._blocks = blocks
        size = blocks * BLOCK_BYTES
        try:
            self._socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_RESERVE, _TAG_BYTES)
            shape = struct.pack("7I", BLOCK_BYTES, blocks, _FRAME_BYTES, size // _FRAME_BYTES, block_timeout_ms, 0, 0)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_RX_RING, shape)
            self._memory = mmap.mmap(self._socket.fileno(), size)
        except OSError as error:
            self._socket.close()
            raise InputError(f"no ring of {size >> 20} MiB for captured packets: {error.strerror}") from None
        self._bytes = np.frombuffer(self._memory, np.uint8)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN | select.POLLERR)

    def attach_filter(self, program: bytes) -> None:
        """Let in only what a classic BPF program (``struct sock_filter`` each) lets in; to be called before binding."""
        content = np.frombuffer(program, np.uint8).copy()
        described = struct.pack("@HP", len(program) // 8, content.ctypes.data)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)

    def bind(self, interface: str, fanout: int | None, *, promiscuous: bool) -> int:
        """Start to receive from an interface; return its hardware type (ARPHRD of linux/if_arp.h).

        ``fanout`` is the number of a group of sockets that share the traffic by flow. Bound anew, the socket goes on
        with an interface that was removed and made again.
        """
        number = socket.if_nametoindex(interface)
        self._socket.bind((interface, _ALL_PROTOCOLS))
        kind = int(self._socket.getsockname()[3])
        if promiscuous:
            member = struct.pack("=iHH8s", number, _PACKET_MR_PROMISCUOUS, 0, b"")
            self._socket.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, member)
        if fanout is not None:
            self._socket.setsockopt(_SOL_PACKET, _PACKET_FANOUT, fanout & 0xFFFF | _FANOUT_HASH << 16)
        return kind

    def ignore_outgoing(self) -> None:
        """Let in no packet on its way out: on the loopback interface each comes in as well."""
        self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)

    def wait(self, timeout_s: float) -> bool:
        """Wait until a block is ready and return True, or False when the time is over.

        Raises:
            OSError: the interface went down (ENETDOWN) or away.
        """
        if self._ready():
            return True
        happened = self._poll.poll(timeout_s * 1000)
        if happened and happened[0][1] & select.POLLERR:
            number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise OSError(number, errno.errorcode.get(number, str(number)))
        return self._ready()

    def ready_blocks(self) -> Iterator[Array]:
        """Yield the blocks (uint8) that are ready, at most one round of the ring; each goes back to the kernel after.

        A block may be written to while it is here.
        """
        for _ in range(self._blocks):
            if not self._ready():
                return
            start = self._next * BLOCK_BYTES
            block = self._bytes[start : start + BLOCK_BYTES]
            try:
                yield block
            finally:
                struct.pack_into("=I", self._memory, start + _BLOCK_STATUS, _BLOCK_OF_KERNEL)
                self._next = (self._next + 1) % self._blocks

    def _ready(self) -> bool:
        status = struct.unpack_from("=I", self._memory, self._next * BLOCK_BYTES + _BLOCK_STATUS)[0]
        return bool(status & _BLOCK_OF_USER)

    def count(self) -> RingCounters:
        """Ask the kernel for its counts, which it begins anew with every answer, and return them since the opening."""
        packets, dropped, freezes = struct.unpack("3I", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 12))
        self.counters.packets += packets
        self.counters.dropped += dropped
        self.counters.freezes += freezes
        return self.counters

    def close(self) -> None:
        """Close the socket; the memory goes when nobody looks at it any more."""
        self._bytes = np.empty(0, np.uint8)
        with contextlib.suppress(BufferError):
            self._memory.close()
        self._socket.close()


def blocks_for(ring_bytes: int) -> int:
    """Return how many blocks a ring of this size has. Raises UsageError for one that is too small or too large."""
    blocks = ring_bytes // BLOCK_BYTES
    if not LEAST_BLOCKS <= blocks <= MOST_BLOCKS:
        raise UsageError(f"a ring has {LEAST_BLOCKS} to {MOST_BLOCKS} MiB, not {ring_bytes / BLOCK_BYTES:g}")
    return blocks


def _packet_socket() -> socket.socket:
    family = getattr(socket, "AF_PACKET", None)
    if family is None:
        raise InputError(
            "only Linux can be captured from directly; elsewhere: tcpdump -i INTERFACE -U -w - | netsift watch -"
        )
    try:
        # Of protocol 0: nothing comes in before the filter is there and the socket is bound.
        return socket.socket(family, socket.SOCK_RAW, 0)
    except PermissionError:
        raise InputError(GRANT) from None
    except OSError as error:
        raise InputError(f"no packet socket: {error.strerror}") from None
