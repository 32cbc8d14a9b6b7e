"""The context against its slow twin, which was written from ``docs/context.md``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsift.context.schema import CONTEXT_COLUMNS
from netsift.simulate import SimulationSettings, simulate
from tests.conftest import shared_capture_parameters
from tests.context.flows import FIELDS, OPTIONAL, SECOND_NS, capture_batch, flow_batch, flow_rows, nasty_rows, tracked
from tests.naive.context import context_rows

RELATIVE: Final = 1e-5
"""What is remembered is float64; the values given out are float32, with steps of 6e-8, and so is a flow's volume."""

FLOWS_OF_A_CAPTURE: Final = 60
"""The twin costs the square of the flows."""


def expected(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the twin's columns by name."""
    found = context_rows(rows)
    return {name: np.array([row.get(name, np.nan) for row in found], float) for name in CONTEXT_COLUMNS}


def tolerance(name: str, columns: dict[str, Any]) -> Any:
    """Return by how much a column may differ: a spread by the last bits of the mean, which equal values are not.

    Weights below 1e-30 are forgotten, also those of a flow with 2e12 bytes, which alone would spread the sizes by the
    root of that: 2e-3 bytes.
    """
    values = np.nan_to_num(np.abs(columns[name]))
    mean = np.nan_to_num(columns[name.replace("_std", "_mean")])
    relative = RELATIVE * np.maximum(values, mean)
    return relative + (3e-3 if "_size_std" in name else 1e-9 if "_gap_std" in name else 1e-17)


def check(batch: pa.RecordBatch, *, distinct_at_most: bool = False) -> None:
    """Compare every context column of a batch with the twin's."""
    columns, truth = tracked(batch), expected(flow_rows(batch))
    for name, wanted in truth.items():
        found = columns[name].astype(float)
        assert (np.isnan(found) == np.isnan(wanted)).all(), (name, found, wanted)
        off = np.nan_to_num(found - wanted)
        is_distinct = CONTEXT_COLUMNS[name].column.unit == "count"
        off = np.maximum(off, 0) if distinct_at_most and is_distinct else np.abs(off)
        wrong = np.flatnonzero(off > tolerance(name, truth))
        assert not len(wrong), (name, wrong[:3], found[wrong[:3]], wanted[wrong[:3]])


@pytest.mark.parametrize("path", shared_capture_parameters("pcap-attack", "pcap-benign"))
def test_captures(path: Path) -> None:
    batch = capture_batch(path).slice(0, FLOWS_OF_A_CAPTURE)
    check(batch, distinct_at_most=clock_jumps(batch))


def clock_jumps(batch: pa.RecordBatch) -> bool:
    """Return whether a flow ends more than two hours before an earlier one: several captures in one."""
    ends = batch.column("end_time").cast(pa.int64()).to_numpy()
    return bool((np.maximum.accumulate(ends) - ends > 7200 * SECOND_NS).any()) if len(ends) else False


@settings(max_examples=40)
@given(nasty_rows(jumps=False), st.sets(st.sampled_from(OPTIONAL)))
def test_nasty_flows(rows: list[dict[str, Any]], left_out: set[str]) -> None:
    check(flow_batch(rows, [name for name in FIELDS if name not in left_out]))


@settings(max_examples=40)
@given(nasty_rows(jumps=True))
def test_nasty_flows_of_clocks_that_jump(rows: list[dict[str, Any]]) -> None:
    check(flow_batch(rows), distinct_at_most=True)


@pytest.mark.parametrize("seed", [1, 2])
def test_simulated_network(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "made.pcap"
    simulate(path, SimulationSettings(seed=seed, duration_s=200))
    check(capture_batch(path).slice(0, 2 * FLOWS_OF_A_CAPTURE))
