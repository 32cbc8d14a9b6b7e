"""Alerts that are sent in: validated, stored once, hidden by rules, refused to those who may only read."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from netsift.alerts.feedback import Verdict
from netsift.alerts.schema import Alert, AlertColumn, FlowReference
from netsift.alerts.suppression import Scope as Rules
from netsift.alerts.suppression import new_rule
from netsift.store.scopes import Scope
from netsift.web.api.reports import MOST_ALERTS
from netsift.web.application import Application
from tests.alerts.made_up import made
from tests.web.conftest import parts_of, some_alerts

PATH = "/api/v1/alerts"


def whole() -> Alert:
    """Return an alert with a value in every field."""
    flow = FlowReference(1_000_000_000, 2_000_000_000, "10.0.0.5", 40_000, "2001:db8::1", 443, 6)
    between = FlowReference(1_000_000_000, 2_000_000_000, "10.0.0.5", None, "10.0.0.7", None, None)
    return replace(
        made("scan", "10.0.0.5", "10.0.0.7 2001:db8::1"),
        columns=(
            AlertColumn("bytes_fwd", "bytes", 12.5, (1.0, 9.0), "forward bytes: 12.5 (usual 1 to 9)"),
            AlertColumn("conn_state", "", "S0", ("SF",), "connection state: S0"),
            AlertColumn("icmp_type", "", None, (), "not ICMP"),
        ),
        evidence=(flow, between),
        normal=flow,
        timeline=("first", "then"),
        stages=("scan",),
    )


def test_what_is_sent_is_stored_as_it_was(application: Application, client: FlaskClient) -> None:
    alerts = [whole(), *some_alerts()]
    answer = client.post(PATH, json={"alerts": [one.as_json() for one in alerts]})
    assert (answer.status_code, answer.get_json()) == (200, {"new": len(alerts), "replaced": 0, "passed_over": 0})
    stored = {one.alert.id: one.alert for one in parts_of(application).store.alerts.every()}
    assert stored == {one.id: replace(one, confidence=round(one.confidence, 4)) for one in alerts}
    assert client.get("/api/v1/incidents/counts").get_json()["total"] == 2


def test_a_replay_changes_nothing_and_growth_replaces(application: Application, client: FlaskClient) -> None:
    alert = whole()
    body = {"alerts": [alert.as_json()]}
    client.post(PATH, json=body)
    parts_of(application).store.feedback.add(alert.id, Verdict.FALSE, "", "anna")
    before = client.get(f"{PATH}/{alert.id}").get_json()
    replay = client.post(PATH, json=body).get_json()
    assert replay["new"] == 0
    after = client.get(f"{PATH}/{alert.id}").get_json()
    assert {**after, "last_seen": ""} == {**before, "last_seen": ""}
    grown = replace(alert, end_ns=alert.end_ns + 10**9, packets=99)
    assert client.post(PATH, json={"alerts": [grown.as_json()]}).get_json() == {
        "new": 0, "replaced": 1, "passed_over": 0,
    }  # fmt: skip
    assert client.post(PATH, json=body).get_json() == {"new": 0, "replaced": 0, "passed_over": 1}
    found = client.get(f"{PATH}/{alert.id}").get_json()
    assert (found["packets"], found["verdict"]) == (99, "false")


def test_rules_of_the_server_hide_what_is_sent(application: Application, client: FlaskClient) -> None:
    rule = new_rule(Rules(source=["10.0.0.9"]), "our own server", datetime.now(UTC))
    parts_of(application).store.suppressions.add(rule, "anna")
    client.post(PATH, json={"alerts": [one.as_json() for one in some_alerts()]})
    states = client.get("/api/v1/incidents/counts").get_json()["states"]
    assert (states["open"], states["suppressed"]) == (1, 1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "../../etc/passwd"}, "id"),
        ({"kind": "rumour"}, "kind"),
        ({"start": "yesterday"}, "start"),
        ({"start": "2026-03-02T12:00:00"}, "start"),
        ({"start": "1812-01-01T00:00:00Z"}, "start"),
        ({"end": "1970-01-01T00:00:00Z", "start": "1970-01-01T00:00:01Z"}, ""),
        ({"severity": "dreadful"}, "severity"),
        ({"confidence": 1.5}, "confidence"),
        ({"category": "benign"}, "category"),
        ({"technique": "<script>"}, "technique"),
        ({"sources": ["x"] * 1_001}, "sources"),
        ({"sources": ["x" * 101]}, "sources.0"),
        ({"ports": [70_000]}, "ports.0"),
        ({"reason": "x" * 4_001}, "reason"),
        ({"reason": "\u0000"}, "reason"),
        ({"flows": -1}, "flows"),
        ({"packets": 2**53}, "packets"),
        ({"evidence": [{"src_ip": "10.0.0.1"}]}, "evidence.0.start"),
        ({"members": ["one"]}, "members.0"),
        ({"suppressed": "no rule"}, "suppressed"),
        ({"more": 1}, "more"),
    ],
)
def test_what_is_wrong_is_named(client: FlaskClient, change: dict[str, Any], field: str) -> None:
    answer = client.post(PATH, json={"alerts": [whole().as_json(), whole().as_json() | change]})
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    named = [error["field"] for error in answer.get_json()["errors"]]
    assert named[0] == ".".join(filter(None, ("alerts.1", field)))
    assert client.get("/api/v1/incidents/counts").get_json()["total"] == 0, "all of it or nothing"


def test_a_missing_field_is_named(client: FlaskClient) -> None:
    value = whole().as_json()
    del value["reason"]
    answer = client.post(PATH, json={"alerts": [value]}).get_json()
    assert [error["field"] for error in answer["errors"]] == ["alerts.0.reason"]


def test_too_many_or_none_are_refused(client: FlaskClient) -> None:
    value = whole().as_json()
    for alerts in ([], [value] * (MOST_ALERTS + 1)):
        answer = client.post(PATH, json={"alerts": alerts})
        assert answer.status_code == 422
        assert [error["field"] for error in answer.get_json()["errors"]] == ["alerts"]


def test_it_needs_the_scope_ingest(application: Application, client: FlaskClient) -> None:
    tokens = parts_of(application).store.tokens
    body = {"alerts": [whole().as_json()]}
    for scope, status in ((Scope.READ, 403), (Scope.INGEST, 200), (Scope.ADMIN, 200)):
        secret, _ = tokens.create(f"sensor {scope.value}", [scope.value])
        answer = client.post(PATH, json=body, headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == status, scope
    [said, *_] = [entry for entry in parts_of(application).store.audit.find().rows if entry.action == "report alerts"]
    assert said.actor.startswith("token sensor")


def test_what_detect_writes_is_taken(client: FlaskClient, capture: Path, tmp_path: Path) -> None:
    output = tmp_path / "alerts.jsonl"
    command = [sys.executable, "-m", "netsift", "detect", str(capture), "-o", str(output), "--no-suppressions", "-q"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    alerts = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    answer = client.post(PATH, json={"alerts": alerts}).get_json()
    assert answer == {"new": len(alerts), "replaced": 0, "passed_over": 0}
    assert client.get("/api/v1/incidents/counts").get_json()["total"] > 0
