"""Memory does not depend on how large a capture is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.flows.traffic import busy
from tests.flows.writing import pcap
from tests.peak_memory import peak_kib

MOST_GROWTH = 1.1
READ = """
import sys
import netsift
from netsift.sources.captures import CaptureSettings
rows = sum(batch.num_rows for batch in netsift.read_flows(sys.argv[1], CaptureSettings(threads=int(sys.argv[2]))))
print(rows)
"""


def peak(path: Path, threads: int) -> int:
    """Return the peak resident memory in KiB of a process of its own that reads a capture."""
    kibibytes, (rows,) = peak_kib(READ, str(path), str(threads))
    assert int(rows) > 0
    return kibibytes


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is counted another way there")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_capture_ten_times_as_large_takes_no_more_memory(threads: int, tmp_path: Path) -> None:
    small, large = tmp_path / "small.pcap", tmp_path / "large.pcap"
    whole = pcap(busy(60_000))
    # The same packets again and again: the clock of flows goes by steps, and a step back is no step. Three times is
    # enough for every thread to have its buffers full.
    small.write_bytes(whole + 2 * whole[24:])
    large.write_bytes(whole + 29 * whole[24:])
    peaks = [peak(small, threads), peak(large, threads)]
    assert peaks[1] < MOST_GROWTH * peaks[0]
