"""Does this traffic look like what the model learned from? A verdict in words, from every column and the score.

Attacks must not count as drift: they are what the model is for, and each campaign looks like itself alone. So flows
that the model takes for benign are compared with the benign reference in the bundle. Where these are too few, all flows
are compared with a mixture of the references of all classes, weighted by the share of flows taken for each class; that
is weaker evidence, and leads to distrust only where a column is in another unit.

Nor must the mix of services: a network with more DNS and less web than the training has other lengths and times as a
whole, though every service may look as it did. So benign flows are compared with what the training flows would look
like in the mix of today: the mixture of the references of the services, weighted by their shares of the traffic.
Services that the training hardly had are compared with its rare ones. :mod:`netsift.evaluation.distributions` compares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from netsift.alerts.phrases import phrase
from netsift.detectors.base import Scores
from netsift.evaluation.distributions import (
    ALIEN_FROM,
    SHIFTED_FROM,
    STEADY_BELOW,
    ColumnDrift,
    Part,
    Usual,
    column_drift,
    mixture,
    stability_index,
)
from netsift.models.bundle import Bundle
from netsift.models.dataset import Reservoir
from netsift.models.features import SERVICE, FeatureMatrix
from netsift.models.manifest import ClassReference, FeatureEntry, FeatureReference, Manifest, Reference
from netsift.models.reference import RARE, whole_hundredths
from netsift.models.services import SERVICES

LEAST_ROWS: Final = 500
"""Flows that are needed for a verdict, and of a service to judge it alone: with 17 bins, chance then gives an index of
0.03."""

SAMPLE_ROWS: Final = 20_000
"""Flows that are compared; a uniform random sample of more."""

DOUBTFUL_SHARE: Final = 0.25
DISTRUSTED_SHARE: Final = 0.6
"""From which share of the model's importance in shifted columns on the traffic is doubtful, or not to be trusted.

