"""What was said of alerts is kept line by line, and becomes labels of just the flows they cover."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from netsift.alerts.feedback import Feedback, Verdict, append_feedback, feedback_on, label_rules, read_feedback
from netsift.alerts.incidents import incidents_of
from netsift.alerts.schema import MOST_MEMBERS, Alert, FlowReference
from netsift.errors import InputError, OutputError, UsageError
from netsift.models.rules import Rules
from tests.alerts.made import MONDAY_NOON_NS, SCAN, SECOND, made

NOW = datetime(2026, 3, 3, 9, 30, tzinfo=UTC)


def said(alert: Alert, verdict: Verdict = Verdict.TRUE, **more: Any) -> Feedback:
    """Return feedback on an alert."""
    return feedback_on(alert, [alert], verdict, NOW, **more)[0]


def test_lines_are_appended_and_the_last_verdict_counts(tmp_path: Path) -> None:
    path, other = tmp_path / "feedback.jsonl", made(2)
    append_feedback(path, [said(SCAN), said(other)])
    append_feedback(path, [said(SCAN, Verdict.BENIGN, note="our own scanner, \N{SNOWMAN}")])
    assert len(path.read_text().splitlines()) == 3
    last = read_feedback(path)
    assert list(last) == [other.id, SCAN.id]
    assert last[SCAN.id] == said(SCAN, Verdict.BENIGN, note="our own scanner, \N{SNOWMAN}")
    line = json.loads(path.read_text().splitlines()[2])
    assert (line["time"], line["verdict"], line["incident"]) == ("2026-03-03T09:30:00Z", "benign", None)
    assert line["alert"] == SCAN.as_json()


def test_a_verdict_on_an_incident_is_one_on_each_of_its_alerts(tmp_path: Path) -> None:
    later = made(2, category="tunnel")
    (incident,) = incidents_of([SCAN, later])
    append_feedback(tmp_path / "x", feedback_on(incident, [SCAN, later], Verdict.FALSE, NOW))
    assert [(one.alert.id, one.incident) for one in read_feedback(tmp_path / "x").values()] == [
        (SCAN.id, incident.id),
        (later.id, incident.id),
    ]


def test_a_line_that_was_cut_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    append_feedback(path, [said(SCAN), said(made(2))])
    path.write_bytes(path.read_bytes()[:-40])
    append_feedback(path, [said(made(3))])
    lines = path.read_bytes().splitlines()
    assert json.loads(lines[2])["alert"]["id"] == made(3).id
    with pytest.raises(InputError, match="line 2 is no feedback"):
        read_feedback(path)


@pytest.mark.parametrize("content", [b"\xd4\xc3\xb2\xa1" + bytes(20), json.dumps(SCAN.as_json()).encode() + b"\n"])
def test_nothing_is_appended_to_a_file_of_something_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match="x: line 1 is no feedback"):
        append_feedback(tmp_path / "x", [said(SCAN)])
    assert (tmp_path / "x").read_bytes() == content


def test_what_is_no_feedback_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    good = said(SCAN).as_json()
    cases: tuple[Any, ...] = (
        1, {}, good | {"verdict": "perhaps"}, good | {"time": "2026-03-03T09:30:00"}, good | {"alert": None},
        good | {"more": 1}, good | {"note": "x" * 1001},
    )  # fmt: skip
    for wrong in cases:
        path.write_text(json.dumps(good) + "\n\n" + json.dumps(wrong) + "\n")
        with pytest.raises(InputError, match=r"line 3 is no feedback: ."):
            read_feedback(path)
    path.write_bytes(b"\xff" * 10)
    with pytest.raises(InputError, match="line 1"):
        read_feedback(path)
    with pytest.raises(InputError, match="No such file"):
        read_feedback(tmp_path / "absent")
    with pytest.raises(OutputError, match="cannot be written"):
        append_feedback(tmp_path, [said(SCAN)])
    with pytest.raises(UsageError, match="--note"):
        said(SCAN, note="x" * 1001)


def flow(source: str, target: str, port: int, at_s: float = 1, source_port: int = 40_000) -> dict[str, Any]:
    """Return a flow that begins some seconds after the alert does."""
    return {
        "start_time": MONDAY_NOON_NS + int(at_s * SECOND), "src_ip": source, "src_port": source_port, "dst_ip": target,
        "dst_port": port, "protocol": 6,
    }  # fmt: skip


def labels(feedback: list[Feedback], *flows: dict[str, Any]) -> list[str | None]:
    """Return the labels that flows get."""
    batch = pa.RecordBatch.from_pylist(list(flows))
    batch = batch.set_column(0, "start_time", batch.column("start_time").cast(pa.timestamp("ns", "UTC")))
    found: list[str | None] = Rules(label_rules(feedback)).label(batch).column("label").to_pylist()
    return found


COVERED = flow("10.0.0.5", "10.0.1.1", 22)


def test_flows_of_the_alert_are_labelled_and_no_others() -> None:
    assert labels(
        [said(SCAN)],
        COVERED,
        flow("10.0.0.5", "10.0.1.2", 80, 60),
        flow("10.0.1.1", "10.0.0.5", 40_000, source_port=22),
        flow("10.0.0.5", "10.0.1.1", 443),
        flow("10.0.0.6", "10.0.1.1", 22),
        flow("10.0.0.5", "10.0.1.3", 22),
        flow("10.0.0.5", "10.0.1.1", 22, -0.001),
        flow("10.0.0.5", "10.0.1.1", 22, 60.001),
        flow("nonsense", "10.0.1.1", 22),
    ) == ["scan", "scan", "scan", None, None, None, None, None, None]


def test_flows_without_ports_are_labelled_where_the_evidence_names_one() -> None:
    echo = COVERED | {"protocol": 1, "src_port": None, "dst_port": None}
    with_echo = made(evidence=(FlowReference(MONDAY_NOON_NS, MONDAY_NOON_NS, "10.0.0.5", None, "10.0.1.1", None, 1),))
    assert labels([said(SCAN)], COVERED, echo) == ["scan", None]
    assert labels([said(with_echo)], COVERED, echo, echo | {"protocol": 2}) == ["scan", "scan", None]


def test_verdicts_decide_the_label_and_true_ones_come_first() -> None:
    assert labels([said(SCAN, Verdict.FALSE)], COVERED) == ["benign"]
    assert labels([said(SCAN, Verdict.BENIGN)], COVERED) == ["benign"]
    assert labels([said(SCAN, Verdict.FALSE), said(made(2, category="exploit"))], COVERED) == ["exploit"]


def test_lists_that_were_cut_ask_for_nothing() -> None:
    many = made(ports=tuple(range(MOST_MEMBERS)), truncated=True)
    assert labels([said(many)], flow("10.0.0.5", "10.0.1.1", 50_000), flow("10.0.0.6", "10.0.1.1", 5)) == ["scan", None]


def test_alerts_without_addresses_or_times_label_nothing() -> None:
    absurd = [
        said(one) for one in (made(sources=("?",)), made(sources=(), targets=()), made(targets=("fe80::1%\x00",)))
    ]
    for one in absurd[:2]:
        with pytest.raises(UsageError, match=r"1 to 10,000 alerts with hosts, not 0"):
            label_rules([one])
    with pytest.raises(UsageError, match="not 0"):
        label_rules([])
    assert labels([*absurd, said(SCAN)], COVERED) == ["scan"]


def test_the_time_is_kept_in_utc() -> None:
    (one,) = feedback_on(SCAN, [SCAN], Verdict.TRUE, datetime.fromisoformat("2026-03-03T10:30:00+01:00"))
    assert one.as_json()["time"] == "2026-03-03T09:30:00Z"
    assert one.time - NOW == timedelta(0)
