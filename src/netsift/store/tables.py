"""The tables of the database, alike in SQLite and PostgreSQL.

Times of alerts are integer nanoseconds since 1970 as everywhere in netsift; other times are :class:`UtcTime`. A change
here needs a step in ``migrations/versions``; a test holds the two together.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Double, ForeignKey, Index, Integer, MetaData, SmallInteger, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

LONGEST_ID: Final = 64
"""Characters of an id of an alert, a job, a token or a user."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database gives out; SQLite does so only for its own INTEGER."""
_KEY: Final = String(128).with_variant(String(128, collation="C"), "postgresql")
"""Text that is ordered by its bytes in every database."""


class UtcTime(TypeDecorator[datetime]):
    """An aware time, kept as microseconds since 1970: one meaning, order and precision in every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ARG002 - its signature
        """Return the microseconds of a time."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - its signature
        """Return the time of some microseconds."""
        return None if value is None else _EPOCH + _MICROSECOND * int(value)


class Base(DeclarativeBase):
    """What all tables have in common: constraints have names, so that a later step can change them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class AlertRow(Base):
    """An alert or incident: all of it in ``content``, beside the columns by which it is found and ordered.

    ``severity`` is its place in SEVERITIES, ``weight`` what alerts are ranked by. ``suppressed`` is the id of the rule
    that hides it and ``verdict`` what was last said of it; both are empty where there is none. ``search`` is what a
    search for text looks at, in small letters.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        Index("ix_alerts_kind_start", "kind", "start_ns", "id"),
        Index("ix_alerts_kind_end", "kind", "end_ns", "id"),
        Index("ix_alerts_kind_weight", "kind", "weight", "id"),
        Index("ix_alerts_kind_last_seen", "kind", "last_seen", "id"),
        Index("ix_alerts_suppressed", "suppressed"),
        Index("ix_alerts_counted", "kind", "severity", "category", "suppressed", "verdict", "start_ns"),
    )

    id: Mapped[str] = mapped_column(String(LONGEST_ID), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    start_ns: Mapped[int] = mapped_column(BigInteger)
    end_ns: Mapped[int] = mapped_column(BigInteger)
    severity: Mapped[int] = mapped_column(SmallInteger)
    confidence: Mapped[float] = mapped_column(Double)
    weight: Mapped[float] = mapped_column(Double)
    category: Mapped[str] = mapped_column(String(64))
    flows: Mapped[int] = mapped_column(BigInteger)
    packets: Mapped[int] = mapped_column(BigInteger)
    search: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)
    suppressed: Mapped[str] = mapped_column(String(LONGEST_ID))
    verdict: Mapped[str] = mapped_column(String(16))
    first_seen: Mapped[datetime] = mapped_column(UtcTime)
    last_seen: Mapped[datetime] = mapped_column(UtcTime)


class HostRow(Base):
    """A source (role 0) or target (role 1) of an alert; ``key`` orders addresses, so that a network is a range."""

    __tablename__ = "alert_hosts"
    __table_args__ = (Index("ix_alert_hosts_key", "key", "alert_id"),)

    alert_id: Mapped[str] = mapped_column(
        String(LONGEST_ID), ForeignKey("alerts.id", ondelete="CASCADE"), primary_key=True
    )
    role: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    key: Mapped[str] = mapped_column(_KEY, primary_key=True)


class LinkRow(Base):
    """An alert of which an incident consists; ``place`` is its place in order of time."""

    __tablename__ = "incident_alerts"
    __table_args__ = (Index("ix_incident_alerts_alert", "alert_id"),)

    incident_id: Mapped[str] = mapped_column(
        String(LONGEST_ID), ForeignKey("alerts.id", ondelete="CASCADE"), primary_key=True
    )
    alert_id: Mapped[str] = mapped_column(String(LONGEST_ID), primary_key=True)
    place: Mapped[int] = mapped_column(Integer)


class FeedbackRow(Base):
    """A verdict on an alert, with the alert as it was then (``content``); it outlives the alert."""

    __tablename__ = "feedback"
    __table_args__ = (Index("ix_feedback_alert", "alert_id", "id"),)

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    alert_id: Mapped[str] = mapped_column(String(LONGEST_ID))
    incident_id: Mapped[str] = mapped_column(String(LONGEST_ID))
    verdict: Mapped[str] = mapped_column(String(16))
    note: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(LONGEST_ID))
    time: Mapped[datetime] = mapped_column(UtcTime)
    content: Mapped[str] = mapped_column(Text)


class SuppressionRow(Base):
    """A rule that hides alerts, as JSON (``content``)."""

    __tablename__ = "suppressions"

    id: Mapped[str] = mapped_column(String(LONGEST_ID), primary_key=True)
    created: Mapped[datetime] = mapped_column(UtcTime)
    expires: Mapped[datetime] = mapped_column(UtcTime)
    author: Mapped[str] = mapped_column(String(LONGEST_ID))
    content: Mapped[str] = mapped_column(Text)


class UserRow(Base):
    """Somebody who may log in; ``session_key`` changes whenever older sessions are to end."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(LONGEST_ID), primary_key=True)
    password_hash: Mapped[str] = mapped_column(Text)
    scopes: Mapped[str] = mapped_column(String(64))
    active: Mapped[bool]
    session_key: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(UtcTime)
    last_login: Mapped[datetime | None] = mapped_column(UtcTime)


class TokenRow(Base):
    """A token of the API: the SHA-256 of what was shown once."""

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(String(LONGEST_ID), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    owner: Mapped[str] = mapped_column(String(LONGEST_ID))
    scopes: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(UtcTime)
    expires: Mapped[datetime | None] = mapped_column(UtcTime)
    revoked: Mapped[datetime | None] = mapped_column(UtcTime)
    last_used: Mapped[datetime | None] = mapped_column(UtcTime)


class AuditRow(Base):
    """Who did what, when and from where."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_time", "time"),)

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    time: Mapped[datetime] = mapped_column(UtcTime)
    actor: Mapped[str] = mapped_column(String(LONGEST_ID))
    action: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(Text)


class JobRow(Base):
    """A piece of work for a process of its own."""

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_state", "state", "created"), Index("ix_jobs_created", "created", "id"))

    id: Mapped[str] = mapped_column(String(LONGEST_ID), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    title: Mapped[str] = mapped_column(String(255))
    owner: Mapped[str] = mapped_column(String(LONGEST_ID))
    state: Mapped[str] = mapped_column(String(16))
    progress: Mapped[float] = mapped_column(Double)
    stage: Mapped[str] = mapped_column(String(200))
    arguments: Mapped[str] = mapped_column(Text)
    result: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str] = mapped_column(Text)
    cancel_asked: Mapped[bool]
    created: Mapped[datetime] = mapped_column(UtcTime)
    started: Mapped[datetime | None] = mapped_column(UtcTime)
    touched: Mapped[datetime] = mapped_column(UtcTime)
    finished: Mapped[datetime | None] = mapped_column(UtcTime)
