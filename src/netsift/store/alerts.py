"""Alerts and incidents, each once: what grows replaces its shorter self, what people said of it stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, and_, bindparam, case, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from netsift.alerts.feedback import Verdict
from netsift.alerts.schema import SEVERITIES, Alert
from netsift.errors import InputError, StoreError
from netsift.store.alert_filter import AlertFilter, Order, State, clean, host_keys, searched_text
from netsift.store.clock import Clock, utc_now
from netsift.store.database import Database
from netsift.store.pages import Page, Position, page_from, page_of, position_of
from netsift.store.tables import LONGEST_ID, AlertRow, HostRow, LinkRow

ALERTS_PER_TRANSACTION: Final = 500
MOST_DAYS: Final = 366
"""Days that are counted: the latest with alerts."""

_CONTENT: Final = TypeAdapter(list[Alert], config=ConfigDict(ser_json_inf_nan="constants"))
_DAY_NS: Final = 86_400 * 1_000_000_000
_LEAST, _MOST = -(2**63), 2**63 - 1
_IDS_PER_QUERY: Final = 500
_GROWTH: Final = ("end_ns", "flows", "packets")
"""What an alert has more of, in this order, when it has grown."""


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert as it is now, when it was first and last stored, and what was last said of it."""

    alert: Alert
    first_seen: datetime
    last_seen: datetime
    verdict: Verdict | None

    @property
    def state(self) -> State:
        """What became of it."""
        if self.alert.suppressed:
            return State.SUPPRESSED
        return State.OPEN if self.verdict is None else State.JUDGED

    def as_json(self) -> dict[str, Any]:
        """Return the alert's JSON object and what the store knows of it."""
        return self.alert.as_json() | {
            "state": self.state.value,
            "verdict": self.verdict and self.verdict.value,
            "first_seen": self.first_seen.isoformat().replace("+00:00", "Z"),
            "last_seen": self.last_seen.isoformat().replace("+00:00", "Z"),
        }


@dataclass(frozen=True, slots=True)
class AlertCounts:
    """How many alerts there are: in all, by severity, category and state, and by day of their start (UTC)."""

    total: int
    severities: dict[str, int]
    categories: dict[str, int]
    states: dict[str, int]
    days: dict[date, int]


@dataclass(frozen=True, slots=True)
class Upserted:
    """How many alerts were new, how many replaced what there was, and how many said less than what there was."""

    new: int = 0
    replaced: int = 0
    passed_over: int = 0


