"""Databases for tests: a new one of each kind for every test that asks for a ``url`` or a ``store``."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from netsift.store.database import database_url
from netsift.store.opening import Store, open_store
from tests.store import postgres


class Ticking:
    """A clock that goes on by a second whenever it is read, and by more when told so."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def skip(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by


@pytest.fixture
def clock() -> Ticking:
    """Return the clock of the test's stores."""
    return Ticking()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Yield the URL of a PostgreSQL server that runs as long as the tests; skips where it is not installed."""
    programs = postgres.programs()
    if programs is None:
        pytest.skip(postgres.WHY_NOT)
    with postgres.server(programs) as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """Yield the URL of an empty PostgreSQL database."""
    name = f"test_{uuid.uuid4().hex}"
    engine = create_engine(database_url(postgres_url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield str(database_url(postgres_url).set(database=name).render_as_string(hide_password=False))
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, of either kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'netsift.db'}"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture
def store(url: str, clock: Ticking) -> Iterator[Store]:
    """Yield the stores of an empty database."""
    with open_store(url, clock) as opened:
        yield opened
