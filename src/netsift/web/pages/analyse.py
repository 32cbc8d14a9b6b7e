"""Look at a capture, or at one flow given by hand."""

from __future__ import annotations

from typing import Final

from apiflask import APIBlueprint
from flask import render_template

from netsift.alerts.phrases import phrase
from netsift.web.api.jobs import named_job
from netsift.web.api.models import example_names
from netsift.web.pages.alerts import COLUMNS
from netsift.web.services import services

blueprint = APIBlueprint("analyse", __name__, url_prefix="/analyse", enable_openapi=False)

FIRST: Final = (
    "protocol", "service", "conn_state", "duration_us", "packets_fwd", "packets_bwd", "bytes_fwd", "bytes_bwd",
    "payload_bytes_fwd", "payload_bytes_bwd", "syn_packets", "rst_packets",
)  # fmt: skip
"""Columns that the form shows before it is opened in full, where the model has them."""


MOST_JOBS: Final = 10


@blueprint.get("/")
def analyse() -> str:
    """Show the form for a file and the form for one flow."""
    model = services().models.active()
    features = model.predictor.features
    names = example_names(model.bundle)
    first = [feature for feature in features if feature.name in FIRST]
    return render_template(
        "analyse.html",
        model=model,
        first=sorted(first, key=lambda feature: FIRST.index(feature.name)),
        others=[feature for feature in features if feature.name not in FIRST],
        phrases={feature.name: phrase(feature.name) for feature in features},
        defaults=model.predictor.example(names[0]),
        names=names,
        most_upload_bytes=services().settings.most_upload_bytes,
        jobs=services().store.jobs.find(limit=MOST_JOBS).rows,
    )


@blueprint.get("/jobs/<identifier>")
def job(identifier: str) -> str:
    """Show what came of a file."""
    found = named_job(identifier)
    store, result = services().store.alerts, found.result or {}
    incidents = [store.get(one) for one in result.get("incident_ids", ())]
    reading = result.get("reading", {})
    return render_template(
        "job.html",
        job=found,
        result=result,
        reading=reading,
        skipped=sorted(reading.get("packets_skipped", {}).items(), key=lambda entry: -entry[1]),
        incidents=[one for one in incidents if one is not None],
        capture=services().captures.get(str(result.get("capture", ""))),
        columns=[(head, None, None) for _, head in COLUMNS],
    )
