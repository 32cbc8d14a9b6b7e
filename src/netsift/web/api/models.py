"""``/api/v1/models``: the models there are, what is in them, how good they are, and which one scores."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from netsift.models.bundle import Bundle
from netsift.models.manifest import AuditEntry, Importance, ProtocolResult, Threshold, TrainingInput
from netsift.store.scopes import Scope
from netsift.web.errors import Refusal
from netsift.web.operations import Out, described
from netsift.web.services import services
from netsift.web.shelf import ShelfModel

blueprint = APIBlueprint("models", __name__, tag="Models")


class ModelSummary(Out):
    """One model in a line; the figures are those of its worst honest evaluation, ``headline``."""

    id: str
    name: str
    active: bool
    size_bytes: int
    learner: str
    classes: list[str]
    columns: int
    signed: bool
    headline: str
    f1: float
    roc_auc: float
    average_precision: float


class ModelList(Out):
    """All models, and the files that were not trusted with the reason."""

    models: list[ModelSummary]
    refused: dict[str, str]


class ModelColumn(Out):
    """One column of the model's input; ``categories`` are its words, empty for a number."""

    name: str
    unit: str
    categories: list[str]


class ModelDetail(ModelSummary):
    """Everything but the evaluation: columns in the model's order, thresholds, what it learned from, its card.

    ``examples`` has a middling flow of each class: the median or commonest value of every column in training.
    """

    netsift_version: str
    columns_in_order: list[ModelColumn]
    thresholds: list[Threshold]
    training: list[TrainingInput]
    training_rows: dict[str, int]
    audit: list[AuditEntry] | None
    libraries: dict[str, str]
    card: str
    examples: dict[str, dict[str, float | str | None]]


class ModelMetrics(Out):
    """How good a model is: every evaluation protocol, and how much each column matters."""

    id: str
    headline: str
    classes: list[str]
    evaluation: list[ProtocolResult]
    importance: list[Importance]


@blueprint.get("/models")
@blueprint.output(ModelList)
@described(blueprint, "list_models", Scope.READ)
def list_models() -> dict[str, Any]:
    """List the models."""
    shelf = services().models
    active = shelf.active().id
    found = [summary(model, active) for model in shelf.models()]
    return {"models": found, "refused": dict(shelf.refused)}


@blueprint.get("/models/<identifier>")
@blueprint.output(ModelDetail)
@described(blueprint, "inspect_model", Scope.READ, 404)
def inspect_model(identifier: str) -> dict[str, Any]:
    """Inspect a model; `active` names the one that scores."""
    model = _named(identifier)
    manifest = model.bundle.manifest
    return summary(model, services().models.active().id) | {
        "netsift_version": manifest.netsift_version,
        "columns_in_order": [entry.model_dump() for entry in manifest.features],
        "thresholds": manifest.thresholds,
        "training": manifest.training,
        "training_rows": manifest.training_rows,
        "audit": manifest.audit,
        "libraries": manifest.libraries,
        "card": model.bundle.card,
        "examples": {name: model.predictor.example(name) for name in example_names(model.bundle)},
    }


@blueprint.get("/models/<identifier>/metrics")
@blueprint.output(ModelMetrics)
@described(blueprint, "model_metrics", Scope.READ, 404)
def model_metrics(identifier: str) -> dict[str, Any]:
    """Show how good a model is, by every protocol of its evaluation."""
    model = _named(identifier)
    manifest = model.bundle.manifest
    return {
        "id": model.id,
        "headline": manifest.headline,
        "classes": manifest.classes,
        "evaluation": manifest.evaluation,
        "importance": manifest.importance,
    }


@blueprint.post("/models/<identifier>/activate")
@blueprint.output(ModelSummary)
@described(blueprint, "activate_model", Scope.ADMIN, 404)
def activate_model(identifier: str) -> dict[str, Any]:
    """Let a model score from now on: predictions at once, captures from the next job on."""
    model = _named(identifier)
    services().models.activate(model)
    return summary(model, model.id)


def summary(model: ShelfModel, active: str) -> dict[str, Any]:
    """Return a model in the shape of :class:`ModelSummary`; ``active`` is the id of the one that scores."""
    manifest = model.bundle.manifest
    headline = manifest.headline_result
    return {
        "id": model.id,
        "name": model.path.name,
        "active": model.id == active,
        "size_bytes": model.size_bytes,
        "learner": manifest.learner.name,
        "classes": manifest.classes,
        "columns": len(manifest.features),
        "signed": model.bundle.signature is not None,
        "headline": manifest.headline,
        "f1": headline.f1,
        "roc_auc": headline.roc_auc,
        "average_precision": headline.average_precision,
    }


def example_names(bundle: Bundle) -> list[str]:
    """Return the classes that the model has middling flows of, benign first."""
    classes = bundle.manifest.classes
    return [classes[0], *(name for name in classes[1:] if name in bundle.reference.classes)]


def _named(identifier: str) -> ShelfModel:
    shelf = services().models
    model = shelf.active() if identifier == "active" else shelf.get(identifier)
    if model is None:
        raise Refusal(404, f"There is no model {identifier[:40]}.")
    return model
