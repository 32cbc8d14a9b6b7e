"""Train a model and say how good it is, worst honest figure first; the result is a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import numpy as np

from netsift.errors import InputError
from netsift.evaluation.bootstrap import RESAMPLES
from netsift.evaluation.card import model_card
from netsift.evaluation.importance import MOST_ROWS, feature_importance
from netsift.evaluation.metrics import thresholds_from
from netsift.evaluation.protocols import PROTOCOLS, Options, Protocol
from netsift.evaluation.running import Evaluation, Progress, evaluate
from netsift.evaluation.splits import stratified_folds
from netsift.evaluation.tuning import Tuning, final_groups
from netsift.flows.schema import SCHEMA_VERSION
from netsift.models.bundle import Bundle, member_hashes
from netsift.models.dataset import Dataset, training_inputs
from netsift.models.features import feature_named
from netsift.models.learners import settings_of
from netsift.models.learners.base import Learner
from netsift.models.manifest import (
    FORMAT_VERSION,
    FeatureEntry,
    Importance,
    LearnerEntry,
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
    """A new model; ``refused`` says of each protocol that was left out why the data does not allow it."""

    bundle: Bundle
    refused: dict[str, str]


def train(
    dataset: Dataset,
    learner: Learner,
    folds: int,
    progress: Progress,
    protocols: Sequence[Protocol] = PROTOCOLS,
    resamples: int = RESAMPLES,
    trials: int = 0,
) -> Trained:
    """Evaluate by every protocol that the data allows, fit on all rows, and return the bundle.

    With ``trials``, so many settings are tried on every training side, and on all rows for the final model: what is
    evaluated is the learner with its search.

    Thresholds come from the worst honest protocol whose models learn from every kind of attack. Deterministic for the
    same rows and seed.

    Raises:
        InputError: there are fewer than two benign or two attack rows, or the data allows none of the protocols.
    """
    attacks = int((dataset.classes > 0).sum())
    if min(attacks, len(dataset.classes) - attacks) < 2:
        raise InputError("training needs at least two benign and two attack flows")
    seed = learner.settings.seed
    tuning = Tuning(trials, seed) if trials else None
    evaluation = evaluate(dataset, protocols, learner, Options(folds, seed), progress, resamples, tuning)
    if tuning is not None:
        everything = np.ones(len(dataset.classes), dtype=np.bool_)
        steps = partial(progress, "tuning the final model")
        learner = tuning.tuned(learner, dataset, everything, final_groups(dataset), steps)
    progress("measuring importance", 0, 1)
    importance = _importance(dataset, learner)
    progress("fitting the final model", 0, 1)
    graph = learner.fit(dataset.matrix, dataset.classes, len(dataset.names)).graph(dataset.feature_names)
    bundle = _bundle(dataset, learner, evaluation, importance, graph)
    return Trained(bundle, evaluation.refused)


def _importance(dataset: Dataset, learner: Learner) -> list[Importance]:
    """Return the importance of every feature by a model of at most 20,000 rows, shuffled on rows it did not learn."""
    seed = learner.settings.seed
    fold = stratified_folds(dataset.classes, 2, seed)
    random = np.random.default_rng(seed)
    learned, tested = (random.permutation(np.flatnonzero(fold == number)) for number in range(2))
    learned, tested = np.sort(learned[:_IMPORTANCE_ROWS]), np.sort(tested[:MOST_ROWS])
    fitted = learner.fit(dataset.matrix[learned], dataset.classes[learned], len(dataset.names))
    return feature_importance(fitted, dataset.matrix[tested], dataset.classes[tested], dataset.feature_names, seed)


def _bundle(
    dataset: Dataset,
    learner: Learner,
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
        learner=LearnerEntry(name=learner.name, settings=settings_of(learner)),
        libraries={name: _version(name) for name in _libraries(learner)},
        members={},
    )
    card = model_card(manifest)
    scored = evaluation.scored[source.protocol]
    scores = np.full(len(dataset.classes), _NOT_SCORED)
    scores[scored.rows] = scored.score
    reference = training_reference(dataset.matrix, dataset.classes, dataset.names, dataset.feature_names, scores)
    complete = manifest.model_copy(update={"members": member_hashes(graph, reference, card)})
    return Bundle(complete, graph, reference, card)


def _libraries(learner: Learner) -> tuple[str, ...]:
    return (*_LIBRARIES, learner.name) if learner.name == "lightgbm" else _LIBRARIES


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
