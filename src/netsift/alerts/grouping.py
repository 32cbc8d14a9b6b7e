"""From flagged flows to groups: a scan of five thousand flows is one row, and so is a flood from a thousand sources.

Flows belong together when they have the same source host and the same likeliest attack, and no gap longer than
``gap_ns`` lies between them. Groups of one kind of attack that each have only one target, and the same one, become one
group when there are at least :data:`MANY_SOURCES` of them close in time. The result does not depend on the order in
which the flows arrive, as long as there is room for all groups.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from typing import Any, Final, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netsift.models.features import FeatureMatrix

Item = TypeVar("Item", str, int)

DEFAULT_GAP_NS: Final = 600 * 1_000_000_000
DEFAULT_MAX_GROUPS: Final = 20_000
MANY_SOURCES: Final = 8
"""From so many sources on, an attack on one target is one finding and not one per source."""

DEFAULT_MAX_MEMBERS: Final = 1_000_000


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
    """Flows that belong together; ``features`` is the row of the flow with the highest score.

    ``flows_of_attack`` counts the flows by what each was taken for; one attack, until :mod:`netsift.alerts.settling`
    joins groups of several.
    """

    sources: set[str]
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
    flows_of_attack: dict[int, int]
    truncated: bool = False

    def copy(self) -> Group:
        """Return a group that can be joined with others while this one stays as it is."""
        return replace(self, sources=set(self.sources), targets=set(self.targets), ports=set(self.ports))


_Key = tuple[str, int, str]
"""Source, attack and target; the target is empty for a group of one source, the source for a group of one target."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """The flows of a batch by source and attack, the keys in the order in which they first come.

    ``names`` are source, attack and the target of the first flow, ``one_target`` whether all flows have that target;
    ``places`` are the flows key by key, each key's in their order, from ``first`` of the key on.
    """

    names: list[_Key]
    one_target: list[bool]
    places: npt.NDArray[np.int64]
    first: list[int]

    @classmethod
    def of(cls, flows: FlaggedFlows) -> Self:
        """Return the keys of a batch."""
        source, target = _codes(flows.source), _codes(flows.target)
        attacks = int(flows.attack.max(initial=0)) + 1
        _, met, number = np.unique(source * attacks + flows.attack, return_index=True, return_inverse=True)
        order = np.argsort(met)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        key, met = rank[number], met[order]
        one_target = np.ones(len(met), np.bool_)
        one_target[key[target != target[met[key]]]] = False
        names = [(flows.source[row], int(flows.attack[row]), flows.target[row]) for row in met.tolist()]
        counts = np.bincount(key, minlength=len(met))
        first = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
        return cls(names, one_target.tolist(), np.argsort(key, kind="stable"), first.tolist())

    def rows(self, number: int) -> npt.NDArray[np.int64]:
        """Return the flows of one key."""
        return self.places[self.first[number] : self.first[number + 1]]


def _codes(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return for each text which of the different texts it is."""
    indices = pc.dictionary_encode(pa.array(texts, pa.string())).indices
    codes: npt.NDArray[np.int64] = indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


