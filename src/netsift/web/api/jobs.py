"""``/api/v1/jobs``: what is being looked at, how far it is, and what came of it."""

from __future__ import annotations

from typing import Annotated, Any

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from netsift.store.jobs import Job, JobState
from netsift.store.scopes import Scope
from netsift.web.errors import Refusal
from netsift.web.events import event_stream
from netsift.web.identity import audit
from netsift.web.operations import Cursor, In, Limit, Out, described, moment
from netsift.web.services import services

blueprint = APIBlueprint("jobs", __name__, tag="Jobs")

_EVERY_S: float = 0.4


class JobQuery(In):
    """Which jobs: of one state or all."""

    state: JobState | None = None
    cursor: Cursor = None
    limit: Limit = 50


class DriftSummary(Out):
    """Whether the file's traffic looks like what the model learned from."""

    verdict: str
    reason: str


class JobResult(Out):
    """What came of looking at a file with a model.

    ``incident_ids`` are the gravest incidents, ``reading`` the counts of packets and flows.

    Behaviours were not looked for where flows lack ``missing_columns``, and the model was not asked where they lack
    ``missing_features``. ``not_believed`` flows were flagged and are in no alert.
    """

    capture: str
    model: str
    flows: int
    packets: int
    alerts: int
    incidents: int
    suppressed: int
    incident_ids: list[str]
    not_believed: int
    missing_columns: list[str]
    missing_features: list[str]
    drift: DriftSummary
    damaged: bool
    reading: dict[str, Any]


class JobOut(Out):
    """A job; ``progress`` goes from 0 to 1."""

    id: str
    kind: str
    title: str
    owner: str
    state: JobState
    progress: Annotated[float, Field(ge=0, le=1)]
    stage: str
    error: str
    cancel_asked: bool
    created: str
    started: str | None
    finished: str | None
    result: JobResult | None


class JobList(Out):
    """A page of jobs, the latest first; ``cursor`` asks for the next one."""

    jobs: list[JobOut]
    cursor: str | None


@blueprint.get("/jobs")
@blueprint.input(JobQuery, location="query")
@blueprint.output(JobList)
@described(blueprint, "list_jobs", Scope.READ, 422)
def list_jobs(query_data: JobQuery) -> dict[str, Any]:
    """List jobs."""
    states = () if query_data.state is None else (query_data.state,)
    page = services().store.jobs.find(states=states, cursor=query_data.cursor, limit=query_data.limit)
    return {"jobs": [job_json(job) for job in page.rows], "cursor": page.cursor}


@blueprint.get("/jobs/<identifier>")
@blueprint.output(JobOut)
@described(blueprint, "get_job", Scope.READ, 404)
def get_job(identifier: str) -> dict[str, Any]:
    """Show a job."""
    return job_json(named_job(identifier))


@blueprint.post("/jobs/<identifier>/cancel")
@blueprint.output(JobOut)
@described(blueprint, "cancel_job", Scope.INGEST, 404)
def cancel_job(identifier: str) -> dict[str, Any]:
    """Cancel a job; one that runs stops within seconds, one that has ended stays what it is."""
    job = services().store.jobs.cancel(named_job(identifier).id)
    audit("cancel job", job.id)
    return job_json(job)


@blueprint.get("/jobs/<identifier>/events")
@described(
    blueprint, "watch_job", Scope.READ, 404, 503,
    content={200: ("text/event-stream", {"type": "string"})},
)  # fmt: skip
def watch_job(identifier: str) -> Response:
    """Watch a job: events named `job`, each the whole job as JSON, until it has ended."""
    store, job = services().store.jobs, named_job(identifier)

    def look() -> tuple[str, dict[str, Any], bool]:
        now = store.get(job.id) or job
        return "job", job_json(now), now.state.final

    return event_stream(services().streams, look, _EVERY_S)


def job_json(job: Job) -> dict[str, Any]:
    """Return a job in the shape of :class:`JobOut`."""
    return {
        "id": job.id,
        "kind": job.kind,
        "title": job.title,
        "owner": job.owner,
        "state": job.state.value,
        "progress": job.progress,
        "stage": job.stage,
        "error": job.error,
        "cancel_asked": job.cancel_asked,
        "created": moment(job.created),
        "started": moment(job.started),
        "finished": moment(job.finished),
        "result": job.result,
    }


def named_job(identifier: str) -> Job:
    """Return a job by its id. Raises Refusal (404) when there is none."""
    job = services().store.jobs.get(identifier)
    if job is None:
        raise Refusal(404, "There is no such job.")
    return job
