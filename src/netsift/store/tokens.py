"""Tokens of the API: random, shown once, known afterwards by their SHA-256 only.

A token has 256 random bits, so a plain hash is enough: there is nothing to guess, unlike with passwords.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update

from netsift.errors import InputError, UsageError
from netsift.store.alert_filter import clean
from netsift.store.clock import Clock, utc_now
from netsift.store.database import Database
from netsift.store.scopes import Scope, scopes_of, scopes_text, stored_scopes
from netsift.store.tables import LONGEST_ID, TokenRow

PREFIX: Final = "netsift_"
"""How every token begins, so that one that leaks is recognised."""
MOST_TOKENS: Final = 10_000

_TOKEN: Final = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")
_USE_NOTED_EVERY: Final = timedelta(minutes=1)
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; ``last_used`` is up to a minute old."""

    id: str
    name: str
    owner: str
    scopes: frozenset[Scope]
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    last_used: datetime | None

    def valid_at(self, now: datetime) -> bool:
        """Whether the token opens anything at a time."""
        return self.revoked is None and (self.expires is None or now < self.expires)


class TokenStore:
    """The tokens of a database."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        """Take the database."""
        self._database = database
        self._clock = clock

    def create(
        self, name: str, scopes: Iterable[str], owner: str = "", lifetime: timedelta | None = None
    ) -> tuple[str, Token]:
        """Return a new token's secret, which nobody can show again, and what is known of it.

        Raises:
            UsageError: no name or scope, an unknown scope, a lifetime of nothing, or too many tokens.
            StoreError: the database cannot be written.
        """
        if not name.strip() or len(name) > _LONGEST_NAME:
            raise UsageError(f"a token has a name of 1 to {_LONGEST_NAME} characters that says what uses it")
        if lifetime is not None and lifetime <= timedelta(0):
            raise UsageError("a token must be valid for some time")
        now = self._clock()
        secret = PREFIX + secrets.token_urlsafe(32)
        row = TokenRow(
            id=secrets.token_hex(8), digest=_digest(secret), name=clean(name).strip(), owner=clean(owner)[:LONGEST_ID],
            scopes=scopes_text(scopes_of(scopes)), created=now, expires=_later(now, lifetime), revoked=None,
            last_used=None,
        )  # fmt: skip
        with self._database.writing() as session:
            if (session.scalar(select(func.count()).select_from(TokenRow)) or 0) >= MOST_TOKENS:
                raise UsageError(f"there are {MOST_TOKENS:,} tokens already")
            session.add(row)
        return secret, _token(row)

    def check(self, secret: str) -> Token | None:
        """Return the token of a secret while it is valid, else None."""
        if not _TOKEN.fullmatch(secret):
            return None
        with self._database.reading() as session:
            row = session.scalar(select(TokenRow).where(TokenRow.digest == _digest(secret)))
        now = self._clock()
        if row is None or not _token(row).valid_at(now):
            return None
        if row.last_used is None or now - row.last_used >= _USE_NOTED_EVERY:
            with self._database.writing() as session:
                session.execute(update(TokenRow).where(TokenRow.id == row.id).values(last_used=now))
        return _token(row)

    def every(self) -> list[Token]:
        """Return all tokens, the latest first, those that are no longer valid too."""
        with self._database.reading() as session:
            return [_token(row) for row in session.scalars(select(TokenRow).order_by(TokenRow.created.desc()))]

    def revoke(self, identity: str) -> None:
        """Make a token useless from now on. Raises InputError when there is none of that id, StoreError."""
        with self._database.writing() as session:
            row = session.get(TokenRow, clean(identity))
            if row is None:
                raise InputError(f"there is no token {identity[:LONGEST_ID]!r}")
            row.revoked = row.revoked or self._clock()


def _later(now: datetime, lifetime: timedelta | None) -> datetime | None:
    try:
        return None if lifetime is None else now + lifetime
    except OverflowError:
        raise UsageError("a token's lifetime is longer than the calendar") from None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _token(row: TokenRow) -> Token:
    return Token(
        row.id, row.name, row.owner, stored_scopes(row.scopes), row.created, row.expires, row.revoked, row.last_used
    )
