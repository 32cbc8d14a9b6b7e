"""Captures from an interface into flows, and what was captured into a pcap file; run within a test's network.

``python -m tests.live.capture_program INTERFACE OUT.json OUT.pcap [SETTINGS-AS-JSON]``: writes ``ready`` to standard
output once packets come in, and stops when standard input's parent says so with SIGTERM.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from netsift.capture.counters import CaptureCounters
from netsift.capture.interface import InterfaceCapture, InterfaceSettings
from netsift.capture.reader import PacketDecoding
from netsift.flows.meter import Meter, random_key
from tests.flows.engine import rows_of
from tests.flows.writing import pcap
from tests.naive import Record


def main(interface: str, target: str, kept: str, settings: str = "{}") -> None:
    """Capture until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    capture = InterfaceCapture(InterfaceSettings(interface, **json.loads(settings)))
    counters, meter, records = CaptureCounters(), Meter(), list[Record]()
    rows = []
    ready = False
    with closing(capture.batches_with_records(PacketDecoding(random_key()), counters, stop)) as batches:
        for packets, found in batches:
            if not ready:
                sys.stdout.write("ready\n")
                sys.stdout.flush()
                ready = True
            records += [
                Record(int(one["time_ns"]), int(one["link_type"]), int(one["wire_length"]), capture.record_bytes(one))
                for one in found
            ]
            rows += rows_of(meter.add(packets))
            progress = {"seen": counters.packets_read, "dropped": capture.counters.ring.dropped}
            Path(f"{target}.seen").write_text(json.dumps(progress))
    rows += rows_of(meter.finish())
    Path(kept).write_bytes(pcap(records))
    result = {
        "rows": rows, "read": counters.packets_read, "decoded": counters.packets_decoded,
        "skipped": dict(counters.skipped), "interface": asdict(capture.counters),
    }  # fmt: skip
    Path(target).write_text(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
