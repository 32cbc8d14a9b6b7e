"""Compile every kernel ahead by sending a packet through the real pipeline, once per container format."""

from __future__ import annotations

import struct
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from netsift.flows.columns import empty_batch
from netsift.flows.meter import Meter
from netsift.flows.settings import SMALLEST_TABLE, MeterSettings
from netsift.kernels.jit import mark_compiled
from netsift.kernels.layout import RECORD
from netsift.kernels.link import LINK_ETHERNET
from netsift.kernels.ring import RING, scan_ring_block
from netsift.kernels.rows import EMPTY, distinct_rows
from netsift.sources.captures import CaptureSettings, capture_flows
from netsift.sources.statistics import ReadStatistics

_FRAME_LENGTH: Final = 42
_FLOWS: Final = 70_000


def _frame(number: int) -> bytes:
    """Return an Ethernet frame with an IPv4 UDP packet without payload; the number makes its flow."""
    addresses = struct.pack("!II", 0x0A000000 + number, 0xC0000201)
    network = struct.pack("!BBHHHBBH", 0x45, 0, 28, 0, 0, 64, 17, 0) + addresses
    return bytes(12) + b"\x08\x00" + network + struct.pack("!HHHH", 1024, 53, 8, 0)


def _pcap() -> bytes:
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
    # More flows than the table starts with, so that growing is compiled too.
    records = (struct.pack("<IIII", 1, 0, _FRAME_LENGTH, _FRAME_LENGTH) + _frame(number) for number in range(_FLOWS))
    return header + b"".join(records)


def _block(kind: int, body: bytes) -> bytes:
    length = 12 + len(body)
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _pcapng() -> bytes:
    section = _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    interface = _block(1, struct.pack("<HHI", 1, 0, 0))
    packet = _block(6, struct.pack("<IIIII", 0, 0, 0, _FRAME_LENGTH, _FRAME_LENGTH) + _frame(0) + bytes(2))
    return section + interface + packet


def compile_all() -> pa.RecordBatch:
    """Compile every kernel of the capture pipeline into the cache, and remember that it is done.

    Returns some flows, for the kernels of the parts behind.
    """
    settings = CaptureSettings(meter=MeterSettings(max_flows=max(SMALLEST_TABLE, 2 * _FLOWS)), threads=1)
    flows = empty_batch()
    with tempfile.TemporaryDirectory(prefix="netsift-") as folder:
        for name, content in (("warmup.pcap", _pcap()), ("warmup.pcapng", _pcapng())):
            path = Path(folder) / name
            path.write_bytes(content)
            for batch in capture_flows([str(path)], settings, ReadStatistics()):
                flows = batch
    _compile_ring()
    _compile_rows()
    mark_compiled()
    return flows


def _compile_rows() -> None:
    """Look for equal rows, as the models do."""
    distinct_rows(
        np.zeros((1, 1), np.uint32), np.full(2, EMPTY, np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64)
    )


def _compile_ring() -> None:
    """Walk a block that holds a packet whose VLAN tag was taken out, and let time pass over an empty meter."""
    frame = _frame(0)
    header = struct.pack("=6I2H2IH10x", 0, 1, 0, len(frame), len(frame), 0, 96, 110, 0, 7, 0x8100)
    block = np.frombuffer(struct.pack("=6I24x", 1, 0, 1, 1, 48, 0) + header.ljust(96, b"\0") + frame, np.uint8).copy()
    records, walk = np.empty(1, RECORD), np.zeros(1, RING)
    walk["link_type"] = LINK_ETHERNET
    walk["big_endian"] = sys.byteorder == "big"
    scan_ring_block(block, records, walk)
    for _ in Meter(MeterSettings(max_flows=SMALLEST_TABLE)).pass_time(0):
        pass
