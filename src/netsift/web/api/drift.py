"""``/api/v1/drift``: whether the traffic that was looked at lately looks like what the model learned from."""

from __future__ import annotations

from typing import Annotated, Any, Final

from apiflask import APIBlueprint
from pydantic import Field

from netsift.store.jobs import Job, JobState
from netsift.store.scopes import Scope
from netsift.web.operations import In, Out, described, moment
from netsift.web.services import services

blueprint = APIBlueprint("drift", __name__, tag="Models")

MOST_CHECKS: Final = 100


class DriftQuery(In):
    """How many files, the latest first."""

    limit: Annotated[int, Field(ge=1, le=MOST_CHECKS)] = 10


class DriftCheck(Out):
    """What was found of one file; ``model`` scored it, ``active`` says whether it still does."""

    job: str
    title: str
    finished: str | None
    flows: int
    model: str
    active: bool
    verdict: str
    reason: str


class DriftOut(Out):
    """The latest files."""

    checks: list[DriftCheck]


@blueprint.get("/drift")
@blueprint.input(DriftQuery, location="query")
@blueprint.output(DriftOut)
@described(blueprint, "show_drift", Scope.READ, 422)
def show_drift(query_data: DriftQuery) -> dict[str, Any]:
    """Show whether the latest files look like what the model learned from."""
    return {"checks": drift_checks(query_data.limit)}


def drift_checks(limit: int) -> list[dict[str, Any]]:
    """Return the latest files in the shape of :class:`DriftCheck`."""
    active = services().models.active().id
    jobs = services().store.jobs.find(states=(JobState.DONE,), limit=limit).rows
    return [_check(job, job.result, active) for job in jobs if job.result is not None]


def _check(job: Job, result: dict[str, Any], active: str) -> dict[str, Any]:
    return {
        "job": job.id,
        "title": job.title,
        "finished": moment(job.finished),
        "flows": result["flows"],
        "model": result["model"],
        "active": result["model"] == active,
        "verdict": result["drift"]["verdict"],
        "reason": result["drift"]["reason"],
    }
