"""A database that goes away under the server: what is said meanwhile, and that all is well by itself afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event

from netsift.store.scopes import EVERY_SCOPE
from netsift.web.application import Application, create_application
from netsift.web.errors import NO_DATABASE, PROBLEM_TYPE, Problem
from tests.store import postgres
from tests.web.conftest import parts_of, settings_for, some_alerts

PAGES = ("/", "/alerts", "/analyse/", "/models/", "/explore", "/settings")
OPERATIONS = ("/api/v1/status", "/api/v1/incidents", "/api/v1/jobs", "/api/v1/events", "/metrics")


def check_gone(client: FlaskClient, secret: str) -> None:
    """Check what is said while there is no database."""
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_json()["detail"]) == (503, "The database cannot be used now.")
    for path in OPERATIONS:
        for headers in ({}, {"Authorization": f"Bearer {secret}"}):
            answer = client.get(path, headers=headers)
            assert (answer.status_code, answer.content_type) == (503, PROBLEM_TYPE), path
            assert Problem.model_validate(answer.get_json()).detail == NO_DATABASE
            assert answer.headers["Retry-After"] == "5"
    for path in PAGES:
        answer = client.get(path)
        assert (answer.status_code, answer.mimetype) == (503, "text/html"), path
        text = answer.get_data(as_text=True)
        assert NO_DATABASE in text
        assert "Try again" in text
        assert "netsift.db" not in text


def check_there(client: FlaskClient) -> None:
    """Check that all is well."""
    assert client.get("/readyz").status_code == 200
    for path in PAGES:
        assert client.get(path).status_code == 200, path
    for path in OPERATIONS:
        answer = client.get(path, buffered=False)
        assert answer.status_code == 200, path
        answer.close()


def patient(application: Application) -> None:
    """Let a server forget at once whether there are users."""
    application.extensions["netsift_users"]._until = 0.0
    parts_of(application).board._until = 0.0


def filled(application: Application) -> str:
    """Store alerts, and return the secret of a new token."""
    store = parts_of(application).store
    store.alerts.upsert(some_alerts())
    return store.tokens.create("reporter", EVERY_SCOPE)[0]


def test_a_file_that_is_moved_away_and_back(application: Application, client: FlaskClient, tmp_path: Path) -> None:
    secret = filled(application)
    check_there(client)
    moved, place = tmp_path / "elsewhere", tmp_path / "data"
    moved.mkdir()
    for file in place.glob("netsift.db*"):
        file.rename(moved / file.name)
    patient(application)
    check_gone(client, secret)
    assert not (place / "netsift.db").exists(), "nothing empty was made in its place"
    for file in moved.glob("netsift.db*"):
        file.rename(place / file.name)
    patient(application)
    check_there(client)
    assert client.get("/api/v1/incidents/counts").get_json()["total"] == 2


def test_another_file_in_its_place_is_taken(application: Application, client: FlaskClient, tmp_path: Path) -> None:
    filled(application)
    for file in (tmp_path / "data").glob("netsift.db*"):
        file.unlink()
    patient(application)
    assert client.get("/api/v1/status").status_code == 503
    (tmp_path / "data" / "netsift.db").touch()
    patient(application)
    check_there(client)
    assert client.get("/api/v1/incidents/counts").get_json()["total"] == 0


@pytest.fixture
def impatient() -> Iterator[None]:
    """Let every new connection to SQLite wait a fifth of a second for others."""

    def connected(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA busy_timeout = 200").close()

    event.listen(Engine, "connect", connected)
    yield
    event.remove(Engine, "connect", connected)


@pytest.mark.usefixtures("impatient")
def test_a_locked_file_can_be_read_and_refuses_changes(tmp_path: Path) -> None:
    application = create_application(settings_for(tmp_path / "data"))
    client = application.test_client(use_cookies=False)
    filled(application)
    [incident, *_] = client.get("/api/v1/incidents").get_json()["rows"]
    path = f"/api/v1/alerts/{incident['id']}/feedback"
    other = sqlite3.connect(tmp_path / "data" / "netsift.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    check_there(client)
    refused = client.post(path, json={"verdict": "false"})
    assert (refused.status_code, refused.get_json()["detail"]) == (503, NO_DATABASE)
    other.execute("ROLLBACK")
    other.close()
    assert client.post(path, json={"verdict": "false"}).status_code == 200
    parts_of(application).store.close()


def test_postgresql_that_is_stopped_and_started(tmp_path: Path) -> None:
    programs = postgres.programs()
    if programs is None:
        pytest.skip(postgres.WHY_NOT)
    with postgres.stoppable(programs) as server:
        application = create_application(settings_for(tmp_path / "data", database=server.url))
        client = application.test_client(use_cookies=False)
        secret = filled(application)
        check_there(client)
        server.stop()
        patient(application)
        check_gone(client, secret)
        server.start()
        patient(application)
        check_there(client)
        assert client.get("/api/v1/incidents/counts").get_json()["total"] == 2
        parts_of(application).store.close()
