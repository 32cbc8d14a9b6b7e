"""The meter's memory: what it reserves, and what it says when there is none."""

from __future__ import annotations

import numpy as np
import pytest

from netsift.errors import UsageError
from netsift.flows import meter as flow_meter
from netsift.flows.meter import Meter
from netsift.flows.settings import LARGEST_TABLE, MeterSettings
from netsift.kernels.layout import PACKET


def test_a_table_that_no_machine_holds_is_refused() -> None:
    settings = MeterSettings(max_flows=LARGEST_TABLE, first_packets=1000)
    with pytest.raises(UsageError, match="no memory for a table of 100,000,000 flows"):
        Meter(settings)


def test_flows_that_nobody_writes_stop_the_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_meter, "ROWS_PER_BATCH", 2)
    packets = np.zeros(1000, PACKET)
    packets["hash"] = packets["source_port"] = np.arange(1000)
    meter = Meter(MeterSettings(max_flows=16))
    with pytest.raises(RuntimeError, match="never written"):
        list(meter.end_flows(packets))


def test_memory_of_written_flows_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_meter, "ROWS_PER_BATCH", 2)
    packets = np.zeros(1000, PACKET)
    packets["hash"] = packets["source_port"] = np.arange(1000)
    meter = Meter(MeterSettings(max_flows=16))
    rows = sum(batch.num_rows for batch in meter.add(packets)) + sum(batch.num_rows for batch in meter.finish())
    assert rows == 1000
