"""Rules that hide stored alerts: the same ones as in files, undone when the rule goes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from netsift.alerts.incidents import incidents_of
from netsift.alerts.suppression import Rule, Scope, new_rule, scope_of
from netsift.errors import InputError, UsageError
from netsift.store.alert_filter import AlertFilter, State
from netsift.store.opening import Store
from tests.alerts.made import SCAN, SECOND, made
from tests.store.conftest import Ticking

OURS = made(1, sources=("10.0.0.5",), category="scan")
ALSO_OURS = made(2, sources=("10.0.0.5",), category="c2", severity="high", start_ns=SCAN.start_ns + SECOND)
THEIRS = made(3, sources=("10.9.9.9",), targets=("10.0.8.8",))
ALERTS = [OURS, ALSO_OURS, THEIRS]


@pytest.fixture
def filled(store: Store) -> Store:
    """Return the stores with three alerts and two incidents."""
    store.alerts.upsert([*incidents_of(ALERTS), *ALERTS])
    return store


def rule(clock: Ticking, **scope: object) -> Rule:
    """Return a rule that begins now."""
    return new_rule(scope_of(**scope), "known", clock())


def hidden(store: Store) -> set[str]:
    """Return the ids of what is hidden."""
    return {one.alert.id for one in store.alerts.find(AlertFilter(state=State.SUPPRESSED)).rows}


def test_a_dry_run_says_what_a_rule_then_does(filled: Store, clock: Ticking) -> None:
    scope: Scope = scope_of(source=["10.0.0.0/24"])
    effect = filled.suppressions.dry_run(scope)
    assert (effect.alerts, effect.hidden, effect.incidents, effect.incidents_gone) == (3, 2, 2, 1)
    assert effect.objections()
    assert hidden(filled) == set()
    assert filled.suppressions.dry_run(scope, AlertFilter(categories=("c2",))).alerts == 1
    assert filled.suppressions.add(rule(clock, source=["10.0.0.0/24"]), author="ada") == 2
    both = next(one.id for one in incidents_of(ALERTS) if len(one.members) == 2)
    assert hidden(filled) == {OURS.id, ALSO_OURS.id, both}
    assert filled.suppressions.dry_run(scope).hidden_before == 2


def test_an_incident_with_an_alert_left_is_shown(filled: Store, clock: Ticking) -> None:
    assert filled.suppressions.add(rule(clock, category=["c2"])) == 1
    assert hidden(filled) == {ALSO_OURS.id}
    second = rule(clock, source=["10.0.0.5"])
    assert filled.suppressions.add(second) == 1
    assert len(hidden(filled)) == 3


def test_what_a_removed_rule_alone_hid_is_shown_again(filled: Store, clock: Ticking) -> None:
    wide, narrow = rule(clock, source=["10.0.0.5"]), rule(clock, category=["c2"])
    filled.suppressions.add(wide)
    filled.suppressions.add(narrow)
    assert filled.suppressions.remove(wide.id) == 1
    assert hidden(filled) == {ALSO_OURS.id}
    found = filled.alerts.get(ALSO_OURS.id)
    assert found is not None
    assert found.alert.suppressed == narrow.id
    assert filled.suppressions.remove(narrow.id) == 1
    assert hidden(filled) == set()
    assert filled.suppressions.every() == []


def test_a_hidden_alert_that_grows_stays_hidden(filled: Store, clock: Ticking) -> None:
    filled.suppressions.add(rule(clock, category=["c2"]))
    filled.alerts.upsert([made(2, category="c2", end_ns=SCAN.end_ns + SECOND)])
    assert hidden(filled) == {ALSO_OURS.id}


def test_rules_in_force_are_those_that_have_not_expired(filled: Store, clock: Ticking) -> None:
    one = rule(clock, category=["c2"])
    filled.suppressions.add(one, author="ada")
    left, gone = filled.suppressions.in_force().split(ALERTS)
    assert ([alert.id for alert in left], [alert.suppressed for alert in gone]) == ([OURS.id, THEIRS.id], [one.id])
    clock.skip(timedelta(days=31))
    assert filled.suppressions.in_force().rules == ()
    assert [(stored.rule, stored.author) for stored in filled.suppressions.every()] == [(one, "ada")]


def test_what_makes_no_sense_is_refused(filled: Store, clock: Ticking) -> None:
    one = rule(clock, category=["c2"])
    filled.suppressions.add(one)
    with pytest.raises(UsageError, match=f"rule {one.id} hides the same already"):
        filled.suppressions.add(rule(clock, category=["c2"]))
    with pytest.raises(InputError, match="there is no rule 'nothing'"):
        filled.suppressions.remove("nothing")
    clock.skip(timedelta(days=31))
    filled.suppressions.add(rule(clock, category=["c2"]))
    assert len(filled.suppressions.every()) == 2
