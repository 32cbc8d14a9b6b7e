"""Whether the server lives, is ready, and how it is: ``/healthz``, ``/readyz``, ``/metrics``, ``/api/v1/status``."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response

from netsift import __version__
from netsift.errors import NetsiftError
from netsift.store.scopes import Scope
from netsift.web.errors import LATER, LOGGER, Refusal
from netsift.web.events import event_stream
from netsift.web.metrics import CONTENT_TYPE, exposition
from netsift.web.operations import Out, described
from netsift.web.sensors import SensorOut
from netsift.web.services import services
from netsift.web.status import present_status

blueprint = APIBlueprint("health", __name__, tag="Status")

_EVERY_S: float = 2.0


class Health(Out):
    """The server answers."""

    status: str


class StatusOut(Out):
    """How the server is and what it has: counts now, not since it began."""

    version: str
    model: str
    model_name: str
    jobs_queued: int
    jobs_running: int
    streams_open: int
    streams_most: int
    upload_bytes: int
    upload_quota_bytes: int
    disk_free_bytes: int
    open_incidents: int
    severities: dict[str, int]
    last_seen: str | None
    demonstration: bool
    sensors: list[SensorOut]
    problems: list[str]


@blueprint.get("/healthz")
@blueprint.output(Health)
@described(blueprint, "healthz", Scope.READ)
def healthz() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


@blueprint.get("/readyz")
@blueprint.output(Health)
@described(blueprint, "readyz", Scope.READ, 503)
def readyz() -> dict[str, str]:
    """Say that database and model can be used."""
    for name, use in (("database", services().store.users.count), ("model", services().models.active)):
        try:
            use()
        except NetsiftError as error:
            LOGGER.error("not ready: %s", error)
            raise Refusal(503, f"The {name} cannot be used now.", headers=LATER) from None
    return {"status": "ready"}


@blueprint.get("/metrics")
@described(blueprint, "metrics", Scope.READ, content={200: ("text/plain", {"type": "string"})})
def metrics() -> Response:
    """Show the counts to Prometheus, in its text format."""
    return Response(exposition(present_status()), content_type=CONTENT_TYPE)


@blueprint.get("/api/v1/status")
@blueprint.output(StatusOut)
@described(blueprint, "status", Scope.READ)
def status() -> dict[str, Any]:
    """Show how the server is."""
    return present_status() | {"version": __version__}


@blueprint.get("/api/v1/events")
@described(blueprint, "watch_status", Scope.READ, 503, content={200: ("text/event-stream", {"type": "string"})})
def watch_status() -> Response:
    """Watch the server: events named `status`, each what `GET /api/v1/status` says, whenever that has changed."""
    parts = services()
    return event_stream(parts.streams, lambda: ("status", parts.board.status(parts), False), _EVERY_S)
