"""How sure a measure is: confidence intervals by drawing the tested rows again.

Efron and Tibshirani, "An introduction to the bootstrap", 1993, section 13 (percentile intervals). Flows between the
same two hosts are no independent witnesses, so whole groups are drawn where there are enough of them (Davison and
Hinkley, "Bootstrap methods and their application", 1997, section 3.8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.evaluation.metrics import Curve, Flags, Values, curve_measures, flag_measures, rounded
from netsift.evaluation.splits import Labels
from netsift.models.dataset import UNKNOWN, Dataset
from netsift.models.manifest import Interval

RESAMPLES: Final = 200
FEWEST_GROUPS: Final = 10
"""Groups with attack rows, and without, from which on whole groups are drawn."""

_CELLS_AT_ONCE: Final = 2_000_000
_OUTER: Final = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Units:
    """What is drawn again: ``unit`` (rows,) is the index of each row's unit, ``name`` says what a unit is."""

    unit: npt.NDArray[np.int64]
    name: str


@dataclass(frozen=True, slots=True)
class Part:
    """Tested rows whose scores may be compared: index into the dataset, label, score and flag, (rows,) each."""

    rows: npt.NDArray[np.int64]
    attack: Flags
    score: Values
    flagged: Flags


def drawn_units(dataset: Dataset) -> Units:
    """Return the largest units of which there are enough: inputs, pairs of hosts, or single flows.

    Single flows give intervals that are too narrow; the name says so.
    """
    pairs = dataset.circumstances.host_pair
    for groups, name in ((dataset.groups, "input"), (pairs, "host pair")):
        if not (groups == UNKNOWN).any() and _enough(groups, dataset.classes):
            return Units(np.unique(groups, return_inverse=True)[1], name)
    return Units(np.arange(len(dataset.classes)), "flow (too narrow: flows are not independent)")


def _enough(groups: Labels, classes: Labels) -> bool:
    with_attacks = len(np.unique(groups[classes > 0]))
    return min(with_attacks, len(np.unique(groups)) - with_attacks) >= FEWEST_GROUPS


def intervals(
    parts: Sequence[Part], units: Units, rates: Sequence[float], seed: int, resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """Return the 95 % interval of every measure, by name; of the mean over the parts where there are several.

    Units with attack rows and units without are drawn apart, each as many as there are, so that every draw holds both.
    Deterministic by seed. At most two million weights are held at once.
    """
    weights = _Draws(parts, units, seed)
    per_draw: dict[str, list[Values]] = {}
    at_once = max(1, _CELLS_AT_ONCE // max(len(part.rows) for part in parts))
    curves = [Curve.of(part.attack, part.score) for part in parts]
    for start in range(0, resamples, at_once):
        counts = weights.draw(min(at_once, resamples - start))
        measured = [_measures(part, curve, counts, units, rates) for part, curve in zip(parts, curves, strict=True)]
        for name in measured[0]:
            per_draw.setdefault(name, []).append(_mean_of_known(np.stack([one[name] for one in measured])))
    return {name: found for name, values in per_draw.items() if (found := _interval(np.concatenate(values)))}


class _Draws:
    """Draws units again and again."""

    def __init__(self, parts: Sequence[Part], units: Units, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        size = int(units.unit.max()) + 1
        tested, attacked = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)
        for part in parts:
            tested[units.unit[part.rows]] = True
            attacked[units.unit[part.rows[part.attack]]] = True
        self._strata = [np.flatnonzero(attacked), np.flatnonzero(tested & ~attacked)]
        self._size = size

    def draw(self, draws: int) -> npt.NDArray[np.float32]:
        """Return how often every unit was drawn, (draws, units)."""
        counts = np.zeros((draws, self._size), dtype=np.float32)
        for draw in range(draws):
            for stratum in self._strata:
                if len(stratum):
                    chosen = self._random.integers(0, len(stratum), len(stratum))
                    counts[draw, stratum] = np.bincount(chosen, minlength=len(stratum))
        return counts


def _measures(
    part: Part, curve: Curve, counts: npt.NDArray[np.float32], units: Units, rates: Sequence[float]
) -> dict[str, Values]:
    weights = counts[:, units.unit[part.rows]].astype(np.float64)
    return {
        **curve_measures(curve, weights, rates),
        **flag_measures(part.attack, part.flagged, weights),
    }


def _mean_of_known(values: Values) -> Values:
    """Return the mean over the parts, (draws,), of what is known; values is (parts, draws)."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0)
    mean: Values = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return mean


def _interval(values: Values) -> Interval | None:
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = np.percentile(known, _OUTER)
    return Interval(low=rounded(low), high=rounded(high))
