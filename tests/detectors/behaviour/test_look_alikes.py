"""Ordinary traffic raises no alert, whatever it looks like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.detectors.behaviour.crafting import Traffic
from tests.detectors.behaviour.look_alikes import LOOK_ALIKES


@pytest.mark.parametrize("make", LOOK_ALIKES, ids=lambda make: str(make.__name__))
def test_look_alikes_are_silent(make: Callable[[], Traffic], tmp_path: Path) -> None:
    assert [alert.reason for alert in make().alerts(tmp_path)] == []