Chosen on traffic that is known to fit and not to fit; docs/drift.md has the measurements."""

NEW_BELOW: Final = 0.01
"""Share of the training flows below which the training hardly had a service, if that is not described either."""

NEW_SHARE: Final = 0.25
"""Share of flows of such services from which on the traffic is doubtful."""

NAMED_SHARE: Final = 0.05
"""A service is named where its share of the flows changed by so much."""

SCORE: Final = "score"
_EVEN: Final = 0.5
_BENIGN: Final = 0
_NAMED: Final = 3
_SERVICE_WORDS: Final = {"other": "other ports", "none": "traffic without ports", "dns": "DNS",
                         "web": "web", "smb": "SMB", "ssh": "SSH", "ftp": "FTP", "rpc": "RPC", "ntp": "NTP",
                         "snmp": "SNMP", "dhcp": "DHCP", "iot": "IoT", "vpn": "VPN"}  # fmt: skip


class Verdict(StrEnum):
    """What the comparison comes to."""

    FITS = "fits"
    DOUBTFUL = "doubtful"
    DO_NOT_TRUST = "do not trust"
    TOO_FEW = "not judged"


@dataclass(frozen=True, slots=True)
class ServiceDrift:
    """One service: ``rows`` flows of it were compared, and its share of the flows was and is ``was`` and ``now``.

    ``shifted_share`` is the share of the model's importance in columns in which its flows differ from its flows in
    training, None where either are too few to say. A service is ``new`` where the training hardly had it.
    """

    name: str
    rows: int
    was: float
    now: float
    new: bool
    shifted_share: float | None

    @property
    def words(self) -> str:
        """Name for a reader."""
        return _SERVICE_WORDS.get(self.name, self.name.replace("_", " "))

    @property
    def unlike(self) -> bool:
        """Whether its flows no longer look like those of training."""
        return self.shifted_share is not None and self.shifted_share >= DISTRUSTED_SHARE


@dataclass(frozen=True, slots=True)
class Mix:
    """How far the shares of the services moved (``stability``, as of a column), and each, the most frequent first."""

    stability: float
    services: tuple[ServiceDrift, ...]

    @property
    def new_share(self) -> float:
        """Share of flows of services that the training hardly had."""
        return sum(service.now for service in self.services if service.new)

    @property
    def sentence(self) -> str | None:
        """What became of the mix, in words; None where it is much as in training."""
        changed = sorted(
            (one for one in self.services if not one.new and abs(one.now - one.was) >= NAMED_SHARE),
            key=lambda one: -abs(one.now - one.was),
        )
        if self.stability < STEADY_BELOW or not changed:
            return None
        told = "; ".join(
            f"{'more' if one.now > one.was else 'less'} {one.words}: {one.now:.0%}, was {one.was:.0%}"
            for one in changed[:_NAMED]
        )
        return f"the mix of services is another than in training, which is no harm by itself ({told})"


@dataclass(frozen=True, slots=True)
class Drift:
    """The comparison of ``compared`` flows, drawn from ``rows``, with the model's reference.

    ``suspicious_share`` is the share of flows that the model takes for attacks; ``ordinary`` says whether the compared
    flows are all others, and not a mixture.

    ``columns`` stand in the order of importance-weighted movement, the most moved first; ``score`` is None where the
    bundle has no distribution of scores. ``shifted_share`` is the share of the model's importance in shifted columns.
    ``mix`` is None where the model or its reference does not tell services apart, or attacks had to be compared.
    """

    verdict: Verdict
    rows: int
    compared: int
    suspicious_share: float
    ordinary: bool
    shifted_share: float
    score: ColumnDrift | None
    columns: tuple[ColumnDrift, ...]
    mix: Mix | None = None

    @property
    def moved(self) -> tuple[ColumnDrift, ...]:
        """The columns that are not steady, the most moved first."""
        return tuple(column for column in self.columns if column.stability >= STEADY_BELOW)

    @property
    def reason(self) -> str:
        """The verdict's reason in words."""
        if self.verdict is Verdict.TOO_FEW:
            return f"{self.compared:,} flows can be compared and {LEAST_ROWS:,} are needed"
        told = self._told()
        return (
            told if self.ordinary else f"the model takes {self.suspicious_share:.0%} of the flows for attacks; {told}"
        )

    def _told(self) -> str:
        aliens = [phrase(column.name) for column in self.columns if column.alien]
        shifted = sum(column.shifted for column in self.columns)
        told = [self._services_told()]
        if aliens:
            common = f"{'has' if len(aliens) == 1 else 'have'} next to nothing in common with the training traffic"
            told.append(f"{_listed(aliens)} {common} (another meter or unit?)")
        if shifted:
            share = f"{self.shifted_share:.0%} of the model's importance"
            told.append(f"{shifted} of {len(self.columns)} columns, with {share}, have shifted")
        else:
            told.append("no column has shifted")
        if self.score is not None and self.score.shifted and self.score.raised:
            told.append("the scores are higher than in training")
        return "; ".join(filter(None, told))

    def _services_told(self) -> str:
        services = self.mix.services if self.mix else ()
        unlike = [service.words for service in services if service.unlike]
        new = [service.words for service in services if service.new and service.now >= NAMED_SHARE]
        told = []
        if unlike:
            told.append(f"{_listed(unlike)} no longer {'looks' if len(unlike) == 1 else 'look'} as in training")
        if new:
            told.append(f"{_listed(new)} {'was' if len(new) == 1 else 'were'} hardly in the training")
        return "; ".join(told)

    def as_json(self) -> dict[str, Any]:
        """Return the comparison in a form that JSON can hold."""
        return {
            "verdict": str(self.verdict),
            "reason": self.reason,
            "flows": self.rows,
            "compared": self.compared,
            "suspicious_share": self.suspicious_share,
            "only_ordinary_flows": self.ordinary,
            "shifted_share": self.shifted_share,
            "thresholds": {
                "steady_below": STEADY_BELOW,
                "shifted_from": SHIFTED_FROM,
                "doubtful_share": DOUBTFUL_SHARE,
                "distrusted_share": DISTRUSTED_SHARE,
                "alien_from": ALIEN_FROM,
                "least_rows": LEAST_ROWS,
                "new_below": NEW_BELOW,
                "new_share": NEW_SHARE,
            },
            "mix": None if self.mix is None else _mix_json(self.mix),
            "score": None if self.score is None else _column_json(self.score),
            "columns": [_column_json(column) for column in self.columns],
        }


def _listed(names: Sequence[str]) -> str:
    """Return names for a reader; more than three are cut short."""
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _column_json(column: ColumnDrift) -> dict[str, Any]:
    return {
        "name": column.name,
        "unit": column.unit,
        "population_stability_index": round(column.stability, 4),
        "kolmogorov_smirnov": None if column.distance is None else round(column.distance, 4),
        "importance": round(column.importance, 4),
        "was": column.was,
        "now": column.now,
        "most_different": {
            "up_to" if isinstance(column.most.at, float) else "value": column.most.at,
            "was": round(column.most.was, 4),
            "now": round(column.most.now, 4),
        },
    }


