"""What each stage costs by itself: ``python -m pytest benchmarks/test_kernels.py --benchmark-enable``."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from netsift.capture.counters import CaptureCounters
from netsift.capture.reader import CaptureReader, PacketDecoding
from netsift.capture.streams import OpenedInput
from netsift.flows.meter import EndedFlows, Meter, random_key
from tests.flows.traffic import busy
from tests.flows.writing import pcap

Array = np.ndarray[Any, Any]
PACKETS: Final = 50_000


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a capture of many protocols."""
    path = tmp_path_factory.mktemp("kernels") / "busy.pcap"
    path.write_bytes(pcap(busy(PACKETS)))
    return path


def decoded(capture: Path) -> list[Array]:
    """Return every decoded packet of a capture, in the reader's arrays."""
    with closing(OpenedInput(str(capture))) as source:
        reader = CaptureReader(source, PacketDecoding(random_key()), CaptureCounters())
        return [array.copy() for array in reader.batches()]


def ended(arrays: list[Array]) -> list[EndedFlows]:
    """Return the flows of the packets, not yet written as columns."""
    meter = Meter()
    flows = [flow for array in arrays for flow in meter.end_flows(array)]
    return [*flows, *meter.end_all()]


def test_reading_and_decoding(benchmark: Any, capture: Path) -> None:
    """A capture into decoded packets."""
    arrays = benchmark(decoded, capture)
    assert sum(map(len, arrays)) > 0.9 * PACKETS


def test_metering(benchmark: Any, capture: Path) -> None:
    """Decoded packets into ended flows."""
    arrays = decoded(capture)
    assert benchmark(ended, arrays)


def test_columns(benchmark: Any, capture: Path) -> None:
    """Ended flows into record batches."""
    flows = ended(decoded(capture))
    rows = benchmark(lambda: sum(one.batch().num_rows for one in flows))
    assert rows == sum(len(one.slots) for one in flows)
