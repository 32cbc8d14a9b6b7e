"""From flow batches to findings: score, flag, group, explain; in memory that does not grow with the traffic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netsift.alerts.explain import explain
from netsift.alerts.finding import Evidence, Finding
from netsift.alerts.grouping import FindingGroups, FlaggedFlows, Group, rank
from netsift.alerts.normal import NormalFlows
from netsift.alerts.schema import FlowReference
from netsift.alerts.settling import SLOW, settle
from netsift.detectors.base import Detector, Scores
from netsift.detectors.model import ModelDetector
from netsift.errors import InputError
from netsift.models.bundle import Bundle
from netsift.models.features import required_columns
from netsift.models.manifest import Reference, Threshold

FINDING_COLUMNS: Final = ("start_time", "end_time", "src_ip", "dst_ip", "dst_port", "packets")
"""What a finding says besides the score."""

MOST_FALSE_FLOWS: Final = 2.0
"""So many falsely flagged flows may be expected of a model that is believed alone."""

_NO_PORT: Final = -1


@dataclass(frozen=True, slots=True)
class Detection:
    """What was seen and what was found.

    Every flagged flow is in a finding, among the ``too_few`` flows that do not make the attack that they were taken for
    (:mod:`netsift.alerts.volume`), or among the ``overflow`` flows, for which there was no room.
    """

    flows: int
    packets: int
    flagged: int
    too_few: int
    overflow: int
    findings: tuple[Finding, ...]


class ModelSearch:
    """Scores flow batches with a model and keeps what reaches the threshold, until :meth:`settle` makes findings of it.

    ``observe`` is shown the scores of every batch. Unless ``required``, batches that lack columns which the detector
    needs are not scored, and ``missing_columns`` names them.
    """

    def __init__(
        self,
        detector: Detector,
        reference: Reference,
        threshold: float,
        groups: FindingGroups | None = None,
        observe: Callable[[Scores], None] | None = None,
        *,
        required: bool = True,
        stricter: Sequence[Threshold] = (),
    ) -> None:
        """Start with nothing found; ``stricter`` are the thresholds of lower false-positive rates."""
        self._detector, self._reference, self._threshold = detector, reference, np.float32(threshold)
        self._groups = FindingGroups() if groups is None else groups
        self._observe, self._required = observe, required
        self._stricter = sorted(stricter, key=lambda entry: -entry.false_positive_rate)
        self._normal = NormalFlows()
        self.missing_columns: tuple[str, ...] = ()
        self.flows = self.packets = self.flagged = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Score a batch and group the flows whose score reaches the threshold, except pieces of connections.

        Raises:
            InputError: the batch lacks columns that are required; all of them are named.
        """
        if not self._required and (missing := _missing(batch, self._detector.feature_names)):
            self.missing_columns = missing
            return
        _require_columns(batch)
        scores = self._detector.score(batch)
        if self._observe is not None:
            self._observe(scores)
        flagged = scores.score >= self._threshold
        fragments = _fragments(batch)
        rows = np.flatnonzero(flagged & ~fragments)
        self._normal.add(batch, scores.matrix, np.flatnonzero(~flagged & ~fragments))
        self.flows += batch.num_rows
        self.packets += int(pc.sum(batch.column("packets")).as_py() or 0)
        self.flagged += len(rows)
        if len(rows):
            self._groups.add(_flagged(batch.take(pa.array(rows)), scores, rows))

    @classmethod
    def of(
        cls, bundle: Bundle, rate: float, observe: Callable[[Scores], None] | None = None, *, required: bool = True
    ) -> Self:
        """Return a search with the model of a bundle, at its threshold for a false-positive rate.

        Raises:
            InputError: the bundle has no threshold for that rate; those that it has are named.
        """
        threshold = bundle.threshold(rate)
        stricter = [entry for entry in bundle.manifest.thresholds if entry.false_positive_rate <= rate]
        return cls(
            ModelDetector(bundle), bundle.reference, threshold, observe=observe, required=required, stricter=stricter
        )

    @property
    def least_score_alone(self) -> float:
        """The score that a finding needs to be believed without another detector.

        A rate that flags two ordinary flows of two hundred flags thousands of a million. So the rate is the greatest at
        which no more than :data:`MOST_FALSE_FLOWS` ordinary flows are to be expected among all, or the least there is.
        """
        for entry in self._stricter:
            if entry.false_positive_rate * self.flows <= MOST_FALSE_FLOWS:
                return entry.threshold
        return self._stricter[-1].threshold if self._stricter else 0.0

    def settle(self, *, with_too_few: bool = False) -> Detection:
        """Return what was found, explained; ``with_too_few`` adds, marked and last, what is too little for its name."""
        settled = settle([group.copy() for group in self._groups.groups()], self._detector.attacks, self._groups.gap_ns)
        too_few = sum(group.flows for group in settled.too_few)
        shown = [(group, False) for group in settled.findings]
        if with_too_few:
            shown += [(group, True) for group in settled.too_few]
        findings = _findings(shown, self._detector, self._reference, self._normal)
        return Detection(self.flows, self.packets, self.flagged, too_few, self._groups.overflow_flows, findings)

    def expire(self, before_ns: int) -> tuple[Finding, ...]:
        """Forget what no flow can change any more that starts at ``before_ns`` or later; return its findings.

        Those that are too few for their name are marked and last.
        """
        over = self._groups.expire(before_ns, SLOW * self._groups.gap_ns)
        settled = settle(over, self._detector.attacks, self._groups.gap_ns)
        shown = [(group, False) for group in settled.findings] + [(group, True) for group in settled.too_few]
        return _findings(shown, self._detector, self._reference, self._normal)


