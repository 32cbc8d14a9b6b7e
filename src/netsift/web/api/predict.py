"""``POST /api/v1/predict``: class, probability and reasons for flows whose values the request names."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field, model_validator
from pydantic_core import to_json

from netsift.alerts.finding import Evidence
from netsift.models.features import FeatureMatrix
from netsift.store.scopes import Scope
from netsift.web.errors import refused_field
from netsift.web.operations import In, Out, described
from netsift.web.prediction import MOST_EXPLAINED, MOST_ROWS, Predictor
from netsift.web.services import services
from netsift.web.shelf import ShelfModel

blueprint = APIBlueprint("predict", __name__, tag="Prediction")

MOST_TEXT: int = 100_000
"""Characters of values with commas between."""


class PredictIn(In):
    """Flows as ``rows`` of values by column, as ``rows`` of lists in the order of ``columns``, or as ``features``.

    ``features`` is one flow: values in the model's column order with commas between, empty where there is none. Every
    column must be there; null says that the flow has no value. ``explain`` says for which rows reasons are given: those
    that are flagged, all (both at most the first 100), or none.
    """

    rows: Annotated[list[Any], Field(min_length=1, max_length=MOST_ROWS)] | None = None
    columns: Annotated[list[Annotated[str, Field(max_length=200)]], Field(min_length=1, max_length=2_000)] | None = None
    features: Annotated[str, Field(max_length=MOST_TEXT)] | None = None
    explain: Literal["flagged", "all", "none"] = "flagged"
    false_positive_rate: Annotated[float, Field(gt=0, lt=1)] | None = None

    @model_validator(mode="after")
    def _is_of_one_form(self) -> Self:
        if (self.rows is None) == (self.features is None):
            raise ValueError("give either rows or features")
        if self.columns is not None and self.rows is None:
            raise ValueError("columns go with rows")
        return self


class Reason(Out):
    """One column that raised the score, what it was and what is usual, and by how much."""

    column: str
    unit: str
    value: float | str | None
    usual: list[float | str]
    direction: str
    unusual: bool
    contribution: float
    words: str

    @classmethod
    def of(cls, evidence: Evidence) -> Reason:
        """Return the reason that evidence gives."""
        fields = {name: getattr(evidence, name) for name in cls.model_fields}
        return cls(**fields | {"usual": list(evidence.usual), "contribution": round(evidence.contribution, 6)})


class Prediction(Out):
    """What the model says of one flow.

    ``class`` is its likeliest class and ``probability`` that class's. ``score`` is the probability of any attack;
    ``flagged`` from the threshold on. ``explanation`` is null where none was asked for.
    """

    label: Annotated[str, Field(alias="class", serialization_alias="class")]
    probability: float
    score: float
    flagged: bool
    probabilities: dict[str, float]
    explanation: list[Reason] | None


class PredictOut(Out):
    """Predictions in the order of the rows, the model that made them and the threshold of its flags."""

    model: str
    threshold: float
    false_positive_rate: float
    predictions: list[Prediction]


@blueprint.post("/predict")
@blueprint.input(PredictIn)
@blueprint.output(PredictOut)
@described(blueprint, "predict", Scope.READ, 413, 415, 422)
def predict(json_data: PredictIn) -> Response:
    """Predict the class of flows.

    Columns, units and words are those of `GET /api/v1/models/active`. A value that is missing, unknown, text, negative
    or not finite is refused with its place.
    """
    model = services().models.active()
    found = predicted(model, json_data, _matrix(model.predictor, json_data))
    # Checking and encoding thousands of rows by their types takes longer than scoring them.
    return Response(to_json(found), content_type="application/json")


def _matrix(predictor: Predictor, asked: PredictIn) -> FeatureMatrix:
    if asked.features is not None:
        return predictor.matrix_of_text(asked.features)
    if asked.columns is not None:
        return predictor.matrix_of_lists(asked.columns, asked.rows or [])
    return predictor.matrix_of_rows(asked.rows or [])


def predicted(model: ShelfModel, asked: PredictIn, matrix: FeatureMatrix) -> dict[str, Any]:
    """Return what the model says of a feature matrix, in the shape of :class:`PredictOut`."""
    rate = asked.false_positive_rate or services().settings.false_positive_rate
    threshold = _threshold(model, rate)
    classes = model.bundle.manifest.classes
    probabilities = model.predictor.probabilities(matrix)
    scores = probabilities[:, 1:].sum(axis=1).clip(0.0, 1.0)
    likeliest = probabilities.argmax(axis=1).tolist()
    flagged = (scores >= threshold).tolist()
    reasons = _reasons(model, matrix, asked.explain, flagged)
    rounded = probabilities.round(6).tolist()
    return {
        "model": model.id,
        "threshold": threshold,
        "false_positive_rate": rate,
        "predictions": [
            {
                "class": classes[best],
                "probability": row[best],
                "score": score,
                "flagged": flag,
                "probabilities": dict(zip(classes, row, strict=True)),
                "explanation": reasons.get(number),
            }
            for number, (best, row, score, flag) in enumerate(
                zip(likeliest, rounded, scores.round(6).tolist(), flagged, strict=True)
            )
        ],
    }


def _threshold(model: ShelfModel, rate: float) -> float:
    for entry in model.bundle.manifest.thresholds:
        if entry.false_positive_rate == rate:
            return entry.threshold
    rates = ", ".join(f"{entry.false_positive_rate:g}" for entry in model.bundle.manifest.thresholds)
    raise refused_field("false_positive_rate", f"the model has thresholds for {rates}")


def _reasons(model: ShelfModel, matrix: FeatureMatrix, explain: str, flagged: list[bool]) -> dict[int, list[Reason]]:
    wanted = [] if explain == "none" else [row for row, flag in enumerate(flagged) if flag or explain == "all"]
    wanted = wanted[:MOST_EXPLAINED]
    found = model.predictor.explanations(matrix[wanted]) if wanted else []
    return {row: [Reason.of(one) for one in evidence] for row, evidence in zip(wanted, found, strict=True)}
