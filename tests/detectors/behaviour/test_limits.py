"""Every behaviour detector speaks just above its limit and is silent just below it, on packets through the meter."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsift.detectors.behaviour import BEHAVIOURS
from tests.detectors.behaviour.cases import CASES, Case
from tests.detectors.behaviour.crafting import names_of


def test_every_detector_has_a_case() -> None:
    assert {case.detector for case in CASES} == {behaviour.name for behaviour in BEHAVIOURS}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.detector}: {case.what}")
def test_limits(case: Case, tmp_path: Path) -> None:
    found = [alert for alert in case.make(case.above).alerts(tmp_path) if alert.detectors == (case.detector,)]
    assert len(found) == 1
    assert 0.75 <= found[0].confidence < 0.875, "so near its limit a detector is not sure"
    assert case.detector not in names_of(case.make(case.below).alerts(tmp_path))
