"""``netsift label``: what a person types, sees and gets."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet
from typer.testing import CliRunner, Result

from netsift.cli.main import application
from netsift.models.labelled import LabelledInput, labelled_batches
from netsift.sources.statistics import ReadStatistics
from tests.flows.traffic import busy
from tests.flows.writing import pcap

RULES = """
otherwise = "benign"
[[rule]]
label = "PortScan"
protocol = 6
[[rule]]
label = "Bot"
protocol = "tcp"
[[rule]]
label = "never"
from = 2040-01-01T00:00:00Z
"""


def label(*arguments: object) -> Result:
    """Run ``netsift label``."""
    return CliRunner().invoke(application, ["label", *map(str, arguments)], catch_exceptions=False)


def test_a_capture_becomes_a_labelled_flow_file_and_the_counts_are_shown(tmp_path: Path) -> None:
    capture, rules, output = tmp_path / "x.pcap", tmp_path / "rules.toml", tmp_path / "x.parquet"
    capture.write_bytes(pcap(busy(500)))
    rules.write_text(RULES)
    result = label(capture, "--rules", rules, "-o", output)
    assert result.exit_code == 0
    table = pyarrow.parquet.read_table(output)
    tcp = table["protocol"].to_pylist().count(6)
    assert 0 < tcp < table.num_rows
    assert table["label"].to_pylist().count("PortScan") == tcp
    lines = [line.split() for line in result.stderr.splitlines()]
    assert ["1", "PortScan", str(tcp), "0"] in lines
    assert ["2", "Bot", "0", str(tcp)] in lines
    assert ["none", "benign", str(table.num_rows - tcp)] in lines
    assert ["all", str(table.num_rows), str(tcp)] in lines
    assert "rule 3 (never) labelled no flow: look at its times and time zone" in result.stderr
    classes = [name for one in labelled_batches(LabelledInput(output), ReadStatistics()) for name in one.classes]
    assert classes.count("scan") == tcp
    assert classes.count("benign") == table.num_rows - tcp


def test_quiet_says_nothing(tmp_path: Path) -> None:
    capture, rules = tmp_path / "x.pcap", tmp_path / "rules.toml"
    capture.write_bytes(pcap(busy(100)))
    rules.write_text(RULES)
    result = label(capture, "--rules", rules, "-o", tmp_path / "x.csv", "-q")
    assert (result.exit_code, result.stderr) == (0, "")
    assert (tmp_path / "x.csv").read_text().splitlines()[0].endswith(",label")
