"""What was found, through the API: filters, pages, verdicts, rules."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from netsift.alerts.schema import Alert
from netsift.web.application import Application
from tests.web.conftest import parts_of

INCIDENTS = "/api/v1/incidents"


@pytest.mark.parametrize(
    ("query", "categories"),
    [
        ("", ["brute_force", "c2"]),
        ("sort=weight", ["c2", "brute_force"]),
        ("sort=-start", ["c2", "brute_force"]),
        ("severity=critical", ["brute_force"]),
        ("severity=critical,medium", ["brute_force", "c2"]),
        ("category=c2", ["c2"]),
        ("host=203.0.113.4", ["c2"]),
        ("host=10.0.0.0/24", ["brute_force", "c2"]),
        ("text=did+C2", ["c2"]),
        ("after=1970-01-01T05:00:00Z", ["c2"]),
        ("before=1970-01-01T05:00:00Z", ["brute_force"]),
        ("state=suppressed", []),
        ("verdict=true", []),
        ("state=&severity=&host=&cursor=&after=", ["brute_force", "c2"]),
    ],
)
@pytest.mark.usefixtures("stored")
def test_filters_and_order(client: FlaskClient, query: str, categories: list[str]) -> None:
    answer = client.get(f"{INCIDENTS}?{query}")
    assert [row["category"] for row in answer.get_json()["rows"]] == categories
    page = client.get(f"/alerts?{query}")
    assert page.status_code == 200
    counts = client.get(f"{INCIDENTS}/counts?{query}").get_json()
    assert counts["total"] == len(categories) == sum(counts["severities"].values())


@pytest.mark.parametrize(
    "query",
    ["severity=grave", "category=weather", "sort=colour", "limit=0", "limit=1001", "after=yesterday", "colour=red",
     "cursor=abc", "state=odd", "text=" + "x" * 201, "cursor=WyJzdGFydCIsIDEsICJ4Il0"],
)  # fmt: skip
@pytest.mark.usefixtures("stored")
def test_a_query_that_makes_no_sense_is_refused(client: FlaskClient, query: str) -> None:
    answer = client.get(f"{INCIDENTS}?{query}")
    assert answer.status_code == 422
    assert answer.get_json()["detail"]


@pytest.mark.usefixtures("stored")
def test_pages_follow_one_another(client: FlaskClient) -> None:
    found, cursor = [], ""
    for _ in range(5):
        page = client.get(f"/api/v1/alerts?limit=1&cursor={cursor}").get_json()
        found += [row["id"] for row in page["rows"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert len(found) == len(set(found)) == 3


def test_one_and_its_parts(client: FlaskClient, stored: list[Alert]) -> None:
    incident = next(one for one in stored if one.kind == "incident" and len(one.members) > 1)
    shown = client.get(f"{INCIDENTS}/{incident.id}").get_json()
    assert [one["id"] for one in shown["alerts"]] == list(incident.members)
    member = client.get(f"/api/v1/alerts/{incident.members[0]}").get_json()
    assert member["incidents"] == [incident.id]
    assert client.get(f"/api/v1/alerts/{incident.id}").status_code == 404
    assert client.get(f"/incidents/{incident.members[0]}").status_code == 302


def test_a_verdict_is_kept_with_who_gave_it(application: Application, client: FlaskClient, stored: list[Alert]) -> None:
    incident = next(one for one in stored if one.kind == "incident" and len(one.members) > 1)
    path = f"/api/v1/alerts/{incident.id}"
    answer = client.post(f"{path}/feedback", json={"verdict": "false", "note": "our scanner"})
    assert answer.get_json() == {"verdict": "false", "alerts": 2}
    shown = client.get(f"{INCIDENTS}/{incident.id}").get_json()
    assert (shown["state"], shown["verdict"]) == ("judged", "false")
    assert [(one["author"], one["note"]) for one in shown["said"]] == [("local", "our scanner")] * 2
    assert client.post(f"{path}/feedback", json={"verdict": "maybe"}).status_code == 422
    assert [one.action for one in parts_of(application).store.audit.find().rows] == ["feedback"]


@pytest.mark.usefixtures("stored")
def test_a_rule_hides_what_its_dry_run_said(client: FlaskClient) -> None:
    scope = {"source": ["10.0.0.9"], "category": ["c2"]}
    effect = client.post("/api/v1/suppressions/dry-run", json=scope).get_json()
    assert (effect["alerts"], effect["hidden"], effect["incidents_gone"], effect["objections"]) == (3, 1, 1, [])
    assert len(client.get(INCIDENTS + "?state=open").get_json()["rows"]) == 2
    added = client.post("/api/v1/suppressions", json={**scope, "reason": "known"})
    assert (added.status_code, added.get_json()["hidden"]) == (201, 1)
    assert [row["category"] for row in client.get(INCIDENTS + "?state=open").get_json()["rows"]] == ["brute_force"]
    rule = client.get("/api/v1/suppressions").get_json()["rules"][0]
    assert (rule["reason"], rule["author"], rule["in_force"]) == ("known", "local", True)
    assert client.delete(f"/api/v1/suppressions/{rule['id']}").get_json() == {"shown": 1}
    assert len(client.get(INCIDENTS + "?state=open").get_json()["rows"]) == 2


@pytest.mark.usefixtures("stored")
def test_a_rule_that_hides_much_is_asked_twice(client: FlaskClient) -> None:
    rule = {"source": ["10.0.0.5"], "reason": "test"}
    refused = client.post("/api/v1/suppressions", json=rule)
    assert refused.status_code == 409
    assert "high or critical" in refused.get_json()["detail"]
    assert client.post("/api/v1/suppressions", json={**rule, "even_if_grave": True}).status_code == 201


@pytest.mark.parametrize(
    "scope",
    [{}, {"source": ["somewhere"]}, {"category": ["benign"]}, {"port": [70000]}, {"colour": "red"}, {"source": "x"}],
)
def test_a_rule_that_makes_no_sense_is_refused(client: FlaskClient, scope: dict[str, object]) -> None:
    assert client.post("/api/v1/suppressions/dry-run", json=scope).status_code == 422


def test_without_a_capture_there_is_no_evidence(client: FlaskClient, stored: list[Alert]) -> None:
    assert client.get(f"/api/v1/alerts/{stored[0].id}/evidence").status_code == 404
