"""Pages of ordered rows: where one ends, the next goes on, whatever came in between (keyset paging).

The cursor says what the last row was ordered by and its id; the next page is what stands behind it in the index. So a
page costs the same wherever it is, and none is shown twice because newer rows pushed it down.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute

from netsift.errors import UsageError

MOST_ROWS: Final = 1_000
"""Rows of a page at most."""

_LONGEST_CURSOR: Final = 1_000

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows in order, and the cursor of the page behind them, None at the end."""

    rows: tuple[Row, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Position:
    """A place in an order: ``value`` is what the row there is ordered by, ``id`` tells rows of one value apart."""

    order: str
    value: int | float | str | datetime
    id: int | str

    def cursor(self) -> str:
        """Return the position as text for URLs."""
        value = self.value.isoformat() if isinstance(self.value, datetime) else self.value
        return base64.urlsafe_b64encode(json.dumps([self.order, value, self.id]).encode()).decode().rstrip("=")


def position_of(cursor: str, order: str, value_type: type, id_type: type) -> Position:
    """Return the position that a cursor names. Raises UsageError for one of another order, or no cursor at all."""
    try:
        if len(cursor) > _LONGEST_CURSOR:
            raise ValueError
        known, value, identity = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if known == order:
            return Position(order, _typed(value, value_type), _typed(identity, id_type))
    except (ValueError, TypeError, RecursionError):
        raise UsageError("the cursor is none that a page ended with") from None
    raise UsageError(f"the cursor belongs to a page ordered by {str(known)[:40]!r}, not by {order!r}")


def _typed(value: Any, wanted: type) -> Any:
    """Return a value of a cursor; raises ValueError or TypeError for one that no column of the type holds."""
    if wanted is datetime:
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    if isinstance(value, bool) or not isinstance(value, (int, float) if wanted is float else wanted):
        raise TypeError
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError
    return value.replace("\0", "").encode("utf-8", "replace").decode() if isinstance(value, str) else value


def checked_limit(limit: int) -> int:
    """Return a limit of rows. Raises UsageError unless it is 1 to :data:`MOST_ROWS`."""
    if not 1 <= limit <= MOST_ROWS:
        raise UsageError(f"a page has 1 to {MOST_ROWS:,} rows, not {limit:,}")
    return limit


def page_of(
    select: Select[Any], by: InstrumentedAttribute[Any], identity: InstrumentedAttribute[Any],
    position: Position | None, limit: int, *, descending: bool,
) -> Select[Any]:  # fmt: skip
    """Return a selection of the rows behind a position, one more than the limit to see whether there are more."""
    if position is not None:
        select = select.where(_behind(by, identity, position, descending=descending))
    columns = (by.desc(), identity.desc()) if descending else (by.asc(), identity.asc())
    return select.order_by(*columns).limit(checked_limit(limit) + 1)


def page_from(
    rows: Sequence[Any], limit: int, made: Callable[[Any], Row], position: Callable[[Any], Position]
) -> Page[Row]:
    """Return the page that the rows of :func:`page_of` make."""
    shown = rows[:limit]
    return Page(tuple(map(made, shown)), position(shown[-1]).cursor() if len(rows) > limit else None)


def _behind(
    by: InstrumentedAttribute[Any], identity: InstrumentedAttribute[Any], position: Position, *, descending: bool
) -> ColumnElement[bool]:
    value, last = position.value, position.id
    if descending:
        return or_(by < value, and_(by == value, identity < last))
    return or_(by > value, and_(by == value, identity > last))
