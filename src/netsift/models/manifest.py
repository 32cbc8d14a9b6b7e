"""What a model says about itself: the typed content of ``manifest.json`` and ``reference.json`` in a bundle.

Unknown keys, numbers that are not finite and values outside their range are refused, not skipped.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

FORMAT_VERSION: Final = 3
"""Raised when an older netsift could not read a newer bundle rightly; :mod:`netsift.models.upgrade` reads the older."""

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
GREATEST_WHOLE_NUMBER: Final = 2**53
"""Up to here a float64, which other JSON readers take every number for, holds each whole number (IEEE 754)."""


def _keeps_its_digits(value: object) -> object:
    """Refuse a whole number that would become a float, which strict validation allows, and lose digits."""
    if isinstance(value, int) and abs(value) > GREATEST_WHOLE_NUMBER:
        raise ValueError("a whole number beyond 2**53 would lose digits")
    return value


SettingName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
Setting = Annotated[
    bool | int | Annotated[float, Field(ge=-1e300, le=1e300)] | Annotated[str, Field(max_length=200)],
    BeforeValidator(_keeps_its_digits),
]
TechniqueId = Annotated[str, Field(pattern=r"^T[0-9]{4}(\.[0-9]{3})?$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class FeatureEntry(_Strict):
    """One feature as the model was trained on it; ``categories`` is empty for a number."""

    name: Name
    unit: str
    categories: list[str]


class Threshold(_Strict):
    """The score from which on a flow is flagged, and the share of benign flows that this flagged in evaluation.

    ``threshold`` may lie just above 1: then no score keeps to the rate.
    """

    false_positive_rate: Annotated[float, Field(gt=0, lt=1)]
    threshold: Annotated[float, Field(gt=0, le=1.001)]


class OperatingPoint(Threshold):
    """Share of the attack flows found at a false-positive rate.

    ``recall`` is None where there are fewer benign rows than ``benign_rows_needed``: too few to say.
    """

    recall: Share | None
    benign_rows_needed: Count = 0


class ClassResult(_Strict):
    """How well one class is told from all others, by the class of highest probability.

    ``flagged`` is the share of its rows that were flagged as an attack of whatever kind, at the protocol's threshold.
    """

    name: Name
    rows: Count
    precision: Share
    recall: Share
    flagged: Share | None = None


class Interval(_Strict):
    """The middle 95 % of what a measure is when the tested rows are drawn again (bootstrap)."""

    low: Share
    high: Share


class ReliabilityBin(_Strict):
    """Rows of like score: their mean score, and the share of attacks among them. Equal in a calibrated model."""

    rows: Count
    score: Share
    attacks: Share


class CurvePoints(_Strict):
    """What flagging from a score on finds: shares of benign and of attack rows at or above it, by falling score.

    At most 200 points, close together where false positives are few; ROC and precision-recall curves are drawn from
    them.
    """

    score: Annotated[list[Share], Field(max_length=200)]
    false_positive_rate: Annotated[list[Share], Field(max_length=200)]
    recall: Annotated[list[Share], Field(max_length=200)]

    @model_validator(mode="after")
    def _is_a_curve(self) -> CurvePoints:
        if not len(self.score) == len(self.false_positive_rate) == len(self.recall):
            raise ValueError("its curve's lists differ in length")
        if sorted(self.false_positive_rate) != self.false_positive_rate or sorted(self.recall) != self.recall:
            raise ValueError("its curve goes backwards")
        return self


class PartResult(_Strict):
    """One split of a protocol: a fold, a day, a kind of attack, a network. None where there is only one kind of row.

    ``flagged_attacks`` and ``flagged_benign`` are shares at the threshold chosen on the training side.
    """

    name: Name
    rows: Count
    attack_rows: Count
    roc_auc: Share | None
    average_precision: Share | None
    recall: Share | None
    f1: Share | None
    flagged_attacks: Share | None
    flagged_benign: Share | None


class ProtocolResult(_Strict):
    """Measures of one evaluation protocol, every row scored by a model that did not learn from it.

    ``accuracy``, ``balanced_accuracy`` and ``f1`` are those at thresholds chosen on the training side, of which
    ``threshold`` is the mean; what an older netsift wrote has no ``threshold``, and there it was 0.5. ``intervals`` are
    by name of the measure, drawn by ``interval_unit``. ``averaged`` figures are means over ``parts``. ``curve`` and
    ``confusion`` are taken over all tested rows; the latter counts rows by class (down) and likeliest class (across),
    in the order of the model's classes.
    """

    protocol: Name
    meaning: str
    rows: Count
    accuracy: Share
    f1: Share
    roc_auc: Share
    average_precision: Share
    operating_points: list[OperatingPoint]
    classes: list[ClassResult]
    honest: bool | None = None
    averaged: bool = False
    attack_rows: Count | None = None
    threshold: Annotated[float, Field(ge=0, le=1.001)] | None = None
    balanced_accuracy: Share | None = None
    brier: Share | None = None
    calibration_error: Share | None = None
    reliability: list[ReliabilityBin] = []
    intervals: dict[Name, Interval] = {}
    interval_unit: str = ""
    parts: list[PartResult] = []
    curve: CurvePoints | None = None
    confusion: Annotated[list[Annotated[list[Count], Field(max_length=200)]], Field(max_length=200)] = []


class Importance(_Strict):
    """How much one feature matters: share of impurity it removes, and ROC AUC lost when it is shuffled.

    Features that rise and fall together stand in for each other, so that each alone seems to matter little. All of them
    have the same ``group``, the feature of theirs that matters most, and what is lost when they are shuffled together.
    """

    feature: Name
    impurity: float
    permutation: float
    group: Name | None = None
    group_permutation: float | None = None


class AuditEntry(_Strict):
    """One finding of the audit of the training data (:mod:`netsift.evaluation.leakage`)."""

    check: Name
    severity: Literal["note", "warning", "error"]
    what: Annotated[str, Field(max_length=10_000)]
    advice: Annotated[str, Field(max_length=10_000)]


class Period(_Strict):
    """From the start of the first to the start of the last flow, in nanoseconds since 1970 (UTC)."""

    start_ns: Count
    end_ns: Count


class TrainingInput(_Strict):
    """One file that the model learned from; ``period`` is None where its flows have no times."""

    name: Name
    rows: Count
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    period: Period | None = None


class CalibrationInput(_Strict):
    """One file of the traffic that the thresholds were fitted to."""

    name: Name
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class CalibratedThreshold(_Strict):
    """The threshold of one false-positive rate before and after; ``calibrated`` is None where flows were too few.

    ``flows_counted`` is their number when those of talkative host pairs count as fewer; ``flows_set_aside`` were taken
    for incidents. ``later_share`` is the share of the later half of the traffic that is flagged when only the earlier
    half sets the threshold.
    """

    false_positive_rate: Annotated[float, Field(gt=0, lt=1)]
    trained: Annotated[float, Field(gt=0, le=1.001)]
    calibrated: Annotated[float, Field(gt=0, le=1.001)] | None
    flows_counted: Count
    flows_set_aside: Count
    later_share: Share | None


class Calibration(_Strict):
    """How the thresholds were fitted to the traffic of a network (:mod:`netsift.models.calibration`).

    There were ``flows``, of which ``flows_used`` were drawn. The highest scores, from ``sure_from`` on, were set aside
    as incidents, up to the share ``trim``; ``flows_sure`` is how many flows have such scores. ``host_pairs`` is 0 and
    ``period`` None where the flows have no addresses or times.
    """

    inputs: Annotated[list[CalibrationInput], Field(min_length=1, max_length=100_000)]
    flows: Annotated[Count, Field(ge=1)]
    flows_used: Annotated[Count, Field(ge=1)]
    host_pairs: Count
    period: Period | None
    trim: Annotated[float, Field(ge=0, lt=1)]
    sure_from: Annotated[float, Field(gt=0, le=1.001)]
    flows_sure: Count
    thresholds: Annotated[list[CalibratedThreshold], Field(min_length=1, max_length=100)]

    def entry(self, false_positive_rate: float) -> CalibratedThreshold:
        """Return the threshold of a rate that the model has. Raises StopIteration for another."""
        return next(one for one in self.thresholds if one.false_positive_rate == false_positive_rate)


class LearnerEntry(_Strict):
    """The learner and its settings, tuned ones as they were chosen; ``seed`` is in them."""

    name: Name
    settings: Annotated[dict[SettingName, Setting], Field(max_length=50)]

    @property
    def sentence(self) -> str:
        """Name and settings in one line: random forest (depth 14, leaf_rows 3, seed 0, trees 100)."""
        listed = ", ".join(f"{name} {value}" for name, value in sorted(self.settings.items()))
        return f"{self.name} ({listed})" if listed else self.name


class Manifest(_Strict):
    """Everything a bundle says about its model.

    ``dialect`` says whose column names and units the features have. ``techniques`` has the MITRE ATT&CK ids of the
    classes that have any. ``audit`` is what the audit of the training data found, None where it is not known.
    ``calibration`` says how the thresholds were fitted to a network's own traffic, None where they are those of
    training. ``members`` has the SHA-256 of every other file in the bundle but the signature.
    """

    format_version: int
    netsift_version: Name
    flow_schema_version: int
    dialect: Literal["netsift"]
    features: Annotated[list[FeatureEntry], Field(min_length=1, max_length=2000)]
    classes: Annotated[list[Name], Field(min_length=2, max_length=200)]
    techniques: dict[Name, Annotated[list[TechniqueId], Field(max_length=20)]]
    thresholds: Annotated[list[Threshold], Field(min_length=1, max_length=100)]
    headline: Name
    evaluation: Annotated[list[ProtocolResult], Field(min_length=1)]
    importance: list[Importance]
    training: list[TrainingInput]
    training_rows: dict[str, Count]
    learner: LearnerEntry
    libraries: dict[str, str]
    members: dict[str, str]
    audit: list[AuditEntry] | None = None
    calibration: Calibration | None = None

    @model_validator(mode="after")
    def _calibrates_its_thresholds(self) -> Manifest:
        if self.calibration is None:
            return self
        used = [
            (one.false_positive_rate, one.trained if one.calibrated is None else one.calibrated)
            for one in self.calibration.thresholds
        ]
        if used != [(one.false_positive_rate, one.threshold) for one in self.thresholds]:
            raise ValueError("its thresholds are not those of its calibration")
        return self

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in the order of the model's input."""
        return tuple(feature.name for feature in self.features)

    @property
    def headline_result(self) -> ProtocolResult:
        """The protocol whose figures may be quoted: the worst honest one."""
        return next(result for result in self.evaluation if result.protocol == self.headline)


