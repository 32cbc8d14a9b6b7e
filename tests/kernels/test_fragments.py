"""The table of first fragments: what fits is never lost, what does not gives way to what is newer."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netsift.kernels.fragments import FRAGMENT_TIMEOUT_NS, PROBES, recall_fragment, remember_fragment
from netsift.kernels.layout import FRAGMENT_ENTRY, HAS_PORTS, PACKET

KEY = np.array([1, 2], np.uint64)
MOST = FRAGMENT_TIMEOUT_NS
steps = st.lists(
    st.tuples(
        st.booleans(), st.integers(0, PROBES - 1), st.sampled_from((6, 17, 51)),
        st.sampled_from((0, 1, MOST - 1, MOST, -MOST, 1 - MOST)),
    ),
    max_size=40,
)  # fmt: skip


def fragment(identification: int, protocol: int, time_ns: int) -> Any:
    """Return a packet whose ports say which datagram it is of."""
    packet = np.zeros(1, PACKET)
    packet["source_low"], packet["destination_low"], packet["ip_version"] = 1, 2, 4
    packet["time_ns"], packet["protocol"] = time_ns, protocol
    packet["source_port"], packet["destination_port"] = identification + 1, protocol
    packet["marks"] = HAS_PORTS if protocol != 51 else 0
    return packet[0]


@given(steps)
def test_remember_fragment_and_recall_fragment(chosen: list[tuple[bool, int, int, int]]) -> None:
    # A table of as many entries as are probed: every datagram may lie anywhere, so none is lost while they fit.
    table = np.zeros(PROBES, FRAGMENT_ENTRY)
    twin: dict[int, tuple[int, int]] = {}
    now_ns = 10**18
    for is_first, identification, protocol, step_ns in chosen:
        now_ns += step_ns
        if is_first:
            remember_fragment(table, fragment(identification, protocol, now_ns), 6, identification, KEY)
            twin[identification] = (now_ns, protocol)
            continue
        later = fragment(identification, 6, now_ns)
        later["source_port"] = later["destination_port"] = later["marks"] = 0
        recall_fragment(table, later, identification, KEY)
        seen_ns, first = twin.get(identification, (now_ns - MOST, 6))
        known = abs(now_ns - seen_ns) < MOST
        assert int(later["protocol"]) == (first if known else 6)
        assert int(later["source_port"]) == (identification + 1 if known else 0)
        assert int(later["marks"]) == (HAS_PORTS if known and first != 51 else 0)


def test_the_oldest_gives_way() -> None:
    table = np.zeros(PROBES, FRAGMENT_ENTRY)
    for number in range(3 * PROBES):
        remember_fragment(table, fragment(number, 17, number), 17, number, KEY)
    assert sorted(table["identification"].tolist()) == list(range(2 * PROBES, 3 * PROBES))
