"""Health, metrics and live events."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from netsift.web.application import Application
from netsift.web.errors import Refusal
from netsift.web.events import StreamSlots
from tests.web.conftest import parts_of


def test_metrics_are_those_of_the_status(client: FlaskClient, stored: object) -> None:
    assert stored
    status = client.get("/api/v1/status").get_json()
    answer = client.get("/metrics")
    families = {family.name: family for family in text_string_to_metric_families(answer.get_data(as_text=True))}
    incidents = {one.labels["severity"]: one.value for one in families["netsift_open_incidents"].samples}
    assert incidents == status["severities"]
    assert sum(incidents.values()) == status["open_incidents"] == 2
    assert families["netsift_info"].samples[0].labels["model"] == status["model"]


def test_ready_needs_the_database(
    application: Application, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netsift.errors import StoreError

    def gone() -> int:
        raise StoreError("the database is gone")

    assert client.get("/readyz").get_json() == {"status": "ready"}
    monkeypatch.setattr(parts_of(application).store.users, "count", gone)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert client.get("/healthz").status_code == 200


def test_events_tell_of_the_status(client: FlaskClient, stored: object) -> None:
    assert stored
    answer = client.get("/api/v1/events", buffered=False)
    first = next(answer.iter_encoded()).decode()
    answer.close()
    name, data = first.strip().split("\n")
    assert name == "event: status"
    assert json.loads(data.removeprefix("data: "))["open_incidents"] == 2


def test_streams_are_bounded_and_given_back(application: Application, client: FlaskClient) -> None:
    slots = parts_of(application).streams
    streams = [client.get("/api/v1/events", buffered=False) for _ in range(slots.most)]
    refused = client.get("/api/v1/events")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert refused.content_type == "application/problem+json"
    assert refused.json["instance"] == "/api/v1/events"  # type: ignore[index]
    assert refused.headers["X-Content-Type-Options"] == "nosniff"
    assert slots.open == slots.most
    assert client.get("/api/v1/status").status_code == 200
    for stream in streams:
        stream.close()
    assert slots.open == 0
    client.get("/api/v1/events", buffered=False).close()


def test_more_streams_than_slots_are_refused() -> None:
    slots = StreamSlots(1)
    slots.take()
    with pytest.raises(Refusal) as refused:
        slots.take()
    assert refused.value.code == 503