class FeatureReference(_Strict):
    """One feature in one class of the training traffic: ``present`` is the share of flows that have a value.

    A number has ``quantiles`` at :data:`REFERENCE_PROBABILITIES`, a ``mean``, and in ``cumulative`` the share of its
    values up to each distinct benign quantile; a category has the share of each word.
    """

    present: Share
    mean: float | None = None
    quantiles: list[float] | None = None
    cumulative: list[Share] | None = None
    categories: dict[str, Share] | None = None


class ClassReference(_Strict):
    """The usual values in ``rows`` flows of one class, and the distribution of the scores that evaluation gave them."""

    rows: Count
    features: dict[str, FeatureReference]
    score: FeatureReference | None


class Reference(ClassReference):
    """The usual values of every feature in benign flows of the training traffic, and in those of every attack class.

    ``classes`` is empty in what was format version 1, which also had no ``score`` and no ``cumulative``. ``services``
    describes the benign flows of every service that had enough of them, and under ``rare`` those of all others, numbers
    by ``cumulative`` alone; it is empty where the model does not know the service, and in older bundles.
    """

    probabilities: list[Share]
    classes: dict[Name, ClassReference]
    services: dict[Name, ClassReference] = {}


REFERENCE_PROBABILITIES: Final = (0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.99)
"""Where the quantiles of a number are kept: deciles, quartiles and the tails."""
