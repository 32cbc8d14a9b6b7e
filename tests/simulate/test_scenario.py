"""Scenarios: the same seed the same traffic, every packet labelled, every behaviour present, memory bounded."""

from __future__ import annotations

import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import pytest

from netsift.errors import UsageError
from netsift.simulate import ATTACKS, FlowLabel, Scenario, SimulatedPacket, SimulationSettings
from netsift.simulate.attacks import CAMPAIGNS
from netsift.simulate.benign import CLIENT_BEHAVIOURS, DEVICE_BEHAVIOURS, OCCASIONAL_BEHAVIOURS, SERVER_BEHAVIOURS
from netsift.simulate.conversation import LABEL_DISTANCE_NS, Conversation, Ledger, in_order
from netsift.simulate.network import build_network
from netsift.simulate.scenario import activity
from tests.simulate.reading import Key, checksums_hold, is_later_fragment, key_of, packet_key

BENIGN: Final = {
    behaviour.__name__
    for behaviour in (
        *CLIENT_BEHAVIOURS, *DEVICE_BEHAVIOURS, *(behaviour for behaviour, _ in OCCASIONAL_BEHAVIOURS),
        *(behaviour for _, behaviour in SERVER_BEHAVIOURS),
    )
}  # fmt: skip
SMALL: Final[dict[str, Any]] = {
    "duration_s": 240, "clients": 3, "volume": 0.03, "background": 0.6, "intensity": 0.2, "flood_packets": 150,
}  # fmt: skip


def run(**changes: Any) -> tuple[list[SimulatedPacket], list[FlowLabel]]:
    """The packets and labels of a small simulation."""
    labels: list[FlowLabel] = []
    return list(Scenario(SimulationSettings(**{**SMALL, **changes})).packets(labels.append)), labels


@pytest.fixture(scope="module")
def simulation() -> tuple[list[SimulatedPacket], list[FlowLabel]]:
    """All attacks over a little of everything, whole packets."""
    return run(seed=4, snap_length=0)


def label_key(label: FlowLabel) -> Key:
    """The 5-tuple of a label without direction."""
    return key_of((label.source, label.source_port), (label.destination, label.destination_port), label.protocol)


def by_key(labels: list[FlowLabel]) -> dict[Key, list[FlowLabel]]:
    """The labels by their 5-tuple."""
    found: dict[Key, list[FlowLabel]] = defaultdict(list)
    for label in labels:
        found[label_key(label)].append(label)
    return found


def test_the_same_seed_gives_the_same_packets_and_labels() -> None:
    assert run(seed=5) == run(seed=5)


def test_another_seed_gives_other_packets() -> None:
    assert run(seed=5)[0] != run(seed=6)[0]


def test_times_never_run_backwards_and_are_whole_microseconds(
    simulation: tuple[list[SimulatedPacket], list[FlowLabel]],
) -> None:
    times = [packet.time_ns for packet in simulation[0]]
    settings = SimulationSettings(**SMALL)
    assert times == sorted(times)
    assert all(time % 1000 == 0 for time in times)
    assert settings.start_ns <= times[0] <= times[-1] < settings.end_ns


def test_lengths_and_checksums_hold(simulation: tuple[list[SimulatedPacket], list[FlowLabel]]) -> None:
    assert all(checksums_hold(packet.frame) for packet in simulation[0])
    assert all(60 <= len(packet.frame) == packet.wire_length <= 1514 for packet in simulation[0])


def test_every_packet_has_a_label_and_every_label_its_packets(
    simulation: tuple[list[SimulatedPacket], list[FlowLabel]],
) -> None:
    packets, labels = simulation
    index = by_key(labels)
    seen: set[int] = set()
    for packet in packets:
        if is_later_fragment(packet.frame):
            continue
        key = packet_key(packet.frame)
        inside = [label for label in index[key] if label.start_time_ns <= packet.time_ns <= label.end_time_ns]
        assert inside
        assert len({label.attack for label in inside}) == 1
        seen.update(id(label) for label in inside)
    assert len(seen) == len(labels)


def test_labels_begin_and_end_with_their_packets(simulation: tuple[list[SimulatedPacket], list[FlowLabel]]) -> None:
    packets, labels = simulation
    times: dict[Key, list[int]] = defaultdict(list)
    for packet in packets:
        if not is_later_fragment(packet.frame):
            times[packet_key(packet.frame)].append(packet.time_ns)
    for key, found in by_key(labels).items():
        assert min(label.start_time_ns for label in found) == times[key][0]
        assert max(label.end_time_ns for label in found) >= times[key][-1]


def test_no_endpoints_change_their_label_too_soon() -> None:
    _, labels = run(seed=9, duration_s=900, intensity=1, clients=2)
    for found in by_key(labels).values():
        found.sort(key=lambda label: label.start_time_ns)
        for one, other in pairwise(found):
            assert one.attack == other.attack or other.start_time_ns - one.end_time_ns >= LABEL_DISTANCE_NS


def test_every_benign_behaviour_shows() -> None:
    shown = set()
    for seed in range(3):
        shown |= {label.behaviour for label in run(seed=seed, duration_s=1800, clients=6, attacks="none")[1]}
    assert shown == BENIGN


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_behaviour_shows_with_its_label(attack: str) -> None:
    _, labels = run(seed=3, background=0, attacks=(attack,), intensity=0.5)
    assert {label.attack for label in labels} == {attack}
    assert {label.behaviour for label in labels} == {campaign.__name__ for campaign in CAMPAIGNS[attack]}


