"""Train a model and say how good it is, worst honest figure first; the result is a bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.errors import InputError
from netsift.evaluation.bootstrap import RESAMPLES
from netsift.evaluation.card import model_card
from netsift.evaluation.importance import MOST_ROWS, feature_importance
from netsift.evaluation.metrics import thresholds_from
from netsift.evaluation.plots import Curve
from netsift.evaluation.protocols import PROTOCOLS, Options, Protocol
from netsift.evaluation.running import Evaluation, FittedForest, Progress, evaluate, forest_fit
from netsift.evaluation.splits import stratified_folds
from netsift.flows.schema import SCHEMA_VERSION
from netsift.models.bundle import Bundle, member_hashes
from netsift.models.dataset import Dataset, training_inputs
from netsift.models.features import feature_named
from netsift.models.forest import ForestSettings, fit_forest
from netsift.models.graph import export_forest
from netsift.models.manifest import (
    FORMAT_VERSION,
    FeatureEntry,
    Importance,
    Learner,
    Manifest,
    Threshold,
)
from netsift.models.reference import training_reference
from netsift.models.taxonomy import techniques_of

_LIBRARIES: Final = ("numpy", "onnx", "pyarrow", "scikit-learn")
_IMPORTANCE_ROWS: Final = 20_000
_NOT_SCORED: Final = -1.0


@dataclass(frozen=True, slots=True)
class Trained:
    """A new model with what its pictures are drawn from.

    ``truth`` and ``predicted`` (tested rows,) are class indices under the protocol that thresholds come from.
    ``refused`` says of each protocol that was left out why the data does not allow it.
    """

    bundle: Bundle
    curves: tuple[Curve, ...]
    truth: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    refused: dict[str, str]


def train(
    dataset: Dataset,
    settings: ForestSettings,
    folds: int,
    progress: Progress,
    protocols: Sequence[Protocol] = PROTOCOLS,
    resamples: int = RESAMPLES,
) -> Trained:
    """Evaluate by every protocol that the data allows, fit on all rows, and return the bundle.

    Thresholds come from the worst honest protocol whose models learn from every kind of attack. Deterministic for the
    same rows and seed.

    Raises:
        InputError: there are fewer than two benign or two attack rows, or the data allows none of the protocols.
    """
    attacks = int((dataset.classes > 0).sum())
    if min(attacks, len(dataset.classes) - attacks) < 2:
        raise InputError("training needs at least two benign and two attack flows")
    fit = forest_fit(settings, len(dataset.names))
    evaluation = evaluate(dataset, protocols, fit, Options(folds, settings.seed), progress, resamples)
    progress("measuring importance", 0, 1)
    importance = _importance(dataset, fit, settings.seed)
    progress("fitting the final forest", 0, 1)
    forest = fit_forest(dataset.matrix, dataset.classes, settings)
    graph = export_forest(forest, dataset.feature_names)
    bundle = _bundle(dataset, settings, evaluation, importance, graph)
    shown = evaluation.scored[thresholds_from(evaluation.results).protocol]
    return Trained(
        bundle, _curves(dataset, evaluation), dataset.classes[shown.rows], shown.predicted, evaluation.refused
    )


def _curves(dataset: Dataset, evaluation: Evaluation) -> tuple[Curve, ...]:
    return tuple(
        Curve(result.protocol, dataset.classes[scored.rows] > 0, scored.score)
        for result in evaluation.results
        for scored in (evaluation.scored[result.protocol],)
    )


def _importance(dataset: Dataset, fit: Callable[..., FittedForest], seed: int) -> list[Importance]:
    """Return the importance of every feature by a forest of at most 20,000 rows, shuffled on rows it did not learn."""
    fold = stratified_folds(dataset.classes, 2, seed)
    random = np.random.default_rng(seed)
    learned, tested = (random.permutation(np.flatnonzero(fold == number)) for number in range(2))
    learned, tested = np.sort(learned[:_IMPORTANCE_ROWS]), np.sort(tested[:MOST_ROWS])
    forest = fit(dataset.matrix[learned], dataset.classes[learned]).forest
    return feature_importance(forest, dataset.matrix[tested], dataset.classes[tested], dataset.feature_names, seed)


def _bundle(
    dataset: Dataset,
    settings: ForestSettings,
    evaluation: Evaluation,
    importance: list[Importance],
    graph: bytes,
) -> Bundle:
    results = evaluation.results
    source = thresholds_from(results)
    entries = [feature_named(name) for name in dataset.feature_names]
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        netsift_version=_version("netsift"),
        flow_schema_version=SCHEMA_VERSION,
        features=[FeatureEntry(name=one.name, unit=one.unit, categories=list(one.categories)) for one in entries],
        dialect="netsift",
        classes=list(dataset.names),
        techniques=techniques_of(dataset.names),
        thresholds=[
            Threshold(false_positive_rate=point.false_positive_rate, threshold=point.threshold)
            for point in source.operating_points
        ],
        headline=results[0].protocol,
        evaluation=list(results),
        importance=importance,
        training=training_inputs(dataset),
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
    scored = evaluation.scored[source.protocol]
    scores = np.full(len(dataset.classes), _NOT_SCORED)
    scores[scored.rows] = scored.score
    reference = training_reference(dataset.matrix, dataset.classes, dataset.names, dataset.feature_names, scores)
    complete = manifest.model_copy(update={"members": member_hashes(graph, reference, card)})
    return Bundle(complete, graph, reference, card)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
