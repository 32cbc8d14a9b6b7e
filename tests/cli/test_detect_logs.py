"""``netsift detect`` on logs of other tools, which lack columns that the model needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netsift.cli.detect import default_model
from tests.cli.running import Program

FIELDS = """
    ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state missed_bytes
    history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes
    """.split()  # noqa: SIM905 - shorter than a list


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Return a Zeek log of a host that asks 200 ports of another, all refused, beside a web page."""
    rows = ["#separator \\x09", "#fields\t" + "\t".join(FIELDS)]
    web = "1713484700.0 Cw 10.0.0.7 50000 192.0.2.1 443 tcp ssl 1.5 900 5000 SF 0 ShADadFf 9 1400 9 5500"
    rows.append("\t".join(web.split()))
    for port in range(1, 201):
        row = f"{1713484800 + port}.0 C{port} 198.51.100.9 40000 10.0.0.7 {port} tcp - 0.0001 0 0 REJ 0 Sr 1 60 1 40"
        rows.append("\t".join(row.split()))
    path = tmp_path / "conn.log"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_a_scan_in_a_zeek_log_is_an_incident_without_the_model(run: Program, scan: Path, tmp_path: Path) -> None:
    done = run("detect", scan, "-o", tmp_path / "alerts.jsonl", "--no-suppressions")
    assert done.status == 0
    incidents = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text(encoding="utf-8").splitlines()]
    assert incidents[0]["category"] == "scan"
    assert incidents[0]["sources"] == ["198.51.100.9"]
    assert "tried 200 ports of 10.0.0.7" in incidents[0]["reason"]
    assert "the model was not asked" in done.errors
    assert "flagged from score" not in done.errors


def test_a_model_that_was_asked_for_is_not_left_out(run: Program, scan: Path) -> None:
    done = run("detect", scan, "--model", default_model(), "--no-suppressions")
    assert done.status == 1
    assert "columns that the model needs" in done.errors
