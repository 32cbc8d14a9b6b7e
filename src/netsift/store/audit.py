"""Who did what, when and from where: lines that are only ever added, and forgotten by age."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, select

from netsift.store.alert_filter import clean
from netsift.store.clock import Clock, utc_now
from netsift.store.database import Database
from netsift.store.pages import Page, Position, page_from, page_of, position_of
from netsift.store.tables import LONGEST_ID, AuditRow

LONGEST_DETAIL: Final = 4_000
"""Characters of JSON; what is longer is cut and says so."""

_ORDER: Final = "-id"
_LONGEST_TARGET: Final = 200


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line: ``actor`` is a user, a token or the program itself, ``target`` what it was done to."""

    id: int
    time: datetime
    actor: str
    action: str
    target: str
    address: str
    detail: dict[str, Any]


class AuditLog:
    """The audit log of a database."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        """Take the database."""
        self._database = database
        self._clock = clock

    def record(
        self, actor: str, action: str, target: str = "", *, address: str = "", detail: dict[str, Any] | None = None
    ) -> None:
        """Add a line; ``detail`` must hold no secret. Raises StoreError when it cannot be written."""
        text = json.dumps(detail or {}, default=str)
        if len(text) > LONGEST_DETAIL:
            text = json.dumps({"cut": text[: LONGEST_DETAIL // 2]})
        row = AuditRow(
            time=self._clock(), actor=clean(actor)[:LONGEST_ID], action=clean(action)[:64],
            target=clean(target)[:_LONGEST_TARGET], address=clean(address)[:64], detail=text,
        )  # fmt: skip
        with self._database.writing() as session:
            session.add(row)

    def find(
        self, *, actor: str = "", action: str = "", target: str = "", cursor: str | None = None, limit: int = 50
    ) -> Page[AuditEntry]:
        """Return a page of lines, the latest first; empty texts ask for nothing. Raises UsageError, StoreError."""
        wanted = ((AuditRow.actor, actor), (AuditRow.action, action), (AuditRow.target, target))
        query = select(AuditRow).where(*(column == clean(value) for column, value in wanted if value))
        position = None if cursor is None else position_of(cursor, _ORDER, int, int)
        query = page_of(query, AuditRow.id, AuditRow.id, position, limit, descending=True)
        with self._database.reading() as session:
            return page_from(session.scalars(query).all(), limit, _entry, lambda row: Position(_ORDER, row.id, row.id))

    def forget(self, before: datetime) -> int:
        """Delete lines before a time; return how many."""
        with self._database.writing() as session:
            found = session.execute(delete(AuditRow).where(AuditRow.time < before).returning(AuditRow.id))
            return len(found.all())


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(row.id, row.time, row.actor, row.action, row.target, row.address, json.loads(row.detail))
