"""From flagged groups to findings: one row for what one source did, and none for what is too little.

A model that is asked flow by flow gives the flows of one scan several names. Here the groups of one source and the same
targets that lie close in time become one, named after the attack that most of its flows were taken for among those that
it is large enough for (:mod:`netsift.alerts.volume`). So do those of one source and many targets each, whichever these
are, where they look like scans, worms or floods: one sweep over a network.

What is left and too small for its name goes with a larger group of its source that has the same targets, or with the
other small groups of its source where they are enough together; for this the gaps may be longer, because scans are
often slow. Small floods by many sources in quick succession, each with targets of its own, are one with forged
addresses at both ends.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

from netsift.alerts.grouping import MANY_SOURCES, Group, joined, rank
from netsift.alerts.volume import is_enough, volume_class

MANY_TARGETS: Final = 8
SWEEPS: Final = frozenset({"scan", "worm", "flood"})
"""From so many targets on, what looks like these is one sweep of its source."""

SLOW: Final = 6
"""How many times longer than within a group the gaps between small groups of one source may be."""

STORM_GROUPS: Final = 100
STORM_GAP_NS: Final = 100_000_000
"""So many small floods with no longer gap between them are one, whoever their sources and targets are."""


@dataclass(frozen=True, slots=True)
class SettledGroups:
    """Groups that are findings, and groups too small for what they were taken for; each in order of :func:`rank`.

    Every flow of the groups that came in is in one of them.
    """

    findings: list[Group]
    too_few: list[Group]


def settle(groups: Iterable[Group], attacks: Sequence[str], gap_ns: int) -> SettledGroups:
    """Join groups as the module says; ``attacks`` are the names that their ``attack`` points to.

    Groups whose members were cut are not joined with each other: nobody knows whether their targets are the same.
    """
    merging = _Merging(attacks)
    whole: list[Group] = []
    kept: list[Group] = []
    for group in groups:
        (kept if group.truncated else whole).append(group)
    kept += [merging.together(run) for run in merging.runs(whole, merging.who_and_whom, gap_ns)]
    settled = [group for run in merging.runs(kept, _source, SLOW * gap_ns) for group in merging.settled(run)]
    found = [group for group in settled if merging.enough(group)]
    small = [group for group in settled if not merging.enough(group)]
    too_few: list[Group] = []
    for run in merging.runs(small, _attack, STORM_GAP_NS):
        if len(run) >= STORM_GROUPS and volume_class(attacks[run[0].attack]) == "flood":
            found.append(merging.together(run))
        else:
            too_few += run
    return SettledGroups(in_order(found), in_order(too_few))


def in_order(groups: Iterable[Group]) -> list[Group]:
    """Return groups with the highest :func:`rank` first; the order does not depend on theirs."""
    return sorted(groups, key=lambda group: (-rank(group), group.start_ns, min(group.sources), group.attack))


@dataclass(frozen=True, slots=True)
class _Merging:
    attacks: Sequence[str]

    def enough(self, group: Group) -> bool:
        return is_enough(self.attacks[group.attack], group)

    def runs(self, groups: Iterable[Group], key: Callable[[Group], Hashable], gap_ns: int) -> Iterator[list[Group]]:
        """Yield the groups of each key, cut where a gap is too long."""
        of_key: dict[Hashable, list[Group]] = {}
        for group in groups:
            of_key.setdefault(key(group), []).append(group)
        for members in of_key.values():
            members.sort(key=lambda group: (group.start_ns, group.attack))
            run = [members[0]]
            latest_ns = members[0].end_ns
            for group in members[1:]:
                if group.start_ns - latest_ns > gap_ns:
                    yield run
                    run = []
                run.append(group)
                latest_ns = max(latest_ns, group.end_ns)
            yield run

    def who_and_whom(self, group: Group) -> Hashable:
        """Return what groups must have alike to be one doing."""
        if len(group.sources) >= MANY_SOURCES and len(group.targets) == 1:
            return "", next(iter(group.targets))
        sweep = len(group.targets) >= MANY_TARGETS and volume_class(self.attacks[group.attack]) in SWEEPS
        return frozenset(group.sources), "" if sweep else frozenset(group.targets)

    def together(self, groups: Sequence[Group]) -> Group:
        """Return one group, named after the attack of most of its flows among those that it is large enough for.

        Its score and its features are those of that attack's flow of highest score.
        """
        if len(groups) == 1:
            return groups[0]
        spokesmen: dict[int, Group] = {}
        for group in groups:
            other = spokesmen.get(group.attack)
            if other is None or (other.score, -other.score_start_ns) < (group.score, -group.score_start_ns):
                spokesmen[group.attack] = group
        score_of = {attack: (one.score, one.score_start_ns, one.features) for attack, one in spokesmen.items()}
        whole = reduce(joined, groups)
        whole.attack = max(
            score_of,
            key=lambda attack: (
                is_enough(self.attacks[attack], whole),
                whole.flows_of_attack[attack],
                score_of[attack][0],
                -attack,
            ),
        )
        whole.score, whole.score_start_ns, whole.features = score_of[whole.attack]
        return whole

    def settled(self, run: Sequence[Group]) -> list[Group]:
        """Return the groups of one source after those that are too small by themselves have found their place."""
        large = [[group] for group in in_order(run) if self.enough(group)]
        place = {target: number for number, (group,) in reversed(list(enumerate(large))) for target in group.targets}
        small = []
        for group in run:
            if self.enough(group):
                continue
            places = {place.get(target, -1) for target in group.targets}
            if len(places) == 1 and -1 not in places:
                large[places.pop()].append(group)
            else:
                small.append(group)
        return [self.together(members) for members in large] + self._small_together(small)

    def _small_together(self, small: list[Group]) -> list[Group]:
        """Return the small groups as one where that is enough for one of their attacks."""
        if len(small) < 2:
            return small
        whole = reduce(joined, [group.copy() for group in small])
        enough = any(is_enough(self.attacks[attack], whole) for attack in whole.flows_of_attack)
        return [self.together(small)] if enough else small


def _source(group: Group) -> Hashable:
    """Return the one source of a group; groups of many sources are each by themselves."""
    return next(iter(group.sources)) if len(group.sources) == 1 else id(group)


def _attack(group: Group) -> Hashable:
    return group.attack
