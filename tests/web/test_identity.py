"""Who may do what: users, tokens, scopes, attempts to log in."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from netsift.errors import UsageError
from netsift.store.scopes import Scope
from netsift.web.application import Application, create_application
from netsift.web.operations import SCOPE
from netsift.web.throttle import Throttle
from tests.web.conftest import parts_of, settings_for

PASSWORD = "correct horse battery"


@pytest.fixture
def guarded(tmp_path: Path) -> Application:
    """Return an application with a user of every kind."""
    application = create_application(settings_for(tmp_path / "data"))
    users = parts_of(application).store.users
    users.add("anna", PASSWORD, ["admin"])
    users.add("rita", PASSWORD, ["read"])
    return application


def log_in(browser: FlaskClient, name: str, password: str = PASSWORD, goal: str = "/alerts") -> object:
    """Fill in the form."""
    page = browser.get("/login").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    form = {"name": name, "password": password, "next": goal, "csrf_token": token[1]}
    return browser.post("/login", data=form, headers={"Origin": "http://localhost"})


def csrf(browser: FlaskClient) -> dict[str, str]:
    """Return what the page's script sends along."""
    found = re.search(r'name="csrf-token" content="([^"]+)"', browser.get("/").get_data(as_text=True))
    assert found
    return {"X-CSRF-Token": found[1], "Origin": "http://localhost"}


def test_nobody_reads_without_logging_in(guarded: Application) -> None:
    client = guarded.test_client()
    answer = client.get("/alerts?severity=high")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login?next=/alerts%3Fseverity%3Dhigh")
    for rule in guarded.url_map.iter_rules():
        if rule.rule.startswith("/api/") and "GET" in (rule.methods or ()):
            path = re.sub(r"<[^>]+>", "x", rule.rule)
            assert client.get(path).status_code == 401, path
    assert client.get("/metrics").status_code == 401
    assert client.get("/healthz").status_code == 200


def test_every_operation_names_its_scope(guarded: Application) -> None:
    views = {rule.endpoint for rule in guarded.url_map.iter_rules() if rule.rule.startswith(("/api/", "/metrics"))}
    assert all(isinstance(getattr(guarded.view_functions[name], SCOPE, None), Scope) for name in views)


def test_logging_in_and_out(guarded: Application) -> None:
    browser = guarded.test_client()
    answer = log_in(browser, "anna")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/alerts")  # type: ignore[attr-defined]
    assert browser.get("/alerts").status_code == 200
    assert browser.post("/logout", headers=csrf(browser)).status_code == 303
    assert browser.get("/alerts").status_code == 302
    actions = [entry.action for entry in parts_of(guarded).store.audit.find().rows]
    assert actions == ["logout", "login"]


def test_the_form_leads_nowhere_else(guarded: Application) -> None:
    for goal in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb"):
        answer = log_in(guarded.test_client(), "anna", goal=goal)
        assert answer.headers["Location"] == "/"  # type: ignore[attr-defined]


def test_the_form_needs_its_token(guarded: Application) -> None:
    answer = guarded.test_client().post(
        "/login", data={"name": "anna", "password": PASSWORD}, headers={"Origin": "http://localhost"}
    )
    assert answer.status_code == 403


def test_guessing_is_slowed(guarded: Application) -> None:
    browser = guarded.test_client()
    statuses = [log_in(browser, "anna", "wrong password").status_code for _ in range(7)]  # type: ignore[attr-defined]
    assert statuses == [401] * 5 + [429] * 2
    right = log_in(browser, "anna")
    assert right.status_code == 429  # type: ignore[attr-defined]
    assert int(right.headers["Retry-After"]) > 0  # type: ignore[attr-defined]


def test_a_reader_changes_nothing(guarded: Application) -> None:
    browser = guarded.test_client()
    log_in(browser, "rita")
    headers = csrf(browser)
    assert browser.get("/api/v1/incidents").status_code == 200
    assert browser.put("/api/v1/captures", data=b"x", headers=headers).status_code == 403
    assert browser.post("/api/v1/models/active/activate", headers=headers).status_code == 403


