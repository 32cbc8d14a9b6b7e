"""What single packets add to a flow's statistics, field by field of DETAIL."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netsift.flows.meter import _empty_detail
from netsift.flows.settings import MeterSettings
from netsift.kernels.layout import DETAIL, FLOW
from netsift.kernels.statistics import add_active, add_to_direction, start_detail
from tests.naive.measure import time_statistics


def detail() -> Any:
    """Return the statistics of a flow without packets."""
    array = np.zeros(1, DETAIL)
    array[0] = _empty_detail()
    return array


@given(st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)), min_size=1, max_size=9))
def test_add_active(runs: list[tuple[int, int]]) -> None:
    array = detail()
    for start_ns, length_ns in runs:
        array["active_start_ns"] = start_ns
        add_active(array[0], start_ns + length_ns)
    lengths_ns = [length_ns for _, length_ns in runs]
    expected = time_statistics("active", lengths_ns)
    assert array["active_sum_ns"][0] == sum(lengths_ns)
    assert array["active_min_ns"][0] / 1000 == expected["active_min_us"]
    assert array["active_max_ns"][0] / 1000 == expected["active_max_us"]


def test_start_detail_add_to_direction_and_add_to_flow_count_the_first_packet_once() -> None:
    settings = MeterSettings().as_array()
    for backward_first in (0, 1):
        flow, started, direct = np.zeros(1, FLOW), detail(), detail()
        flow["length"], flow["payload_length"], flow["header_length"], flow["protocol"] = 60, 20, 20, 17
        flow["first_ns"], flow["backward_first"] = 7, backward_first
        lengths, gaps_us = np.zeros((1, 2), np.int32), np.ones((1, 2))
        start_detail(flow[0], started[0], lengths, gaps_us, 0, settings[0])
        side, other = ("backward", "forward") if backward_first else ("forward", "backward")
        add_to_direction(direct[0][side], direct[0][other], flow[0], 7, settings[0])
        assert started[0][side] == direct[0][side]
        assert started[0][other] == _empty_detail()[other]
        assert (lengths.tolist(), gaps_us.tolist()) == ([[-60 if backward_first else 60, 0]], [[0.0, 1.0]])
        assert started["first_count"][0] == 1
