"""Every route answers every error in the same shape."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from netsift.web.application import Application
from netsift.web.errors import PROBLEM_TYPE, Problem

MACHINE = ("/api/", "/metrics", "/healthz", "/readyz")


def routes(application: Application) -> list[tuple[str, str]]:
    """Return method and path of every route for programs, something unlikely in every place."""
    found = []
    for rule in application.url_map.iter_rules():
        if rule.rule.startswith(MACHINE):
            path = re.sub(r"<[^>]+>", "nothing-of-that-name", rule.rule)
            found += [(method, path) for method in sorted(rule.methods or ()) if method not in ("HEAD", "OPTIONS")]
    return found


def check(answer: object, status: int, path: str) -> None:
    """Check the shape of an error."""
    assert answer.status_code == status, (path, answer.get_data(as_text=True))  # type: ignore[attr-defined]
    assert answer.content_type == PROBLEM_TYPE  # type: ignore[attr-defined]
    problem = Problem.model_validate(answer.get_json())  # type: ignore[attr-defined]
    assert (problem.status, problem.instance) == (status, path)
    assert problem.title
    assert problem.detail


def test_an_invalid_token_is_refused_everywhere(application: Application, client: FlaskClient) -> None:
    for method, path in routes(application):
        if path not in ("/healthz", "/readyz"):
            answer = client.open(path, method=method, headers={"Authorization": "Bearer netsift_wrong"})
            check(answer, 401, path)
            assert "Bearer" in answer.headers["WWW-Authenticate"]


def test_what_there_is_not_is_404_everywhere(application: Application, client: FlaskClient) -> None:
    named = [(method, path) for method, path in routes(application) if "nothing-of-that-name" in path]
    assert len(named) > 10
    for method, path in named:
        check(client.open(path, method=method, json={"verdict": "true"}), 404, path)
    check(client.get("/api/v1/nowhere"), 404, "/api/v1/nowhere")


def test_another_method_is_405_everywhere(application: Application, client: FlaskClient) -> None:
    for path in {path for _, path in routes(application)}:
        answer = client.open(path, method="TRACE")
        check(answer, 405, path)
        assert answer.headers["Allow"]


def test_a_body_that_is_no_json_is_400(application: Application, client: FlaskClient) -> None:
    for method, path in routes(application):
        if method == "POST" and path.endswith(("/predict", "/suppressions", "/dry-run", "/feedback")):
            check(client.open(path, method=method, data="{", content_type="application/json"), 400, path)


def test_what_is_too_large_is_413(application: Application, client: FlaskClient) -> None:
    application.config["MAX_CONTENT_LENGTH"] = 100
    check(client.post("/api/v1/predict", data="1" * 101, content_type="application/json"), 413, "/api/v1/predict")


def test_a_failure_says_nothing_of_the_inside(
    application: Application, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("the password is 1234")

    monkeypatch.setitem(application.view_functions, "health.status", fail)
    answer = client.get("/api/v1/status")
    check(answer, 500, "/api/v1/status")
    assert "1234" not in answer.get_data(as_text=True)


def test_pages_fail_as_pages(client: FlaskClient) -> None:
    answer = client.get("/nowhere/<script>alert(1)</script>")
    assert answer.status_code == 404
    assert answer.content_type.startswith("text/html")
    assert "<script>alert" not in answer.get_data(as_text=True)
