"""Remote procedure calls of segments and of flows, against the slow twin."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsift.flows.schema import REMOTE_CALLS
from netsift.kernels.layout import DETAIL
from netsift.kernels.remote_calls import BIND, CALLS, INTERFACES, SHARE, SHARE_BIT, calls_of, remote_call
from tests.flows.engine import engine, first_difference, naive
from tests.flows.writing import ethernet, frames, ipv4, pcap, tcp
from tests.kernels import remote_segments as made
from tests.kernels.test_decode import assert_decoded
from tests.naive import Record
from tests.naive.remote_calls import SHARE as SHARE_OPENED
from tests.naive.remote_calls import remote_call as twin

KERNELS = (remote_call, calls_of)


def records_of(payloads: list[bytes]) -> list[Record]:
    """Return one TCP packet of the same flow for each payload."""
    return frames([ethernet(ipv4(tcp(16, (50_000, 445), payload), 6)) for payload in payloads])


@settings(max_examples=300)
@given(st.lists(made.segments() | st.binary(max_size=130), min_size=1, max_size=8))
def test_segments(payloads: list[bytes]) -> None:
    assert_decoded(records_of(payloads), inner=False)


@settings(max_examples=60)
@given(payloads=st.lists(made.segments(), min_size=1, max_size=12))
def test_flows(tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes]) -> None:
    path = tmp_path_factory.getbasetemp() / "calls.pcap"
    records = records_of(payloads)
    path.write_bytes(pcap(records))
    assert first_difference(engine(path), naive(records)) == ""


@pytest.mark.parametrize("kind", CALLS)
def test_every_procedure_is_found_in_every_wrapping(kind: str, tmp_path: Path) -> None:
    wrappings = (
        bytes,
        made.smb2_write,
        made.smb2_transceive,
        lambda message: made.smb1(0x2F, 14, 22, message),
        lambda message: made.smb1(0x25, 16, 24, message),
    )
    for name, procedures in CALLS[kind].items():
        for wrap in wrappings:
            for procedure in procedures:
                assert called(tmp_path, wrap(made.bind(INTERFACES[name])), wrap(made.request(procedure))) == {kind}


def called(folder: Path, *payloads: bytes) -> set[str]:
    """Return the kinds that a flow of these segments called, as the engine sees it."""
    path = folder / "calls.pcap"
    path.write_bytes(pcap(records_of(list(payloads))))
    ((bits,),) = [[row["remote_calls"] for row in engine(path)[0]]]
    assert isinstance(bits, int)
    return {name for place, name in enumerate(REMOTE_CALLS) if bits >> place & 1}


def test_a_request_is_of_the_interface_that_was_bound_last(tmp_path: Path) -> None:
    secret, log = made.request(43), made.request(0)
    assert called(tmp_path, secret, log) == set()
    assert called(tmp_path, made.bind(INTERFACES["lsarpc"]), log, secret) == {"secret"}
    changed = made.bind(INTERFACES["eventlog"], 14)
    assert called(tmp_path, made.bind(INTERFACES["lsarpc"]), changed, log, secret) == {"log_cleared"}
    unknown = made.bind(str(UUID(int=5)))
    assert called(tmp_path, made.bind(INTERFACES["lsarpc"]), unknown, secret) == set()


def test_shares(tmp_path: Path) -> None:
    for path in ("\\\\10.0.0.1\\C$", "\\\\server\\ADMIN$", "\\\\server\\admin$", "\\\\10.0.0.1\\d$"):
        assert called(tmp_path, made.smb2_share(path)) == {"administrative_share"}
    for path in ("\\\\10.0.0.1\\IPC$", "\\\\server\\print$", "\\\\server\\data", "\\\\server\\USERS$", "$"):
        assert called(tmp_path, made.smb2_share(path)) == set()


def test_replies_and_what_was_cut_off_call_nothing() -> None:
    write = made.smb2_write(made.request(43))
    assert twin(write) == 43
    assert twin(made.smb2(9, write[68:], reply=True)) is None
    assert twin(write[:-1]) is None
    assert twin(made.smb2_share("\\\\a\\C$")) == SHARE_OPENED
    assert twin(made.smb2_share("\\\\a\\C$")[:-31]) is None


def test_the_kinds_are_those_of_the_schema_and_fit() -> None:
    assert (*CALLS, "administrative_share") == REMOTE_CALLS
    assert len(CALLS) == SHARE_BIT
    assert len(REMOTE_CALLS) <= DETAIL["calls"].itemsize * 8
    assert len(INTERFACES) < SHARE < BIND <= 2 ** (DETAIL["interface"].itemsize * 8 - 1)
    procedures = [(name, number) for where in CALLS.values() for name, numbers in where.items() for number in numbers]
    assert len(set(procedures)) == len(procedures)