class FindingGroups:
    """Collects flagged flows into groups in bounded memory.

    At most ``max_groups`` groups are kept, and ``max_members`` sources, targets and ports over all groups.
    ``overflow_flows`` counts the flows that found no room for a new group; a group whose members were cut says so.
    """

    def __init__(
        self,
        gap_ns: int = DEFAULT_GAP_NS,
        max_groups: int = DEFAULT_MAX_GROUPS,
        max_members: int = DEFAULT_MAX_MEMBERS,
    ) -> None:
        """Start empty."""
        self._gap_ns = gap_ns
        self._max_groups = max_groups
        self._free_members = max_members
        self._groups: dict[_Key, list[Group]] = {}
        self._count = 0
        self._placed_since_join = 0
        self.overflow_flows = 0

    @property
    def gap_ns(self) -> int:
        """The longest time without a flow within a group."""
        return self._gap_ns

    def groups(self) -> list[Group]:
        """Return the groups, after joining those of many sources and one target."""
        self._join_sources()
        return [group for of_key in self._groups.values() for group in of_key]

    def expire(self, before_ns: int, gap_ns: int) -> list[Group]:
        """Forget the groups that nothing can change any more which starts at ``before_ns`` or later; return those.

        ``gap_ns`` is the longest gap over which groups of one source, or of one target, are joined afterwards: a group
        goes when all those go that it hangs together with.
        """
        hanging: dict[tuple[str, ...], list[tuple[_Key, Group]]] = {}
        self._join_sources()
        for key, groups in self._groups.items():
            for group in groups:
                who = tuple(group.sources) if len(group.sources) == 1 else ("", *sorted(group.targets)[:1])
                hanging.setdefault(who, []).append((key, group))
        over = [
            member
            for members in hanging.values()
            for run in _runs_of_groups(members, gap_ns)
            if max(group.end_ns for _, group in run) + gap_ns < before_ns
            for member in run
        ]
        self._remove(over)
        return [group for _, group in over]

    def _remove(self, members: Sequence[tuple[_Key, Group]]) -> None:
        removed = {id(group) for _, group in members}
        for key in {key for key, _ in members}:
            self._groups[key] = [group for group in self._groups[key] if id(group) not in removed]
            if not self._groups[key]:
                del self._groups[key]
        self._count -= len(removed)
        self._free_members += sum(len(one.sources) + len(one.targets) + len(one.ports) for _, one in members)

    def add(self, flows: FlaggedFlows) -> None:
        """Put flagged flows into their groups."""
        keys = _Keys.of(flows)
        crowds: dict[_Key, list[int]] = {}
        for number, (source, attack, target) in enumerate(keys.names):
            by_target = ("", attack, target)
            if by_target in self._groups and keys.one_target[number]:
                crowds.setdefault(by_target, []).append(number)
            else:
                self._add_source(flows, keys.rows(number), source, attack)
        for by_target, numbers in crowds.items():
            rows = np.concatenate([keys.rows(number) for number in numbers])
            for run in _runs(flows, rows, self._gap_ns):
                self._add_crowd(flows, run, by_target)

    def _add_source(self, flows: FlaggedFlows, rows: npt.NDArray[np.int64], source: str, attack: int) -> None:
        for run in _runs(flows, rows, self._gap_ns):
            self._place(_group_of(flows, run, attack), source)

    def _add_crowd(self, flows: FlaggedFlows, run: npt.NDArray[np.int64], by_target: _Key) -> None:
        """Put flows of many sources and a target that has a group of many sources at once where each would go."""
        group = _group_of(flows, run, by_target[1])
        if self._near(group, by_target):
            self._merge(group, by_target)
            return
        rows_of_source: dict[str, list[int]] = {}
        for row in run.tolist():
            rows_of_source.setdefault(flows.source[row], []).append(row)
        for source, rows in rows_of_source.items():
            self._add_source(flows, np.array(rows), source, by_target[1])

    def _place(self, group: Group, source: str) -> None:
        """Put a new group of one source where it belongs: with its target's, with its source's, or by itself."""
        by_target, by_source = ("", group.attack, _only_target(group)), (source, group.attack, "")
        if self._near(group, by_target):
            self._merge(group, by_target)
        elif self._near(group, by_source) or self._has_room():
            self._merge(group, by_source)
        else:
            self.overflow_flows += group.flows

    def _has_room(self) -> bool:
        """Return whether there is room for one more group, after joining sources if that has not just been tried."""
        self._placed_since_join += 1
        if self._count >= self._max_groups and self._placed_since_join > self._max_groups // 4:
            self._join_sources()
        return self._count < self._max_groups

    def _near(self, group: Group, key: _Key) -> range:
        """Return the places of a key's groups that are close in time; they stand in order and far from each other."""
        of_key = self._groups.get(key)
        if of_key is None:
            return range(0)
        first = bisect_left(of_key, group.start_ns - self._gap_ns, key=lambda other: other.end_ns)
        last = bisect_right(of_key, group.end_ns + self._gap_ns, key=lambda other: other.start_ns)
        return range(first, last)

    def _merge(self, group: Group, key: _Key) -> None:
        of_key, places = self._groups.setdefault(key, []), self._near(group, key)
        near = of_key[places.start : places.stop]
        self._trim(group, near)
        of_key[places.start : places.stop] = [reduce(joined, near, group)]
        self._count += 1 - len(near)

    def _trim(self, group: Group, near: Sequence[Group]) -> None:
        """Keep only as many members that are new as there is room for, but one source and one target always."""
        for name in ("sources", "targets", "ports"):
            new: set[Any] = getattr(group, name).difference(*(getattr(other, name) for other in near))
            room = self._free_members if near or name == "ports" else max(self._free_members, 1)
            if len(new) > room:
                group.truncated = True
                new = set(sorted(new)[:room])
            self._free_members = max(self._free_members - len(new), 0)
            setattr(group, name, new)

    def _join_sources(self) -> None:
        """Join groups of many sources and the same one target into one group each."""
        self._placed_since_join = 0
        of_target: dict[_Key, list[tuple[_Key, Group]]] = {}
        for key, groups in self._groups.items():
            for group in groups:
                if key[2] or (target := _only_target(group)):
                    of_target.setdefault(("", group.attack, key[2] or target), []).append((key, group))
        for by_target, members in of_target.items():
            for run in _runs_of_groups(members, self._gap_ns):
                if len(run) > 1 and _have_many_sources(run):
                    self._move(run, by_target)

    def _move(self, run: list[tuple[_Key, Group]], by_target: _Key) -> None:
        moved = {id(group) for _, group in run}
        for key in {key for key, _ in run}:
            self._groups[key] = [group for group in self._groups[key] if id(group) not in moved]
            if not self._groups[key]:
                del self._groups[key]
        whole = reduce(joined, (group for _, group in run))
        insort(self._groups.setdefault(by_target, []), whole, key=lambda group: group.start_ns)
        self._count -= len(run) - 1


