"""What a novelty detector sees of a flow: numbers on scales that travel from one network to the next.

Counts, sizes, times and rates span many orders of magnitude and enter as logarithms; words enter as how rare they are
in the traffic learned from; shares stay as they are. Besides the flow's own columns there are context columns
(docs/context.md): a flow that is usual by itself may be one too many. Addresses, ports and times are not among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.detectors.behaviour.base import FlowView
from netsift.errors import UsageError
from netsift.models.features import BY_NAME, MISSING, FeatureMatrix, feature_matrix

FLOW_COLUMNS: Final = (
    "duration_us", "packets_fwd", "packets_bwd", "payload_bytes_fwd", "payload_bytes_bwd", "payload_fwd_mean",
    "payload_bwd_mean", "payload_fwd_std", "payload_bwd_std", "length_fwd_max", "length_bwd_max", "iat_mean_us",
    "iat_std_us", "rate_packets_s", "bytes_ratio", "response_time_us", "idles", "retransmissions_fwd", "rst_packets",
    "fin_packets", "psh_packets_fwd", "conn_state", "payload_kind_fwd", "payload_kind_bwd",
)  # fmt: skip
"""Columns of the flow itself."""

CONTEXT: Final = (
    "source_flows_1min", "source_destinations_10min", "source_ports_10min", "source_failed_10min",
    "source_unanswered_10min", "source_bytes_fwd_1h", "destination_flows_1min", "destination_sources_10min",
    "destination_failed_10min", "pair_flows_10min", "pair_ports_10min", "pair_size_mean_1h",
    "pair_gap_regularity_10min", "source_service_destinations_10min",
)  # fmt: skip
"""Columns of what the flows around it say."""

_SHARES: Final = frozenset({"pair_gap_regularity_10min"})


@dataclass(frozen=True, slots=True)
class NoveltyColumns:
    """The columns of one baseline, those that its traffic had."""

    flow: tuple[str, ...] = FLOW_COLUMNS
    context: tuple[str, ...] = CONTEXT

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the order of the matrix."""
        return (*self.flow, *self.context)

    def words(self) -> tuple[str, ...]:
        """Return the names of the columns that hold words."""
        return tuple(name for name in self.flow if BY_NAME[name].categories)

    def values(self, view: FlowView) -> FeatureMatrix:
        """Return (rows, columns) values in their own units, words as their codes and MISSING for no value.

        Raises:
            InputError: the flows lack columns; all of them are named.
            UsageError: the view lacks context columns, which is the caller's mistake.
        """
        absent = [name for name in self.context if name not in view.context]
        if absent:
            raise UsageError(f"the flows were given no context columns {', '.join(absent)}")
        matrix = np.empty((view.rows, len(self.names)), np.float32)
        matrix[:, : len(self.flow)] = feature_matrix(view.batch, self.flow)
        for place, name in enumerate(self.context, len(self.flow)):
            matrix[:, place] = np.nan_to_num(view.context[name], nan=MISSING)
        return matrix


def columns_in(present: Iterable[str]) -> NoveltyColumns:
    """Return the novelty columns for flows that have these columns."""
    known = set(present)
    return NoveltyColumns(tuple(name for name in FLOW_COLUMNS if name in known))


@dataclass(frozen=True, slots=True)
class Scales:
    """How values become comparable numbers: the commonness of every word in the traffic learned from.

    ``rarity`` (columns with words, words + 1) is −log2 of the share of rows with the word of that code, the last one of
    rows without; of words never seen, that of half a row.
    """

    columns: NoveltyColumns
    rarity: npt.NDArray[np.float32]

    def scaled(self, values: FeatureMatrix) -> FeatureMatrix:
        """Return the rows that learners see, from values as :meth:`NoveltyColumns.values` gives them."""
        matrix = np.log1p(np.maximum(values, 0))
        np.copyto(matrix, np.float32(MISSING), where=values < 0)
        for name in _SHARES & set(self.columns.names):
            place = self.columns.names.index(name)
            matrix[:, place] = values[:, place]
        for row, name in enumerate(self.columns.words()):
            place = self.columns.names.index(name)
            matrix[:, place] = self.rarity[row, values[:, place].astype(np.int64)]
        return matrix


def most_words() -> int:
    """Return how many words the column with most of them has."""
    return max(len(BY_NAME[name].categories) for name in FLOW_COLUMNS)


def scales_of(columns: NoveltyColumns, values: FeatureMatrix) -> Scales:
    """Return the scales that fit values learned from."""
    words = columns.words()
    rarity = np.zeros((len(words), most_words() + 1), np.float32)
    for row, name in enumerate(words):
        codes = values[:, columns.names.index(name)].astype(np.int64)
        counts = np.bincount(np.where(codes < 0, most_words(), codes), minlength=most_words() + 1)
        rarity[row] = -np.log2(np.maximum(counts, 0.5) / max(len(values), 1))
    return Scales(columns, rarity)


def words_of(columns: NoveltyColumns, place: int, value: float) -> float | str | None:
    """Return a value of a column as people read it: the word itself, the number, or None where there was none."""
    if value < 0:
        return None
    categories: Sequence[str] = BY_NAME[columns.names[place]].categories if place < len(columns.flow) else ()
    return categories[int(value)] if categories else float(value)
