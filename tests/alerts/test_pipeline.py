"""From batches to findings: the counts add up, and every finding can be written as JSON."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from netsift.alerts.grouping import FindingGroups
from netsift.alerts.pipeline import find
from netsift.detectors.forest import ForestDetector
from netsift.errors import InputError
from tests.models.fitted import small_bundle
from tests.models.traffic import random_batch


def batches() -> list[pa.RecordBatch]:
    """Return three batches of flows."""
    return [random_batch(100, seed)[0] for seed in range(30, 33)]


def test_counts_add_up() -> None:
    bundle = small_bundle()
    found = find(batches(), ForestDetector(bundle), bundle.reference, threshold=0.5)
    assert found.flows == 300
    assert found.packets == sum(sum(batch.column("packets").to_pylist()) for batch in batches())
    attacks = sum(name != "benign" for seed in range(30, 33) for name in random_batch(100, seed)[1])
    assert found.flagged == attacks == sum(finding.flows for finding in found.findings)
    assert {finding.attack for finding in found.findings} == {"scan", "flood"}
    assert all(finding.evidence for finding in found.findings)


def test_flows_without_room_are_counted() -> None:
    bundle = small_bundle()
    groups = FindingGroups(max_groups=3)
    found = find(batches(), ForestDetector(bundle), bundle.reference, bundle.threshold(0.01), groups)
    assert len(found.findings) == 3
    assert found.overflow == found.flagged - sum(finding.flows for finding in found.findings) > 0


def test_findings_are_json() -> None:
    bundle = small_bundle()
    found = find(batches(), ForestDetector(bundle), bundle.reference, bundle.threshold(0.01))
    for finding in found.findings:
        loaded = json.loads(json.dumps(finding.as_json(), allow_nan=False))
        assert loaded["start"].startswith("2023-11-14T")
        assert loaded["attack"] == finding.attack
        assert {"column", "value", "usual", "direction", "contribution", "words"} <= set(loaded["evidence"][0])


def test_nothing_in_nothing_out() -> None:
    bundle = small_bundle()
    found = find([], ForestDetector(bundle), bundle.reference, 0.5)
    assert (found.flows, found.packets, found.flagged, found.overflow, found.findings) == (0, 0, 0, 0, ())


def test_batches_without_addresses_are_refused() -> None:
    bundle = small_bundle()
    batch = batches()[0].drop_columns(["src_ip", "start_time"])
    with pytest.raises(InputError, match="lack columns that a finding names: start_time, src_ip"):
        find([batch], ForestDetector(bundle), bundle.reference, 0.5)
