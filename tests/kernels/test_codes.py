"""The numbers in the kernels stand for the names in the schema, and every kernel has its twin."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from netsift.flows.schema import CONNECTION_STATES, END_REASONS, PAYLOAD_KINDS, TUNNELS, Validity
from netsift.kernels import columns, layout, payload
from netsift.kernels.layout import DECODED, FLOW, PACKET, SKIP_REASONS
from tests.conftest import ROOT
from tests.kernels.twins import TWINS

PREFIXES = {"TUNNEL_": TUNNELS, "END_": END_REASONS}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_codes_of_the_layout(prefix: str) -> None:
    for code, name in enumerate(PREFIXES[prefix]):
        constant = name.upper() if name.startswith(prefix.lower()) else prefix + name.upper()
        assert getattr(layout, constant) == code


def test_skip_reasons() -> None:
    assert SKIP_REASONS[DECODED] == "decoded"
    for code, name in enumerate(SKIP_REASONS):
        assert getattr(layout, name.upper()) == code


def test_connection_states_and_payload_kinds() -> None:
    assert [getattr(columns, name) for name in CONNECTION_STATES] == list(range(len(CONNECTION_STATES)))
    assert [getattr(payload, name.upper()) for name in PAYLOAD_KINDS] == list(range(len(PAYLOAD_KINDS)))


def test_validity_bits() -> None:
    for bit, validity in enumerate(Validity):
        name = "IS_ICMP" if validity is Validity.ICMP else validity.name
        assert getattr(columns, name) == 1 << bit
    assert columns.ROW.fields is not None
    assert columns.ROW["valid"].itemsize * 8 >= len(Validity)


def test_marks_and_history_are_single_bits_that_fit() -> None:
    marks = (
        layout.HAS_PORTS,
        layout.FRAGMENT,
        layout.LATER_FRAGMENT,
        layout.TCP_KNOWN,
        layout.ICMP_KNOWN,
        layout.HAS_TUNNEL_ID,
    )
    history = (
        layout.SYN_FORWARD, layout.SYN_ACK_BACKWARD, layout.FIN_FORWARD, layout.FIN_BACKWARD, layout.RST_FORWARD,
        layout.RST_BACKWARD, layout.FIRST_RST_BACKWARD, layout.CLOSED, layout.BACKWARD_SEEN, layout.CLOSED_BY_RST,
    )  # fmt: skip
    for bits, field in ((marks, PACKET["marks"]), (marks, FLOW["marks"]), (history, FLOW["history"])):
        assert sum(bits) == 2 ** len(bits) - 1
        assert len(bits) <= field.itemsize * 8


def test_a_flow_carries_what_a_packet_carries() -> None:
    kept = {"time_ns"}
    for name in set(PACKET.names or ()) - kept:
        assert FLOW[name] == PACKET[name], name


def test_every_public_kernel_has_a_twin() -> None:
    names = set()
    for path in Path(ROOT, "src", "netsift", "kernels").glob("*.py"):
        if path.name not in ("jit.py", "layout.py", "__init__.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {name for name in names if not name.startswith("_")} == set(TWINS)
