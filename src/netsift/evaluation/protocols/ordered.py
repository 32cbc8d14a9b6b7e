"""Protocols in the order of time: what is learned from lies before what is tested, as it does in use."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.evaluation.protocols.base import (
    FEWEST_OF_A_KIND,
    MOST_SPLITS,
    Cut,
    Options,
    Protocol,
    Refused,
    Split,
    usable,
)
from netsift.evaluation.protocols.folds import DAY_NS, campaigns
from netsift.models.dataset import UNKNOWN, Dataset

_NO_TIMES: Final = "the flows have no times"
_GAPS_IN_SPAN: Final = 20
_MOST_CUTS: Final = 512
_NS_PER_S: Final = 1_000_000_000


def _time_ordered(dataset: Dataset, options: Options) -> Cut | Refused:
    """Train before, test after, with a gap between them.

    A model is installed after it was trained. A cut in time shows what a random split hides: attacks change, hosts come
    and go, and an attack that spans the cut is not one that was seen before. The gap keeps the flows of one event off
    one of the two sides. The cut is the one that leaves the most of the rarest kind, benign or attack, on either side.
    """
    start = dataset.circumstances.start_ns
    known = start != UNKNOWN
    if not known.any():
        return Refused(_NO_TIMES)
    gap = gap_ns(start[known], options.gap_s)
    cut = best_cut(start[known], dataset.classes[known] > 0, gap)
    if cut is None:
        return Refused(
            f"no cut in time with a gap of {gap / _NS_PER_S:g} s leaves benign and attack flows on both of its sides"
        )
    split = Split("after the cut", known & (start <= cut), known & (start > cut + gap))
    splits = usable(dataset, [split])
    return Cut(splits, campaigns(dataset)) if splits else Refused("too few flows lie before or after the cut")


def gap_ns(start: npt.NDArray[np.int64], most_s: float) -> int:
    """Return the gap between training and test: ``most_s``, but no more than a twentieth of the time the rows span."""
    span = int(start.max()) - int(start.min())
    return min(int(most_s * _NS_PER_S), span // _GAPS_IN_SPAN)


def best_cut(start: npt.NDArray[np.int64], attack: npt.NDArray[np.bool_], gap: int) -> int | None:
    """Return the time in ns until which rows are learned from: of at most 512, the one whose poorest side is richest.

    Each of the two sides counts its benign rows as a share of all benign rows, and its attack rows likewise; the
    poorest of the four shares is made as great as can be. None where no cut leaves two rows of each on either side.
    """
    times = np.unique(start)
    if len(times) > _MOST_CUTS:
        times = times[np.linspace(0, len(times) - 1, _MOST_CUTS).astype(np.int64)]
    poorest = np.full(len(times), np.inf)
    for kind in (attack, ~attack):
        moments = np.sort(start[kind])
        before = np.searchsorted(moments, times, side="right")
        after = len(moments) - np.searchsorted(moments, times + gap, side="right")
        fewest = np.minimum(before, after)
        share = np.where(fewest >= FEWEST_OF_A_KIND, fewest / max(len(moments), 1), -1)
        poorest = np.minimum(poorest, share)
    best = int(np.argmax(poorest))
    return int(times[best]) if poorest[best] > 0 else None


def _by_day(dataset: Dataset, options: Options) -> Cut | Refused:
    """Every day (UTC) is tested by a model of all days before it, the gap before midnight left out.

    It is how a model that is trained again each night would have done, and shows on which day it failed.
    """
    start = dataset.circumstances.start_ns
    known = start != UNKNOWN
    if not known.any():
        return Refused(_NO_TIMES)
    day = start // DAY_NS
    days = np.unique(day[known]).tolist()
    if len(days) < 3:
        return Refused("the flows span fewer than three days")
    gap = gap_ns(start[known], options.gap_s)
    splits = [
        Split(str(np.datetime64(one, "D")), known & (start < one * DAY_NS - gap), known & (day == one))
        for one in days[1:][-MOST_SPLITS:]
    ]
    kept = usable(dataset, splits)
    if len(kept) < 2:
        return Refused("fewer than two days have benign and attack flows on the days before them")
    return Cut(kept, campaigns(dataset))


TIME_ORDERED: Final = Protocol(
    "time-ordered", "honest: learned from what came before, tested on what came after", honest=True, cut=_time_ordered
)
BY_DAY: Final = Protocol("by day", "honest: every day is scored by a model of the days before it", True, _by_day)
