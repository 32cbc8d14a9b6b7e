"""What people said of alerts, kept with the alerts as they were then; labels for training follow from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import func, select

from netsift.alerts.feedback import Feedback, Verdict, feedback_on
from netsift.alerts.schema import Alert
from netsift.errors import InputError
from netsift.store.alert_filter import clean
from netsift.store.alerts import AlertStore, StoredAlert, alert_of_text, alert_text, mark_judged
from netsift.store.clock import Clock, utc_now
from netsift.store.database import Database
from netsift.store.tables import LONGEST_ID, FeedbackRow


@dataclass(frozen=True, slots=True)
class Said:
    """One verdict and who gave it."""

    feedback: Feedback
    author: str


class FeedbackStore:
    """The verdicts of a database, in the order in which they were given; none is ever changed."""

    def __init__(self, database: Database, alerts: AlertStore, clock: Clock = utc_now) -> None:
        """Take the database and the store of the alerts of which something is said."""
        self._database = database
        self._alerts = alerts
        self._clock = clock

    def add(self, identity: str, verdict: Verdict, note: str = "", author: str = "") -> list[Feedback]:
        """Say something of an alert, or of an incident and so of each of its alerts; return what was said.

        Raises:
            InputError: there is no alert of that id, or the incident's alerts are not stored.
            UsageError: the note is longer than 1,000 characters.
            StoreError: the database cannot be written.
        """
        named = self._alerts.get(identity)
        if named is None:
            raise InputError(f"there is no incident or alert {identity[:LONGEST_ID]!r}")
        members = self._alerts.members(identity) if named.alert.kind == "incident" else [named]
        if not members:
            raise InputError(f"the alerts of the incident {identity[:LONGEST_ID]!r} are not stored")
        said = feedback_on(_plain(named), [_plain(one) for one in members], verdict, self._clock(), clean(note))
        with self._database.writing() as session:
            session.add_all([_row(one, author) for one in said])
            mark_judged(session, [named.alert.id, *(one.alert.id for one in said)], verdict)
        return said

    def of(self, identity: str) -> list[Said]:
        """Return what was said of an alert, or by name of an incident, the latest first."""
        key = clean(identity)
        query = (
            select(FeedbackRow)
            .where((FeedbackRow.alert_id == key) | (FeedbackRow.incident_id == key))
            .order_by(FeedbackRow.id.desc())
        )
        with self._database.reading() as session:
            return [_said(row) for row in session.scalars(query)]

    def last(self) -> dict[str, Feedback]:
        """Return the last verdict on each alert by its id: what :func:`netsift.alerts.feedback.label_rules` takes."""
        return {said.feedback.alert.id: said.feedback for said in self._last()}

    def _last(self) -> Iterator[Said]:
        latest = select(func.max(FeedbackRow.id)).group_by(FeedbackRow.alert_id)
        query = select(FeedbackRow).where(FeedbackRow.id.in_(latest)).order_by(FeedbackRow.id)
        with self._database.reading() as session:
            yield from map(_said, session.scalars(query))


def _plain(stored: StoredAlert) -> Alert:
    """Return an alert as detectors made it: which rule hides it is not part of what is judged."""
    return replace(stored.alert, suppressed="")


def _row(said: Feedback, author: str) -> FeedbackRow:
    return FeedbackRow(
        alert_id=said.alert.id,
        incident_id=said.incident,
        verdict=said.verdict.value,
        note=said.note,
        author=clean(author)[:LONGEST_ID],
        time=said.time,
        content=alert_text(said.alert),
    )


def _said(row: FeedbackRow) -> Said:
    alert = alert_of_text(row.content)
    feedback = Feedback(
        time=row.time, verdict=Verdict(row.verdict), note=row.note, incident=row.incident_id, alert=alert
    )
    return Said(feedback, row.author)
