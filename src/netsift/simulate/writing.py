"""The capture and its labels as files; both appear complete or not at all."""

from __future__ import annotations

import csv
import os
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import IO, Final

from netsift.capture.writer import LONGEST_SNAP, MAGIC_MICROSECONDS, PCAP_RECORD, pcap_header
from netsift.errors import UsageError
from netsift.files import whole_file
from netsift.simulate.scenario import FlowLabel, Scenario, SimulationSettings

LABEL_COLUMNS: Final = (
    "start_time_ns",
    "end_time_ns",
    "src_ip",
    "src_port",
    "dst_ip",
    "dst_port",
    "protocol",
    "label",
    "attack",
)
"""The header of the label file."""

BENIGN: Final = "benign"
ATTACK: Final = "attack"

_ETHERNET: Final = 1
_MICROSECONDS: Final = 1_000_000
_BUFFER_BYTES: Final = 1 << 20


@dataclass(slots=True)
class Summary:
    """What was written; ``flows`` counts conversations by attack class, benign ones under ``benign``."""

    capture: Path
    labels: Path
    packets: int = 0
    wire_bytes: int = 0
    file_bytes: int = 0
    flows: Counter[str] = field(default_factory=Counter)


def label_path(capture: Path) -> Path:
    """The label file that belongs to a capture: ``x.pcap`` has ``x.labels.csv``."""
    return capture.with_suffix(".labels.csv")


def simulate(path: str | os.PathLike[str], settings: SimulationSettings) -> Summary:
    """Write a capture (pcap, microseconds, Ethernet) and its labels; existing files are replaced when all is well.

    Raises UsageError for a name that does not end in ``.pcap``, OutputError when the folder cannot be written.
    """
    capture = Path(path)
    if capture.suffix != ".pcap":
        raise UsageError(f"{capture}: the capture is written as pcap, so its name must end in .pcap")
    summary = Summary(capture, label_path(capture))
    with whole_file(summary.labels) as labels, whole_file(summary.capture) as packets:
        _write(packets, labels, settings, summary)
    summary.file_bytes = summary.capture.stat().st_size
    return summary


def _write(capture: Path, labels: Path, settings: SimulationSettings, summary: Summary) -> None:
    packed, count, volume = PCAP_RECORD.pack, 0, 0
    with capture.open("wb", buffering=_BUFFER_BYTES) as packets, labels.open("w", encoding="utf-8", newline="") as rows:
        packets.write(pcap_header(_ETHERNET, settings.snap_length or LONGEST_SNAP, magic=MAGIC_MICROSECONDS))
        for time_ns, frame, wire_length in Scenario(settings).packets(_LabelWriter(rows, summary).add):
            seconds, microseconds = divmod(time_ns // 1000, _MICROSECONDS)
            packets.write(packed(seconds, microseconds, len(frame), wire_length))
            packets.write(frame)
            count += 1
            volume += wire_length
    summary.packets, summary.wire_bytes = count, volume


class _LabelWriter:
    """Writes one line per conversation, in the order in which they end."""

    def __init__(self, file: IO[str], summary: Summary) -> None:
        self._file = file
        self._flows = summary.flows
        self._file.write(",".join(LABEL_COLUMNS) + "\n")

    def add(self, flow: FlowLabel) -> None:
        self._flows[flow.attack or BENIGN] += 1
        ports = (flow.source_port, flow.destination_port) if flow.source_port or flow.destination_port else ("", "")
        row = (
            flow.start_time_ns,
            flow.end_time_ns,
            ip_address(flow.source),
            ports[0],
            ip_address(flow.destination),
            ports[1],
            flow.protocol,
            ATTACK if flow.attack else BENIGN,
            flow.attack,
        )
        self._file.write(",".join(map(str, row)) + "\n")


def read_labels(path: str | os.PathLike[str]) -> list[dict[str, str]]:
    """The rows of a label file as texts by column name."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