def _mix_json(mix: Mix) -> dict[str, Any]:
    return {
        "population_stability_index": round(mix.stability, 4),
        "sentence": mix.sentence,
        "services": [
            {
                "service": one.name,
                "flows": one.rows,
                "was": round(one.was, 4),
                "now": round(one.now, 4),
                "new": one.new,
                "shifted_share": None if one.shifted_share is None else round(one.shifted_share, 4),
            }
            for one in mix.services
        ],
    }


class DriftWatch:
    """Collects a uniform sample of scored flows, in memory that does not grow with the traffic, and judges it.

    The same flows in the same order give the same sample. Costs about a copy of the rows that it draws.
    """

    def __init__(self, bundle: Bundle, rows: int = SAMPLE_ROWS) -> None:
        """Watch for drift from the reference of ``bundle``, on a sample of at most ``rows`` flows."""
        self._bundle = bundle
        self._sample = Reservoir(rows, seed=0)

    def observe(self, scores: Scores) -> None:
        """Take in one batch after it was scored."""

        def take(rows: npt.NDArray[np.int64]) -> tuple[FeatureMatrix, npt.NDArray[np.int64]]:
            score = scores.score[rows]
            marks = np.where(score >= _EVEN, scores.attack[rows] + 1, _BENIGN)
            return np.column_stack([scores.matrix[rows], score]), marks[:, None]

        self._sample.offer(len(scores.score), take)

    def judge(self) -> Drift:
        """Compare what was seen so far with the reference."""
        if not self._sample.seen:
            return Drift(Verdict.TOO_FEW, 0, 0, 0.0, True, 0.0, None, ())
        matrix, marks = self._sample.rows()
        return _compare(self._bundle, matrix, marks[:, 0], self._sample.seen)


def _compare(bundle: Bundle, matrix: FeatureMatrix, labels: npt.NDArray[np.int64], rows: int) -> Drift:
    """Compare rows (rows, features and score) taken for classes ``labels`` with the bundle's reference."""
    reference, manifest = bundle.reference, bundle.manifest
    benign = labels == _BENIGN
    suspicious = float(1 - benign.mean())
    ordinary = int(benign.sum()) >= LEAST_ROWS or not reference.classes
    if ordinary:
        matrix, labels = matrix[benign], labels[benign]
    if len(matrix) < LEAST_ROWS:
        return Drift(Verdict.TOO_FEW, rows, len(matrix), suspicious, True, 0.0, None, ())
    weights = _shares(labels, manifest.classes)
    services = _service_shares(bundle, matrix[labels == _BENIGN])
    columns = _columns(bundle, matrix, weights, services)
    columns.sort(key=lambda column: (not column.alien, -column.stability * column.importance, -column.stability))
    score = _score_drift(reference, matrix[:, -1], weights, services)
    mix = _mix(bundle, matrix, services) if ordinary and services else None
    shifted = _shifted_share(columns)
    verdict = _verdict(columns, score, shifted, mix, ordinary=ordinary)
    return Drift(verdict, rows, len(matrix), suspicious, ordinary, shifted, score, tuple(columns), mix)


def _verdict(
    columns: Sequence[ColumnDrift], score: ColumnDrift | None, shifted_share: float, mix: Mix | None, *, ordinary: bool
) -> Verdict:
    if any(column.alien for column in columns) or (ordinary and shifted_share >= DISTRUSTED_SHARE):
        return Verdict.DO_NOT_TRUST
    raised = score is not None and score.shifted and score.raised
    strange = mix is not None and (mix.new_share >= NEW_SHARE or any(service.unlike for service in mix.services))
    return Verdict.DOUBTFUL if shifted_share >= DOUBTFUL_SHARE or raised or strange else Verdict.FITS


def _shifted_share(columns: Sequence[ColumnDrift]) -> float:
    return sum(column.importance for column in columns if column.shifted)


def _shares(codes: npt.NDArray[np.int64], names: Sequence[str]) -> dict[str, float]:
    """Return the share of the rows that has each code, by its name; a code below zero has none."""
    counts = np.bincount(codes[codes >= 0], minlength=len(names)) / len(codes)
    return {name: share for name, share in zip(names, counts.tolist(), strict=True) if share > 0}


def _service_shares(bundle: Bundle, matrix: FeatureMatrix) -> dict[str, float]:
    """Return the share of every service; nothing where the reference does not tell services apart."""
    if not bundle.reference.services or not len(matrix):
        return {}
    return _shares(_service_codes(bundle, matrix), SERVICES)


