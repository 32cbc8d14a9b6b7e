"""Look at a capture, or at one flow given by hand."""

from __future__ import annotations

from typing import Final

from apiflask import APIBlueprint
from flask import render_template

from netsift.alerts.phrases import phrase
from netsift.web.api.models import example_names
from netsift.web.services import services

blueprint = APIBlueprint("analyse", __name__, url_prefix="/analyse", enable_openapi=False)

FIRST: Final = (
    "protocol", "service", "conn_state", "duration_us", "packets_fwd", "packets_bwd", "bytes_fwd", "bytes_bwd",
    "payload_bytes_fwd", "payload_bytes_bwd", "syn_packets", "rst_packets",
)  # fmt: skip
"""Columns that the form shows before it is opened in full, where the model has them."""


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
    )
