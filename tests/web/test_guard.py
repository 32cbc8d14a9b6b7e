"""Requests of other sites, by other names, and without the page's token."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from netsift.web.application import Application, create_application
from netsift.web.guard import secret_key
from netsift.web.headers import CONTENT_SECURITY_POLICY
from tests.web.conftest import settings_for

RULE = {"source": ["10.9.9.9"], "reason": "test"}
PATH = "/api/v1/suppressions"


def token_of(browser: FlaskClient) -> str:
    """Return the token that a page carries."""
    found = re.search(r'name="csrf-token" content="([^"]+)"', browser.get("/").get_data(as_text=True))
    assert found
    return found[1]


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil.example:5000", "", "a b"])
def test_other_names_are_refused(client: FlaskClient, host: str) -> None:
    assert client.get("/api/v1/status", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize(
    "host", ["localhost:5000", "127.0.0.1:5000", "[::1]:5000", "LOCALHOST", "192.0.2.7", "localhost."]
)
def test_own_names_and_addresses_are_answered(client: FlaskClient, host: str) -> None:
    assert client.get("/api/v1/status", headers={"Host": host}).status_code == 200


def test_further_names_are_answered(tmp_path: Path) -> None:
    application = create_application(settings_for(tmp_path, allowed_hosts=("Sensor.example",)))
    assert application.test_client().get("/healthz", headers={"Host": "sensor.EXAMPLE:80"}).status_code == 200


def test_a_program_may_change_things(client: FlaskClient) -> None:
    assert client.post(PATH, json=RULE).status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Referer": "https://evil.example/"},
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost", "X-CSRF-Token": "guessed"},
    ],
)
def test_a_browser_needs_origin_and_token(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.post(PATH, json=RULE, headers=headers).status_code == 403


def test_another_site_cannot_use_a_session(application: Application) -> None:
    browser = application.test_client()
    token = token_of(browser)
    own = {"Origin": "http://localhost", "X-CSRF-Token": token}
    assert browser.post(PATH, json=RULE, headers={"X-CSRF-Token": token, "Origin": "http://evil"}).status_code == 403
    assert browser.post(PATH, json=RULE).status_code == 403
    assert browser.post(PATH, json=RULE, headers={**own, "X-CSRF-Token": token[:-1]}).status_code == 403
    assert browser.post(PATH, json=RULE, headers=own).status_code == 201


def test_other_credentials_do_not_replace_the_token(application: Application) -> None:
    browser = application.test_client()
    token_of(browser)
    assert browser.post(PATH, json=RULE, headers={"Authorization": "Basic YTpi"}).status_code == 401


def test_every_answer_has_the_headers(client: FlaskClient) -> None:
    for path in ("/", "/analyse/", "/nowhere", "/api/v1/status", "/api/nowhere", "/healthz"):
        headers = client.get(path).headers
        assert headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_the_session_cookie_is_guarded(tmp_path: Path) -> None:
    application = create_application(settings_for(tmp_path, behind_tls=True))
    answer = application.test_client().get("/")
    cookie = answer.headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Lax", "Secure"))
    assert answer.headers["Strict-Transport-Security"]


def test_the_key_is_private_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert secret_key(path) == secret_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