def _have_many_sources(members: list[tuple[_Key, Group]]) -> bool:
    different: set[str] = set()
    for _, group in members:
        if len(group.sources) >= MANY_SOURCES:
            return True
        different |= group.sources
    return len(different) >= MANY_SOURCES


def _runs_of_groups(members: list[tuple[_Key, Group]], gap_ns: int) -> Iterator[list[tuple[_Key, Group]]]:
    """Cut groups, in order of start, where a gap is too long."""
    ordered = sorted(members, key=lambda member: member[1].start_ns)
    run: list[tuple[_Key, Group]] = []
    latest_ns = 0
    for member in ordered:
        if run and member[1].start_ns - latest_ns > gap_ns:
            yield run
            run = []
        latest_ns = max(latest_ns, member[1].end_ns) if run else member[1].end_ns
        run.append(member)
    yield run


def _only_target(group: Group) -> str:
    """Return the target of a group that has only one, and an empty text otherwise."""
    return next(iter(group.targets)) if len(group.targets) == 1 and not group.truncated else ""


def _group_of(flows: FlaggedFlows, rows: npt.NDArray[np.int64], attack: int) -> Group:
    if len(rows) == 1:
        return _group_of_one(flows, int(rows[0]), attack)
    scores, start_ns = flows.score[rows], flows.start_ns[rows]
    # Of equal scores the earliest start, of these the first.
    best = int(rows[np.lexsort((start_ns, -scores))[0]])
    return Group(
        {flows.source[row] for row in rows.tolist()},
        attack,
        int(start_ns.min()),
        int(flows.end_ns[rows].max()),
        len(rows),
        int(flows.packets[rows].sum()),
        float(flows.score[best]),
        int(flows.start_ns[best]),
        flows.matrix[best].copy(),
        {flows.target[row] for row in rows.tolist()},
        {port for port in set(flows.port[rows].tolist()) if port >= 0},
        {attack: len(rows)},
    )


def _group_of_one(flows: FlaggedFlows, row: int, attack: int) -> Group:
    start_ns, port = int(flows.start_ns[row]), int(flows.port[row])
    return Group(
        {flows.source[row]},
        attack,
        start_ns,
        int(flows.end_ns[row]),
        1,
        int(flows.packets[row]),
        float(flows.score[row]),
        start_ns,
        flows.matrix[row].copy(),
        {flows.target[row]},
        {port} if port >= 0 else set(),
        {attack: 1},
    )


def rank(group: Group) -> float:
    """Return how far up a group stands: its score, weighted by the order of magnitude of its flows."""
    return group.score * (1 + float(np.log10(group.flows)))


def _runs(flows: FlaggedFlows, rows: npt.NDArray[np.int64], gap_ns: int) -> Iterator[npt.NDArray[np.int64]]:
    """Cut the flows of one key where a gap is too long."""
    if len(rows) == 1:
        yield rows
        return
    ordered = rows[np.argsort(flows.start_ns[rows], kind="stable")]
    latest_end = np.maximum.accumulate(flows.end_ns[ordered])
    cuts = np.flatnonzero(flows.start_ns[ordered][1:] - latest_end[:-1] > gap_ns) + 1
    for first, last in pairwise((0, *cuts.tolist(), len(ordered))):
        yield ordered[first:last]


def joined(first: Group, second: Group) -> Group:
    """Return both as one group, of the first one's attack; the sets of the two are used up."""
    better = max(first, second, key=lambda group: (group.score, -group.score_start_ns))
    return Group(
        _united(first.sources, second.sources),
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
        {
            attack: first.flows_of_attack.get(attack, 0) + second.flows_of_attack.get(attack, 0)
            for attack in first.flows_of_attack | second.flows_of_attack
        },
        first.truncated or second.truncated,
    )


def _united(first: set[Item], second: set[Item]) -> set[Item]:
    """Grow the larger set by the smaller, so that ten thousand small additions stay cheap."""
    larger, smaller = (first, second) if len(first) > len(second) else (second, first)
    larger |= smaller
    return larger
