"""The rules that hide alerts, with the same meaning as in :mod:`netsift.alerts.suppression`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from pydantic import ValidationError
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from netsift.alerts.schema import Alert
from netsift.alerts.suppression import MOST_RULES, Effect, Rule, Scope, Suppression, effect_on, matcher
from netsift.errors import InputError, StoreError, UsageError
from netsift.store.alert_filter import AlertFilter, clean
from netsift.store.alerts import AlertStore, alert_of_text, mark_hidden
from netsift.store.clock import Clock, utc_now
from netsift.store.database import Database
from netsift.store.tables import LONGEST_ID, AlertRow, LinkRow, SuppressionRow

_ROWS_AT_A_TIME: Final = 500


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule and who made it."""

    rule: Rule
    author: str


class SuppressionStore:
    """The rules of a database; what they hide is marked in its alerts."""

    def __init__(self, database: Database, alerts: AlertStore, clock: Clock = utc_now) -> None:
        """Take the database and the store of the alerts that rules hide."""
        self._database = database
        self._alerts = alerts
        self._clock = clock

    def every(self) -> list[StoredRule]:
        """Return all rules, those that have expired too, the latest first."""
        query = select(SuppressionRow).order_by(SuppressionRow.created.desc(), SuppressionRow.id)
        with self._database.reading() as session:
            return [_stored(row) for row in session.scalars(query)]

    def in_force(self) -> Suppression:
        """Return the rules that have not expired, as detection takes them."""
        return Suppression.at([one.rule for one in reversed(self.every())], self._clock())

    def dry_run(self, scope: Scope, wanted: AlertFilter | None = None) -> Effect:
        """Return what a rule of this scope would hide among the stored alerts that are wanted (all unless given)."""
        return effect_on(matcher(scope), partial(self._stored_alerts, wanted))

    def add(self, rule: Rule, author: str = "") -> int:
        """Save a rule and mark what it hides; return how many alerts it hides.

        An incident of which no alert is left is hidden too.

        Raises:
            UsageError: a rule in force hides the same already, or there are too many.
            StoreError: the database cannot be written.
        """
        now = self._clock()
        with self._database.writing() as session:
            count = session.scalar(select(func.count()).select_from(SuppressionRow)) or 0
            if count >= MOST_RULES:
                raise UsageError(f"there are {MOST_RULES:,} rules already; remove those that have expired")
            for row in session.scalars(select(SuppressionRow).where(SuppressionRow.expires > now)):
                if _stored(row).rule.content() == rule.content():
                    raise UsageError(f"rule {row.id} hides the same already")
            session.add(
                SuppressionRow(
                    id=rule.id,
                    created=rule.created,
                    expires=rule.expires,
                    author=clean(author)[:LONGEST_ID],
                    content=rule.model_dump_json(by_alias=True),
                )
            )
            hidden = [alert.id for alert in _visible_alerts(session) if rule.hides(alert)]
            mark_hidden(session, hidden, rule.id)
            mark_hidden(session, _incidents_gone(session, rule.id), rule.id)
        return len(hidden)

    def remove(self, identity: str) -> int:
        """Remove a rule, so that what it alone hid is shown again; return how many alerts are.

        Raises:
            InputError: there is none of that id.
            StoreError: the database cannot be written.
        """
        others = Suppression.at([one.rule for one in self.every() if one.rule.id != identity], self._clock())
        with self._database.writing() as session:
            if not session.execute(delete(SuppressionRow).where(SuppressionRow.id == clean(identity))).rowcount:  # type: ignore[attr-defined]
                raise InputError(f"there is no rule {identity[:LONGEST_ID]!r}")
            was_hidden = [
                (row.id, row.kind, alert_of_text(row.content))
                for row in session.scalars(select(AlertRow).where(AlertRow.suppressed == clean(identity)))
            ]
            mark_hidden(session, [name for name, _, _ in was_hidden], "")
            _, still = others.split(replace(alert, suppressed="") for _, kind, alert in was_hidden if kind == "alert")
            for alert in still:
                mark_hidden(session, [alert.id], alert.suppressed)
            for rule in {alert.suppressed for alert in still}:
                mark_hidden(session, _incidents_gone(session, rule), rule)
        return sum(kind == "alert" for _, kind, _ in was_hidden) - len(still)

    def _stored_alerts(self, wanted: AlertFilter | None) -> Iterator[Alert]:
        return (one.alert for one in self._alerts.every(wanted))


def _visible_alerts(session: Session) -> Iterator[Alert]:
    query = select(AlertRow.content).where(AlertRow.kind == "alert", AlertRow.suppressed == "")
    for content in session.scalars(query.execution_options(yield_per=_ROWS_AT_A_TIME)):
        yield replace(alert_of_text(content), suppressed="")


def _incidents_gone(session: Session, rule: str) -> Sequence[str]:
    """Return the visible incidents with an alert that the rule hides and none that is visible."""
    touched = (
        select(LinkRow.incident_id).join(AlertRow, AlertRow.id == LinkRow.alert_id).where(AlertRow.suppressed == rule)
    )
    visible = (
        select(LinkRow.incident_id).join(AlertRow, AlertRow.id == LinkRow.alert_id).where(AlertRow.suppressed == "")
    )
    query = select(AlertRow.id).where(
        AlertRow.kind == "incident", AlertRow.suppressed == "", AlertRow.id.in_(touched), AlertRow.id.not_in(visible)
    )
    return session.scalars(query).all()


def _stored(row: SuppressionRow) -> StoredRule:
    try:
        return StoredRule(Rule.model_validate_json(row.content), row.author)
    except ValidationError:
        raise StoreError(f"the rule {row.id} in the database is none; it was changed by another program") from None
