"""Who may log in: names and Argon2id hashes of their passwords (RFC 9106)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, select, update

from netsift.errors import InputError, UsageError
from netsift.store.clock import Clock, utc_now
from netsift.store.database import Database
from netsift.store.scopes import EVERY_SCOPE, Scope, scopes_of, scopes_text, stored_scopes
from netsift.store.tables import TokenRow, UserRow

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST_PASSWORD: Final = 12
"""Characters; NIST SP 800-63B asks for 8 at least, and 15 where nothing else is asked for."""
LONGEST_PASSWORD: Final = 1_024

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True)
class User:
    """A user; a session is valid while it names the same ``session_key`` and the user is active."""

    name: str
    scopes: frozenset[Scope]
    active: bool
    session_key: str
    created: datetime
    last_login: datetime | None


class UserStore:
    """The users of a database."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        """Take the database."""
        self._database = database
        self._clock = clock

    def add(self, name: str, password: str, scopes: Iterable[str] = EVERY_SCOPE) -> User:
        """Add a user.

        Raises:
            UsageError: the name is taken or none, the password too short or too long, or a scope unknown.
            StoreError: the database cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise UsageError("a user's name has 1 to 64 letters, digits and .@_-, the first a letter or digit")
        row = UserRow(
            name=name, password_hash=_hash(password), scopes=scopes_text(scopes_of(scopes)), active=True,
            session_key=secrets.token_hex(16), created=self._clock(), last_login=None,
        )  # fmt: skip
        with self._database.writing() as session:
            if session.get(UserRow, name) is not None:
                raise UsageError(f"there is a user {name} already")
            session.add(row)
        return _user(row)

    def check(self, name: str, password: str) -> User | None:
        """Return the active user of this name and password, or None; the time it takes tells nothing of the name."""
        from argon2.exceptions import InvalidHashError, VerificationError

        with self._database.reading() as session:
            row = session.get(UserRow, name) if _NAME.fullmatch(name) else None
        known = row is not None and row.active
        try:
            _hasher().verify(row.password_hash if row is not None else _nobody(), password[: LONGEST_PASSWORD + 1])
        except (VerificationError, InvalidHashError):
            return None
        if row is None or not known:
            return None
        changes = {"last_login": self._clock()}
        if _hasher().check_needs_rehash(row.password_hash):
            self._update(name, password_hash=_hasher().hash(password))
        self._update(name, **changes)
        return self.get(name)

    def get(self, name: str) -> User | None:
        """Return the user of a name, or None."""
        with self._database.reading() as session:
            row = session.get(UserRow, name) if _NAME.fullmatch(name) else None
            return None if row is None else _user(row)

    def every(self) -> list[User]:
        """Return all users by name."""
        with self._database.reading() as session:
            return [_user(row) for row in session.scalars(select(UserRow).order_by(UserRow.name))]

    def count(self) -> int:
        """Return how many users there are."""
        with self._database.reading() as session:
            return session.scalar(select(func.count()).select_from(UserRow)) or 0

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password; all sessions end. Raises UsageError, InputError (no such user), StoreError."""
        self._update(name, password_hash=_hash(password), session_key=secrets.token_hex(16))

    def set_scopes(self, name: str, scopes: Iterable[str]) -> None:
        """Give a user other scopes. Raises UsageError, InputError (no such user), StoreError."""
        self._update(name, scopes=scopes_text(scopes_of(scopes)))

    def set_active(self, name: str, *, active: bool) -> None:
        """Let a user log in or not; all sessions end. Raises InputError (no such user), StoreError."""
        self._update(name, active=active, session_key=secrets.token_hex(16))

    def remove(self, name: str) -> None:
        """Remove a user and the tokens that he owns. Raises InputError (no such user), StoreError."""
        self._update(name, active=False)
        with self._database.writing() as session:
            session.execute(delete(TokenRow).where(TokenRow.owner == name))
            session.execute(delete(UserRow).where(UserRow.name == name))

    def _update(self, name: str, **values: object) -> None:
        with self._database.writing() as session:
            query = update(UserRow).where(UserRow.name == name).values(**values).returning(UserRow.name)
            if session.scalar(query) is None:
                raise InputError(f"there is no user {name[:64]!r}")


def _hash(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise UsageError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD:,} characters")
    return _hasher().hash(password)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobody() -> str:
    """Return the hash of a password that nobody has, to be checked where there is no such user."""
    return _hasher().hash(secrets.token_hex(32))


def _user(row: UserRow) -> User:
    return User(row.name, stored_scopes(row.scopes), row.active, row.session_key, row.created, row.last_login)
