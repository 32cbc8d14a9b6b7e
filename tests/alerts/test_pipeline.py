"""From batches to findings: the counts add up, and every finding can be written as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable

import pyarrow as pa
import pytest

from netsift.alerts.grouping import FindingGroups
from netsift.alerts.pipeline import Detection, ModelSearch
from netsift.detectors.model import ModelDetector
from netsift.errors import InputError
from netsift.models.manifest import Reference
from tests.models.fitted import small_bundle
from tests.models.traffic import random_batch


def find(
    flows: Iterable[pa.RecordBatch],
    detector: ModelDetector,
    reference: Reference,
    threshold: float,
    groups: FindingGroups | None = None,
    *,
    with_too_few: bool = False,
) -> Detection:
    """Return what a model finds in batches."""
    search = ModelSearch(detector, reference, threshold, groups)
    for batch in flows:
        search.add(batch)
    return search.settle(with_too_few=with_too_few)


def batches() -> list[pa.RecordBatch]:
    """Return three batches of flows."""
    return [random_batch(100, seed)[0] for seed in range(30, 33)]


def test_counts_add_up() -> None:
    bundle = small_bundle()
    found = find(batches(), ModelDetector(bundle), bundle.reference, threshold=0.5)
    assert found.flows == 300
    assert found.packets == sum(sum(batch.column("packets").to_pylist()) for batch in batches())
    attacks = sum(name != "benign" for seed in range(30, 33) for name in random_batch(100, seed)[1])
    assert found.flagged == attacks == sum(finding.flows for finding in found.findings) + found.too_few
    assert {finding.attack for finding in found.findings} == {"scan", "flood"}
    assert all(finding.evidence for finding in found.findings)
    assert not any(finding.too_few for finding in found.findings)


def test_what_is_too_little_is_counted_and_shown_behind_when_asked_for() -> None:
    bundle = small_bundle()
    found = find(batches(), ModelDetector(bundle), bundle.reference, 0.5)
    everything = find(batches(), ModelDetector(bundle), bundle.reference, 0.5, with_too_few=True)
    shown = len(found.findings)
    assert everything.findings[:shown] == found.findings
    assert all(finding.too_few for finding in everything.findings[shown:])
    assert sum(finding.flows for finding in everything.findings[shown:]) == found.too_few > 0


def test_findings_stand_in_the_order_of_their_weight() -> None:
    bundle = small_bundle()
    found = find(batches(), ModelDetector(bundle), bundle.reference, 0.5)
    weights = [finding.weight for finding in found.findings]
    assert weights == sorted(weights, reverse=True)
    assert weights == pytest.approx([one.score * (1 + math.log10(one.flows)) for one in found.findings])


def test_flows_of_other_attacks_in_a_finding_are_named() -> None:
    bundle = small_bundle()
    between_two = batches()[0]
    for column in ("src_ip", "dst_ip"):
        place = between_two.schema.get_field_index(column)
        between_two = between_two.set_column(place, column, pa.array([f"10.0.0.{place}"] * between_two.num_rows))
    (finding,) = find([between_two], ModelDetector(bundle), bundle.reference, 0.5).findings
    assert {finding.attack, *finding.also} == {"scan", "flood"}
    assert 0 < sum(finding.also.values()) < finding.flows


def test_flows_without_room_are_counted() -> None:
    bundle = small_bundle()
    groups = FindingGroups(max_groups=3)
    found = find(batches(), ModelDetector(bundle), bundle.reference, bundle.threshold(0.01), groups)
    held = sum(finding.flows for finding in found.findings) + found.too_few
    assert found.overflow == found.flagged - held > 0


def test_findings_are_json() -> None:
    bundle = small_bundle()
    found = find(batches(), ModelDetector(bundle), bundle.reference, bundle.threshold(0.01))
    for finding in found.findings:
        loaded = json.loads(json.dumps(finding.as_json(), allow_nan=False))
        assert loaded["start"].startswith("2023-11-14T")
        assert loaded["attack"] == finding.attack
        assert {"column", "value", "usual", "direction", "contribution", "words"} <= set(loaded["evidence"][0])


def test_nothing_in_nothing_out() -> None:
    bundle = small_bundle()
    found = find([], ModelDetector(bundle), bundle.reference, 0.5)
    assert (found.flows, found.packets, found.flagged, found.too_few, found.overflow) == (0, 0, 0, 0, 0)
    assert found.findings == ()


def test_batches_without_addresses_are_refused() -> None:
    bundle = small_bundle()
    batch = batches()[0].drop_columns(["src_ip", "start_time"])
    with pytest.raises(InputError, match="lack columns that a finding names: start_time, src_ip"):
        find([batch], ModelDetector(bundle), bundle.reference, 0.5)
