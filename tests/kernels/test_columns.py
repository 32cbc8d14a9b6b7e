"""Statistics, addresses and lists of first packets on their way into columns."""

from __future__ import annotations

import ipaddress
import statistics

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netsift.kernels.columns import (
    count_first_packets,
    gather_first_packets,
    mean_and_deviation,
    write_addresses,
)
from netsift.kernels.layout import DETAIL, FLOW
from tests.naive import measure


@given(st.lists(st.integers(0, 70_000), min_size=1, max_size=50))
def test_mean_and_deviation(values: list[int]) -> None:
    total, squares, count = float(sum(values)), float(sum(value * value for value in values)), len(values)
    found = mean_and_deviation(total, squares, float(count))
    assert found == measure.mean_and_deviation(count, total, squares)
    deviation = statistics.stdev(values) if count > 1 else 0.0
    assert found == (pytest.approx(statistics.fmean(values)), pytest.approx(deviation, abs=1e-2))


def test_mean_and_deviation_without_values_and_of_rounding_below_zero() -> None:
    assert mean_and_deviation(0.0, 0.0, 0.0) == (0.0, 0.0)
    assert mean_and_deviation(3.0, 2.9999999, 3.0) == (1.0, 0.0)


groups = st.sampled_from((0, 0, 0, 1, 0xF, 0x10, 0xABCD, 0xFFFF))


@given(st.lists(st.lists(groups, min_size=8, max_size=8), max_size=6), st.booleans())
@example([[0, 0, 0, 0, 0, 0xFFFF, 0x102, 0x304], [0] * 8, [0, 1] * 4, [0xFFFF] * 8, [1, *[0] * 6, 1]], True)
def test_ipv6_addresses(addresses: list[list[int]], destination: bool) -> None:
    numbers = [int.from_bytes(b"".join(group.to_bytes(2, "big") for group in address), "big") for address in addresses]
    found = written(numbers, 6, destination=destination)
    expected = [ipaddress.IPv6Address(number) for number in numbers]
    assert found == [measure.address_text(address.packed, 6) for address in expected]
    assert [ipaddress.IPv6Address(text) for text in found] == expected


@given(st.lists(st.integers(0, 2**32 - 1), max_size=6))
@example([0, 2**32 - 1, 0x01020A64, 0x09636463])
def test_ipv4_addresses(numbers: list[int]) -> None:
    assert written(numbers, 4, destination=False) == [str(ipaddress.IPv4Address(number)) for number in numbers]


def written(numbers: list[int], version: int, *, destination: bool) -> list[str]:
    """Return what write_addresses makes of addresses."""
    flows = np.zeros(len(numbers), FLOW)
    side = "destination" if destination else "source"
    flows["ip_version"] = version
    for flow, number in zip(flows, numbers, strict=True):
        flow[f"{side}_high"], flow[f"{side}_low"] = number >> 64, number & (2**64 - 1)
    text, offsets = np.zeros(39 * len(numbers), np.uint8), np.zeros(len(numbers) + 1, np.int32)
    ended = np.arange(len(numbers), dtype=np.int32)
    length = write_addresses(ended, flows, destination, text, offsets)
    assert offsets[-1] == length
    return [bytes(text[offsets[row] : offsets[row + 1]]).decode() for row in range(len(numbers))]


@pytest.mark.parametrize("most", [0, 1, 3])
def test_count_first_packets_and_gather_first_packets(most: int) -> None:
    flows, details = np.zeros(3, FLOW), np.zeros(3, DETAIL)
    flows["detail"] = (-1, 2, -1)
    flows["length"], flows["backward_first"] = (40, 0, 60), (0, 0, 1)
    details["first_count"][2] = most
    first_lengths, first_gaps_us = np.zeros((3, most), np.int32), np.zeros((3, most))
    first_lengths[2], first_gaps_us[2] = (50, -51, 52)[:most], (0, 7.5, 8)[:most]
    ended = np.array([2, 1, 0], np.int32)
    room = count_first_packets(ended, flows, details, most)
    lengths, gaps_us, offsets = np.zeros(room, np.int32), np.zeros(room), np.zeros(4, np.int32)
    assert gather_first_packets(ended, flows, details, first_lengths, first_gaps_us, offsets, lengths, gaps_us) == room
    parts = [lengths[offsets[row] : offsets[row + 1]].tolist() for row in range(3)]
    assert parts == [[-60][:most], [50, -51, 52][:most], [40][:most]]
    assert gaps_us.tolist() == [*[0.0][:most], *(0, 7.5, 8)[:most], *[0.0][:most]]