class AlertStore:
    """The alerts and incidents of a database."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        """Take the database; ``clock`` says when something is seen."""
        self._database = database
        self._clock = clock

    def upsert(self, alerts: Iterable[Alert]) -> Upserted:
        """Store alerts and incidents by their ids, in transactions of :data:`ALERTS_PER_TRANSACTION`.

        One that ends earlier than what is stored under its id, or has fewer flows or packets, is passed over: a replay
        changes nothing. Verdicts and the time of the first sight stay; an incident that gets alerts of which nothing
        was said is open again. An incident whose alerts are all in a new one is removed, for it has become that one.

        Raises:
            InputError: an id is longer than 64 characters, or a text is none that can be stored.
            StoreError: the database cannot be written.
        """
        new = replaced = passed_over = 0
        ordered = iter(alerts)
        while some := list(islice(ordered, ALERTS_PER_TRANSACTION)):
            greatest: dict[str, Alert] = {}
            for alert in some:
                before = greatest.get(alert.id)
                greatest[alert.id] = alert if before is None or _size(alert) >= _size(before) else before
            with self._database.writing() as session:
                known = _known(session, greatest)
                kept = set(_upsert_rows(session, list(greatest.values()), self._clock()))
                _write_hosts(session, [greatest[identity] for identity in kept])
                for alert in greatest.values():
                    if alert.id in kept and alert.kind == "incident":
                        _write_links(session, alert)
            new += len(kept - known)
            replaced += len(kept & known)
            passed_over += len(some) - len(kept)
        return Upserted(new, replaced, passed_over)

    def find(
        self, wanted: AlertFilter, order: Order = Order.WEIGHT_LAST, cursor: str | None = None, limit: int = 50
    ) -> Page[StoredAlert]:
        """Return a page of alerts; give its cursor to get the next one.

        Raises:
            UsageError: the filter, cursor or limit makes no sense.
            StoreError: the database cannot be read.
        """
        position = None if cursor is None else position_of(cursor, order.value, order.type, str)
        # The ids first: what is ordered are then small rows, most of them out of an index.
        ids = page_of(
            select(AlertRow.id).where(*wanted.conditions()), order.column, AlertRow.id, position, limit,
            descending=order.descending,
        )  # fmt: skip
        by = (order.column.desc(), AlertRow.id.desc()) if order.descending else (order.column, AlertRow.id)
        query = select(AlertRow).where(AlertRow.id.in_(ids)).order_by(*by)
        with self._database.reading() as session:
            return page_from(session.scalars(query).all(), limit, _stored, lambda row: _position(row, order))

    def get(self, identity: str) -> StoredAlert | None:
        """Return the alert or incident of an id, or None."""
        with self._database.reading() as session:
            row = session.get(AlertRow, clean(identity)[: LONGEST_ID + 1])
            return None if row is None else _stored(row)

    def members(self, incident: str) -> list[StoredAlert]:
        """Return the stored alerts of an incident in order of time; none for an alert."""
        query = (
            select(AlertRow)
            .join(LinkRow, LinkRow.alert_id == AlertRow.id)
            .where(LinkRow.incident_id == clean(incident))
            .order_by(LinkRow.place)
        )
        with self._database.reading() as session:
            return [_stored(row) for row in session.scalars(query)]

    def incidents(self, alert: str) -> list[StoredAlert]:
        """Return the incidents to which an alert belongs, the gravest first."""
        return list(self.find(AlertFilter(kind="incident", alert=alert), limit=100).rows)

    def every(self, wanted: AlertFilter | None = None) -> Iterator[StoredAlert]:
        """Yield all alerts that are wanted in order of start, page by page: what changes meanwhile may be missed."""
        cursor = None
        while True:
            page = self.find(wanted or AlertFilter(), Order.START, cursor, 500)
            yield from page.rows
            if (cursor := page.cursor) is None:
                return

    def counts(self, wanted: AlertFilter) -> AlertCounts:
        """Return how many alerts there are of what is wanted. Raises as :meth:`find` does."""
        conditions = list(wanted.conditions())
        day = AlertRow.start_ns // _DAY_NS
        state = case(
            (AlertRow.suppressed != "", State.SUPPRESSED.value),
            (AlertRow.verdict != "", State.JUDGED.value),
            else_=State.OPEN.value,
        )
        query = (
            select(AlertRow.severity, AlertRow.category, state, day, func.count())
            .where(*conditions)
            .group_by(AlertRow.severity, AlertRow.category, state, day)
        )
        severities, categories, states, days = (Counter[Any]() for _ in range(4))
        with self._database.reading() as session:
            for severity, category, name, number, count in session.execute(query):
                for counted, value in ((severities, severity), (categories, category), (states, name), (days, number)):
                    counted[value] += count
        latest = sorted(days)[-MOST_DAYS:]
        return AlertCounts(
            total=severities.total(),
            severities={name: severities[place] for place, name in enumerate(SEVERITIES)},
            categories=dict(categories.most_common()),
            states={one.value: states[one.value] for one in State},
            days={when: days[number] for number in latest if (when := _day(number)) is not None},
        )

    def withdraw(self, identities: Sequence[str]) -> int:
        """Delete alerts for which others stand now, and incidents of nothing else; return how many rows.

        What somebody has given a verdict on stays.
        """
        wanted = [clean(identity) for identity in identities]
        with self._database.writing() as session:
            incidents: set[str] = set()
            for some in _in_parts(wanted):
                incidents.update(session.scalars(select(LinkRow.incident_id).where(LinkRow.alert_id.in_(some))))
            for incident in sorted(incidents):
                theirs = set(session.scalars(select(LinkRow.alert_id).where(LinkRow.incident_id == incident)))
                if theirs <= set(wanted):
                    wanted.append(incident)
            return sum(
                _rows_of(session.execute(delete(AlertRow).where(AlertRow.id.in_(some), AlertRow.verdict == "")))
                for some in _in_parts(wanted)
            )

    def forget(self, before: datetime, most: int = 100_000) -> int:
        """Delete alerts and incidents last seen before a time, at most so many; return how many. Feedback stays."""
        with self._database.writing() as session:
            old = select(AlertRow.id).where(AlertRow.last_seen < before).order_by(AlertRow.last_seen).limit(most)
            return _rows_of(session.execute(delete(AlertRow).where(AlertRow.id.in_(old))))


def mark_hidden(session: Session, identities: Sequence[str], rule: str) -> None:
    """Mark alerts as hidden by a rule, or as hidden by none (an empty id), in a transaction that is under way."""
    for some in _in_parts(identities):
        session.execute(update(AlertRow).where(AlertRow.id.in_(some)).values(suppressed=rule))


def mark_judged(session: Session, identities: Sequence[str], verdict: Verdict) -> None:
    """Note what was last said of alerts, in a transaction that is under way."""
    for some in _in_parts(identities):
        session.execute(update(AlertRow).where(AlertRow.id.in_(some)).values(verdict=verdict.value))


def alert_text(alert: Alert) -> str:
    """Return all of an alert as JSON text, exact to the nanosecond. Raises InputError for text that is no Unicode."""
    try:
        return _CONTENT.dump_json([alert]).decode()
    except ValueError as error:
        raise InputError(f"the alert {alert.id[:LONGEST_ID]!r} cannot be stored: {error}") from None


def alert_of_text(text: str) -> Alert:
    """Return the alert that :func:`alert_text` made the text of. Raises StoreError when the text is none."""
    try:
        return _CONTENT.validate_json(text)[0]
    except (ValidationError, IndexError):
        raise StoreError("the database holds an alert that is none; it was changed by another program") from None


def _known(session: Session, alerts: Iterable[str]) -> set[str]:
    return {
        found for some in _in_parts(list(alerts)) for found in session.scalars(
            select(AlertRow.id).where(AlertRow.id.in_(some))
        )
    }  # fmt: skip


def _upsert_rows(session: Session, alerts: Sequence[Alert], now: datetime) -> list[str]:
    """Write the rows of alerts; return the ids of those that were not passed over."""
    rows = [_row(alert, now) for alert in alerts]
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(AlertRow)
    fresh = statement.excluded
    changed = {name: fresh[name] for name in rows[0] if name not in ("id", "first_seen", "verdict")}
    # The rule that hides an alert is the store's own where the newcomer names none.
    changed["suppressed"] = case((fresh.suppressed == "", AlertRow.suppressed), else_=fresh.suppressed)
    query = statement.on_conflict_do_update(
        index_elements=[AlertRow.id], set_=changed, where=_at_least(fresh)
    ).returning(AlertRow.id)
    return list(session.connection().execute(query, rows).scalars())


def _at_least(fresh: Any) -> ColumnElement[bool]:
    """Return whether a newcomer reaches as far as what is stored, compared as tuples are."""
    condition: Any = fresh[_GROWTH[-1]] >= getattr(AlertRow, _GROWTH[-1])
    for name in reversed(_GROWTH[:-1]):
        stored = getattr(AlertRow, name)
        condition = (fresh[name] > stored) | and_(fresh[name] == stored, condition)
    return condition  # type: ignore[no-any-return]


def _size(alert: Alert) -> tuple[int, int, int]:
    return alert.end_ns, alert.flows, alert.packets


def _row(alert: Alert, now: datetime) -> dict[str, Any]:
    if not 0 < len(alert.id) <= LONGEST_ID or alert.severity not in SEVERITIES:
        raise InputError(f"the alert {alert.id[:LONGEST_ID]!r} of severity {alert.severity[:20]!r} cannot be stored")
    return {
        "id": clean(alert.id),
        "kind": alert.kind,
        "start_ns": _bounded(alert.start_ns),
        "end_ns": _bounded(alert.end_ns),
        "severity": SEVERITIES.index(alert.severity),
        "confidence": alert.confidence,
        "weight": alert.weight,
        "category": clean(alert.category)[:64],
        "flows": _bounded(alert.flows),
        "packets": _bounded(alert.packets),
        "search": searched_text(alert),
        "content": alert_text(alert),
        "suppressed": clean(alert.suppressed)[:LONGEST_ID],
        "verdict": "",
        "first_seen": now,
        "last_seen": now,
    }


def _bounded(number: int) -> int:
    return min(max(number, _LEAST), _MOST)


def _write_hosts(session: Session, alerts: Sequence[Alert]) -> None:
    """Write under which hosts alerts are found; most are new, or have the hosts that they had."""
    there: set[tuple[str, int, str]] = set()
    for some in _in_parts([alert.id for alert in alerts]):
        query = select(HostRow.alert_id, HostRow.role, HostRow.key).where(HostRow.alert_id.in_(some))
        there.update((name, role, key) for name, role, key in session.execute(query))
    wanted = {(alert.id, role, key) for alert in alerts for role, key in host_keys(alert)}
    if gone := [{"gone": name, "side": role, "host": key} for name, role, key in there - wanted]:
        row = (
            HostRow.alert_id == bindparam("gone"),
            HostRow.role == bindparam("side"),
            HostRow.key == bindparam("host"),
        )
        session.connection().execute(delete(HostRow).where(*row), gone)
    if fresh := [{"alert_id": name, "role": role, "key": key} for name, role, key in sorted(wanted - there)]:
        session.execute(insert(HostRow), fresh)


def _write_links(session: Session, incident: Alert) -> None:
    """Write the alerts of an incident; open it again for new ones, and remove the incidents it has taken in."""
    query = select(LinkRow.alert_id).where(LinkRow.incident_id == incident.id)
    before = set(session.scalars(query))
    members = list(dict.fromkeys(clean(member)[:LONGEST_ID] for member in incident.members))
    session.execute(delete(LinkRow).where(LinkRow.incident_id == incident.id))
    if members:
        rows = [{"incident_id": incident.id, "alert_id": one, "place": place} for place, one in enumerate(members)]
        session.execute(insert(LinkRow), rows)
    if before and not before.issuperset(members):
        session.execute(update(AlertRow).where(AlertRow.id == incident.id).values(verdict=""))
    _remove_taken_in(session, incident.id, set(members))


def _remove_taken_in(session: Session, incident: str, members: set[str]) -> None:
    others: set[str] = set()
    for some in _in_parts(sorted(members)):
        query = select(LinkRow.incident_id).where(LinkRow.alert_id.in_(some), LinkRow.incident_id != incident)
        others.update(session.scalars(query))
    for other in others:
        theirs = set(session.scalars(select(LinkRow.alert_id).where(LinkRow.incident_id == other)))
        if theirs < members:
            session.execute(delete(AlertRow).where(AlertRow.id == other))


def _in_parts(values: Sequence[Any], size: int = _IDS_PER_QUERY) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _stored(row: AlertRow) -> StoredAlert:
    alert = replace(alert_of_text(row.content), suppressed=row.suppressed)
    return StoredAlert(alert, row.first_seen, row.last_seen, Verdict(row.verdict) if row.verdict else None)


def _position(row: AlertRow, order: Order) -> Position:
    return Position(order.value, getattr(row, order.column.key), row.id)


def _day(number: int) -> date | None:
    try:
        return date(1970, 1, 1) + timedelta(days=int(number))
    except OverflowError:
        return None


def _rows_of(result: Any) -> int:
    return int(result.rowcount)
