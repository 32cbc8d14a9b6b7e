"""Opens a database with all the stores in it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from netsift.store.alerts import AlertStore
from netsift.store.audit import AuditLog
from netsift.store.clock import Clock, utc_now
from netsift.store.database import Database
from netsift.store.feedback import FeedbackStore
from netsift.store.jobs import JobStore
from netsift.store.suppressions import SuppressionStore
from netsift.store.tokens import TokenStore
from netsift.store.users import UserStore


class Store:
    """A database and what is kept in it. One per process: open it after a fork, not before."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        """Take the database; ``clock`` says what time it is for all stores."""
        self.database = database
        self.alerts = AlertStore(database, clock)
        self.feedback = FeedbackStore(database, self.alerts, clock)
        self.suppressions = SuppressionStore(database, self.alerts, clock)
        self.users = UserStore(database, clock)
        self.tokens = TokenStore(database, clock)
        self.audit = AuditLog(database, clock)
        self.jobs = JobStore(database, clock)

    def close(self) -> None:
        """Close all connections."""
        self.database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_store(url: str | Path, clock: Clock = utc_now) -> Store:
    """Open the stores of a database: a file's path, ``sqlite:///PATH`` or ``postgresql://USER@HOST/NAME``.

    What does not exist is made, and tables of an earlier version are brought up to date.

    Raises:
        UsageError: the URL is none, or the driver is not installed.
        StoreError: the database cannot be opened, or was made by a later version.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "netsift.db") as store:
    ...     store.users.count()
    0
    """
    return Store(Database(url), clock)