def test_sessions_end_with_the_password(guarded: Application) -> None:
    browser = guarded.test_client()
    log_in(browser, "anna")
    parts_of(guarded).store.users.set_password("anna", PASSWORD + " staple")
    assert browser.get("/alerts").status_code == 302


def test_tokens_do_what_their_scopes_say(guarded: Application) -> None:
    client, tokens = guarded.test_client(use_cookies=False), parts_of(guarded).store.tokens
    statuses = {}
    for scope in ("read", "ingest", "admin"):
        secret, _ = tokens.create(scope, [scope])
        headers = {"Authorization": f"Bearer {secret}"}
        statuses[scope] = (
            client.get("/api/v1/status", headers=headers).status_code,
            client.put("/api/v1/captures?name=x", data=b"x", headers=headers).status_code,
            client.post("/api/v1/models/active/activate", headers=headers).status_code,
        )
    assert statuses == {"read": (200, 403, 403), "ingest": (200, 201, 403), "admin": (200, 201, 200)}


def test_a_token_that_is_over_opens_nothing(guarded: Application) -> None:
    client, tokens = guarded.test_client(use_cookies=False), parts_of(guarded).store.tokens
    secret, token = tokens.create("old", ["admin"], lifetime=timedelta(days=1))
    headers = {"Authorization": f"Bearer {secret}"}
    assert client.get("/api/v1/status", headers=headers).status_code == 200
    tokens.revoke(token.id)
    assert client.get("/api/v1/status", headers=headers).status_code == 401


def test_a_wrong_token_is_not_helped_by_a_session(guarded: Application) -> None:
    browser = guarded.test_client()
    log_in(browser, "anna")
    answer = browser.post(
        "/api/v1/models/active/activate", headers={"Authorization": "Bearer x", "Origin": "http://evil"}
    )
    assert answer.status_code == 401


@pytest.mark.parametrize("header", ["", "garbage", "Bearer", "Bearer ", "Basic !!!", "Bearer \u00e4", "bearer a b c"])
def test_a_header_of_nonsense_is_refused(guarded: Application, header: str) -> None:
    client = guarded.test_client()
    for path in ("/", "/api/v1/status", "/nowhere"):
        answer = client.get(path, headers={"Authorization": header})
        assert answer.status_code == (404 if path == "/nowhere" else 401), (path, answer.status_code)


def test_behind_a_proxy_failures_are_those_of_the_sender(tmp_path: Path) -> None:
    application = create_application(settings_for(tmp_path / "data", behind_tls=True))
    parts_of(application).store.users.add("anna", PASSWORD)
    browser = application.test_client()
    sent = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}
    page = browser.get("/login", headers=sent, base_url="https://localhost").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    form = {"name": "anna", "password": "wrong", "csrf_token": token[1]}
    headers = {**sent, "Origin": "https://localhost"}
    assert browser.post("/login", data=form, headers=headers, base_url="https://localhost").status_code == 401
    assert parts_of(application).store.audit.find().rows[0].address == "198.51.100.7"


def test_others_are_not_let_in_without_users(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "192.0.2.1", "::", "sensor.example"):
        with pytest.raises(UsageError, match="user"):
            create_application(settings_for(tmp_path / "data", host=host))
    application = create_application(settings_for(tmp_path / "data"))
    parts_of(application).store.tokens.create("sensor", ["ingest"])
    reachable = create_application(settings_for(tmp_path / "data", host="0.0.0.0"))
    assert reachable.test_client().get("/alerts").status_code == 302


def test_failures_are_forgotten_after_a_while() -> None:
    now = [0.0]
    throttle = Throttle(most=2, window_s=10, clock=lambda: now[0])
    throttle.failed("a")
    now[0] = 4
    throttle.failed("a")
    assert (throttle.wait_s("a"), throttle.wait_s("b"), throttle.wait_s("a", "b")) == (6, 0, 6)
    now[0] = 10.5
    assert throttle.wait_s("a") == 0
    throttle.failed("a")
    throttle.succeeded("a")
    throttle.failed("a")
    assert throttle.wait_s("a") == 0
