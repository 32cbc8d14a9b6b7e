"""Train a model and say how good it is, worst honest figure first; the result is a bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from netsift.errors import InputError
from netsift.evaluation.card import model_card
from netsift.evaluation.importance import feature_importance
from netsift.evaluation.metrics import Values, attack_scores, protocol_result, worst
from netsift.evaluation.plots import Curve
from netsift.evaluation.splits import Folds, grouped_folds, stratified_folds
from netsift.flows.schema import SCHEMA_VERSION
from netsift.models.bundle import Bundle, member_hashes
from netsift.models.dataset import Dataset
from netsift.models.features import feature_named
from netsift.models.forest import ForestSettings, class_probabilities, fit_forest
from netsift.models.graph import export_forest
from netsift.models.manifest import (
    FORMAT_VERSION,
    FeatureEntry,
    Importance,
    Learner,
    Manifest,
    ProtocolResult,
    Threshold,
)
from netsift.models.reference import benign_reference

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many of its steps are done, and of how many."""

RANDOM_SPLIT: Final = "random split"
BY_INPUT: Final = "by input"
MEANINGS: Final = {
    RANDOM_SPLIT: "flatters: near copies of a flow stand on both sides of the cut",
    BY_INPUT: "honest: every input is scored by a forest that saw none of its flows",
}
"""The protocols and what each can show."""

_LIBRARIES: Final = ("numpy", "onnx", "pyarrow", "scikit-learn")


@dataclass(frozen=True, slots=True)
class Trained:
    """A new model with what its pictures are drawn from.

    ``truth`` and ``predicted`` (rows,) are class indices under the headline protocol. ``not_asked`` says why a protocol
    was left out, None if none was.
    """

    bundle: Bundle
    curves: tuple[Curve, ...]
    truth: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    not_asked: str | None


def train(dataset: Dataset, settings: ForestSettings, folds: int, progress: Progress) -> Trained:
    """Evaluate by every protocol that the data allows, fit on all rows, and return the bundle.

    Thresholds come from the headline protocol, that is, the worst. Deterministic for the same rows and seed.

    Raises:
        InputError: there are fewer than two benign or two attack rows.
    """
    splits, not_asked = _splits(dataset, folds, settings.seed)
    probabilities: dict[str, Values] = {}
    first_forest: dict[str, RandomForestClassifier] = {}
    for protocol, fold in splits.items():
        progress_of = _named(progress, f"evaluating: {protocol}")
        probabilities[protocol], first_forest[protocol] = _out_of_fold(dataset, fold, settings, progress_of)
    results = [
        protocol_result(protocol, MEANINGS[protocol], dataset.names, dataset.classes, scores)
        for protocol, scores in probabilities.items()
    ]
    progress("measuring importance", 0, 1)
    tested = splits[RANDOM_SPLIT] == 0
    importance = feature_importance(
        first_forest[RANDOM_SPLIT],
        dataset.matrix[tested],
        dataset.classes[tested],
        dataset.feature_names,
        settings.seed,
    )
    progress("fitting the final forest", 0, 1)
    forest = fit_forest(dataset.matrix, dataset.classes, settings)
    graph = export_forest(forest, len(dataset.feature_names))
    bundle = _bundle(dataset, settings, results, importance, graph)
    attack = dataset.classes > 0
    curves = tuple(Curve(name, attack, attack_scores(scores)) for name, scores in probabilities.items())
    predicted = probabilities[bundle.manifest.headline].argmax(axis=1)
    return Trained(bundle, curves, dataset.classes, predicted, not_asked)


def _named(progress: Progress, stage: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(stage, done, total)


def _splits(dataset: Dataset, folds: int, seed: int) -> tuple[dict[str, Folds], str | None]:
    attacks = int((dataset.classes > 0).sum())
    possible = min(folds, attacks, len(dataset.classes) - attacks)
    if possible < 2:
        raise InputError("training needs at least two benign and two attack flows")
    splits = {RANDOM_SPLIT: stratified_folds(dataset.classes, possible, seed)}
    if len(dataset.inputs) < 2:
        return splits, "there is only one input, so no figure here says how the model does on traffic from elsewhere"
    by_input = grouped_folds(dataset.classes, dataset.groups, folds)
    if by_input is None:
        return (
            splits,
            "leaving an input out leaves only benign or only attack flows to learn from, so none was left out",
        )
    return {**splits, BY_INPUT: by_input}, None


def _out_of_fold(
    dataset: Dataset, fold: Folds, settings: ForestSettings, progress: Callable[[int, int], None]
) -> tuple[Values, RandomForestClassifier]:
    """Return (rows, classes) probabilities by forests that did not learn from the row, and the forest of fold 0."""
    forests: list[RandomForestClassifier] = []
    probabilities = np.zeros((len(dataset.classes), len(dataset.names)))
    numbers = np.unique(fold).tolist()
    for done, number in enumerate(numbers):
        progress(done, len(numbers))
        tested = fold == number
        forest = fit_forest(dataset.matrix[~tested], dataset.classes[~tested], settings)
        probabilities[tested] = class_probabilities(forest, dataset.matrix[tested], len(dataset.names))
        forests = forests or [forest]
    return probabilities, forests[0]


def _bundle(
    dataset: Dataset,
    settings: ForestSettings,
    results: Sequence[ProtocolResult],
    importance: list[Importance],
    graph: bytes,
) -> Bundle:
    headline = worst(results)
    entries = [feature_named(name) for name in dataset.feature_names]
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        netsift_version=_version("netsift"),
        flow_schema_version=SCHEMA_VERSION,
        features=[FeatureEntry(name=one.name, unit=one.unit, categories=list(one.categories)) for one in entries],
        classes=list(dataset.names),
        thresholds=[
            Threshold(false_positive_rate=point.false_positive_rate, threshold=point.threshold)
            for point in headline.operating_points
        ],
        headline=headline.protocol,
        evaluation=sorted(results, key=lambda result: result.protocol != headline.protocol),
        importance=importance,
        training=list(dataset.inputs),
        training_rows=dataset.rows_of_class,
        learner=Learner(
            name="random forest",
            trees=settings.trees,
            depth=settings.depth,
            leaf_rows=settings.leaf_rows,
            seed=settings.seed,
        ),
        libraries={name: _version(name) for name in _LIBRARIES},
        members={},
    )
    card = model_card(manifest)
    reference = benign_reference(dataset.matrix[dataset.classes == 0], dataset.feature_names)
    complete = manifest.model_copy(update={"members": member_hashes(graph, reference, card)})
    return Bundle(complete, graph, reference, card)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
