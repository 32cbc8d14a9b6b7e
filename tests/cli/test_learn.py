"""``netsift learn``, and ``netsift detect --baseline``: what they write, say and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from netsift.cli.baseline import alerts_per_day
from netsift.detectors.novelty.file import load_baseline
from netsift.errors import UsageError
from tests.cli.running import Run, finish, start
from tests.detectors.novelty.networks import flows_of


def netsift(*arguments: object) -> Run:
    """Run the program."""
    return finish(start(*arguments))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the flows of a network, of it with an attack, and the baseline learned from the first."""
    where = tmp_path_factory.mktemp("learned")
    for name, batches in (("normal", flows_of(1)), ("today", flows_of(1, ("exfiltration",)))):
        pq.write_table(pa.Table.from_batches(batches), where / f"{name}.parquet")
    run = netsift("learn", where / "normal.parquet", "-o", where / "normal.netsift")
    assert run.status == 0, run.errors
    (where / "said.txt").write_text(run.text)
    return where


def test_learn_says_what_it_learned_and_what_it_can_promise(folder: Path) -> None:
    said = (folder / "said.txt").read_text()
    assert "learned from" in said
    assert "judged by themselves: " in said
    assert "the smallest alert budget that can be promised is" in said
    baseline = load_baseline(folder / "normal.netsift")
    assert [source.name for source in baseline.learned.sources] == ["normal.parquet"]
    assert len(baseline.learned.sources[0].sha256) == 64


def test_learning_again_gives_the_same_bytes(folder: Path) -> None:
    run = netsift("learn", folder / "normal.parquet", "-o", folder / "again.netsift", "-q")
    assert run.status == 0
    assert run.text == ""
    assert (folder / "again.netsift").read_bytes() == (folder / "normal.netsift").read_bytes()


def test_detect_with_a_baseline_keeps_quiet_what_is_usual_and_counts_it(folder: Path) -> None:
    stats = folder / "stats.json"
    arguments = ("detect", folder / "today.parquet", "--no-model", "--baseline", folder / "normal.netsift")
    run = netsift(*arguments, "--alert-budget", "400/day", "--stats", stats, "-o", folder / "alerts.jsonl")
    assert run.status == 0, run.errors
    alerts = [json.loads(line) for line in (folder / "alerts.jsonl").read_text().splitlines()]
    detectors = {name for alert in alerts for name in alert["detectors"]}
    assert any(name.startswith("novelty/") for name in detectors)
    assert json.loads(stats.read_text())["alerts_usual_here"] >= 0
    assert "held back too little" not in run.errors


def test_a_budget_that_cannot_be_promised_is_said(folder: Path) -> None:
    run = netsift(
        "detect", folder / "today.parquet", "--no-model", "--baseline", folder / "normal.netsift", "--online", "7"
    )
    assert run.status == 0, run.errors
    assert "held back too little traffic to promise 10 alerts a day" in run.errors


def test_wrong_arguments_are_refused_in_one_sentence(folder: Path) -> None:
    flows = folder / "today.parquet"
    for arguments in (["--alert-budget", "10/day"], ["--online", "7"]):
        run = netsift("detect", flows, *arguments)
        assert run.status == 2
        assert "of a --baseline" in run.errors
    run = netsift("detect", flows, "--baseline", folder / "normal.netsift", "--alert-budget", "many")
    assert run.status == 2
    assert "must look like 10/day" in run.errors
    run = netsift("detect", flows, "--baseline", flows)
    assert run.status == 1
    assert "not a netsift baseline" in run.errors
    run = netsift("learn", flows, "-o", flows)
    assert run.status == 2
    few = folder / "few.parquet"
    pq.write_table(pa.Table.from_batches([flows_of(1)[0].slice(0, 100)]), few)
    run = netsift("learn", few, "-o", folder / "few.netsift")
    assert run.status == 1
    assert "too few to learn what is normal" in run.errors
    assert not (folder / "few.netsift").exists()


@pytest.mark.parametrize(("text", "number"), [("10/day", 10.0), ("1/hour", 24.0), ("3.5/week", 0.5)])
def test_budgets_are_read(text: str, number: float) -> None:
    assert alerts_per_day(text) == pytest.approx(number)


@pytest.mark.parametrize("text", ["", "10", "0/day", "-1/day", "1e3/day", "10/year", "nan/day"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--alert-budget"):
        alerts_per_day(text)
