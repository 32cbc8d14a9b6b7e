"""``netsift feedback``, and labels of flows that follow from it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet
import pytest

from netsift.models.labelled import LabelledInput, labelled_batches
from netsift.sources.statistics import ReadStatistics
from tests.alerts.made import SCAN, alerts_file, made
from tests.cli.running import Program
from tests.conftest import ROOT

DEMO = ROOT / "examples" / "demo.pcap.gz"
TUNNEL = made(2, category="tunnel", reason="long \x1b[2J")


@pytest.fixture
def alerts(tmp_path: Path) -> Path:
    """Return a file of two alerts and their incident."""
    return alerts_file(tmp_path / "alerts.jsonl", SCAN, TUNNEL)


def test_verdicts_are_kept_and_listed(run: Program, alerts: Path, tmp_path: Path) -> None:
    path = tmp_path / "state" / "netsift" / "feedback.jsonl"
    assert f"nothing was said yet in {path}" in run("feedback", "list").errors
    done = run("feedback", SCAN.id, "false", "--alerts", alerts, "--note", "ours")
    assert (done.status, done.text) == (0, f"{SCAN.id}: false; in {path}\n")
    incident = json.loads(alerts.read_text().splitlines()[0])
    done = run("feedback", incident["id"], "benign", "--alerts", alerts)
    assert done.text == f"{incident['id']}, 2 alerts: benign; in {path}\n"
    assert run("feedback", SCAN.id, "true", "--alerts", alerts, "--note", "no, theirs").status == 0
    lines = run("feedback", "list").text.splitlines()
    assert re.fullmatch(rf"{TUNNEL.id}  \d{{4}}-\d\d-\d\d \d\d:\d\d  benign  tunnel: long \?\[2J", lines[0])
    assert lines[1].endswith(f"  true    scan: {SCAN.reason} (no, theirs)")
    assert len(path.read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("ffff", "true", "--alerts", "{alerts}"), 1, "no incident or alert 'ffff'"),
        ((SCAN.id, "perhaps", "--alerts", "{alerts}"), 2, "must be true, false or benign"),
        ((SCAN.id, "--alerts", "{alerts}"), 2, "must be true, false or benign"),
        ((SCAN.id, "true"), 2, "--alerts FILE"),
        ((SCAN.id, "true", "--alerts", "/absent"), 1, "No such file"),
        ((SCAN.id, "true", "--alerts", "{alerts}", "--feedback", "/dev/null/x"), 1, "cannot be made"),
        (("list", "true"), 2, "takes no verdict"),
        (("list", "--feedback", "/absent"), 1, "No such file"),
        (("list", "--feedback", "{alerts}"), 1, "line 1 is no feedback"),
    ],
)
def test_wrong_arguments_are_a_sentence(
    run: Program, alerts: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = run("feedback", *(one.format(alerts=alerts) for one in arguments))
    assert (done.status, words in done.errors) == (status, True), done.errors


def test_feedback_becomes_labelled_flows_to_train_on(run: Program, tmp_path: Path) -> None:
    alerts, said, output = tmp_path / "alerts.jsonl", tmp_path / "said.jsonl", tmp_path / "labelled.parquet"
    assert run("detect", DEMO, "--no-model", "-q", "-o", alerts).status == 0
    every = [one for one in map(json.loads, alerts.read_text().splitlines()) if one["kind"] == "alert"]
    guess = next(one for one in every if one["category"] == "brute_force")
    slow = next(one for one in every if one["category"] == "slow_http")
    for one, verdict in ((guess, "true"), (slow, "false")):
        assert run("feedback", one["id"], verdict, "--alerts", alerts, "--feedback", said).status == 0
    done = run("label", DEMO, "--feedback", said, "-o", output)
    assert done.status == 0
    labelled = pyarrow.parquet.read_table(output, columns=["src_ip", "dst_ip", "label"]).to_pylist()
    for one, label in ((guess, "brute_force"), (slow, "benign")):
        found = [row for row in labelled if row["label"] == label]
        assert len(found) >= one["flows"]
        assert {host for row in found for host in (row["src_ip"], row["dst_ip"])} == {*one["sources"], *one["targets"]}
    classes = [name for one in labelled_batches(LabelledInput(output), ReadStatistics()) for name in one.classes]
    assert set(classes) == {"brute_force", "benign", None}
    assert classes == [row["label"] for row in labelled]


def test_labels_need_one_source_of_rules(run: Program, tmp_path: Path) -> None:
    for more in ((), ("--rules", tmp_path / "a", "--feedback", tmp_path / "b")):
        done = run("label", DEMO, *more, "-o", tmp_path / "x.parquet")
        assert (done.status, "either --rules FILE or --feedback FILE" in done.errors) == (2, True)
    assert run("label", DEMO, "--feedback", tmp_path / "absent", "-o", tmp_path / "x.parquet").status == 1
