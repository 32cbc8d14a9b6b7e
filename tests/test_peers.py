"""netsift's flows beside NFStream's, and their totals beside tshark's, on a sample of real captures.

``python -m benchmarks.agreement`` does the same on all of them and writes ``docs/agreement.md``.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

import pytest

from benchmarks import causes
from benchmarks.agreement import PAIRS, compare_capture, levelled, netsift_rows
from benchmarks.conversations import has_tshark, netsift_totals, tshark_totals
from tests.conftest import shared_data
from tests.naive.containers import Record, read_records

SAMPLE: Final = {
    "pcap-attack/chrissanders/synscan.pcapng": set(),
    "pcap-attack/chrissanders/sessionhijacking.pcapng": {causes.OTHER_PAYLOAD},
    "pcap-attack/ddos-stopddos/amp.TCP.reflection.SYNACK.pcap.gz": {causes.LATER_FRAGMENTS},
    "pcap-attack/malcolm/30a385ed-171e-4f15-ac3f-08c96be7bfd1.pcap.gz": {causes.CUT_IPV6, causes.OTHER_PAYLOAD},
    "pcap-attack/malcolm/445_scan.pcap": {causes.TIMES_BACKWARDS},
    "pcap-attack/malcolm/CVE-2020-1472_test_win2019.pcap": set(),
    "pcap-attack/malcolm/Pingback_ICMP.pcap": set(),
    "pcap-attack/ndpi/emotet.pcap": set(),
    "pcap-attack/sbousseaden/LM_psexec_smb_dcerpc_epm_svcctl.pcapng": set(),
    "pcap-attack/scan-esnet/udp_0_1000_20190821.pcap": set(),
    "pcap-attack/zeek-traces/sshguess.pcap": set(),
    "pcap-benign/iot-sentinel/HueBridge__Setup-A-1-STA.pcap": {causes.OTHER_PAYLOAD},
    "pcap-benign/ndpi/1kxun.pcap.gz": set(),
    "pcap-benign/ndpi/wechat.pcap": {causes.OTHER_PAYLOAD},
    "pcap-benign/zeek-traces/ssh.pcap.gz": set(),
    "pcap-benign/zeek-traces/cwd-navigation.pcap": set(),
}
"""A capture from each source, and the causes of the differences to NFStream in it."""

UNEQUAL_CONVERSATIONS: Final = {"pcap-attack/ddos-stopddos/amp.TCP.reflection.SYNACK.pcap.gz": 1}
"""tshark counts a later fragment to no UDP conversation; netsift counts it to its datagram's."""

needs_nfstream = pytest.mark.skipif(
    importlib.util.find_spec("nfstream") is None, reason="NFStream is not installed (no wheel for this platform)"
)
needs_tshark = pytest.mark.skipif(not has_tshark(), reason="tshark is not installed")


@needs_nfstream
@pytest.mark.parametrize("name", SAMPLE)
def test_flows_agree_with_nfstream(name: str) -> None:
    comparison = compare_capture(shared_data() / name)
    assert comparison.unexplained == []
    assert set(comparison.causes) == SAMPLE[name]
    assert comparison.flows > 0


@needs_tshark
@pytest.mark.parametrize("name", SAMPLE)
def test_totals_agree_with_tshark(name: str) -> None:
    path = shared_data() / name
    ours, theirs = netsift_totals(netsift_rows(path)), tshark_totals(path)
    assert ours.packets == theirs.packets
    assert ours.bytes == theirs.bytes
    keys = {**ours.conversations, **theirs.conversations}
    unequal = [key for key in keys if ours.conversations[key] != theirs.conversations[key]]
    assert len(unequal) == UNEQUAL_CONVERSATIONS.get(name, 0), unequal


def test_every_kind_of_column_is_compared() -> None:
    names = {pair.column for pair in PAIRS}
    assert {"packets", "bytes_fwd", "payload_bytes_bwd", "duration_us", "length_std", "payload_fwd_max"} <= names
    assert {"iat_mean_us", "iat_bwd_std_us", "syn_packets", "cwr_packets_bwd"} <= names
    assert {pair.mode for pair in PAIRS} == {1, 3}
    assert all((pair.scale == 1000) == pair.column.endswith("_us") for pair in PAIRS)


def test_levelled_times_are_milliseconds_that_never_run_backwards(tmp_path: Path) -> None:
    times_ns = [5_000_000_000_999_999, 4_999_000_000_000_000, 5_000_000_002_500_001]
    records = [Record(time_ns, 1, 100, b"frame") for time_ns in times_ns]
    path = tmp_path / "level.pcap"
    path.write_bytes(levelled(records))
    again, problems = read_records(path.read_bytes())
    assert [record.time_ns for record in again] == [5_000_000_000_000_000, 5_000_000_000_000_000, 5_000_000_002_000_000]
    assert all((record.wire_length, record.data) == (100, b"frame") for record in again)
    assert not problems


def test_every_cause_has_an_explanation() -> None:
    named = {value for name, value in vars(causes).items() if name.isupper() and isinstance(value, str)}
    assert named == set(causes.EXPLANATIONS)
