"""A bounded sample of the flows that a model did not flag, to show one that is most like a flagged flow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netsift.alerts.schema import FlowReference
from netsift.detectors.behaviour.base import NO_INTEGER
from netsift.models.features import FeatureMatrix

MOST_FLOWS: Final = 1_024

_COLUMNS: Final = ("start_time", "end_time", "src_ip", "src_port", "dst_ip", "dst_port", "protocol")
_MOST_SPREADS: Final = 3.0
"""A column counts for no more than this, so that one that is far off does not decide alone."""


@dataclass(slots=True)
class NormalFlows:
    """At most :data:`MOST_FLOWS` flows, those whose start hashes lowest: a random sample that no batching changes."""

    _ranks: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    _matrix: FeatureMatrix | None = None
    _flows: list[dict[str, Any]] = field(default_factory=list)
    _spread: npt.NDArray[np.float64] | None = None

    def add(self, batch: pa.RecordBatch, matrix: FeatureMatrix, rows: npt.NDArray[np.int64]) -> None:
        """Take the flows ``rows`` of a batch with its feature matrix; batches without addresses are passed over."""
        if not len(rows) or any(name not in batch.schema.names for name in _COLUMNS):
            return
        starts = batch.column("start_time").cast(pa.int64()).to_numpy(zero_copy_only=False)[rows]
        ranks = _mixed(starts.astype(np.uint64))
        if len(self._ranks) == MOST_FLOWS:
            better = ranks < self._ranks[-1]
            rows, ranks = rows[better], ranks[better]
        order = np.argsort(ranks, kind="stable")[:MOST_FLOWS]
        rows, ranks = rows[order], ranks[order]
        if not len(rows):
            return
        flows = batch.select(list(_COLUMNS)).take(pa.array(rows))
        flows = flows.set_column(0, "start_time", flows.column(0).cast(pa.int64()))
        flows = flows.set_column(1, "end_time", flows.column(1).cast(pa.int64()))
        self._merge(ranks, matrix[rows], flows.to_pylist())

    def _merge(self, ranks: npt.NDArray[np.uint64], matrix: FeatureMatrix, flows: list[dict[str, Any]]) -> None:
        together = np.concatenate([self._ranks, ranks])
        order = np.argsort(together, kind="stable")[:MOST_FLOWS]
        rows = matrix if self._matrix is None else np.concatenate([self._matrix, matrix])
        both = self._flows + flows
        self._ranks, self._matrix, self._spread = together[order], rows[order], None
        self._flows = [both[place] for place in order.tolist()]

    def nearest(self, features: FeatureMatrix) -> FlowReference | None:
        """Return the flow whose features (features,) are nearest: the least sum of differences in spreads of a column.

        The spread of a column is the distance of its 5th and 95th percentile in the sample, or 1 where there is none.
        """
        if self._matrix is None:
            return None
        if self._spread is None:
            low, high = np.percentile(self._matrix, (5, 95), axis=0)
            self._spread = np.where(high > low, high - low, 1.0)
        distance = np.minimum(np.abs(self._matrix - features) / self._spread, _MOST_SPREADS).sum(axis=1)
        return _reference(self._flows[int(np.argmin(distance))])


def _mixed(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the finaliser of SplitMix64 of each word (Steele, Lea, Flood 2014)."""
    with np.errstate(over="ignore"):
        words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _reference(flow: dict[str, Any]) -> FlowReference:
    source_port, target_port = (None if flow[name] in (None, NO_INTEGER) else int(flow[name]) for name in _PORTS)
    return FlowReference(
        int(flow["start_time"]), max(int(flow["start_time"]), int(flow["end_time"])), str(flow["src_ip"]), source_port,
        str(flow["dst_ip"]), target_port, int(flow["protocol"]),
    )  # fmt: skip


_PORTS: Final = ("src_port", "dst_port")
