"""How a finished model does on labelled traffic: it scores the rows as they are and learns nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from netsift.detectors.model import ModelDetector
from netsift.evaluation.bootstrap import RESAMPLES
from netsift.evaluation.leakage import Finding, Severity
from netsift.evaluation.metrics import Values, rounded, thresholds_from
from netsift.evaluation.protocols import Cut, Options, Protocol, Split
from netsift.evaluation.protocols.base import MOST_SPLITS
from netsift.evaluation.protocols.unseen import network_of_row
from netsift.evaluation.results import Scored, protocol_result
from netsift.evaluation.running import Evaluation, Progress, scores_of
from netsift.models.bundle import Bundle
from netsift.models.dataset import Dataset
from netsift.models.features import FeatureMatrix

_EVEN: Final = 0.5
_NO_CLASS: Final = -1


def _whole(dataset: Dataset, _options: Options) -> Cut:
    """Test every row of a network by the same model: the model comes from elsewhere, so nothing is cut."""
    names, network = network_of_row(dataset)
    nothing = np.zeros(len(dataset.classes), dtype=np.bool_)
    present = np.unique(network).tolist()
    if len(present) > MOST_SPLITS:
        return Cut((Split("all networks", nothing, ~nothing),))
    return Cut(tuple(Split(names[one], nothing, network == one) for one in present))


AS_IT_IS: Final = Protocol(
    "model as it is", "honest where the model did not learn from these files: it scores them as they are", True, _whole
)


@dataclass(frozen=True, slots=True)
class Promise:
    """A threshold of the model: the share of benign flows it was to flag, the share it does flag, and the recall."""

    promised: float
    threshold: float
    measured: float
    recall: float


@dataclass(frozen=True, slots=True)
class _Served:
    """A bundle's graph as something that was fitted."""

    detector: ModelDetector

    def probabilities(self, matrix: FeatureMatrix) -> Values:
        return self.detector.probabilities(matrix).astype(np.float64)


def evaluate_model(
    dataset: Dataset, bundle: Bundle, seed: int, progress: Progress, resamples: int = RESAMPLES
) -> Evaluation:
    """Score every row with the model and measure; the columns must be the model's, in its order.

    F1 is taken at the threshold that training chose; 0.5 for a model of an older netsift. The result is not honest
    where the model learned from some of these files.
    """
    progress("scoring", 0, 1)
    rows = np.arange(len(dataset.classes))
    score, predicted = scores_of(_Served(ModelDetector(bundle)), dataset.matrix, rows)
    number = {name: place for place, name in enumerate(dataset.names)}
    renumbered = np.array([number.get(name, _NO_CLASS) for name in bundle.manifest.classes])[predicted]
    threshold = thresholds_from(bundle.manifest.evaluation).threshold
    cut = _whole(dataset, Options())
    part = np.zeros(len(rows), dtype=np.int64)
    for place, split in enumerate(cut.splits):
        part[split.test] = place
    thresholds = np.full(len(rows), _EVEN if threshold is None else threshold)
    scored = Scored(rows, part, score, renumbered, thresholds, tuple(split.name for split in cut.splits))
    protocol = replace(AS_IT_IS, honest=not learned_inputs(dataset, bundle))
    result = protocol_result(protocol, dataset, scored, seed, resamples)
    return Evaluation((result,), {AS_IT_IS.name: scored}, {})


def promises(dataset: Dataset, bundle: Bundle, scored: Scored) -> list[Promise]:
    """Return what each threshold of the model promised and what it does on these rows."""
    attack = dataset.classes[scored.rows] > 0
    found = []
    for entry in bundle.manifest.thresholds:
        flagged = scored.score >= entry.threshold
        found.append(
            Promise(
                entry.false_positive_rate,
                entry.threshold,
                rounded(flagged[~attack].mean()),
                rounded(flagged[attack].mean()),
            )
        )
    return found


def learned_inputs(dataset: Dataset, bundle: Bundle) -> tuple[Finding, ...]:
    """Return a finding where the model learned from some of these very files, told by their SHA-256."""
    learned = {source.sha256 for source in bundle.manifest.training}
    names = [source.name for source in dataset.inputs if source.sha256 in learned]
    if not names:
        return ()
    return (
        Finding(
            "learned inputs",
            Severity.ERROR,
            f"the model learned from {len(names)} of these {len(dataset.inputs)} files: {', '.join(names[:12])}",
            "judge it on files that it did not learn from; these figures say only what it remembers",
            numbers={"inputs": len(names)},
        ),
    )