def test_attacks_leave_the_benign_traffic_as_it_is() -> None:
    quiet, _ = run(seed=2, attacks="none")
    packets, labels = run(seed=2, attacks=("port_scan", "c2_beacon"))
    attacked = {label_key(label) for label in labels if label.attack}
    benign = [packet for packet in packets if packet_key(packet.frame) not in attacked]
    kept = Counter(benign) & Counter(quiet)
    assert kept.total() >= 0.99 * len(quiet)
    assert len(benign) - kept.total() <= 0.01 * len(quiet)


def test_attackers_and_victims_also_take_part_in_benign_traffic() -> None:
    _, labels = run(seed=8, duration_s=600)
    benign = {address for label in labels if not label.attack for address in (label.source, label.destination)}
    attack = {address for label in labels if label.attack for address in (label.source, label.destination)}
    assert len(benign & attack) >= 5
    ports = [{label.destination_port for label in labels if bool(label.attack) is side} for side in (False, True)]
    assert {22, 53, 80, 443} <= ports[0] & ports[1]


def test_attackers_differ_between_seeds() -> None:
    sources = [frozenset(label.source for label in run(seed=seed, background=0)[1]) for seed in range(4)]
    assert len(set(sources)) == 4


def test_the_snap_length_cuts_frames_and_changes_nothing_else() -> None:
    whole, _ = run(seed=4, snap_length=0, attacks="none")
    cut, _ = run(seed=4, snap_length=96, attacks="none")
    assert [SimulatedPacket(time, frame[:96], length) for time, frame, length in whole] == cut


def test_floods_keep_to_their_number_of_packets() -> None:
    _, labels = run(seed=1, background=0, attacks=("flood",), flood_packets=50, intensity=0.01)
    assert sum(label.behaviour == "flood_syn" for label in labels) == 50


def test_the_day_shape_rules_people() -> None:
    def flows(hour: int) -> int:
        _, labels = run(seed=1, attacks="none", duration_s=900, start=datetime(2026, 3, 3, hour, tzinfo=UTC))
        return sum(label.behaviour == "web_browsing" for label in labels)

    assert flows(10) > 2 * flows(3)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 3, 2, 10, tzinfo=UTC), 1.0),
        (datetime(2026, 3, 7, 10, tzinfo=UTC), 0.35),
        (datetime(2026, 3, 2, 23, 30, tzinfo=UTC), 0.105),
    ],
)
def test_activity_by_hour_and_day(moment: datetime, expected: float) -> None:
    assert activity(int(moment.timestamp()) * 10**9, 1.0) == pytest.approx(expected)


def test_memory_stays_small_however_much_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsift.simulate.conversation.LABEL_DISTANCE_NS", 60 * 10**9)
    settings = SimulationSettings(**{**SMALL, "clients": 1, "volume": 0.2, "duration_s": 900, "snap_length": 0})
    tracemalloc.start()
    passed = sum(len(packet.frame) for packet in Scenario(settings).packets())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000
    assert passed > 2 * peak


@pytest.mark.parametrize("seed", range(20, 25))
def test_no_seed_runs_backwards(seed: int) -> None:
    times = [packet.time_ns for packet in run(seed=seed, duration_s=120, intensity=0.5, volume=0.01)[0]]
    assert times == sorted(times)


def test_overlapping_sessions_are_put_in_order() -> None:
    def talk(start_ns: int) -> Conversation:
        return Conversation(start_ns, b"", 0, b"", 0, 6, "", "", iter(()))

    sessions = [(0, [talk(5), talk(0)]), (3, [talk(3), talk(9)]), (4, [talk(4)])]
    assert [talk.start_ns for talk in in_order(sessions)] == [0, 3, 4, 5, 9]


def test_the_ledger_forgets_after_its_distance() -> None:
    ledger = Ledger()
    ledger.advance(LABEL_DISTANCE_NS)
    assert ledger.claim(b"key", "worm")
    assert not ledger.claim(b"key", "")
    ledger.advance(2 * LABEL_DISTANCE_NS)
    assert ledger.owner(b"key") == "worm"
    ledger.advance(3 * LABEL_DISTANCE_NS)
    assert ledger.claim(b"key", "")


def test_the_site_is_made_of_private_addresses() -> None:
    network = build_network(3, 20)
    assert len(network.clients) == 20
    assert len({host.ipv4 for host in network.inside}) == len(network.inside)
    assert all(host.ipv4[0] in (10, 172, 192) for host in network.inside)
    assert {host.ipv4[0] for host in network.web_sites} <= {192, 198, 203}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seed": -1}, "seed must not be negative"),
        ({"duration_s": 0}, "longer than 0"),
        ({"duration_s": float("nan")}, "longer than 0"),
        ({"start": datetime(2026, 3, 2)}, "time zone"),  # noqa: DTZ001 - the point of the test
        ({"clients": 0}, "clients must be from 1"),
        ({"clients": 500}, "clients must be from 1"),
        ({"attacks": "some"}, "'all', 'none'"),
        ({"attacks": ("flod",)}, "unknown attack 'flod'"),
        ({"intensity": -1}, "intensity"),
        ({"background": float("inf")}, "background"),
        ({"volume": 0}, "volume"),
        ({"flood_rate": 0}, "flood rate"),
        ({"flood_packets": 0}, "flood packets"),
        ({"snap_length": 20}, "snap length"),
    ],
)
def test_wrong_settings_are_refused_with_a_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        SimulationSettings(**change)


@pytest.mark.parametrize("size", [1, 160])
def test_the_smallest_and_the_largest_site_work(size: int) -> None:
    def first(packets: Callable[[], Iterator[SimulatedPacket]]) -> SimulatedPacket:
        return next(packets())

    assert first(Scenario(SimulationSettings(clients=size)).packets).wire_length >= 60
