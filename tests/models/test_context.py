"""A model that needs context gets the same numbers from a capture, and from flows that were written with context."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from netsift.context.schema import CONTEXT_COLUMNS
from netsift.context.tracker import ContextTracker
from netsift.models.context import with_needed_context
from netsift.models.features import FEATURES, feature_matrix
from tests.context.flows import flow, flow_batch

NAMES = ("pair_flows_5s", "packets", "source_ports_1h")


def batches() -> list[pa.RecordBatch]:
    """Two batches of flows of one pair."""
    return [flow_batch([flow(number / 10, dst_port=number) for number in range(start, start + 9)]) for start in (0, 9)]


def test_worked_out_and_brought_along_are_the_same() -> None:
    brought = list(ContextTracker().with_context(batches()))
    for worked_out, own in zip(with_needed_context(batches(), NAMES), brought, strict=True):
        np.testing.assert_array_equal(feature_matrix(worked_out, NAMES), feature_matrix(own, NAMES))
    assert all(one is other for one, other in zip(with_needed_context(brought, NAMES), brought, strict=True))


def test_flows_are_left_alone_where_nobody_needs_context() -> None:
    made = batches()
    assert all(one is other for one, other in zip(with_needed_context(made, ["packets"]), made, strict=True))


def test_ages_are_no_features() -> None:
    names = {feature.name for feature in FEATURES}
    assert {name for name in CONTEXT_COLUMNS if name not in names} == {
        name for name in CONTEXT_COLUMNS if name.endswith("_age_s")
    }
