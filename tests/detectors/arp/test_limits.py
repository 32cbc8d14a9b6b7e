"""Every ARP detector speaks at its limit and is silent just below it, and on what looks alike."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest

from netsift.detectors.arp import arp_detectors
from netsift.detectors.arp.base import ArpDetector
from netsift.models.taxonomy import NAMES
from tests.detectors.arp.cases import CASES, LOOK_ALIKES, Case, LookAlike
from tests.detectors.arp.traffic import found


def named(name: str) -> ArpDetector:
    """Return a detector that has seen nothing."""
    return next(detector for detector in arp_detectors() if detector.name == name)


def limits_of(detector: Any) -> list[str]:
    """Return the names of a detector's limits."""
    return [one.name for one in fields(detector) if one.metadata]


def test_every_limit_has_a_case() -> None:
    wanted = {(detector.name, name) for detector in arp_detectors() for name in limits_of(detector)}
    assert {(case.detector, case.limit) for case in CASES} == wanted


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.detector}: {case.limit}")
def test_limits(case: Case) -> None:
    (episode,) = found(named(case.detector), case.make(case.above))
    assert not re.search(r"\b(nan|inf|None|unknown)\b|\n|\. |\.$|  ", episode.reason), episode.reason
    assert found(named(case.detector), case.make(case.below)) == []


@pytest.mark.parametrize("look_alike", LOOK_ALIKES, ids=lambda look_alike: look_alike.what)
def test_look_alikes_are_silent(look_alike: LookAlike) -> None:
    for detector in arp_detectors():
        assert [one.reason for one in found(detector, look_alike.make())] == []


def test_descriptions() -> None:
    for detector in arp_detectors():
        text = re.sub(r"\s+", " ", type(detector).__doc__ or "")
        assert detector.category in NAMES
        assert re.fullmatch(r"T1\d{3}(\.\d{3})?", detector.technique)
        assert "What it assumes: " in text
        assert "It fails on " in text
        for one in fields(detector):  # type: ignore[arg-type] # every detector is a dataclass
            if one.metadata:
                assert one.metadata["unit"]
                assert one.metadata["meaning"]
                assert one.name in text, f"the docstring gives no reason for {one.name}"
