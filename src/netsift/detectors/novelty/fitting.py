"""Rows of a network's own traffic in, its baseline out: split by time, trim, learn by role, calibrate, count alerts.

The earlier part of the flows is learned from and the later part held back, so that what is promised was tried on
traffic that came afterwards. A role is judged by itself where there are :data:`LEAST_LEARNED` flows of it to learn from
and :data:`LEAST_HELD_BACK` held back; what is left of a protocol is one group on the same condition; everything else is
judged beside the traffic as a whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.detectors.novelty import LEARNERS
from netsift.detectors.novelty.base import NoveltyLearner, NoveltyModel
from netsift.detectors.novelty.baseline import EXAMPLES, Baseline, Group, Learned, Memory
from netsift.detectors.novelty.budget import alert_curve, watched_days
from netsift.detectors.novelty.columns import NoveltyColumns, scales_of
from netsift.detectors.novelty.conformal import Calibration, calibration_of, combined
from netsift.detectors.novelty.known_pairs import Hashes
from netsift.detectors.novelty.roles import PROTOCOLS, ROLES, protocol_of, role_name
from netsift.errors import InputError
from netsift.models.features import FeatureMatrix

LEARNING_SHARE: Final = 0.6
LEAST_LEARNED: Final = 500
LEAST_HELD_BACK: Final = 200
MOST_GROUPS: Final = 64
MOST_LEARNED: Final = 50_000
"""Rows that one group learns from; of more, a random sample."""

MOST_REMEMBERED: Final = 20_000
"""Rows kept for learning on."""

DEFAULT_TRIM: Final = 0.01
"""Share of the flows that may be left out as attacks nobody noticed: the strangest."""

_TRIMMING: Final = ("ecod", "isolation_forest")


@dataclass(frozen=True, slots=True)
class LearningRows:
    """Flows in order of their start: ``values`` (rows, columns), and what they are grouped by, shape (rows,).

    ``drawn`` is the share of all flows that these are a random sample of.
    """

    columns: NoveltyColumns
    values: FeatureMatrix
    start_ns: npt.NDArray[np.int64]
    source: npt.NDArray[np.int64]
    role: npt.NDArray[np.int64]
    drawn: float

    def part(self, rows: slice) -> LearningRows:
        """Return some of the rows."""
        return LearningRows(
            self.columns, self.values[rows], self.start_ns[rows], self.source[rows], self.role[rows], self.drawn
        )


def fit_baseline(
    rows: LearningRows, seed: int, trim: float, known: Hashes, key: bytes, learned: Learned,
    before: Baseline | None = None,
) -> Baseline:  # fmt: skip
    """Return what is normal in the rows; ``before`` is an earlier baseline that learners may go on from.

    Raises:
        InputError: there are too few flows.
    """
    cut = int(len(rows.values) * LEARNING_SHARE)
    first, held_back = rows.part(slice(cut)), rows.part(slice(cut, None))
    if len(first.values) < LEAST_LEARNED or len(held_back.values) < LEAST_HELD_BACK:
        least = max(int(LEAST_LEARNED / LEARNING_SHARE), int(LEAST_HELD_BACK / (1 - LEARNING_SHARE))) + 1
        raise InputError(f"{len(rows.values):,} flows are too few to learn what is normal; {least:,} are needed")
    scales = scales_of(rows.columns, first.values)
    names, group_of_role = _groups(first.role, held_back.role)
    fitting = _Fitting(seed, trim, scales.scaled(first.values), scales.scaled(held_back.values))
    of_first, of_held_back = group_of_role[first.role], group_of_role[held_back.role]
    earlier = {group.name: group.models for group in before.groups} if before is not None else {}
    groups, surprises = [], np.zeros((len(LEARNERS), len(held_back.values)))
    for number, name in enumerate(names):
        # The first group stands for all roles: it is the measure of those that have no group of their own.
        learning = np.flatnonzero((of_first == number) | (number == 0))
        waiting = np.flatnonzero((of_held_back == number) | (number == 0))
        group, crossed = fitting.group(name, learning, waiting, first.values, earlier.get(name, {}))
        groups.append(group)
        own = of_held_back[waiting] == number
        surprises[:, waiting[own]] = crossed[:, own]
    curve = alert_curve(combined(surprises), held_back.source, held_back.start_ns, rows.drawn)
    return Baseline(scales, tuple(groups), group_of_role, curve, known, key, learned, _memory(rows, seed, key))


def relearned(baseline: Baseline, memory: Memory, seed: int) -> Baseline:
    """Return the baseline with models and calibrations of what is remembered now; its alert curve stays.

    Nothing strange is in a memory, so that it cannot tell how many alerts there are in a day.
    """
    columns = baseline.scales.columns
    rows = LearningRows(columns, memory.values, memory.start_ns, memory.source, memory.role, 1.0)
    fitted = fit_baseline(
        rows, seed, baseline.learned.trim, baseline.known, baseline.key, baseline.learned, before=baseline
    )
    return replace(fitted, curve=baseline.curve, memory=memory)


def keyed(digests: npt.NDArray[np.int64], key: bytes) -> npt.NDArray[np.int64]:
    """Return hashes under a key of numbers that stand for hosts, shape (rows,); 63 bits."""
    distinct, place = np.unique(digests, return_inverse=True)
    hashes = [
        int.from_bytes(hashlib.blake2b(one.tobytes(), digest_size=8, key=key).digest()) >> 1
        for one in distinct.astype("<i8")
    ]
    return np.array(hashes, np.int64)[place]


def _memory(rows: LearningRows, seed: int, key: bytes) -> Memory:
    count = len(rows.values)
    chosen = np.sort(np.random.default_rng(seed).choice(count, min(MOST_REMEMBERED, count), replace=False))
    hours = 24 * watched_days(rows.start_ns)
    return Memory(
        rows.values[chosen], rows.start_ns[chosen], keyed(rows.source[chosen], key), rows.role[chosen],
        count / rows.drawn / hours,
    )  # fmt: skip


def _groups(
    learned: npt.NDArray[np.int64], held_back: npt.NDArray[np.int64]
) -> tuple[list[str], npt.NDArray[np.int32]]:
    """Return the names of the groups, and the group of every role."""
    names, group_of_role = ["all roles"], np.zeros(ROLES, np.int32)
    flows = np.bincount(learned, minlength=ROLES)
    waiting = np.bincount(held_back, minlength=ROLES)
    enough = np.flatnonzero((flows >= LEAST_LEARNED) & (waiting >= LEAST_HELD_BACK))
    for role in sorted(enough, key=lambda role: (-flows[role], role))[: MOST_GROUPS - len(PROTOCOLS) - 1]:
        group_of_role[role] = len(names)
        names.append(role_name(int(role)))
    protocol = protocol_of(np.arange(ROLES))
    for number, name in enumerate(PROTOCOLS):
        rest = (protocol == number) & (group_of_role == 0)
        if flows[rest].sum() >= LEAST_LEARNED and waiting[rest].sum() >= LEAST_HELD_BACK:
            group_of_role[rest] = len(names)
            names.append(f"{name}, other roles")
    return names, group_of_role


@dataclass(frozen=True, slots=True)
class _Fitting:
    seed: int
    trim: float
    first: FeatureMatrix
    held_back: FeatureMatrix

    def group(
        self, name: str, learning: npt.NDArray[np.int64], waiting: npt.NDArray[np.int64], values: FeatureMatrix,
        earlier: Mapping[str, NoveltyModel],
    ) -> tuple[Group, npt.NDArray[np.float64]]:  # fmt: skip
        """Return a group, and −log10 of the p-values of the held-back rows, each half beside the other."""
        random = np.random.default_rng(self.seed)
        if len(learning) > MOST_LEARNED:
            learning = np.sort(random.choice(learning, MOST_LEARNED, replace=False))  # nosec B311 # NumPy's
        kept = learning[self._ordinary(self.first[learning])]
        models = {one.name: one.fit(self.first[kept], self.seed, earlier.get(one.name)) for one in LEARNERS.values()}
        calibrations, crossed = {}, []
        for one, model in models.items():
            scores = model.score(self.held_back[waiting])
            calibrations[one] = calibration_of(scores, self.trim)
            crossed.append(np.concatenate(list(_crossed(scores, self.trim))))
        chosen = random.choice(kept, min(EXAMPLES, len(kept)), replace=False)  # nosec B311 # NumPy's
        examples = values[np.sort(chosen)]
        return Group(name, models, calibrations, examples, len(kept), len(waiting)), np.stack(crossed)

    def _ordinary(self, matrix: FeatureMatrix) -> npt.NDArray[np.int64]:
        """Return the places of the rows without the strangest, in order."""
        left_out = int(len(matrix) * self.trim)
        if not left_out:
            return np.arange(len(matrix))
        rank = np.zeros(len(matrix))
        for name in _TRIMMING:
            learner: NoveltyLearner = LEARNERS[name]
            score = learner.fit(matrix, self.seed).score(matrix)
            rank += np.argsort(np.argsort(score, kind="stable"), kind="stable")
        return np.sort(np.argsort(rank, kind="stable")[: len(matrix) - left_out])


def _crossed(scores: npt.NDArray[np.float64], trim: float) -> Iterator[npt.NDArray[np.float64]]:
    """Yield the surprise of the earlier half of scores beside the later, and the other way round."""
    middle = len(scores) // 2
    halves = scores[:middle], scores[middle:]
    for half, other in (halves, halves[::-1]):
        calibration: Calibration = calibration_of(other, trim)
        yield calibration.surprise(half)
