"""The database itself: its tables, its steps, its locks, and what it never says."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from netsift.errors import NetsiftError, StoreError, UsageError
from netsift.store.alert_filter import AlertFilter
from netsift.store.database import Database, database_url, described
from netsift.store.opening import Store, open_store
from netsift.store.tables import Base
from tests.alerts.made import made
from tests.conftest import ROOT


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """Yield an empty database."""
    opened = Database(url)
    yield opened
    opened.close()


def test_the_steps_make_exactly_the_tables(database: Database) -> None:
    with database.reading() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() is not None


def test_a_database_is_opened_again_with_what_is_in_it(url: str) -> None:
    for _ in range(2):
        with open_store(url) as store:
            store.alerts.upsert([made(1)])
            assert store.alerts.counts(AlertFilter()).total == 1


def test_several_programs_may_open_a_new_database_at_once(url: str) -> None:
    script = "import sys; from netsift.store.opening import open_store; open_store(sys.argv[1]).close()"
    started = [subprocess.Popen([sys.executable, "-c", script, url], stderr=subprocess.PIPE) for _ in range(3)]
    assert [(one.communicate()[1], one.returncode) for one in started] == [(b"", 0)] * 3
    Database(url).close()


def test_a_database_of_a_later_version_is_refused_and_left_alone(url: str) -> None:
    database = Database(url)
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(StoreError, match="made by a later version of netsift"):
        Database(url)


def test_nothing_of_a_failed_block_is_kept(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        _delete_and_fail(store)
    with store.database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM alembic_version")) == 1


def _delete_and_fail(store: Store) -> None:
    with store.database.writing() as session:
        session.execute(text("DELETE FROM alembic_version"))
        raise ZeroDivisionError


def test_a_reading_session_writes_nothing(store: Store) -> None:
    store.alerts.upsert([made(1)])
    with contextlib.suppress(StoreError), store.database.reading() as session:  # PostgreSQL refuses, SQLite rolls back
        session.execute(text("DELETE FROM alerts"))
    assert store.alerts.counts(AlertFilter()).total == 1


def test_sqlite_is_in_wal_mode_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "netsift.db"
    with open_store(path) as store:
        store.users.add("ada", "a long enough password")
        with store.database.reading() as session:
            assert session.scalar(text("PRAGMA journal_mode")) == "wal"
            assert session.scalar(text("PRAGMA foreign_keys")) == 1
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_database_that_another_process_locks_is_waited_for_and_then_named(tmp_path: Path) -> None:
    path = tmp_path / "netsift.db"
    Database(path).close()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        database = Database.__new__(Database)
        with pytest.raises(StoreError, match=r"netsift\.db: is locked by another process for too long"):
            database.__init__(path, busy_s=0.1)  # type: ignore[misc]
        unlock = threading.Timer(0.3, lambda: other.execute("COMMIT"))
        unlock.start()
        with open_store(path) as store:
            assert store.alerts.upsert([made(1)]).new == 1
        unlock.join()


def test_readers_do_not_wait_for_a_writer(store: Store) -> None:
    store.alerts.upsert([made(1)])
    with store.database.writing() as session:
        session.execute(text("DELETE FROM alerts"))
        assert store.alerts.counts(AlertFilter()).total == 1
    assert store.alerts.counts(AlertFilter()).total == 0


def test_many_threads_lose_nothing(store: Store) -> None:
    errors: list[NetsiftError] = []

    def write(first: int) -> None:
        try:
            for number in range(first, first + 10):
                store.alerts.upsert([made(number), made(1)])
                store.audit.record("ada", "wrote", str(number))
        except NetsiftError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(10 * number + 1,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.alerts.counts(AlertFilter()).total == 60
    assert len(store.audit.find(limit=100).rows) == 60


def test_what_was_said_to_be_stored_survives_a_kill(url: str) -> None:
    command = [sys.executable, "-m", "tests.store.upsert_for_ever", url]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 50:
            break
    process.send_signal(signal.SIGKILL)
    said = [int(line) for line in process.stdout.read().split()]
    process.wait()
    process.stdout.close()
    with open_store(url) as store:
        assert store.alerts.counts(AlertFilter()).total >= max([50, *said])
        assert store.alerts.upsert([made(1)]).new == 0


def test_a_full_disk_is_named_and_changes_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.store.full_database", str(tmp_path / "netsift.db")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said, count = done.stdout.splitlines()
    assert said.startswith(f"{tmp_path / 'netsift.db'}: ")
    assert count == "1"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://root:hunter2@localhost/x", "not mysql"),
        ("://hunter2", "the database's URL is none"),
        ("postgresql://ada:hunter2@localhost:port/x", "the database's URL is none"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
    ],
)
def test_a_url_that_is_none_is_refused_without_its_secret(url: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as refused:
        Database(url)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["postgresql://ada:hunter2@127.0.0.1:1/alerts", "postgres://ada@127.0.0.1:1/alerts?password=hunter2"],
)
def test_a_database_that_does_not_answer_is_named_without_its_password(url: str) -> None:
    with pytest.raises(StoreError, match=r"PostgreSQL alerts at 127\.0\.0\.1: ") as refused:
        Database(url)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(database_url(url)).replace("password=hunter2", "")


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine, and long enough to be looked at\n" * 100)
    with pytest.raises(StoreError, match=r"notes\.txt: file is not a database"):
        Database(path)
    assert path.read_text().startswith("mine")


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/version").exists(), reason="needs /proc")
def test_a_place_that_cannot_be_written_is_named() -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        Database("/proc/netsift.db")


def test_a_database_is_described_without_secrets() -> None:
    assert described(database_url("postgresql://ada:hunter2@db.example/alerts")) == "PostgreSQL alerts at db.example"
    assert described(database_url(Path("/var/lib/netsift.db"))) == "/var/lib/netsift.db"
    assert described(database_url("sqlite:////var/lib/netsift.db")) == "/var/lib/netsift.db"


def test_opening_it_twice_in_a_process_takes_no_locks_away(tmp_path: Path) -> None:
    path = tmp_path / "netsift.db"
    with open_store(path) as first:
        first.alerts.upsert([made(1)])
        open_store(path).close()
        # Another process that closes the last connection, as it believes, would remove the log of the first one.
        script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM alerts').close()"
        subprocess.run([sys.executable, "-c", script, path], check=True)
        assert (tmp_path / "netsift.db-wal").exists()
        first.alerts.upsert([made(2)])
        with open_store(path) as second:
            assert second.alerts.counts(AlertFilter()).total == 2


def test_a_file_that_goes_away_is_missed_until_another_is_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "netsift.db"
    with open_store(path) as store:
        store.alerts.upsert([made(1)])
        for name in tmp_path.iterdir():
            name.unlink()
        for _ in range(2):
            with pytest.raises(StoreError, match="is gone"):
                store.alerts.upsert([made(2)])
        assert not path.exists(), "nothing empty is made in its place"
        open_store(path).close()
        store.alerts.upsert([made(2)])
        with open_store(path) as other:
            assert other.alerts.counts(AlertFilter()).total == 1