def _with_rare(services: Mapping[str, float], reference: Reference) -> dict[str, float]:
    """Return the shares of the services that the reference describes, and what is left as that of the rare ones."""
    known = {name: share for name, share in services.items() if name in reference.services}
    return {**known, RARE: max(0.0, 1.0 - sum(known.values()))} if services else {}


def _service_codes(bundle: Bundle, matrix: FeatureMatrix) -> npt.NDArray[np.int64]:
    return matrix[:, bundle.manifest.feature_names.index(SERVICE)].astype(np.int64)


def _importance(manifest: Manifest) -> dict[str, float]:
    """Return each feature's share of the impurity that all remove together."""
    total = sum(max(entry.impurity, 0.0) for entry in manifest.importance) or 1.0
    return {entry.feature: max(entry.impurity, 0.0) / total for entry in manifest.importance}


def _columns(
    bundle: Bundle, matrix: FeatureMatrix, weights: Mapping[str, float], services: Mapping[str, float]
) -> list[ColumnDrift]:
    """Return how far every column is from what it should look like in these shares of classes and services."""
    importance = _importance(bundle.manifest)
    columns = []
    for position, entry in enumerate(bundle.manifest.features):
        usual = _usual(bundle.reference, partial(_of_feature, entry.name), weights, services)
        if usual is not None:
            columns.append(column_drift(entry, matrix[:, position], usual, importance.get(entry.name, 0.0)))
    return columns


def _of_feature(name: str, described: ClassReference) -> FeatureReference:
    return described.features[name]


def _usual(
    reference: Reference,
    select: Callable[[ClassReference], FeatureReference | None],
    weights: Mapping[str, float],
    services: Mapping[str, float],
) -> Usual | None:
    """Return the mixture of what ``select`` takes from the references; None where it is not in that of benign flows."""
    benign = select(reference)
    if benign is None:
        return None
    known = _parts(select, _with_rare(services, reference), reference.services)
    attacks = _parts(select, weights, reference.classes)
    rest = max(0.0, 1.0 - sum(weight for weight, _ in known))
    expected = mixture(benign, [(rest, benign), *known]) if known else benign
    return Usual(benign, ((max(0.0, 1.0 - sum(weight for weight, _ in attacks)), expected), *attacks))


def _parts(
    select: Callable[[ClassReference], FeatureReference | None],
    weights: Mapping[str, float],
    references: Mapping[str, ClassReference],
) -> list[Part]:
    selected = [(weights[name], select(one)) for name, one in sorted(references.items()) if weights.get(name)]
    return [(weight, one) for weight, one in selected if one is not None]


def _score_drift(
    reference: Reference,
    values: npt.NDArray[np.float32],
    weights: Mapping[str, float],
    services: Mapping[str, float],
) -> ColumnDrift | None:
    usual = _usual(reference, lambda one: one.score, weights, services)
    if usual is None:
        return None
    steps = whole_hundredths(values)
    mean = sum(weight * (one.mean or 0.0) for weight, one in usual.parts)
    drift = column_drift(FeatureEntry(name=SCORE, unit="", categories=[]), steps, usual)
    return replace(drift, raised=float(steps.mean()) > mean)


def _mix(bundle: Bundle, matrix: FeatureMatrix, services: Mapping[str, float]) -> Mix:
    """Return how the mix of services changed, and of each service whether its flows (rows, features) look as before."""
    usual = bundle.reference.features[SERVICE]
    was = {name: usual.present * share for name, share in (usual.categories or {}).items()}
    codes = _service_codes(bundle, matrix)
    found = [
        _service_drift(bundle, name, matrix[codes == SERVICES.index(name)], was.get(name, 0.0), services.get(name, 0.0))
        for name in SERVICES
        if services.get(name) or was.get(name)
    ]
    stability = stability_index(np.array([one.was for one in found]), np.array([one.now for one in found]), len(matrix))
    return Mix(stability, tuple(sorted(found, key=lambda one: (-one.now, -one.was))))


def _service_drift(bundle: Bundle, name: str, matrix: FeatureMatrix, was: float, now: float) -> ServiceDrift:
    described = name in bundle.reference.services
    new = not described and was < NEW_BELOW
    shifted = None
    if described and len(matrix) >= LEAST_ROWS:
        shifted = _shifted_share(_columns(bundle, matrix, {}, {name: 1.0}))
    return ServiceDrift(name, len(matrix), was, now, new, shifted)
