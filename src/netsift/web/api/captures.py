"""``/api/v1/captures``: files that are uploaded, and the job that looks at each."""

from __future__ import annotations

from typing import Annotated, Any

from apiflask import APIBlueprint
from flask import request
from pydantic import Field

from netsift.store.scopes import Scope
from netsift.web.api.jobs import JobOut, job_json
from netsift.web.captures import LONGEST_NAME, StoredCapture, shown_name
from netsift.web.errors import Refusal
from netsift.web.identity import actor, audit
from netsift.web.job import LOOK
from netsift.web.operations import In, Out, described
from netsift.web.services import services

blueprint = APIBlueprint("captures", __name__, tag="Captures")


class UploadQuery(In):
    """What the file is called; its suffix says which kind of flow file it is, and nothing else depends on it."""

    name: Annotated[str, Field(max_length=LONGEST_NAME)] = "capture"


class CaptureOut(Out):
    """A file that was uploaded; ``id`` is its SHA-256."""

    id: str
    name: str
    size_bytes: int
    uploaded: str
    demonstration: bool


class UploadOut(Out):
    """A file that has come, and the job that looks at it."""

    capture: CaptureOut
    job: JobOut


class CaptureList(Out):
    """All files, the latest first, and how much room they take and may take."""

    captures: list[CaptureOut]
    used_bytes: int
    quota_bytes: int


@blueprint.put("/captures")
@blueprint.input(UploadQuery, location="query")
@blueprint.output(UploadOut, status_code=201)
@described(blueprint, "upload_capture", Scope.INGEST, 408, 413, 422, 507)
def upload_capture(query_data: UploadQuery) -> dict[str, Any]:
    """Upload a capture or a flow file, and look at it.

    The body is the file itself: pcap, pcapng, either compressed by gzip or zstd, CSV, Parquet, Arrow or JSON lines.
    """
    parts = services()
    # The file is written while it comes and bounded there.
    request.max_content_length = None
    capture = parts.captures.receive(request.stream, query_data.name, request.content_length)
    return {"capture": capture_json(capture), "job": job_json(look_at(capture, shown_name(query_data.name)))}


@blueprint.get("/captures")
@blueprint.output(CaptureList)
@described(blueprint, "list_captures", Scope.READ)
def list_captures() -> dict[str, Any]:
    """List the files that were uploaded."""
    parts = services()
    return {
        "captures": [capture_json(one) for one in parts.captures.every()],
        "used_bytes": parts.captures.used_bytes,
        "quota_bytes": parts.settings.upload_quota_bytes,
    }


@blueprint.post("/captures/<identifier>/look")
@blueprint.output(JobOut, status_code=201)
@described(blueprint, "look_again", Scope.INGEST, 404)
def look_again(identifier: str) -> dict[str, Any]:
    """Look at a file again, with the model and the rules of now."""
    capture = _named(identifier)
    return job_json(look_at(capture, capture.name))


@blueprint.delete("/captures/<identifier>")
@blueprint.output(CaptureOut)
@described(blueprint, "delete_capture", Scope.ADMIN, 404)
def delete_capture(identifier: str) -> dict[str, Any]:
    """Delete a file; what was found in it stays, but its packets are gone."""
    capture = _named(identifier)
    services().captures.remove(capture)
    audit("delete capture", capture.id, name=capture.name)
    return capture_json(capture)


def look_at(capture: StoredCapture, name: str) -> Any:
    """Queue the job that looks at a file, and return it."""
    parts = services()
    job = parts.store.jobs.add(LOOK, name, {"capture": capture.id}, owner=actor())
    audit("look at capture", capture.id, name=name, job=job.id)
    parts.jobs.wake()
    return job


def capture_json(capture: StoredCapture) -> dict[str, Any]:
    """Return a file in the shape of :class:`CaptureOut`."""
    return {name: getattr(capture, name) for name in CaptureOut.model_fields}


def _named(identifier: str) -> StoredCapture:
    capture = services().captures.get(identifier)
    if capture is None:
        raise Refusal(404, "There is no such capture.")
    return capture
