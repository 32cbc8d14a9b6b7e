"""The timing wheel's linked lists against plain lists."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netsift.kernels.layout import CLOSED, FLOW, SETTINGS, WHEEL_ENTRY, WHEEL_SLOTS
from netsift.kernels.wheel import append_to_wheel, deadline_second, oldest_flow, remove_from_wheel
from tests.naive import parts

FLOWS = 8
seconds = st.integers(1, 5) | st.integers(1, 3000)
steps = st.lists(
    st.tuples(st.sampled_from(("put", "drop", "oldest", "touch")), st.integers(0, FLOWS - 1), seconds), max_size=60
)


def lists(wheel: Any, flows: Any, hand: int) -> dict[int, list[int]]:
    """Return the wheel's flows by second, walked forward; every backward link is checked on the way."""
    found: dict[int, list[int]] = {}
    for ahead in range(WHEEL_SLOTS):
        place = (hand + ahead) % WHEEL_SLOTS
        slot, before = int(wheel[place]["head"]), -1
        while slot >= 0:
            assert int(flows[slot]["previous"]) == before
            assert int(flows[slot]["wheel_slot"]) == place
            found.setdefault(hand + ahead, []).append(slot)
            slot, before = int(flows[slot]["next"]), slot
        assert int(wheel[place]["tail"]) == before
    return found


def empty_wheel() -> Any:
    """Return a wheel without flows."""
    return np.full(WHEEL_SLOTS, -1, np.int32).repeat(2).view(WHEEL_ENTRY)


@given(st.integers(0, 5000), steps)
def test_append_remove_and_oldest(hand: int, chosen: list[tuple[str, int, int]]) -> None:
    wheel, flows, settings = empty_wheel(), np.zeros(FLOWS, FLOW), np.zeros(1, SETTINGS)
    twin: parts.Wheel = {}
    deadlines: dict[int, int] = {}
    for what, flow, second in chosen:
        if what in ("put", "touch"):
            flows[flow]["last_elapsed_ns"] = (hand + second - 1) * 10**9
            if flow not in deadlines:
                append_to_wheel(wheel, flows, flow, hand + second, hand)
                parts.append_to_wheel(twin, flow, hand + second, hand)
            deadlines[flow] = hand + second
        elif what == "drop" and flow in deadlines:
            del deadlines[flow]
            remove_from_wheel(wheel, flows, flow)
            parts.remove_from_wheel(twin, flow)
        elif what == "oldest":
            assert oldest_flow(wheel, flows, settings[0], hand) == parts.oldest_flow(twin, deadlines, hand)
        assert lists(wheel, flows, hand) == {second: flows for second, flows in twin.items() if flows}


@given(st.integers(0, 2**62), st.integers(0, 2**60), st.integers(0, 2**60), st.booleans())
def test_deadline_second(last_ns: int, idle_ns: int, linger_ns: int, closed: bool) -> None:
    flow, settings = np.zeros(1, FLOW), np.zeros(1, SETTINGS)
    flow["last_elapsed_ns"], flow["history"] = last_ns, CLOSED if closed else 0
    settings["idle_timeout_ns"], settings["linger_ns"] = idle_ns, linger_ns
    expected = parts.deadline_second(last_ns, linger_ns if closed else idle_ns)
    assert deadline_second(flow[0], settings[0]) == expected
