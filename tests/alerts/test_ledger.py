"""What is news, and how often."""

from __future__ import annotations

from dataclasses import dataclass, replace

from netsift.alerts.ledger import MOST_NEWS, SECONDS_BETWEEN, Ledger
from netsift.alerts.schema import Alert


@dataclass
class Clock:
    """A clock that a test moves."""

    now_s: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def alert(name: str = "a", flows: int = 10, severity: str = "low", members: tuple[str, ...] = ()) -> Alert:
    """Return an alert of so many flows."""
    return Alert(
        id=name, kind="alert", start_ns=0, end_ns=flows, severity=severity, confidence=0.5, category="scan",
        technique="", sources=(), targets=(), ports=(), truncated=False, detectors=(), reason="", columns=(),
        flows=flows, packets=flows, evidence=(), members=members,
    )  # fmt: skip


def test_new_ones_are_news_once() -> None:
    ledger = Ledger()
    assert ledger.news([alert()]) == [alert()]
    assert ledger.news([alert()]) == []
    assert ledger.news([alert(), alert("b")]) == [alert("b")]


def test_growth_is_news_at_most_once_a_minute() -> None:
    clock = Clock()
    ledger = Ledger(clock)
    ledger.news([alert()])
    clock.now_s = SECONDS_BETWEEN - 1
    assert ledger.news([alert(flows=1_000)]) == []
    clock.now_s = SECONDS_BETWEEN
    assert ledger.news([alert(flows=19)]) == []
    assert ledger.news([alert(flows=20)]) == [alert(flows=20)]
    clock.now_s += SECONDS_BETWEEN
    assert ledger.news([alert(flows=20)]) == []
    assert ledger.news([alert(flows=20, members=("x",))]) == [alert(flows=20, members=("x",))]


def test_what_becomes_graver_is_news_at_once() -> None:
    ledger = Ledger(Clock())
    ledger.news([alert()])
    assert ledger.news([alert(severity="high")]) == [alert(severity="high")]
    assert ledger.news([alert(severity="medium")]) == []


def test_at_the_end_all_growth_is_news() -> None:
    ledger = Ledger(Clock())
    ledger.news([alert(), alert("b")])
    assert ledger.news([alert(flows=11), alert("b")], last=True) == [alert(flows=11)]


def test_too_many_at_a_time_wait_and_nothing_is_lost() -> None:
    ledger = Ledger(Clock())
    many = [alert(str(number)) for number in range(MOST_NEWS + 5)]
    assert ledger.news(many) == many[:MOST_NEWS]
    assert ledger.waiting == 5
    assert ledger.news(many) == many[MOST_NEWS:]
    assert ledger.waiting == 0


def test_what_is_gone_is_forgotten() -> None:
    ledger = Ledger(Clock())
    ledger.news([alert()])
    ledger.news([])
    assert ledger.news([replace(alert())]) == [alert()]
