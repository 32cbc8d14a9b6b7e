"""What an older netsift wrote about an evaluation is still read."""

from __future__ import annotations

from netsift.evaluation.metrics import thresholds_from, worst_first
from netsift.models.manifest import ProtocolResult

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
