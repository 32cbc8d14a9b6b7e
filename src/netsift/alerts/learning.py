"""From unlabelled traffic of a network to its baseline, without what the behaviour detectors make of it.

Flows that belong to an alert of a behaviour detector are never learned from, nor are the pairs of hosts of whoever
acted in it. Some behaviours are the exception, because "usual here" is all that they lack: what
:data:`netsift.alerts.novelty.USUAL_HERE` names is learned, and whoever learns is told, to look at it once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netsift.alerts.behaviour import BehaviourSearch
from netsift.alerts.membership import belonging
from netsift.alerts.novelty import USUAL_HERE
from netsift.alerts.schema import Alert
from netsift.detectors.novelty.baseline import Baseline, Learned, Source
from netsift.detectors.novelty.columns import CONTEXT, NoveltyColumns, columns_in
from netsift.detectors.novelty.fitting import DEFAULT_TRIM, LearningRows, fit_baseline
from netsift.detectors.novelty.known_pairs import KEY_BYTES, KnownPairs
from netsift.detectors.novelty.roles import roles_of
from netsift.errors import InputError
from netsift.models.dataset import UNKNOWN, Reservoir, circumstances_of
from netsift.models.features import FeatureMatrix

MOST_ROWS: Final = 300_000
"""Flows kept to learn from; of more, a uniform random sample (about 70 MB)."""

_START, _SOURCE, _ROLE = 0, 1, 4
_Marks = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LearnedBaseline:
    """A baseline, the alerts whose flows were left out of it, and those whose flows are now usual."""

    baseline: Baseline
    flagged: tuple[Alert, ...]
    usual: tuple[Alert, ...]


class Learning:
    """Collects flows of a network, in bounded memory, until :meth:`finish` learns from them."""

    def __init__(self, sources: Sequence[Source] = (), seed: int = 0) -> None:
        """Start without any flow seen; ``sources`` are the inputs as the baseline will name them."""
        self._behaviours = BehaviourSearch(context=CONTEXT)
        self._sources, self._seed = tuple(sources), seed
        self._reservoir = Reservoir(MOST_ROWS, seed)
        self._columns: NoveltyColumns | None = None
        self._pairs = KnownPairs(_key(self._sources, seed))

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a flow batch.

        Raises:
            InputError: the batch lacks columns that are needed; all of them are named.
        """
        if self._columns is None:
            self._columns = columns_in(batch.schema.names)
            if not self._columns.flow:
                raise InputError("the flows have none of the columns that a baseline is made of")
        view = self._behaviours.add(batch)
        if view is None:
            raise InputError(f"the flows lack columns: {', '.join(self._behaviours.missing_columns)}")
        marks = np.column_stack([*circumstances_of(batch), roles_of(view)])
        self._reservoir.add(self._columns.values(view), marks)
        self._pairs.add(batch)

    def finish(self, trim: float = DEFAULT_TRIM) -> LearnedBaseline:
        """Return what is normal in the flows. Raises InputError where they are too few."""
        if self._columns is None or not self._reservoir.seen:
            raise InputError("the inputs hold no flow to learn from")
        values, marks = self._reservoir.rows()
        alerts = list(self._behaviours.alerts())
        usual = tuple(alert for alert in alerts if USUAL_HERE.issuperset(alert.detectors))
        flagged = tuple(alert for alert in alerts if not USUAL_HERE.issuperset(alert.detectors))
        of_alerts = belonging(marks, flagged)
        kept = np.flatnonzero(~of_alerts & (marks[:, _START] != UNKNOWN))
        kept = kept[np.argsort(marks[kept, _START], kind="stable")]
        if not len(kept):
            raise InputError("all flows have no time, or belong to alerts: there is nothing to learn from")
        rows = _rows(self._columns, values[kept], marks[kept], len(values) / self._reservoir.seen)
        known = self._pairs.without({source for alert in flagged for source in alert.sources})
        learned = Learned(
            self._sources, self._reservoir.seen, len(kept), int(of_alerts.sum()), int(rows.start_ns[0]),
            int(rows.start_ns[-1]), trim, self._seed, self._pairs.forgotten,
        )  # fmt: skip
        baseline = fit_baseline(rows, self._seed, trim, known, self._pairs.key, learned)
        return LearnedBaseline(baseline, flagged, usual)


def _rows(columns: NoveltyColumns, values: FeatureMatrix, marks: _Marks, drawn: float) -> LearningRows:
    return LearningRows(columns, values, marks[:, _START], marks[:, _SOURCE], marks[:, _ROLE], drawn)


def _key(sources: Sequence[Source], seed: int) -> bytes:
    """Return the key of the hashes of pairs: another for other inputs, so that files cannot be matched."""
    text = "\x1f".join([str(seed), *(one.sha256 for one in sources)])
    return hashlib.blake2b(text.encode(), digest_size=KEY_BYTES).digest()
