"""Groups become findings: one row for one doing, and none for what is too little."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.alerts.grouping import MANY_SOURCES, FindingGroups, Group
from netsift.alerts.settling import SLOW, STORM_GROUPS, SettledGroups, settle
from netsift.alerts.volume import LEAST, volume_class
from netsift.models.taxonomy import NAMES
from tests.alerts.test_grouping import GAP_NS, Flow, flagged
from tests.conftest import ROOT

ATTACKS = ("port_scan", "flood", "worm", "brute_force", "exploit")
SCAN, FLOOD, WORM, BRUTE_FORCE, EXPLOIT = range(len(ATTACKS))


def told(flows: list[Flow]) -> SettledGroups:
    """Return what becomes of flows."""
    groups = FindingGroups(GAP_NS)
    groups.add(flagged(flows))
    return settle(groups.groups(), ATTACKS, GAP_NS)


def names(groups: list[Group]) -> list[str]:
    """Return the attacks of groups."""
    return [ATTACKS[group.attack] for group in groups]


def ports(number: int, attack: int = SCAN, first: int = 1) -> list[Flow]:
    """Return flows to so many ports of one host."""
    return [Flow(port=first + port, attack=attack) for port in range(number)]


@pytest.mark.parametrize(
    ("attack", "flow", "few"),
    [
        (FLOOD, Flow(), 19),
        (BRUTE_FORCE, Flow(port=22), 4),
        (SCAN, Flow(), 19),
    ],
)
def test_an_attack_of_volume_needs_flows(attack: int, flow: Flow, few: int) -> None:
    flow = replace(flow, attack=attack)
    assert names(told([flow] * few).too_few) == [ATTACKS[attack]]
    assert told([flow] * few).findings == []
    assert names(told([flow] * (few + 1)).findings) == [ATTACKS[attack]]


@pytest.mark.parametrize("attack", [SCAN, WORM])
def test_a_scan_needs_targets_or_ports(attack: int) -> None:
    def hosts(number: int) -> list[Flow]:
        return [Flow(target=f"10.2.0.{host}", attack=attack) for host in range(number)]

    assert told(hosts(4)).findings == []
    assert names(told(hosts(5)).findings) == [ATTACKS[attack]]
    assert told(ports(4, attack)).findings == []
    assert names(told(ports(5, attack)).findings) == [ATTACKS[attack]]


def test_packets_make_a_flood() -> None:
    def flow_of(packets: int) -> SettledGroups:
        flow = flagged([Flow(attack=FLOOD)])
        flow.packets[0] = packets
        groups = FindingGroups(GAP_NS)
        groups.add(flow)
        return settle(groups.groups(), ATTACKS, GAP_NS)

    assert len(flow_of(99).too_few) == 1
    assert len(flow_of(100).findings) == 1


def test_one_flow_can_be_an_exploit() -> None:
    assert names(told([Flow(attack=EXPLOIT)]).findings) == ["exploit"]


def test_one_scan_under_three_names_is_one_finding_of_the_commonest() -> None:
    flows = [*ports(30), *ports(14, FLOOD, 100), Flow(port=300, attack=WORM, score=0.99)]
    (group,) = told(flows).findings
    assert names([group]) == ["port_scan"]
    assert group.flows_of_attack == {SCAN: 30, FLOOD: 14, WORM: 1}
    assert (group.flows, len(group.ports)) == (45, 45)
    assert group.score == pytest.approx(0.9), "the score explained is that of the attack named"


def test_a_name_needs_its_volume_to_be_the_common_one() -> None:
    (group,) = told([Flow(attack=FLOOD), Flow(attack=FLOOD), Flow(attack=EXPLOIT)]).findings
    assert names([group]) == ["exploit"]


def test_other_targets_and_other_times_are_other_findings() -> None:
    elsewhere = [replace(flow, target="10.0.0.9", attack=EXPLOIT) for flow in ports(5)]
    later = [replace(flow, start=2000, end=2000, attack=EXPLOIT) for flow in ports(5)]
    assert len(told(ports(30) + elsewhere).findings) == 2
    assert len(told(ports(30) + later).findings) == 2


def test_two_names_of_one_flood_by_many_are_one_finding() -> None:
    hosts = [Flow(source=f"198.51.100.{host}", attack=FLOOD) for host in range(30)]
    others = [Flow(source=f"203.0.113.{host}", attack=SCAN) for host in range(MANY_SOURCES)]
    (group,) = told(hosts + others).findings
    assert (names([group]), len(group.sources)) == (["flood"], 30 + MANY_SOURCES)


def test_a_sweep_over_a_network_is_one_finding_whatever_each_host_made_of_it() -> None:
    sweep = [Flow(target=f"10.2.0.{host}", attack=(SCAN, SCAN, WORM)[host % 3]) for host in range(30)]
    spray = [Flow(target=f"10.3.0.{host}", attack=BRUTE_FORCE) for host in range(30)]
    swept, sprayed = told(sweep + spray).findings
    assert {(ATTACKS[one.attack], one.flows) for one in (swept, sprayed)} == {("port_scan", 30), ("brute_force", 30)}
    assert len(told([*sweep, *(replace(flow, source="10.0.0.9") for flow in sweep)]).findings) == 2


def test_a_few_flows_go_with_the_finding_that_has_their_target() -> None:
    hosts = [Flow(target=f"10.2.0.{host}") for host in range(9)]
    found = told([*hosts, Flow(target="10.2.0.3", attack=FLOOD), Flow(target="10.3.0.3", attack=BRUTE_FORCE)])
    assert [group.flows_of_attack for group in found.findings] == [{SCAN: 9, FLOOD: 1}]
    assert [group.flows_of_attack for group in found.too_few] == [{BRUTE_FORCE: 1}]


def test_small_groups_of_one_source_can_be_enough_together() -> None:
    mixed = [Flow(target=f"10.2.0.{host}", attack=(SCAN, FLOOD, WORM)[host % 3]) for host in range(6)]
    (group,) = told(mixed).findings
    assert len(group.targets) == 6
    slow = [Flow(start=hour * 3000, end=hour * 3000, target=f"10.2.0.{hour}") for hour in range(5)]
    assert [one.flows for one in told(slow).findings] == [5]
    slower = [replace(flow, start=flow.start * 2, end=flow.end * 2) for flow in slow]
    assert 6000 > SLOW * GAP_NS / 1e9 > 3000
    assert told(slower).findings == []


def test_a_flood_with_forged_addresses_at_both_ends_is_one_finding() -> None:
    def storm(number: int, attack: int = FLOOD, seconds: int = 0) -> list[Flow]:
        return [
            Flow(host * seconds, host * seconds, f"10.1.{host}.1", f"10.2.{host}.1", attack=attack)
            for host in range(number)
        ]

    (group,) = told(storm(STORM_GROUPS)).findings
    assert len(group.sources) == len(group.targets) == STORM_GROUPS
    assert told(storm(STORM_GROUPS - 1)).findings == []
    assert told(storm(STORM_GROUPS, seconds=1)).findings == []
    assert told(storm(STORM_GROUPS, SCAN)).findings == []


def test_cut_groups_are_large() -> None:
    groups = FindingGroups(GAP_NS, max_members=2)
    groups.add(flagged([Flow(target=f"10.2.0.{host}", attack=WORM) for host in range(9)]))
    (group,) = settle(groups.groups(), ATTACKS, GAP_NS).findings
    assert group.truncated


def test_volume_is_known_under_every_name() -> None:
    for known, spellings in {
        "flood": ("flood", "reflection", "http_flood", "DDoS", "DoS Hulk", "drdos_ntp"),
        "scan": ("scan", "port_scan", "PortScan", "Reconnaissance"),
        "brute_force": ("brute_force", "SSH-Patator"),
        "worm": ("worm", "Worms"),
    }.items():
        assert {volume_class(name) for name in spellings} == {known}
    one_flow = {"benign", "slow_http", "web_attack", "c2", "infiltration", "exfiltration", "tunnel", "exploit", "other"}
    assert {name for name in NAMES if not volume_class(name)} == one_flow


def test_the_numbers_are_documented() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    for name, least in LEAST.items():
        numbers = " | ".join(str(number or "–") for number in (least.flows, least.packets, least.spread))
        assert f"| {name} | {numbers} | {least.reason} |" in page


flow_lists = st.lists(
    st.builds(
        lambda start, source, target, port, attack: Flow(start, start, source, target, port, attack),
        st.integers(0, 5000),
        st.sampled_from([f"10.0.0.{host}" for host in range(MANY_SOURCES + 2)]),
        st.sampled_from([f"10.9.0.{host}" for host in range(7)]),
        st.integers(1, 8),
        st.integers(0, len(ATTACKS) - 1),
    ),
    max_size=60,
)


@given(flow_lists, st.randoms(use_true_random=False))
def test_no_flow_is_lost_and_order_does_not_matter(flows: list[Flow], random: Random) -> None:
    def summary(found: SettledGroups) -> list[list[tuple[object, ...]]]:
        return [
            [
                (sorted(one.sources), one.attack, one.flows, sorted(one.flows_of_attack.items()), sorted(one.targets))
                for one in part
            ]
            for part in (found.findings, found.too_few)
        ]

    found = told(flows)
    everything = [*found.findings, *found.too_few]
    assert sum(group.flows for group in everything) == len(flows)
    assert all(sum(group.flows_of_attack.values()) == group.flows for group in everything)
    shuffled = list(flows)
    random.shuffle(shuffled)
    assert summary(told(shuffled)) == summary(found)
