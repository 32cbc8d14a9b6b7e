"""Learning on while watching: score first, then learn from what was not strange.

Flows are judged by the baseline as it is, and only then may they be learned from: those that were not strange and
belong to no alert of a behaviour detector. They join a memory of bounded size in which a flow of age *a* is kept with a
weight of 2^(−a ÷ half-life), so that after one half-life half of what counts is newer. Some times per half-life models
and calibrations are learned anew from the memory; the level that the alert budget chose stays.

Whoever is patient can try to teach such a detector, with flows that grow strange so slowly that none is ever flagged.
So a host teaches no more flows an hour than it had when the baseline was learned, and a host that was not there then a
share of all flows (:data:`STRANGER_SHARE`) that is smaller than the share of the strangest flows that learning leaves
out. Below one flow an hour, chance decides in which hours it is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netsift.alerts.membership import belonging
from netsift.alerts.schema import Alert
from netsift.detectors.novelty.baseline import Baseline, Judgement, Memory
from netsift.detectors.novelty.budget import watched_days
from netsift.detectors.novelty.fitting import MOST_REMEMBERED, keyed, relearned
from netsift.errors import UsageError
from netsift.models.dataset import UNKNOWN, circumstances_of
from netsift.models.features import FeatureMatrix

DEFAULT_HALF_LIFE_DAYS: Final = 7.0
"""A week, so that weekdays and weekends both count."""

STRANGER_SHARE: Final = 0.0005
"""The share of all flows of an hour that a host may teach which the baseline does not know."""

RELEARNED_PER_HALF_LIFE: Final = 24
MOST_WAITING: Final = 50_000
_HOUR_NS: Final = 3_600 * 1_000_000_000
_DAY_NS: Final = 24 * _HOUR_NS

_Marks = npt.NDArray[np.int64]
_START, _SOURCE = 0, 1


@dataclass(slots=True)
class OnlineLearning:
    """A baseline that follows its network; memory and work are bounded.

    ``learned`` flows were taken, ``refused`` came from hosts that had taught enough in that hour, ``relearned`` is how
    often models were learned anew.
    """

    baseline: Baseline
    half_life_days: float = DEFAULT_HALF_LIFE_DAYS
    seed: int = 0
    learned: int = 0
    refused: int = 0
    relearned: int = 0
    _waiting: list[tuple[FeatureMatrix, _Marks]] = field(default_factory=list)
    _room: dict[tuple[int, int], int] = field(default_factory=dict)
    _allowed: dict[int, float] = field(default_factory=dict)
    _next_ns: int | None = None
    _random: np.random.Generator = field(init=False)
    _origin_ns: int = field(init=False)
    _priority: npt.NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        """Remember how many flows an hour each host had."""
        if not self.half_life_days > 0:
            raise UsageError("the half-life must be above 0 days")
        memory = self.baseline.memory
        hosts, flows = np.unique(memory.source, return_counts=True)
        per_hour = flows / len(memory.source) * memory.per_hour
        self._allowed = dict(zip(hosts.tolist(), per_hour.tolist(), strict=True))
        self._random = np.random.default_rng(self.seed)
        self._origin_ns = int(memory.start_ns[-1])
        # A remembered flow was drawn from several: the greatest of n Gumbel numbers is one of them plus log n.
        drawn_from = memory.per_hour * 24 * watched_days(memory.start_ns) / len(memory.start_ns)
        self._priority = self._priorities(memory.start_ns) + np.log(max(drawn_from, 1.0))

    @property
    def stranger_flows_per_hour(self) -> float:
        """How many flows an hour a host may teach that the baseline does not know."""
        return STRANGER_SHARE * self.baseline.memory.per_hour

    def learn(
        self, batch: pa.RecordBatch, judged: Judgement, strange: npt.NDArray[np.bool_],
        flagged: Callable[[], Iterable[Alert]] = tuple,
    ) -> None:  # fmt: skip
        """Learn from a batch that was judged; ``flagged`` returns the alerts whose flows are not to be learned from."""
        circumstances = np.column_stack(circumstances_of(batch))
        rows = np.flatnonzero(~strange & (circumstances[:, _START] != UNKNOWN))
        if not len(rows):
            return
        marks = np.column_stack([circumstances[rows], keyed(circumstances[rows, _SOURCE], self.baseline.key),
                                 judged.role[rows]])  # fmt: skip
        taken = self._within_allowance(marks)
        self.learned += int(taken.sum())
        self.refused += int((~taken).sum())
        self._waiting.append((judged.values[rows[taken]], marks[taken]))
        now_ns = int(marks[:, _START].max())
        if self._next_ns is None:
            self._next_ns = int(marks[:, _START].min()) + self._interval_ns
        if now_ns >= self._next_ns or sum(len(marks) for _, marks in self._waiting) > MOST_WAITING:
            self._relearn(flagged())
            self._next_ns = max(now_ns, self._next_ns) + self._interval_ns

    @property
    def _interval_ns(self) -> int:
        return max(int(self.half_life_days * _DAY_NS / RELEARNED_PER_HALF_LIFE), _HOUR_NS)

    def _within_allowance(self, marks: _Marks) -> npt.NDArray[np.bool_]:
        """Return which flows their hosts may still teach in their hour."""
        hours = marks[:, _START] // _HOUR_NS
        hosts = marks[:, -2]
        taken = np.zeros(len(marks), np.bool_)
        order = np.lexsort((marks[:, _START], hosts, hours))
        cuts = np.flatnonzero((np.diff(hours[order]) != 0) | (np.diff(hosts[order]) != 0)) + 1
        for places in np.split(order, cuts):
            place = int(hours[places[0]]), int(hosts[places[0]])
            room = self._room[place] if place in self._room else self._allowance(place[1])
            # Which of a host's flows are taken is drawn, so that it cannot choose by being early.
            chosen = places if len(places) <= room else self._random.choice(places, room, replace=False)
            taken[chosen] = True
            self._room[place] = room - len(chosen)
        return taken

    def _allowance(self, host: int) -> int:
        """Return how many flows a host may teach in an hour; fractions are drawn."""
        allowed = max(self._allowed.get(host, 0.0), self.stranger_flows_per_hour)
        return int(allowed) + int(self._random.random() < allowed % 1)

    def _relearn(self, flagged: Iterable[Alert]) -> None:
        """Put what waits into the memory, forget by age, and learn anew."""
        values = np.concatenate([values for values, _ in self._waiting])
        marks = np.concatenate([marks for _, marks in self._waiting])
        self._waiting.clear()
        kept = ~belonging(marks, flagged)
        memory = self._with(values[kept], marks[kept])
        self.baseline = relearned(self.baseline, memory, self.seed)
        self.relearned += 1
        latest = max((hour for hour, _ in self._room), default=0)
        self._room = {place: room for place, room in self._room.items() if place[0] >= latest - 1}

    def _with(self, values: FeatureMatrix, marks: _Marks) -> Memory:
        """Return the memory with these flows in it, a weighted random sample of both (Efraimidis, Spirakis, 2006).

        A random number of the Gumbel distribution is added to the logarithm of each weight when a flow comes; the flows
        with the greatest sums stay.
        """
        old = self.baseline.memory
        start_ns = np.concatenate([old.start_ns, marks[:, _START]])
        priority = np.concatenate([self._priority, self._priorities(marks[:, _START])])
        kept = np.argsort(-priority, kind="stable")[:MOST_REMEMBERED]
        kept = kept[np.argsort(start_ns[kept], kind="stable")]
        self._priority = priority[kept]
        return replace(
            old,
            values=np.concatenate([old.values, values])[kept],
            start_ns=start_ns[kept],
            source=np.concatenate([old.source, marks[:, -2]])[kept],
            role=np.concatenate([old.role, marks[:, -1]])[kept],
        )

    def _priorities(self, start_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        # Counting from the baseline's last flow in place of now adds the same to all.
        age = (self._origin_ns - start_ns) / (self.half_life_days * _DAY_NS)
        priorities: npt.NDArray[np.float64] = self._random.gumbel(size=len(age)) - np.log(2) * age
        return priorities
