"""What an older netsift wrote about an evaluation is still read."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from netsift.evaluation.metrics import thresholds_from, worst_first
from netsift.models.manifest import LearnerEntry, ProtocolResult

OLD = {
    "protocol": "by input",
    "meaning": "honest",
    "rows": 10,
    "accuracy": 0.9,
    "f1": 0.8,
    "roc_auc": 0.95,
    "average_precision": 0.9,
    "operating_points": [{"false_positive_rate": 0.01, "threshold": 0.5, "recall": 0.7}],
    "classes": [{"name": "benign", "rows": 5, "precision": 1.0, "recall": 0.8}],
}


def test_a_result_without_the_newer_fields_is_read_and_ranked() -> None:
    result = ProtocolResult.model_validate(OLD)
    assert result.threshold is None
    assert result.honest is None
    assert (result.intervals, result.parts, result.reliability) == ({}, [], [])
    newer = result.model_copy(update={"protocol": "newer", "honest": True, "averaged": True, "roc_auc": 0.9})
    assert [one.protocol for one in worst_first([result, newer])] == ["newer", "by input"]
    assert thresholds_from([newer, result]) is result


@pytest.mark.parametrize("value", [True, 0, 2**53, -(2**53), 0.5, 1e20, "word"])
def test_a_setting_stays_what_it_is(value: object) -> None:
    entry = LearnerEntry.model_validate_json(json.dumps({"name": "forest", "settings": {"one": value}}))
    assert entry.settings["one"] == value
    assert type(entry.settings["one"]) is type(value)


@pytest.mark.parametrize("value", [2**53 + 1, -(2**53) - 1, 10**30])
def test_a_whole_number_that_a_float_cannot_hold_is_refused_with_the_reason(value: int) -> None:
    with pytest.raises(ValidationError, match="a whole number beyond 2\\*\\*53 would lose digits"):
        LearnerEntry.model_validate_json(json.dumps({"name": "forest", "settings": {"one": value}}))
