"""``netsift suppress`` and what its rules do in ``netsift detect``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from netsift.alerts.stored import stored_alerts
from tests.alerts.made import SCAN, alerts_file, made
from tests.cli.running import Program
from tests.conftest import ROOT

DEMO = ROOT / "examples" / "demo.pcap.gz"
FLOOD = made(2, category="flood", severity="high", sources=("10.0.9.9",), targets=("10.0.8.8",), reason="many \x1b[2J")


@pytest.fixture
def alerts(tmp_path: Path) -> Path:
    """Return a file of two past alerts and their incidents."""
    return alerts_file(tmp_path / "alerts.jsonl", SCAN, FLOOD)


def added(run: Program, *scope: object) -> str:
    """Save a rule untested and return its id."""
    done = run("suppress", "add", *scope, "--reason", "known", "--yes")
    assert done.status == 0, done.errors
    return done.text.split(":")[0]


def test_a_rule_is_tested_saved_listed_and_removed(run: Program, alerts: Path, tmp_path: Path) -> None:
    done = run("suppress", "add", "--category", "scan", "--reason", "our scanner", "--alerts", alerts)
    assert done.status == 0
    said = done.text.splitlines()
    assert said[0].startswith("hides 1 of 2 alerts in ")
    assert said[0].endswith("(scan 1); of 2 incidents 1 would be gone and 0 smaller")
    assert said[1] == f"  {SCAN.id}  2026-03-02T12:00:00  medium  scan: {SCAN.reason}"
    name, path = said[2].split(":")[0], tmp_path / "config" / "netsift" / "suppressions.json"
    assert re.fullmatch(rf"{name}: category scan; until \d{{4}}-\d\d-\d\d \d\d:\d\d UTC; in {path}", said[2])
    listed = run("suppress", "list").text
    assert re.fullmatch(rf"{name}  until \d{{4}}-\d\d-\d\d  category scan: our scanner\n", listed)
    assert json.loads(run("suppress", "list", "--json").text)[0]["category"] == ["scan"]
    assert run("suppress", "remove", name).text == f"removed {name}: category scan\n"
    assert "there are no rules" in run("suppress", "list").errors


def test_a_rule_is_not_saved_untested_twice_or_when_it_hides_too_much(run: Program, alerts: Path) -> None:
    add = ("suppress", "add", "--reason", "known")
    for scope, why in (
        (("--source", "10.0.0.0/8"), "it hides all of them and 2 of what it hides are high or critical"),
        (("--category", "flood"), "2 of what it hides are high or critical"),
    ):
        done = run(*add, *scope, "--alerts", alerts)
        assert (done.status, done.errors) == (2, f"netsift: not saved, because {why}: --force saves it\n")
        assert "\x1b" not in done.text
    assert "--yes" in run(*add, "--port", 22).errors
    assert run("suppress", "list").text == ""
    assert run(*add, "--category", "flood", "--alerts", alerts, "--force").status == 0
    again = run(*add, "--category", "flood", "--yes")
    assert (again.status, "hides the same already" in again.errors) == (2, True)


def test_rules_are_tried_out_without_being_saved(run: Program, alerts: Path) -> None:
    assert run("suppress", "test", "--target", "10.0.8.8", "--alerts", alerts).text.startswith("hides 1 of 2 alerts")
    first, second = added(run, "--port", 22, "--port", 80), added(run, "--weekday", "sun")
    every = run("suppress", "test", "--alerts", alerts).text
    assert [line.split(":")[0] for line in every.splitlines() if not line.startswith(("hides", " "))] == [first, second]
    assert run("suppress", "test", second, "--alerts", alerts).text.splitlines()[1].startswith("hides 0 of 2 alerts")
    assert run("suppress", "test", second, "--port", 1, "--alerts", alerts).status == 2
    assert run("suppress", "test", "ffffffff", "--alerts", alerts).errors.startswith("netsift: there is no rule fff")
    assert len(json.loads(run("suppress", "list", "--json").text)) == 2


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("add", "--reason", "x", "--yes"), 2),
        (("add", "--port", "22", "--reason", " ", "--yes"), 2),
        (("add", "--port", "22", "--yes"), 2),
        (("add", "--source", "10.0.0.1/8", "--reason", "x", "--yes"), 2),
        (("add", "--category", "scans", "--reason", "x", "--yes"), 2),
        (("add", "--port", "22", "--reason", "x", "--days", "0", "--yes"), 2),
        (("remove", "ffffffff"), 1),
        (("list", "--rules", "/absent/rules.json"), 1),
        (("add", "--port", "22", "--reason", "x", "--alerts", "/absent"), 1),
        (("add", "--port", "22", "--reason", "x", "--yes", "--rules", "/dev/null/x.json"), 1),
    ],
)
def test_wrong_arguments_are_a_sentence(run: Program, arguments: tuple[str, ...], status: int) -> None:
    done = run("suppress", *arguments)
    assert done.status == status
    assert done.errors
    assert "Traceback" not in done.errors


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_detect_hides_marks_counts_and_says(run: Program, tmp_path: Path) -> None:
    everything, rest, stats = tmp_path / "all.jsonl", tmp_path / "rest.jsonl", tmp_path / "counts.json"
    detect = ("detect", DEMO, "--no-model", "-q")
    assert run(*detect, "-o", everything).errors == ""
    before = [one for one in lines(everything) if one["kind"] == "alert"]
    name = added(run, "--category", "scan", "--source", "10.210.236.0/24")
    done = run(*detect, "-o", rest, "--stats", stats)
    after = [one for one in lines(rest) if one["kind"] == "alert"]
    hidden = [one for one in after if one["suppressed"]]
    assert {one["id"] for one in after} == {one["id"] for one in before}
    assert {one["id"] for one in hidden} == {
        one["id"] for one in before if one["category"] == "scan" and one["sources"][0].startswith("10.210.236.")
    }
    assert {one["suppressed"] for one in hidden} == {name}
    said = done.errors.splitlines()
    assert said[0] == f"{len(hidden)} alerts suppressed by rules; --no-suppressions shows all:"
    assert said[1].split(maxsplit=2)[:2] == [name, str(len(hidden))]
    counts = json.loads(stats.read_text())
    assert (counts["alerts"], counts["alerts_suppressed"]) == (len(after) - len(hidden), len(hidden))
    members = {member for one in lines(rest) if one["kind"] == "incident" for member in one["members"]}
    assert members.isdisjoint(one["id"] for one in hidden)
    assert run(*detect, "--explain", hidden[0]["id"]).text.count(hidden[0]["id"]) == 1
    shown = run(*detect, "--no-suppressions", "-o", rest)
    assert (shown.errors, rest.read_bytes()) == ("", everything.read_bytes())
    assert run(*detect, "--no-suppressions", "--suppressions", rest).status == 2
    assert run(*detect, "--suppressions", rest).status == 1


@pytest.mark.parametrize("name", ["alerts.parquet", "alerts.arrow"])
def test_alerts_are_written_by_suffix_and_serve_as_past_ones(run: Program, tmp_path: Path, name: str) -> None:
    detect = ("detect", DEMO, "--no-model", "-q")
    assert run(*detect, "-o", tmp_path / "alerts.jsonl").status == 0
    assert run(*detect, "-o", tmp_path / name).status == 0
    ours, other = ([(one.id, one.kind) for one in stored_alerts(tmp_path / of)] for of in (name, "alerts.jsonl"))
    assert ours == other
    said = [
        run("suppress", "test", "--category", "scan", "--alerts", tmp_path / of).text.replace(of, "")
        for of in (name, "alerts.jsonl")
    ]
    assert said[0] == said[1]
    refused = run(*detect, "-o", tmp_path / name, "--format", "ecs")
    assert (refused.status, "--format ecs is JSON lines" in refused.errors) == (2, True)
