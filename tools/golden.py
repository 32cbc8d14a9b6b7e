"""Writes the golden rows of ``tests/golden/``: what the meter makes of some real captures.

``python tools/golden.py`` writes one JSON file for each capture named in ``CAPTURES``, out of the folder of real
captures that ``tests/conftest.py`` finds. A change of the engine then shows as a diff of numbers.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from netsift.sources.captures import CaptureSettings, capture_flows  # noqa: E402
from netsift.sources.statistics import ReadStatistics  # noqa: E402
from tests.conftest import shared_data_folder, skip_reason  # noqa: E402
from tests.flows.engine import Row, rows_of  # noqa: E402

FOLDER: Final = ROOT / "tests" / "golden"

CAPTURES: Final = (
    "pcap-attack/chrissanders/arppoison.pcapng",
    "pcap-attack/chrissanders/sessionhijacking.pcapng",
    "pcap-attack/chrissanders/synscan.pcapng",
    "pcap-attack/malcolm/Pingback_ICMP.pcap",
    "pcap-attack/malcolm/eternalblue-success-unpatched-win7.pcap",
    "pcap-attack/ndpi/WebattackSQLinj.pcap",
    "pcap-attack/ndpi/emotet.pcap",
    "pcap-attack/scan-esnet/udp_0_1000_20190821.pcap",
    "pcap-attack/zeek-traces/sshguess.pcap",
    "pcap-benign/iot-sentinel/HueBridge__Setup-A-1-STA.pcap",
    "pcap-benign/ndpi/alexa-app.pcapng.gz",
    "pcap-benign/ndpi/quic.pcap",
    "pcap-benign/ndpi/webex.pcap",
    "pcap-benign/zeek-traces/206_example_a.pcap",
    "pcap-odd/nDPI__tests__cfgs__default__pcap__dlt_ppp.pcap",
    "pcap-odd/nDPI__tests__cfgs__default__pcap__ipv6_in_gtp.pcap",
    "pcap-odd/nDPI__tests__cfgs__default__pcap__sctp.cap",
    "pcap-odd/nDPI__tests__cfgs__default__pcap__smb_frags.pcap",
    "pcap-odd/suricata-verify__tests__bug-1450-04__tls_DER-incomplete-header.pcap",
    "pcap-odd/suricata-verify__tests__bug-4810__pppoe-session-http.pcap",
    "pcap-odd/suricata-verify__tests__bug-5633-gre-01__gre-udp.pcap",
    "pcap-odd/suricata-verify__tests__decode-chdlc-01__hdlc-http_1tx.pcap",
    "pcap-odd/suricata-verify__tests__defrag__bug-6887-defrag-eth-vlan-ipv6-tcp__frag-eth-vlan-ipv6-tcp.pcap",
    "pcap-odd/suricata-verify__tests__transform-base64-7296__input.pcap",
    "pcap-odd/zeek__testing__btest__Traces__arp-who-has-radiotap.pcap",
    "pcap-odd/zeek__testing__btest__Traces__chksums__ip6-route0-tcp-good-chksum.pcap",
    "pcap-odd/zeek__testing__btest__Traces__ipv4__fragmented-3.pcap",
    "pcap-odd/zeek__testing__btest__Traces__mixed-vlan-mpls.pcap",
    "pcap-odd/zeek__testing__btest__Traces__trunc__ip4-trunc.pcap",
    "pcap-odd/zeek__testing__btest__Traces__trunc__mpls-6in6-6in6-4in6-trunc.pcap",
    "pcap-odd/zeek__testing__btest__Traces__tunnels__geneve-inner-tcp-bad-checksum.pcap",
    "pcap-odd/zeek__testing__btest__Traces__tunnels__vxlan-triple-v2.pcap",
)
"""Captures below the folder of shared data: attacks, ordinary traffic, tunnels, fragments, odd link layers, damage."""

COLUMNS: Final = (
    "src_ip", "src_port", "dst_ip", "dst_port", "protocol", "vlan_id", "tunnel", "tunnel_id", "part", "end_reason",
    "conn_state", "duration_us", "packets_fwd", "packets_bwd", "bytes_fwd", "bytes_bwd", "payload_bytes",
    "iat_mean_us", "length_std", "retransmissions_fwd", "out_of_order_bwd", "window_fwd_initial", "subflows",
    "payload_kind_fwd", "payload_kind_bwd",
)  # fmt: skip
"""Columns written out for people to read; the digest covers all of them."""
MOST_ROWS: Final = 40
"""Flows of a capture that are written one by one; all further ones share a digest."""


def golden(path: Path, name: str) -> dict[str, object]:
    """Return what the golden file of one capture must hold."""
    statistics = ReadStatistics()
    rows = rows_of(capture_flows([str(path)], CaptureSettings(inner_tunnels=True, threads=1), statistics))
    counts = statistics.as_dictionary()
    counts["problems"] = [str(problem).removeprefix(f"{path}: ") for problem in statistics.capture.problems]
    return {
        "capture": name,
        "counts": counts,
        "columns": list(COLUMNS),
        "flows": [[*(row[column] for column in COLUMNS), digest([row])] for row in rows[:MOST_ROWS]],
        "digest": digest(rows),
    }


def digest(rows: list[Row]) -> str:
    """Return a short hash of every column of the rows; numbers count as Python prints them."""
    return hashlib.sha256(repr([list(row.items()) for row in rows]).encode()).hexdigest()[:16]


def text(content: dict[str, object]) -> str:
    """Return the content as JSON with one flow per line."""
    flows = content["flows"]
    assert isinstance(flows, list)
    lines = ",\n".join("    " + json.dumps(flow) for flow in flows)
    rest = json.dumps({key: value for key, value in content.items() if key != "flows"}, indent=2)
    return rest.removesuffix("\n}") + ',\n  "flows": [\n' + lines + "\n  ]\n}\n"


def file_of(name: str) -> Path:
    """Return the golden file of a capture."""
    return FOLDER / f"{Path(name).name}.json"


def main() -> int:
    """Rewrite every golden file; return 1 where the captures are not on this machine."""
    folder = shared_data_folder()
    if folder is None:
        print(skip_reason())
        return 1
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for name in CAPTURES:
        file_of(name).write_text(text(golden(folder / name, name)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
