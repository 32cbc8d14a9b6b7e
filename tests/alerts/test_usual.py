"""What is usual here: the hosts that stay below a limit, said beside those that do not."""

from __future__ import annotations

from pathlib import Path

from netsift.alerts.usual import extent_column, usual_of, usual_words
from netsift.detectors.behaviour.base import Episode
from netsift.detectors.behaviour.http_flood import HttpFlood
from netsift.detectors.behaviour.port_scan import PortScan
from tests.detectors.behaviour.crafting import CLIENT, SERVER, Traffic, host


def episode(source: str, start_ns: int = 0) -> Episode:
    """Return an episode between a source and the server."""
    return Episode((source, SERVER), start_ns, start_ns)


def test_a_reason_says_how_far_others_go(tmp_path: Path) -> None:
    traffic = Traffic()
    for port in range(12):
        traffic.syn(port, (CLIENT, SERVER), 1_000 + port, refused=True)
    for number in range(4):
        for port in range(1 + number % 3):
            traffic.syn(100 + number, (host(number, "10.3"), SERVER), 1_000 + port, refused=True)
    (alert,) = traffic.alerts(tmp_path)
    assert "tried 12 ports" in alert.reason
    assert alert.reason.endswith("; usual here: at most 3 ports")
    extent = alert.columns[0]
    assert (extent.column, extent.unit, extent.value, extent.usual) == ("port_scan.ports", "ports", 12.0, (0.0, 3.0))
    assert alert.normal is not None
    assert (alert.normal.src_ip, alert.normal.dst_ip) == (host(2, "10.3"), SERVER)
    assert alert.as_json()["normal"]["src_ip"] == host(2, "10.3")


def test_what_nobody_else_does_has_no_usual(tmp_path: Path) -> None:
    traffic = Traffic()
    for port in range(12):
        traffic.syn(port, (CLIENT, SERVER), 1_000 + port, refused=True)
    (alert,) = traffic.alerts(tmp_path)
    assert "usual here" not in alert.reason
    assert alert.columns[0].words == "port scan: 12 ports (limit 5 ports, nobody else here)"
    assert alert.normal is None


def test_hosts_that_raise_an_alert_are_not_usual() -> None:
    grave, small, other = episode("a"), episode("a", 9), episode("b", 5)
    found = usual_of([(grave, 3.0), (small, 0.9), (other, 0.4)])
    assert found is not None
    assert (found.episode, found.strength) == (other, 0.4)
    assert usual_of([]) is None
    assert usual_of([(Episode((), 0, 0), 2.0)]) is None, "a behaviour of the whole network has no host"
    assert usual_of([(other, 0.0)]) is None


def test_of_equals_the_first_is_the_example() -> None:
    late, early = Episode(("b", "c"), 5, 5), Episode(("d", "e"), 4, 4)
    for order in ([(late, 0.4), (early, 0.4)], [(early, 0.4), (late, 0.4)]):
        found = usual_of(order)
        assert found is not None
        assert found.episode is early


def test_a_behaviour_of_several_limits_is_said_as_a_share() -> None:
    usual = usual_of([(Episode(("b", "c"), 5, 5), 0.25)])
    assert usual_words(HttpFlood(), usual) == "; usual here: at most 25% of what raises an alert"
    assert extent_column(HttpFlood(), 2.0, usual) is None
    assert usual_words(PortScan(), usual) == "; usual here: at most 1 port"
