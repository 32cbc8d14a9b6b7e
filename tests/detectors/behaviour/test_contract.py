"""Every behaviour detector keeps to the contract of all of them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from netsift.detectors.behaviour import BEHAVIOURS
from netsift.detectors.behaviour.base import Behaviour
from tests.detectors.behaviour.cases import CASES
from tests.detectors.behaviour.contract import check_behaviour


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda behaviour: str(behaviour.name))
def test_contract(behaviour: Behaviour, tmp_path: Path) -> None:
    check_behaviour(behaviour, example(behaviour, tmp_path))


def test_names_are_told_apart() -> None:
    assert len({behaviour.name for behaviour in BEHAVIOURS}) == len(BEHAVIOURS)


def example(behaviour: Behaviour, folder: Path) -> pa.RecordBatch:
    """Return the flows of all cases of a behaviour, as one batch."""
    batches = []
    for case in CASES:
        if case.detector == behaviour.name:
            batches += case.make(case.above).batches(folder)
    table = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks()
    return table.to_batches()[0]
