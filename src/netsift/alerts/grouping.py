"""From flagged flows to groups: a scan of five thousand flows is one row.

Flows belong together when they have the same source host and the same likeliest attack, and no gap longer than
``gap_ns`` lies between them. The result does not depend on the order in which the flows arrive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from netsift.models.features import FeatureMatrix

Item = TypeVar("Item", str, int)

DEFAULT_GAP_NS: Final = 600 * 1_000_000_000
DEFAULT_MAX_GROUPS: Final = 20_000
DEFAULT_MAX_TARGETS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class FlaggedFlows:
    """Flows whose score passed the threshold; every array has one entry per flow.

    ``port`` is the destination port, −1 where there is none; ``attack`` is the index of the attack's name.
    """

    start_ns: npt.NDArray[np.int64]
    end_ns: npt.NDArray[np.int64]
    source: Sequence[str]
    target: Sequence[str]
    port: npt.NDArray[np.int64]
    packets: npt.NDArray[np.int64]
    attack: npt.NDArray[np.int64]
    score: npt.NDArray[np.float32]
    matrix: FeatureMatrix


@dataclass(slots=True)
class Group:
    """Flows that belong together; ``features`` is the row of the flow with the highest score."""

    source: str
    attack: int
    start_ns: int
    end_ns: int
    flows: int
    packets: int
    score: float
    score_start_ns: int
    features: npt.NDArray[np.float32]
    targets: set[str]
    ports: set[int]
    truncated: bool = False


class FindingGroups:
    """Collects flagged flows into groups in bounded memory.

    At most ``max_groups`` groups are kept, and ``max_targets`` targets and ports over all groups. ``overflow_flows``
    counts the flows that found no room for a new group; a group whose targets were cut says so.
    """

    def __init__(
        self,
        gap_ns: int = DEFAULT_GAP_NS,
        max_groups: int = DEFAULT_MAX_GROUPS,
        max_targets: int = DEFAULT_MAX_TARGETS,
    ) -> None:
        """Start empty."""
        self._gap_ns = gap_ns
        self._max_groups = max_groups
        self._free_targets = max_targets
        self._groups: dict[tuple[str, int], list[Group]] = {}
        self._count = 0
        self.overflow_flows = 0

    def __len__(self) -> int:
        """Return the number of groups."""
        return self._count

    def __iter__(self) -> Iterator[Group]:
        """Iterate over the groups, the most telling first: see :func:`rank`."""
        groups = (group for of_key in self._groups.values() for group in of_key)
        return iter(sorted(groups, key=lambda group: (-rank(group), group.start_ns, group.source, group.attack)))

    def add(self, flows: FlaggedFlows) -> None:
        """Put flagged flows into their groups."""
        rows_of_key: dict[tuple[str, int], list[int]] = {}
        for row, key in enumerate(zip(flows.source, flows.attack.tolist(), strict=True)):
            rows_of_key.setdefault(key, []).append(row)
        for (source, attack), rows in rows_of_key.items():
            for run in _runs(flows, np.array(rows), self._gap_ns):
                self._merge(self._group_of(flows, run, source, attack))

    def _group_of(self, flows: FlaggedFlows, rows: npt.NDArray[np.int64], source: str, attack: int) -> Group:
        best = max(rows.tolist(), key=lambda row: (flows.score[row], -flows.start_ns[row]))
        return Group(
            source,
            attack,
            int(flows.start_ns[rows].min()),
            int(flows.end_ns[rows].max()),
            len(rows),
            int(flows.packets[rows].sum()),
            float(flows.score[best]),
            int(flows.start_ns[best]),
            flows.matrix[best].copy(),
            {flows.target[row] for row in rows.tolist()},
            {port for port in flows.port[rows].tolist() if port >= 0},
        )

    def _merge(self, group: Group) -> None:
        of_key = self._groups.get((group.source, group.attack), [])
        near = [other for other in of_key if self._is_near(group, other)]
        if not near and self._count >= self._max_groups:
            self.overflow_flows += group.flows
            return
        self._trim(group, near)
        for other in near:
            group = _joined(group, other)
        far = [other for other in of_key if not any(other is one for one in near)]
        self._groups[group.source, group.attack] = [*far, group]
        self._count += 1 - len(near)

    def _is_near(self, first: Group, second: Group) -> bool:
        return first.start_ns - second.end_ns <= self._gap_ns and second.start_ns - first.end_ns <= self._gap_ns

    def _trim(self, group: Group, near: list[Group]) -> None:
        """Keep only as many new targets and ports as there is room for."""
        known_targets = set[str]().union(*(other.targets for other in near))
        known_ports = set[int]().union(*(other.ports for other in near))
        new_targets, new_ports = sorted(group.targets - known_targets), sorted(group.ports - known_ports)
        wanted = len(new_targets) + len(new_ports)
        if wanted > self._free_targets:
            group.truncated = True
            new_targets = new_targets[: self._free_targets]
            new_ports = new_ports[: self._free_targets - len(new_targets)]
        self._free_targets -= len(new_targets) + len(new_ports)
        group.targets = set(new_targets)
        group.ports = set(new_ports)


def rank(group: Group) -> float:
    """Return how far up a group stands: its score, weighted by the order of magnitude of its flows."""
    return group.score * (1 + float(np.log10(group.flows)))


def _runs(flows: FlaggedFlows, rows: npt.NDArray[np.int64], gap_ns: int) -> Iterator[npt.NDArray[np.int64]]:
    """Cut the flows of one key where a gap is too long."""
    ordered = rows[np.argsort(flows.start_ns[rows], kind="stable")]
    latest_end = np.maximum.accumulate(flows.end_ns[ordered])
    cuts = np.flatnonzero(flows.start_ns[ordered][1:] - latest_end[:-1] > gap_ns) + 1
    for first, last in pairwise((0, *cuts.tolist(), len(ordered))):
        yield ordered[first:last]


def _joined(first: Group, second: Group) -> Group:
    better = max(first, second, key=lambda group: (group.score, -group.score_start_ns))
    return Group(
        first.source,
        first.attack,
        min(first.start_ns, second.start_ns),
        max(first.end_ns, second.end_ns),
        first.flows + second.flows,
        first.packets + second.packets,
        better.score,
        better.score_start_ns,
        better.features,
        _united(first.targets, second.targets),
        _united(first.ports, second.ports),
        first.truncated or second.truncated,
    )


def _united(first: set[Item], second: set[Item]) -> set[Item]:
    """Grow the larger set by the smaller, so that ten thousand small additions stay cheap."""
    larger, smaller = (first, second) if len(first) > len(second) else (second, first)
    larger |= smaller
    return larger
