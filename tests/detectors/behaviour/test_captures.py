"""Behaviour detectors on real captures: what shows an attack is found, and ordinary traffic is silent."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from netsift.sources.flows import read_flows
from tests.conftest import captures_below, shared_data
from tests.detectors.behaviour.crafting import alerts_of, names_of

FOUND: Final = (
    ("chrissanders/synscan.pcapng", "port_scan"),
    ("scan-esnet/udp_0_1000_20190821.pcap", "port_scan"),
    ("scan-esnet/nmap_80_all.pcap", "half_open"),
    ("malcolm/445_scan.pcap", "host_sweep"),
    ("malcolm/multiport_scan.pcap", "host_sweep"),
    ("chrissanders/activeosfingerprinting.pcapng", "odd_flags"),
    ("zeek-traces/sshguess.pcap", "brute_force"),
    ("zeek-traces/bruteforce.pcap", "brute_force"),
    ("zeek-traces/dhcp_flood.pcap", "dhcp_starvation"),
    ("ddos-stopddos/pkt.TCP.synflood.spoofed.pcap.gz", "syn_flood"),
    ("ddos-stopddos/amp.UDP.isakmp.pcap.gz", "udp_flood"),
    ("dns-tunnel/iodine-cname.pcap.gz", "dns_tunnel"),
    ("ndpi/dns-tunnel-iodine.pcap", "dns_tunnel"),
    ("malcolm/Pingback_ICMP.pcap", "icmp_tunnel"),
    ("malcolm/09ffabf7-774a-43a3-8c97-68f2046fd385.pcap.gz", "beacon"),
    ("ndpi/WebattackRCE.pcap", "http_flood"),
    ("sbousseaden/LM_psexec_smb_dcerpc_epm_svcctl.pcapng", "remote_administration"),
    ("sbousseaden/LM_psexec_smb_dcerpc_epm_svcctl.pcapng", "remote_execution"),
    ("sbousseaden/LM_psexec_smb_dcerpc_epm_svcctl.pcapng", "administrative_share"),
    ("sbousseaden/CA_masterkey_rpc_protectedstorage.pcapng", "credential_access"),
    ("sbousseaden/DCShadow_add_primarygroupid_512_to_std_account.pcapng", "directory_replication"),
    ("sbousseaden/Discovery_impacket_rpcdump.pcapng", "remote_discovery"),
)
"""Captures and a detector that finds what is in them."""
MOST_BYTES: Final = 1_000_000


@pytest.mark.parametrize(("name", "detector"), FOUND)
def test_attacks_are_found(name: str, detector: str) -> None:
    assert detector in names_of(alerts_of(read_flows(capture(name))))


def capture(name: str) -> Path:
    """Return a capture by the end of its path; skips the test where there are none."""
    folder = shared_data() / "pcap-attack"
    return next(path for path in captures_below(folder) if path.as_posix().endswith(name.rsplit("/", maxsplit=1)[-1]))


def test_ordinary_captures_are_silent() -> None:
    folder = shared_data() / "pcap-benign"
    small = [path for path in captures_below(folder) if path.stat().st_size <= MOST_BYTES]
    assert small
    assert {path.name: [alert.reason for alert in alerts_of(read_flows(path))] for path in small} == {
        path.name: [] for path in small
    }
