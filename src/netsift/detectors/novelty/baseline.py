"""The baseline: what is normal in one network, by role, and how strange a flow is beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.detectors.behaviour.base import FlowView
from netsift.detectors.novelty.base import NoveltyModel
from netsift.detectors.novelty.budget import AlertCurve
from netsift.detectors.novelty.columns import Scales
from netsift.detectors.novelty.conformal import Calibration, combined
from netsift.detectors.novelty.ecod import EcodModel
from netsift.detectors.novelty.known_pairs import Hashes
from netsift.detectors.novelty.roles import roles_of
from netsift.models.features import FeatureMatrix

EXAMPLES: Final = 500
"""Ordinary flows kept of a group, to show the one that is nearest."""


@dataclass(frozen=True, slots=True)
class Group:
    """Flows of one role, of what is left of a protocol, or of all roles: models, calibrations and examples of them.

    ``models`` and ``calibrations`` are by the learner's name; ``examples`` (rows, columns) are values in their own
    units. ``learned`` and ``held_back`` are numbers of flows.
    """

    name: str
    models: Mapping[str, NoveltyModel]
    calibrations: Mapping[str, Calibration]
    examples: FeatureMatrix
    learned: int
    held_back: int

    def surprises(self, scaled: FeatureMatrix) -> npt.NDArray[np.float64]:
        """Return −log10 of the p-value by each detector, shape (detectors, rows)."""
        return np.stack([self.calibrations[name].surprise(model.score(scaled)) for name, model in self.models.items()])


@dataclass(frozen=True, slots=True)
class Memory:
    """A sample of the ordinary flows, in order of their start, for learning on.

    ``values`` (rows, columns) are in their own units; ``start_ns``, ``source`` (keyed hashes of hosts) and ``role``
    have shape (rows,). ``per_hour`` is how many flows an hour of all flows they stand for.
    """

    values: FeatureMatrix
    start_ns: npt.NDArray[np.int64]
    source: npt.NDArray[np.int64]
    role: npt.NDArray[np.int64]
    per_hour: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """How strange the flows of a batch are.

    ``surprise`` (rows,) is −log10 of the combined p-value, ``surprises`` (detectors, rows) of each detector's,
    ``role`` (rows,) is what each was judged as, and ``values`` (rows, columns) are what was seen of it.
    """

    surprise: npt.NDArray[np.float64]
    surprises: npt.NDArray[np.float64]
    role: npt.NDArray[np.int64]
    values: FeatureMatrix


@dataclass(frozen=True, slots=True)
class Source:
    """An input that a baseline was learned from."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Learned:
    """What a baseline was learned from: inputs, numbers of flows, period in nanoseconds since 1970, trim and seed.

    Of ``flows`` in all, ``flagged`` belonged to alerts of behaviour detectors and were left out, and ``used`` were
    learned from or held back. ``pairs_forgotten`` is how many pairs of hosts with service found no room.
    """

    sources: tuple[Source, ...]
    flows: int
    used: int
    flagged: int
    start_ns: int
    end_ns: int
    trim: float
    seed: int
    pairs_forgotten: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """A network's normal.

    ``group_of_role`` (ROLES,) are places in ``groups``, whose first is of all roles; ``detectors`` are the names of the
    learners, in the order of :attr:`Judgement.surprises`. ``known`` are hashes under ``key`` of who used which service
    of whom.
    """

    scales: Scales
    groups: tuple[Group, ...]
    group_of_role: npt.NDArray[np.int32]
    curve: AlertCurve
    known: Hashes
    key: bytes
    learned: Learned
    memory: Memory

    @property
    def detectors(self) -> tuple[str, ...]:
        """Names of the learners."""
        return tuple(self.groups[0].models)

    def judge(self, view: FlowView) -> Judgement:
        """Return how strange flows are.

        Raises:
            InputError: the flows lack columns; all of them are named.
        """
        values = self.scales.columns.values(view)
        role = roles_of(view)
        surprises = self.surprises(values, self.group_of_role[role])
        return Judgement(combined(surprises), surprises, role, values)

    def surprises(self, values: FeatureMatrix, group: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
        """Return −log10 of the p-value by each detector, shape (detectors, rows), of rows beside their groups."""
        scaled = self.scales.scaled(values)
        surprises = np.zeros((len(self.detectors), len(values)))
        for number in np.unique(group):
            rows = np.flatnonzero(group == number)
            surprises[:, rows] = self.groups[number].surprises(scaled[rows])
        return surprises

    def contributions(self, values: FeatureMatrix, group: int) -> npt.NDArray[np.float64]:
        """Return how far out each column lies (−log of a tail), shape (rows, columns), beside one group."""
        scaled = self.scales.scaled(values)
        ecod = next(model for model in self.groups[group].models.values() if isinstance(model, EcodModel))
        return ecod.contributions(scaled)

    def nearest(self, values: FeatureMatrix, group: int) -> FeatureMatrix:
        """Return the values of the ordinary flow that is most like one flow (columns,), shape (columns,)."""
        examples = self.groups[group].examples
        scaled = self.scales.scaled(np.vstack([examples, values]))
        spread = np.maximum(scaled[:-1].std(axis=0), 0.1)
        distance = (np.minimum(np.abs(scaled[:-1] - scaled[-1]) / spread, 10)).sum(axis=1)
        nearest: FeatureMatrix = examples[int(np.argmin(distance))]
        return nearest
