"""The database under the stores: SQLite in a file, or PostgreSQL by its URL; errors become sentences without secrets.

SQLite runs in WAL mode (https://www.sqlite.org/wal.html), so readers never wait, and a transaction that will write
says so when it begins (``BEGIN IMMEDIATE``): waiting for another writer happens there, up to the busy timeout, and
never fails half way. What is committed survives the end of the process and of the power.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from netsift.errors import DatabaseError, StoreError, UsageError

if TYPE_CHECKING:
    from alembic.config import Config

BUSY_S: Final = 15.0
"""How long a writer waits for another one before it gives up."""
CONNECT_S: Final = 10
"""How long a connection to PostgreSQL may take."""

_DRIVERS: Final = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "sqlite": "sqlite"}
_MIGRATION_LOCK: Final = 0x6E65747369667401
"""Key of the PostgreSQL lock under which only one process changes the tables."""
_WRITES: Final = "netsift_writes"
_MAKING: Final = threading.Lock()


class Database:
    """A database whose tables are up to date. Use one per process, from any number of threads."""

    def __init__(self, url: str | Path, *, busy_s: float = BUSY_S) -> None:
        """Open it, make it where there is none, and bring its tables up to date.

        ``url`` is the path of a file, ``sqlite:///PATH`` or ``postgresql://USER:PASSWORD@HOST/NAME``.

        Raises:
            UsageError: it is no such URL, or the driver is not installed.
            StoreError: the database cannot be opened or made, is locked, or was made by a later version of netsift.
        """
        self._url = database_url(url)
        self.name = described(self._url)
        self._engine = _engine(self._url, self.name, busy_s)
        self._writer = self._engine.execution_options(**{_WRITES: True})
        self._lock = threading.Lock()
        self._file = self._file_now()
        try:
            self._bring_up_to_date()
        except StoreError:
            self.close()
            raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session that sees one state of the database; nothing it does is kept."""
        self._look_for_the_file()
        with self.sentences(), Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextlib.contextmanager
    def writing(self) -> Iterator[Session]:
        """Yield a session whose changes are kept, all or none, when the block ends without an error."""
        self._look_for_the_file()
        with self.sentences(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextlib.contextmanager
    def sentences(self) -> Iterator[None]:
        """Turn errors of the database into DatabaseError."""
        try:
            yield
        except SQLAlchemyError as error:
            raise DatabaseError(f"{self.name}: {_words(error, self._url)}") from None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of SQLite."""
        return self._url.get_backend_name() == "sqlite"

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _bring_up_to_date(self) -> None:
        with self.sentences(), self._writer.begin() as connection:
            _migrate(connection, self.name)

    def _file_now(self) -> tuple[int, int] | None:
        """Return which file SQLite's is. Raises DatabaseError when there is none; SQLite would make an empty one."""
        if not self.is_sqlite:
            return None
        try:
            found = Path(self.name).stat()
        except OSError as error:
            raise DatabaseError(f"{self.name}: is gone: {error.strerror or error}") from None
        return found.st_dev, found.st_ino

    def _look_for_the_file(self) -> None:
        """Let go of a file that is no longer the database, and take the one that came in its place."""
        if self._file_now() == self._file:
            return
        with self._lock:
            now = self._file_now()
            if now != self._file:
                self._engine.dispose()
                self._bring_up_to_date()
                self._file = now


def database_url(url: str | Path) -> URL:
    """Return what a database is reached by. Raises UsageError, without the text of the URL, which may hold a secret."""
    text_of = str(url)
    if isinstance(url, Path) or "://" not in text_of:
        return URL.create("sqlite", database=str(Path(text_of).absolute()))
    try:
        made = make_url(text_of)
    except (ArgumentError, ValueError):
        raise UsageError("the database's URL is none: sqlite:///PATH or postgresql://USER@HOST/NAME") from None
    backend = made.get_backend_name()
    if backend not in _DRIVERS:
        raise UsageError(
            f"the database is one of SQLite (sqlite:///PATH) or PostgreSQL (postgresql://…), not {backend}"
        )
    if backend == "sqlite" and made.database in (None, "", ":memory:"):
        raise UsageError("the SQLite database needs a file: sqlite:///PATH")
    return made.set(drivername=_DRIVERS[backend])


def described(url: URL) -> str:
    """Return a database in words that hold no secret: its file, or its host and name."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    host = url.host or url.query.get("host") or "localhost"
    return f"PostgreSQL {url.database or url.username or ''} at {host if isinstance(host, str) else host[0]}"


def _engine(url: URL, name: str, busy_s: float) -> Engine:
    try:
        if url.get_backend_name() == "sqlite":
            _make_private_file(Path(str(url.database)))
            engine = create_engine(url, connect_args={"timeout": busy_s, "check_same_thread": False})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_S})
        event.listen(engine, "begin", _begin_postgresql(busy_s))
        return engine
    except ModuleNotFoundError as error:
        raise UsageError(f"{name} needs the Python package {error.name}: pip install 'netsift[postgresql]'") from None


def _make_private_file(path: Path) -> None:
    """Make the file, where there is none, for its owner's eyes only: it holds hashes of passwords.

    A file that is there is not opened, because closing it would take away this process's locks on it, and another
    process would then remove the log that this one writes into (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _MAKING:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened: {error.strerror or error}") from None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions by itself; _begin_sqlite does.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "foreign_keys = ON", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(busy_s: float) -> Any:
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(busy_s * 1000)}")
        if not connection.get_execution_options().get(_WRITES):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

    return begin


def _migrate(connection: Connection, name: str) -> None:
    """Bring the tables up to date within the connection's transaction, which holds the lock of a writer."""
    from alembic import command
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    config = _alembic()
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise StoreError(f"{name}: was made by a later version of netsift, whose tables this one does not know")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _alembic() -> Config:
    from alembic.config import Config

    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _words(error: SQLAlchemyError, url: URL) -> str:
    """Return the first line of what the database says, without its statement, its parameters and the password."""
    said = str(error.orig if isinstance(error, DBAPIError) and error.orig else error).strip()
    said = said.splitlines()[0] if said else type(error).__name__
    if "database is locked" in said or "lock timeout" in said:
        return "is locked by another process for too long; nothing was changed"
    if "disk is full" in said or "No space left" in said:
        return "the disk is full; nothing was changed"
    if "unable to open database file" in said:
        return "cannot be opened"
    if url.password:
        said = said.replace(str(url.password), "***")
    return said
