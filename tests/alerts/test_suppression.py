"""Rules hide what they say, all of it and nothing more; files of rules are strict; effects are counted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.alerts.incidents import incidents_of
from netsift.alerts.schema import Alert
from netsift.alerts.suppression import (
    MOST_BYTES,
    MOST_RULES,
    WEEKDAYS,
    Rule,
    Suppression,
    effect_on,
    matcher,
    new_rule,
    read_rules,
    scope_of,
    write_rules,
)
from netsift.errors import InputError, UsageError
from tests.alerts.made import MONDAY_NOON_NS, SCAN, SECOND, made

NOW = datetime(2026, 3, 2, 13, tzinfo=UTC)
HOUR = 3600 * SECOND


def hidden(alert: Alert, **scope: Any) -> bool:
    """Return whether a scope covers an alert."""
    return matcher(scope_of(**scope))(alert)


def rule(days: int = 30, **scope: Any) -> Rule:
    """Return a rule of :data:`NOW`."""
    return new_rule(scope_of(**scope), "known", NOW, days)


@pytest.mark.parametrize(
    ("scope", "hides"),
    [
        ({"source": ["10.0.0.5"]}, True),
        ({"source": ["10.0.0.0/24"]}, True),
        ({"source": ["10.0.0.6"]}, False),
        ({"source": ["10.0.0.6", "10.0.0.0/29"]}, True),
        ({"source": ["::ffff:0:0/96"]}, False),
        ({"target": ["10.0.1.1"]}, False),
        ({"target": ["10.0.1.1", "10.0.1.2"]}, True),
        ({"port": [22]}, False),
        ({"port": [22, 80, 443]}, True),
        ({"category": ["scan"]}, True),
        ({"category": ["flood"]}, False),
        ({"detector": ["port_scan", "model"]}, True),
        ({"detector": ["model"]}, False),
        ({"source": ["10.0.0.5"], "category": ["flood"]}, False),
    ],
)
def test_all_of_an_alert_must_lie_in_what_a_rule_names(scope: dict[str, Any], hides: bool) -> None:
    assert hidden(SCAN, **scope) is hides


def test_what_an_alert_does_not_name_is_not_taken_for_known() -> None:
    assert not hidden(made(ports=()), port=[22])
    assert not hidden(made(sources=("?",)), source=["0.0.0.0/0"])
    cut = made(truncated=True)
    assert not hidden(cut, target=["10.0.1.0/24"])
    assert not hidden(cut, port=[22, 80])
    assert hidden(cut, source=["10.0.0.5"])
    two = made(detectors=("model", "port_scan"))
    assert not hidden(two, detector=["port_scan"])


@pytest.mark.parametrize(
    ("scope", "hides"),
    [
        ({"weekdays": ["mon"]}, True),
        ({"weekdays": ["tue", "sun"]}, False),
        ({"hours": "11:00-13:00"}, True),
        ({"hours": "12:00-12:01"}, False),
        ({"hours": "12:00-12:02"}, True),
        ({"hours": "13:00-11:00"}, False),
        ({"hours": "20:00-12:30"}, True),
        ({"hours": "20:00-12:30", "weekdays": ["mon"]}, False),
        ({"hours": "20:00-12:30", "weekdays": ["sun"]}, True),
        ({"hours": "00:00-24:00"}, None),
        ({"hours": "12:00-24:00"}, True),
        ({"hours": "07:00-08:00", "time_zone": "America/New_York"}, True),
        ({"hours": "12:00-13:00", "time_zone": "America/New_York"}, False),
        ({"weekdays": ["tue"], "time_zone": "Pacific/Kiritimati"}, True),
        ({"begins": datetime(2026, 3, 2, 12, tzinfo=UTC)}, True),
        ({"begins": datetime(2026, 3, 2, 12, 0, 1, tzinfo=UTC)}, False),
        ({"ends": datetime(2026, 3, 2, 12, 1, tzinfo=UTC)}, False),
        ({"ends": datetime(2026, 3, 2, 12, 2, tzinfo=UTC)}, True),
    ],
)
def test_times_repeat_or_are_bounded(scope: dict[str, Any], hides: bool | None) -> None:
    if hides is None:
        with pytest.raises(UsageError, match="begins and ends at the same time"):
            scope_of(**scope)
        return
    assert hidden(SCAN, **scope) is hides


def test_an_alert_that_lasts_beyond_the_time_is_seen() -> None:
    saturday_ns = MONDAY_NOON_NS + 5 * 24 * HOUR
    over_the_weekend = made(start_ns=saturday_ns, end_ns=saturday_ns + 24 * HOUR)
    assert hidden(over_the_weekend, weekdays=["sat", "sun"])
    assert not hidden(over_the_weekend, weekdays=["sat"])
    assert not hidden(over_the_weekend, weekdays=["sat", "sun"], hours="11:00-13:00")
    for_weeks = made(end_ns=MONDAY_NOON_NS + 14 * 24 * HOUR)
    assert not hidden(for_weeks, weekdays=["mon"])
    assert hidden(for_weeks, weekdays=list(WEEKDAYS))


def test_absurd_times_lie_in_no_window() -> None:
    absurd = made(start_ns=-(2**63), end_ns=2**63 - 1)
    assert not hidden(absurd, weekdays=["mon"])
    assert not hidden(absurd, hours="01:00-02:00")
    assert hidden(absurd, category=["scan"])


@given(
    st.lists(st.sampled_from(["10.0.0.5", "10.0.0.9", "10.1.0.1", "2001:db8::5"]), min_size=1, max_size=4, unique=True),
    st.lists(st.sampled_from(["10.0.0.5", "10.0.0.8/29", "2001:db8::/32", "10.1.0.0/16"]), min_size=1, max_size=3),
)
def test_a_longer_list_of_networks_hides_no_less_and_more_hosts_no_more(hosts: list[str], networks: list[str]) -> None:
    alert = made(sources=tuple(sorted(hosts)))
    if hidden(alert, source=networks[:1]):
        assert hidden(alert, source=networks)
    if hidden(alert, source=networks):
        assert hidden(made(sources=alert.sources[:1]), source=networks)


def test_alerts_are_split_marked_and_counted() -> None:
    first, second = rule(source=["10.0.0.5"]), rule(category=["scan"])
    suppression = Suppression.at([first, second, rule(days=1, port=[1])], NOW)
    flood = made(2, category="flood", sources=("10.0.9.9",))
    scan = made(3, sources=("10.0.9.9",))
    left, gone = suppression.split([SCAN, flood, scan])
    assert left == [flood]
    assert [(one.id, one.suppressed) for one in gone] == [(SCAN.id, first.id), (scan.id, second.id)]
    assert suppression.hidden == {first.id: 1, second.id: 1}
    assert gone[0].as_json()["suppressed"] == first.id
    assert SCAN.as_json()["suppressed"] is None


def test_a_rule_ends_by_the_clock() -> None:
    short = rule(days=1, category=["scan"])
    assert Suppression.at([short], NOW + timedelta(hours=23)).split([SCAN])[0] == []
    later = Suppression.at([short], NOW + timedelta(days=1))
    assert later.split([SCAN])[0] == [SCAN]
    assert (later.rules, later.expired) == ((), 1)


def test_what_makes_no_sense_is_refused() -> None:
    for scope, message in (
        ({"source": ["10.0.0.5/24"]}, "source.0: 10.0.0.5/24 has host bits set"),
        ({"source": ["nonsense"]}, "source.0: 'nonsense' does not appear"),
        ({"port": [70_000]}, "port.0"),
        ({"category": ["scans"]}, "'scans' is none of the categories scan, "),
        ({"category": ["benign"]}, "'benign' is none"),
        ({"weekdays": ["monday"]}, "weekdays.0"),
        ({"hours": "9-17"}, "'9-17' is not of the form"),
        ({"hours": "25:00-26:00"}, "not of the form"),
        ({"time_zone": "Europe/Nowhere"}, "time_zone"),
    ):
        with pytest.raises(UsageError, match=message):
            scope_of(**scope)
    for days in (0, -1, 4000):
        with pytest.raises(UsageError, match="1 to 3650 days"):
            rule(days=days, port=[22])
    with pytest.raises(UsageError, match="must name what it hides"):
        rule()
    with pytest.raises(UsageError, match="must name what it hides"):
        rule(time_zone="Europe/Prague")
    with pytest.raises(UsageError, match="reason"):
        new_rule(scope_of(port=[22]), "  ", NOW)
    with pytest.raises(UsageError, match="ends before it begins"):
        rule(begins=NOW, ends=NOW)


def test_files_hold_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    rules = [
        rule(source=["10.0.0.0/8", "2001:db8::/32"], port=[22], detector=["model"]),
        rule(category=["scan"], weekdays=["sat"], hours="22:00-06:00", time_zone="Europe/Prague", begins=NOW),
    ]
    write_rules(path, rules)
    assert read_rules(path) == rules
    written = json.loads(path.read_text())
    assert written["format"] == 1
    assert written["rules"][1] == {
        "id": rules[1].id, "reason": "known", "category": ["scan"], "from": "2026-03-02T13:00:00Z",
        "weekdays": ["sat"], "hours": "22:00-06:00", "time_zone": "Europe/Prague",
        "created": "2026-03-02T13:00:00Z", "expires": "2026-04-01T13:00:00Z",
    }  # fmt: skip
    assert [one.name for one in tmp_path.iterdir()] == ["rules.json"]


def test_files_are_strict_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    write_rules(path, [rule(category=["scan"])])
    good = json.loads(path.read_text())
    (one,) = good["rules"]
    cases: tuple[Any, ...] = (
        [], {"rules": []} | {"more": 1}, {"format": 2, "rules": []}, {"rules": [one | {"sources": []}]},
        {"rules": [one | {"port": ["22"]}]}, {"rules": [one | {"expires": None}]}, {"rules": [one, one]},
        {"rules": [{name: value for name, value in one.items() if name != "reason"}]},
        {"rules": [one | {"expires": "2026-04-01T13:00:00"}]}, {"rules": [one | {"source": ["10.0.0.1"] * 2000}]},
    )  # fmt: skip
    for wrong in cases:
        path.write_text(json.dumps(wrong))
        with pytest.raises(InputError, match=r"rules\.json: "):
            read_rules(path)
    for text in (b"", b"{", b"\xff\xfe", b"[" * 100_000):
        path.write_bytes(text)
        with pytest.raises(InputError, match=r"rules\.json: "):
            read_rules(path)
    path.write_bytes(b" " * (MOST_BYTES + 1))
    with pytest.raises(InputError, match="at most"):
        read_rules(path)
    with pytest.raises(InputError, match="No such file"):
        read_rules(tmp_path / "absent.json")
    with pytest.raises(UsageError, match="at most 1,000 rules"):
        write_rules(path, [rule(port=[port]) for port in range(MOST_RULES + 1)])


def test_effects_are_counted_and_objected_to() -> None:
    grave = made(7, severity="high", category="flood", sources=("10.9.0.1",), targets=("10.0.3.3",))
    other = made(8, category="tunnel", sources=("10.0.0.5",), targets=("10.8.0.1",))
    alerts = [SCAN, other, grave]
    past = [*incidents_of(alerts), *alerts, made(9, suppressed="12345678")]
    effect = effect_on(matcher(scope_of(category=["scan"])), lambda: past)
    assert (effect.alerts, effect.hidden, effect.hidden_before) == (3, 1, 1)
    assert effect.categories == {"scan": 1}
    assert effect.examples == [SCAN]
    assert (effect.incidents, effect.incidents_gone, effect.incidents_smaller) == (2, 0, 1)
    assert effect.objections() == []
    effect = effect_on(matcher(scope_of(source=["10.9.0.1"])), lambda: past)
    assert (effect.hidden, effect.incidents_gone, effect.incidents_smaller) == (1, 1, 0)
    assert effect.objections() == ["2 of what it hides are high or critical"]
    effect = effect_on(matcher(scope_of(source=["10.0.0.0/8"])), lambda: past)
    assert effect.incidents_gone == 2
    assert effect.objections()[0] == "it hides all of them"
    assert effect_on(matcher(scope_of(port=[9])), lambda: past).objections() == []


def test_a_grave_incident_of_lesser_alerts_is_objected_to() -> None:
    stages = [made(number, category=name) for number, name in enumerate(("scan", "brute_force", "exfiltration"), 1)]
    past = [*incidents_of(stages), *stages, made(9, category="c2", sources=("10.7.7.7",), targets=("10.6.6.6",))]
    assert next(one for one in past if len(one.members) == 3).severity == "high"
    assert effect_on(matcher(scope_of(source=["10.0.0.5"])), lambda: past).objections() == [
        "1 of what it hides is high or critical"
    ]
