"""Models side by side, and one model in full."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import render_template

from netsift.web.api.drift import drift_checks
from netsift.web.errors import Refusal
from netsift.web.services import services

blueprint = APIBlueprint("model_pages", __name__, url_prefix="/models", enable_openapi=False)


MOST_CHECKS = 5


@blueprint.get("/")
def models() -> str:
    """List the models with every protocol of their evaluation."""
    shelf = services().models
    return render_template(
        "models.html",
        checks=drift_checks(MOST_CHECKS),
        models=shelf.models(),
        active=shelf.active().id,
        refused=dict(shelf.refused),
    )


@blueprint.get("/<identifier>")
def model(identifier: str) -> str:
    """Show one model: curves, confusion matrix, importance, threshold."""
    shelf = services().models
    found = shelf.active() if identifier == "active" else shelf.get(identifier)
    if found is None:
        raise Refusal(404, "There is no such model here.")
    return render_template(
        "model.html",
        model=found,
        manifest=found.bundle.manifest,
        headline=found.bundle.manifest.headline_result,
        is_active=found.id == shelf.active().id,
        most_important=sorted(found.bundle.manifest.importance, key=lambda one: -one.permutation)[:20],
    )
