"""The specification: whole, and what the server does is what it says (schemathesis)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS as REGISTERED
from schemathesis.checks import load_all_checks

from netsift.web.application import create_application
from tests.web.conftest import parts_of, settings_for, some_alerts

ENDLESS = "/api/v1/events"
PREDICT = "/api/v1/predict"
load_all_checks()
OFF = {
    # Whoever sits at the machine needs no token, which the specification says; test_identity has those who do.
    "ignored_auth",
    # These follow what was made and removed from one operation to another; the tests of each resource do.
    "ensure_resource_availability", "use_after_free", "object_level_authorization",
}  # fmt: skip
CHECKS: Any = REGISTERED.get_by_names([name for name in REGISTERED.get_all_names() if name not in OFF])
UNSAID = {
    # A file of the schema is any bytes, and times that are in order cannot be told from those that are not.
    ("PUT", "/api/v1/captures"), ("POST", "/api/v1/alerts"),
    # A rule must name something, by addresses and networks that are such.
    ("POST", "/api/v1/suppressions"), ("POST", "/api/v1/suppressions/dry-run"),
}  # fmt: skip
"""Operations that refuse some of what their schema allows, because no schema can say it."""


def test_the_specification_is_whole(client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").get_json()
    assert document["openapi"] == "3.1.0"
    operations = [one for path in document["paths"].values() for one in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names)) >= 28
    for operation in operations:
        assert operation["summary"]
        assert {"400", "401", "403"} <= set(operation["responses"])
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"]
    references = {text for text in str(document).split("'") if text.startswith("#/components/schemas/")}
    schemas = document["components"]["schemas"]
    assert {reference.rpartition("/")[2] for reference in references} <= set(schemas)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> schemathesis.BaseSchema:
    """Return the specification of an application with alerts."""
    application = create_application(settings_for(tmp_path_factory.mktemp("api") / "data"))
    parts_of(application).store.alerts.upsert(some_alerts())
    return schemathesis.openapi.from_wsgi("/api/openapi.json", application)


def operations(api: schemathesis.BaseSchema) -> Iterator[schemathesis.APIOperation]:  # type: ignore[type-arg]
    """Yield every operation but those that never end or whose rows take long to make."""
    for found in api.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]
        if operation.path not in (ENDLESS, PREDICT):
            yield operation


def hold(operation: schemathesis.APIOperation, mode: GenerationMode) -> None:  # type: ignore[type-arg]
    """Call an operation with some of what it allows, or of what it does not."""
    unsaid = (operation.method.upper(), operation.path) in UNSAID
    off: Any = [REGISTERED.get_one("positive_data_acceptance")] if unsaid else []

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=10, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def check(case: schemathesis.Case[Any]) -> None:
        if mode is GenerationMode.POSITIVE and isinstance(case.query, dict):
            case.query.pop("cursor", None)  # Only what a page ended with is one.
        case.call_and_validate(checks=CHECKS, excluded_checks=off)

    check()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_answers_are_as_specified(api: schemathesis.BaseSchema, mode: GenerationMode) -> None:
    tried = 0
    for operation in operations(api):
        # Any text may be an id, so only questions and bodies can be wrong.
        if mode is GenerationMode.POSITIVE or operation.query or operation.body:
            hold(operation, mode)
            tried += 1
    assert tried >= (30 if mode is GenerationMode.POSITIVE else 13)


def test_a_prediction_is_as_specified(api: schemathesis.BaseSchema, client: FlaskClient) -> None:
    example = client.get("/api/v1/models/active").get_json()["examples"]["scan"]
    text = ",".join("" if value is None else str(value) for value in example.values())
    form = client.get("/api/openapi.json").get_json()["components"]["schemas"]["PredictIn"]["oneOf"]
    assert set(form[0]["properties"]["rows"]["items"]["required"]) == set(example)
    assert re.fullmatch(form[2]["properties"]["features"]["pattern"], text)
    lists = {"columns": list(example), "rows": [list(example.values())]}
    bodies: list[Any] = [{"rows": [example]}, lists, {"features": text}, {"rows": []}, {"features": "1"}]
    for body in bodies:
        case = api[PREDICT]["POST"].Case(body=body, media_type="application/json")
        case.call_and_validate(checks=CHECKS)


def test_the_specification_is_of_the_packaged_files(tmp_path: Path) -> None:
    application = create_application(settings_for(tmp_path / "data"))
    paths = {rule.rule for rule in application.url_map.iter_rules() if rule.rule.startswith("/api/v1/")}
    documented = application.test_client().get("/api/openapi.json").get_json()["paths"]
    assert {path.replace("<", "{").replace(">", "}") for path in paths} <= set(documented)
