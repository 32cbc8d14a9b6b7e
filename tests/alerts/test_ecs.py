"""Alerts in the Elastic Common Schema: allowed values only, and addresses where addresses must be.

Allowed values: Elastic Common Schema 8.11, https://www.elastic.co/guide/en/ecs/8.11/ecs-category-field-values-reference.html.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Final

import pytest

from netsift.alerts.ecs import as_ecs
from netsift.alerts.incidents import incidents_of
from netsift.alerts.schema import SEVERITIES, Alert
from netsift.detectors.behaviour import BEHAVIOURS
from netsift.models.taxonomy import NAMES
from tests.alerts.made import SCAN, made

KINDS: Final = frozenset({"alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error", "signal"})
TYPES: Final = {
    "api": "access admin allowed change creation deletion denied end info start user",
    "authentication": "start end info",
    "configuration": "access change creation deletion info",
    "database": "access change info error",
    "driver": "change end info start",
    "email": "info",
    "file": "access change creation deletion info",
    "host": "access change end info start",
    "iam": "admin change creation deletion group info user",
    "intrusion_detection": "allowed denied info",
    "library": "start",
    "malware": "info",
    "network": "access allowed connection denied end info protocol start",
    "package": "access change deletion info installation start",
    "process": "access change end info start",
    "registry": "access change creation deletion",
    "session": "start end info",
    "threat": "indicator",
    "vulnerability": "info",
    "web": "access error info",
}
"""Every value of event.category, with the values of event.type that are expected beside it."""


@pytest.mark.parametrize("category", [*NAMES, *sorted({behaviour.category for behaviour in BEHAVIOURS})])
def test_only_allowed_values(category: str) -> None:
    event = as_ecs(made(category=category))["event"]
    assert event["kind"] in KINDS
    assert event["category"] == sorted(set(event["category"]))
    assert event["category"]
    assert all(kind in TYPES[one].split() for one in event["category"] for kind in event["type"])


def test_severities_keep_their_order() -> None:
    numbers = [as_ecs(made(severity=name))["event"]["severity"] for name in SEVERITIES]
    assert numbers == sorted(set(numbers))
    assert all(0 < number < 100 for number in numbers)


def test_times_and_entities_are_where_products_look_for_them() -> None:
    document = as_ecs(SCAN)
    assert document["@timestamp"] == document["event"]["start"] == "2026-03-02T12:00:00.000000Z"
    times = [datetime.fromisoformat(document["event"][name]) for name in ("start", "end")]
    assert (times[1] - times[0]).total_seconds() * 1e9 == document["event"]["duration"]
    assert document["source"] == {"address": "10.0.0.5", "ip": "10.0.0.5"}
    assert "destination" not in document
    assert document["related"]["ip"] == ["10.0.0.5", "10.0.1.1", "10.0.1.2"]
    assert document["threat"]["technique"]["id"] == ["T1046"]
    one = as_ecs(made(targets=("2001:db8::1",), ports=(22,), technique=""))
    assert one["destination"] == {"address": "2001:db8::1", "ip": "2001:db8::1", "port": 22}
    assert "threat" not in one
    json.dumps(document, allow_nan=False)


def test_what_is_no_address_stands_in_no_field_of_addresses() -> None:
    document = as_ecs(made(sources=("?",), targets=("[red]",), ports=(22,)))
    assert document["source"] == {"address": "?"}
    assert document["destination"] == {"address": "[red]", "port": 22}
    assert document["related"] == {"ip": []}


def test_what_is_suppressed_is_no_alert_for_others() -> None:
    hidden: Alert = replace(SCAN, suppressed="12345678")
    assert as_ecs(hidden)["event"]["kind"] == "event"
    assert as_ecs(hidden)["netsift"]["suppressed"] == "12345678"
    assert as_ecs(SCAN)["event"]["kind"] == "alert"
    (incident,) = incidents_of([SCAN])
    assert as_ecs(incident)["event"]["dataset"] == "netsift.incident"
