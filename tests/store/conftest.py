"""Databases for tests: a new one of each kind for every test that asks for a ``url`` or a ``store``."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from netsift.store.database import Database, database_url
from netsift.store.opening import Store, open_store
from netsift.store.tables import Base
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


@pytest.fixture(scope="session")
def postgres_database(postgres_url: str) -> Iterator[Database]:
    """Yield the PostgreSQL database that tests of what is stored share, each of them with empty tables."""
    made = _new_database(postgres_url)
    database = Database(next(made))
    yield database
    database.close()
    next(made, None)


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite database whose tables are empty, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.db"
    Database(path).close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a database without tables, of either kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'netsift.db'}"
    else:
        yield from _new_database(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Ticking) -> Iterator[Store]:
    """Yield the stores of a database, of either kind in turn, whose tables are empty."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_file"), tmp_path / "netsift.db")
        with open_store(tmp_path / "netsift.db", clock) as opened:
            yield opened
        return
    database: Database = request.getfixturevalue("postgres_database")
    with database.writing() as session:
        names = ", ".join(table.name for table in Base.metadata.sorted_tables)
        session.execute(text(f"TRUNCATE {names} RESTART IDENTITY"))
    yield Store(database, clock)


def _new_database(server: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    engine = create_engine(database_url(server), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield database_url(server).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()