def _findings(
    shown: list[tuple[Group, bool]], detector: Detector, reference: Reference, normal: NormalFlows
) -> tuple[Finding, ...]:
    if not shown:
        return ()
    reasons = explain(detector, reference, np.stack([group.features for group, _ in shown]))
    return tuple(
        _finding(group, detector, evidence, normal.nearest(group.features), too_few=too_few)
        for (group, too_few), evidence in zip(shown, reasons, strict=True)
    )


def _missing(batch: pa.RecordBatch, feature_names: Sequence[str]) -> tuple[str, ...]:
    present = set(batch.schema.names)
    return tuple(name for name in required_columns(feature_names) if name not in present)


def _require_columns(batch: pa.RecordBatch) -> None:
    missing = [name for name in FINDING_COLUMNS if name not in batch.schema.names]
    if missing:
        raise InputError(f"the flows lack columns that a finding names: {', '.join(missing)}")


_TCP: Final = 6


def _fragments(batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Return which flows are pieces of a TCP connection whose beginning and one direction were not seen.

    They look like nothing that a model learned: what they lack was there, outside the capture.
    """
    needed = ("protocol", "syn_packets", "packets_fwd", "packets_bwd")
    if any(name not in batch.schema.names for name in needed):
        return np.zeros(batch.num_rows, np.bool_)
    protocol, syn, forward, backward = (_integers(batch, name) for name in needed)
    fragments: npt.NDArray[np.bool_] = (protocol == _TCP) & (syn == 0) & ((forward == 0) | (backward == 0))
    return fragments


def _flagged(batch: pa.RecordBatch, scores: Scores, rows: npt.NDArray[np.int64]) -> FlaggedFlows:
    start_ns = _integers(batch, "start_time")
    return FlaggedFlows(
        start_ns=start_ns,
        # A flow file may hold anything; a flow that ends before it begins would upset the order of groups.
        end_ns=np.maximum(start_ns, _integers(batch, "end_time")),
        source=_texts(batch, "src_ip"),
        target=_texts(batch, "dst_ip"),
        port=_integers(batch, "dst_port"),
        packets=_integers(batch, "packets"),
        attack=scores.attack[rows],
        score=scores.score[rows],
        matrix=scores.matrix[rows],
    )


def _integers(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.int64]:
    values = pc.fill_null(pc.cast(batch.column(name), pa.int64(), safe=False), _NO_PORT)
    integers: npt.NDArray[np.int64] = values.to_numpy(zero_copy_only=False)
    return integers


def _texts(batch: pa.RecordBatch, name: str) -> list[str]:
    texts: list[str] = pc.fill_null(pc.cast(batch.column(name), pa.string()), "?").to_pylist()
    return texts


def _finding(
    group: Group, detector: Detector, evidence: tuple[Evidence, ...], normal: FlowReference | None, *, too_few: bool
) -> Finding:
    return Finding(
        start_ns=group.start_ns,
        end_ns=group.end_ns,
        sources=tuple(sorted(group.sources)),
        attack=detector.attacks[group.attack],
        weight=rank(group),
        score=group.score,
        flows=group.flows,
        packets=group.packets,
        targets=tuple(sorted(group.targets)),
        ports=tuple(sorted(group.ports)),
        truncated=group.truncated,
        also={
            detector.attacks[attack]: flows
            for attack, flows in sorted(group.flows_of_attack.items(), key=lambda entry: (-entry[1], entry[0]))
            if attack != group.attack
        },
        too_few=too_few,
        evidence=evidence,
        normal=normal,
    )
