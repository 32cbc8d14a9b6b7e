"""Alerts come back from their JSON lines as they were; what is no alert is named by its line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.alerts.coverage import Coverage
from netsift.alerts.ecs import as_ecs
from netsift.alerts.feedback import Verdict, feedback_on, label_rules
from netsift.alerts.incidents import incidents_of
from netsift.alerts.schema import Alert, utc_text
from netsift.alerts.stored import alert_from_json, named_alert, parse_time, stored_alerts
from netsift.alerts.suppression import matcher, scope_of
from netsift.errors import InputError, UsageError
from netsift.kernels.layout import PACKET
from tests.alerts.made import SCAN, made


def written(path: Path, values: Sequence[Any]) -> Path:
    """Write values as JSON lines."""
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return path


def test_both_formats_come_back_whole(tmp_path: Path) -> None:
    alerts: list[Alert] = [*incidents_of([SCAN]), SCAN, made(2, suppressed="12345678"), made(3, start_ns=-(2**63))]
    for name, values in (("own", [one.as_json() for one in alerts]), ("ecs", [as_ecs(one) for one in alerts])):
        assert list(stored_alerts(written(tmp_path / name, values))) == alerts


@given(st.integers(-(2**63), 2**63 - 1))
def test_times_come_back_to_the_microsecond(time_ns: int) -> None:
    assert 0 <= time_ns - parse_time(utc_text(time_ns)) < 1000


def test_what_is_no_alert_is_named_by_its_line(tmp_path: Path) -> None:
    good = SCAN.as_json()
    cases: tuple[Any, ...] = (
        {}, [], "alert", good | {"start": "yesterday"}, good | {"end": None}, good | {"start": "2026-03-02T12:00:00"},
        good | {"severity": "dreadful"}, good | {"sources": "10.0.0.5"}, good | {"evidence": [1]},
        good | {"flows": "many"}, good | {"ports": [70_000]}, good | {"ports": [2**70]},
        {"netsift": {}}, good | {"evidence": [{"start": good["start"]}]},
    )  # fmt: skip
    for wrong in cases:
        with pytest.raises(InputError, match=r"alerts: line 2 is no alert: ."):
            list(stored_alerts(written(tmp_path / "alerts", [good, wrong])))
        with pytest.raises(ValueError, match=r"."):
            alert_from_json(wrong)
    (tmp_path / "alerts").write_bytes(b"\xff\n")
    with pytest.raises(InputError, match="line 1"):
        list(stored_alerts(tmp_path / "alerts"))
    (tmp_path / "alerts").write_bytes(b"[" * 100_000)
    with pytest.raises(InputError, match="line 1"):
        list(stored_alerts(tmp_path / "alerts"))
    with pytest.raises(InputError, match="No such file"):
        list(stored_alerts(tmp_path / "absent"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("2026-03-02T12:00:00Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(SCAN.as_json())), json_values), st.booleans())
def test_any_json_is_an_alert_or_named_as_none(changes: dict[str, Any], in_evidence: bool) -> None:
    value = SCAN.as_json()
    if in_evidence:
        value["evidence"][0] |= changes
    try:
        alert = alert_from_json(value if in_evidence else value | changes)
    except ValueError:
        return
    assert all(0 <= port <= 65_535 for port in alert.ports)
    assert -(2**63) <= alert.start_ns < 2**63
    assert {*label_rules_or_none(alert)} <= {alert.category}
    Coverage([alert]).chooses(np.ones(3, PACKET))
    matcher(scope_of(source=["0.0.0.0/0"], weekdays=["mon"], hours="01:00-02:00"))(alert)


def label_rules_or_none(alert: Alert) -> list[str]:
    """Return the labels that follow from a true alert; none where it names no hosts."""
    try:
        return [rule.label for rule in label_rules(feedback_on(alert, [alert], Verdict.TRUE, datetime.now(UTC))).rule]
    except UsageError:
        return []


def test_an_incident_is_found_with_its_alerts() -> None:
    other = made(2, sources=("10.5.5.5",), targets=("10.6.6.6",))
    later = made(3, category="tunnel")
    alerts = [SCAN, other, later]
    everything = [*incidents_of(alerts), *alerts]
    incident = next(one for one in everything if len(one.members) == 2)
    assert named_alert(lambda: everything, incident.id) == (incident, [SCAN, later])
    assert named_alert(lambda: everything, other.id) == (other, [other])
    assert named_alert(lambda: everything[:1], everything[0].id) == (everything[0], [everything[0]])
    with pytest.raises(InputError, match="no incident or alert 'ffff'"):
        named_alert(lambda: everything, "ffff")
