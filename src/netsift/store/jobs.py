"""Pieces of work that processes of their own do: queued, taken once, followed, cancelled, and never lost.

A worker calls :meth:`JobStore.touch` every few seconds. One that was killed does not, and :meth:`JobStore.bury` ends
its job.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, select, update

from netsift.errors import InputError, UsageError
from netsift.store.alert_filter import clean
from netsift.store.clock import Clock, utc_now
from netsift.store.database import Database
from netsift.store.pages import Page, Position, page_from, page_of, position_of
from netsift.store.tables import LONGEST_ID, JobRow

LONGEST_RESULT: Final = 1 << 20
"""Characters of the JSON of a result, and of arguments."""

_ORDER: Final = "-created"
_LONGEST_TITLE: Final = 255
_LONGEST_STAGE: Final = 200
_LONGEST_ERROR: Final = 2_000


class JobState(StrEnum):
    """What became of a job; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the job's state changes no more."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class Job:
    """A job; ``progress`` goes from 0 to 1, ``stage`` says in a few words what is being done."""

    id: str
    kind: str
    title: str
    owner: str
    state: JobState
    progress: float
    stage: str
    arguments: dict[str, Any]
    result: dict[str, Any] | None
    error: str
    cancel_asked: bool
    created: datetime
    started: datetime | None
    touched: datetime
    finished: datetime | None


