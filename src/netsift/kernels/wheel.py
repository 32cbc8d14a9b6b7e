"""The lazy timing wheel: flows in the second of their deadline, moved only when that second comes.

Packets never touch the wheel; a flow whose deadline has moved on is appended to its proper second when its old one is
visited (docs/flow-meter.md, section 2).
"""

from __future__ import annotations

import numpy as np

from netsift.kernels.jit import kernel
from netsift.kernels.layout import CLOSED, NANOSECONDS_PER_SECOND, WHEEL_SLOTS

NOTHING = -1


@kernel
def deadline_second(flow, settings):
    """Return the first second of elapsed time in which the flow has outlived its timeout."""
    timeout_ns = settings.linger_ns if flow.history & CLOSED else settings.idle_timeout_ns
    return (flow.last_elapsed_ns + timeout_ns) // NANOSECONDS_PER_SECOND + 1


@kernel
def append_to_wheel(wheel, flows, slot, second, hand):
    """Append a flow to the list of ``second``, at most one turn ahead of the wheel's ``hand``."""
    place = min(second, hand + WHEEL_SLOTS - 1) & (WHEEL_SLOTS - 1)
    flow, entry = flows[slot], wheel[place]
    flow.wheel_slot = place
    flow.next = NOTHING
    flow.previous = entry.tail
    if entry.tail == NOTHING:
        entry.head = slot
    else:
        flows[entry.tail].next = slot
    entry.tail = slot


@kernel
def remove_from_wheel(wheel, flows, slot):
    """Unlink a flow from the list it is in."""
    flow = flows[slot]
    entry = wheel[flow.wheel_slot]
    if flow.previous == NOTHING:
        entry.head = flow.next
    else:
        flows[flow.previous].next = flow.next
    if flow.next == NOTHING:
        entry.tail = flow.previous
    else:
        flows[flow.next].previous = flow.previous


@kernel
def oldest_flow(wheel, flows, settings, hand):
    """Return the slot of the flow that gives way when the table is full, or NOTHING.

    It is the first, from the hand on, that still lies in the second of its deadline; others on the way are moved.
    """
    for ahead in range(1, WHEEL_SLOTS):
        place = (hand + ahead) & (WHEEL_SLOTS - 1)
        while wheel[place].head != NOTHING:
            slot = np.int64(wheel[place].head)
            second = deadline_second(flows[slot], settings)
            if min(second, hand + WHEEL_SLOTS - 1) <= hand + ahead:
                return slot
            remove_from_wheel(wheel, flows, slot)
            append_to_wheel(wheel, flows, slot, second, hand)
    return np.int64(NOTHING)