class JobStore:
    """The jobs of a database."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        """Take the database."""
        self._database = database
        self._clock = clock

    def add(self, kind: str, title: str, arguments: dict[str, Any] | None = None, owner: str = "") -> Job:
        """Queue a job. Raises UsageError when its arguments are too large, StoreError."""
        now = self._clock()
        row = JobRow(
            id=secrets.token_hex(8), kind=clean(kind)[:32], title=clean(title)[:_LONGEST_TITLE],
            owner=clean(owner)[:LONGEST_ID], state=JobState.QUEUED.value, progress=0.0, stage="",
            arguments=_json(arguments or {}), result=None, error="", cancel_asked=False, created=now, started=None,
            touched=now, finished=None,
        )  # fmt: skip
        with self._database.writing() as session:
            session.add(row)
        return _job(row)

    def get(self, identity: str) -> Job | None:
        """Return the job of an id, or None."""
        with self._database.reading() as session:
            row = session.get(JobRow, clean(identity)[: LONGEST_ID + 1])
            return None if row is None else _job(row)

    def find(
        self, *, states: tuple[JobState, ...] = (), kind: str = "", cursor: str | None = None, limit: int = 50
    ) -> Page[Job]:
        """Return a page of jobs, the latest first; an empty filter asks for nothing. Raises UsageError, StoreError."""
        conditions: list[ColumnElement[bool]] = []
        if states:
            conditions.append(JobRow.state.in_([state.value for state in states]))
        if kind:
            conditions.append(JobRow.kind == clean(kind))
        position = None if cursor is None else position_of(cursor, _ORDER, datetime, str)
        query = page_of(select(JobRow).where(*conditions), JobRow.created, JobRow.id, position, limit, descending=True)
        with self._database.reading() as session:
            return page_from(
                session.scalars(query).all(), limit, _job, lambda row: Position(_ORDER, row.created, row.id)
            )

    def take(self, identity: str | None = None) -> Job | None:
        """Make the oldest queued job, or the one of an id, a running one; None where there is none to take.

        However many processes ask at once, each job is taken by one of them.
        """
        now = self._clock()
        queued = select(JobRow).where(JobRow.state == JobState.QUEUED.value).order_by(JobRow.created, JobRow.id)
        if identity is not None:
            queued = queued.where(JobRow.id == clean(identity))
        with self._database.writing() as session:
            row = session.scalar(queued.limit(1).with_for_update(skip_locked=True))
            if row is None:
                return None
            row.state, row.started, row.touched = JobState.RUNNING.value, now, now
            return _job(row)

    def touch(self, identity: str, progress: float | None = None, stage: str | None = None) -> bool:
        """Say that a running job is alive and how far it is; return whether it should go on.

        It should not when it was cancelled, or is no longer running for another reason.
        """
        values: dict[str, Any] = {"touched": self._clock()}
        if progress is not None:
            values["progress"] = min(max(progress, 0.0), 1.0)
        if stage is not None:
            values["stage"] = clean(stage)[:_LONGEST_STAGE]
        with self._database.writing() as session:
            query = update(JobRow).where(*_running(identity)).values(**values).returning(JobRow.cancel_asked)
            asked = session.scalar(query)
        return asked is False

    def finish(self, identity: str, result: dict[str, Any]) -> bool:
        """End a running job with its result; return whether it was running. Raises UsageError for too large a one."""
        return self._end(identity, JobState.DONE, result=_json(result), progress=1.0)

    def fail(self, identity: str, error: str) -> bool:
        """End a running job with a sentence that says why it failed; return whether it was running."""
        return self._end(identity, JobState.FAILED, error=clean(error)[:_LONGEST_ERROR])

    def stopped(self, identity: str) -> bool:
        """End a running job that has obeyed :meth:`cancel`; return whether it was running."""
        return self._end(identity, JobState.CANCELLED)

    def cancel(self, identity: str) -> Job:
        """Cancel a job: a queued one at once, a running one is asked to stop; a finished one stays what it is.

        Raises:
            InputError: there is none of that id.
            StoreError: the database cannot be written.
        """
        now = self._clock()
        queued = (JobRow.id == clean(identity), JobRow.state == JobState.QUEUED.value)
        with self._database.writing() as session:
            ended = {"state": JobState.CANCELLED.value, "cancel_asked": True, "finished": now}
            session.execute(update(JobRow).where(*queued).values(**ended))
            session.execute(update(JobRow).where(*_running(identity)).values(cancel_asked=True))
        job = self.get(identity)
        if job is None:
            raise InputError(f"there is no job {identity[:LONGEST_ID]!r}")
        return job

    def bury(self, silent_for: timedelta, error: str = "the process that worked on it ended") -> list[str]:
        """End the running jobs of which nothing was heard for so long; return their ids."""
        now = self._clock()
        silent = (JobRow.state == JobState.RUNNING.value, JobRow.touched < now - silent_for)
        ended = {"state": JobState.FAILED.value, "error": clean(error)[:_LONGEST_ERROR], "finished": now}
        with self._database.writing() as session:
            return list(session.scalars(update(JobRow).where(*silent).values(**ended).returning(JobRow.id)))

    def forget(self, before: datetime) -> list[str]:
        """Delete the jobs that ended before a time; return their ids, so that their files can be removed."""
        with self._database.writing() as session:
            return list(session.scalars(delete(JobRow).where(JobRow.finished < before).returning(JobRow.id)))

    def _end(self, identity: str, state: JobState, **values: Any) -> bool:
        now = self._clock()
        ended = {"state": state.value, "finished": now, "touched": now} | values
        with self._database.writing() as session:
            query = update(JobRow).where(*_running(identity)).values(**ended).returning(JobRow.id)
            return session.scalar(query) is not None


def _running(identity: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return JobRow.id == clean(identity), JobRow.state == JobState.RUNNING.value


def _json(value: dict[str, Any]) -> str:
    text = json.dumps(value)
    if len(text) > LONGEST_RESULT:
        raise UsageError(f"arguments and results of a job have at most {LONGEST_RESULT:,} characters")
    return text


def _job(row: JobRow) -> Job:
    return Job(
        id=row.id, kind=row.kind, title=row.title, owner=row.owner, state=JobState(row.state), progress=row.progress,
        stage=row.stage, arguments=json.loads(row.arguments),
        result=None if row.result is None else json.loads(row.result), error=row.error, cancel_asked=row.cancel_asked,
        created=row.created, started=row.started, touched=row.touched, finished=row.finished,
    )  # fmt: skip
