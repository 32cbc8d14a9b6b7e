"""The contract of a baseline, on simulated networks, and what it was learned from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from netsift.alerts.behaviour import BehaviourSearch
from netsift.detectors.behaviour.base import FlowView
from netsift.detectors.novelty import LEARNERS
from netsift.detectors.novelty.baseline import Baseline, Judgement
from netsift.detectors.novelty.columns import CONTEXT, FLOW_COLUMNS, columns_in, words_of
from netsift.detectors.novelty.file import baseline_bytes, parse_baseline
from netsift.detectors.novelty.roles import ROLES, role_name, roles_of
from netsift.errors import InputError, UsageError
from netsift.flows.schema import COLUMNS, CONNECTION_STATES
from tests.detectors.novelty.networks import flows_of, learned


def view_of(batch: pa.RecordBatch) -> FlowView:
    """Return flows with their context."""
    view = BehaviourSearch(context=CONTEXT).add(batch)
    assert view is not None
    return view


def judged(batch: pa.RecordBatch, baseline: Baseline | None = None) -> Judgement:
    """Return how strange flows are."""
    return (baseline or learned().baseline).judge(view_of(batch))


def test_roles_with_enough_flows_are_judged_by_themselves() -> None:
    baseline = learned().baseline
    names = [group.name for group in baseline.groups]
    assert names[0] == "all roles"
    assert "udp dns within" in names
    assert "tcp web outwards" in names
    assert len(set(names)) == len(names)
    assert all(group.learned >= 490 and group.held_back >= 200 for group in baseline.groups)
    assert set(baseline.group_of_role.tolist()) <= set(range(len(names)))


def test_scoring_neither_changes_the_baseline_nor_depends_on_the_batch() -> None:
    batch = flows_of(4)[0]
    before = baseline_bytes(learned().baseline)
    whole = judged(batch)
    assert whole.surprise.shape == (batch.num_rows,)
    assert whole.surprises.shape == (len(LEARNERS), batch.num_rows)
    assert np.array_equal(judged(batch).surprise, whole.surprise)
    assert baseline_bytes(learned().baseline) == before
    view = view_of(batch)
    parts = [
        learned().baseline.judge(
            FlowView(batch.slice(start, 50), {name: one[start : start + 50] for name, one in view.context.items()})
        )
        for start in range(0, 200, 50)
    ]
    assert np.allclose(np.concatenate([one.surprise for one in parts]), whole.surprise[:200], atol=1e-4)


def test_the_order_of_columns_does_not_matter_and_missing_ones_are_named() -> None:
    batch = flows_of(4)[0]
    turned = batch.select(batch.schema.names[::-1])
    assert np.array_equal(judged(turned).surprise, judged(batch).surprise)
    with pytest.raises(InputError, match=r"2 of the columns.*payload_bytes_fwd.*psh_packets_fwd"):
        judged(batch.drop_columns(["payload_bytes_fwd", "psh_packets_fwd"]))
    with pytest.raises(UsageError, match="source_flows_1min"):
        learned().baseline.judge(FlowView(batch, {}))


def test_a_baseline_survives_its_file_and_the_same_input_gives_the_same_bytes() -> None:
    content = baseline_bytes(learned().baseline)
    again = parse_baseline(content)
    assert baseline_bytes(again) == content
    assert again.learned == learned().baseline.learned
    batch = flows_of(4)[0]
    assert np.array_equal(judged(batch, again).surprise, judged(batch).surprise)


def test_no_column_names_a_host_a_port_or_a_time() -> None:
    identities = {column.name for column in COLUMNS if column.identity}
    assert not identities & set(FLOW_COLUMNS)
    assert columns_in(["src_ip", "dst_port", "start_time", "duration_us"]).flow == ("duration_us",)


def test_words_are_shown_as_words() -> None:
    columns = learned().baseline.scales.columns
    place = columns.names.index("conn_state")
    assert words_of(columns, place, 0) == CONNECTION_STATES[0]
    assert words_of(columns, place, -1) is None
    assert words_of(columns, 0, 12.5) == 12.5


def test_every_flow_has_a_role_that_can_be_said() -> None:
    roles = roles_of(view_of(flows_of(4)[0]))
    assert ((roles >= 0) & (roles < ROLES)).all()
    named = {role_name(role) for role in range(ROLES)}
    assert len(named) == ROLES
    assert "tcp web outwards" in {role_name(int(role)) for role in np.unique(roles)}


def test_the_most_similar_ordinary_flow_is_an_ordinary_flow() -> None:
    baseline = learned().baseline
    examples = baseline.groups[1].examples
    assert np.array_equal(baseline.nearest(examples[7], 1), examples[7])


def test_flows_without_the_columns_of_a_baseline_are_refused_when_learning() -> None:
    from netsift.alerts.learning import Learning

    with pytest.raises(InputError, match="none of the columns"):
        Learning().add(pa.record_batch({"src_ip": ["10.0.0.1"]}))
    with pytest.raises(InputError, match="no flow to learn from"):
        Learning().finish()
    few = Learning()
    few.add(flows_of(4)[0].slice(0, 300))
    with pytest.raises(InputError, match="too few to learn what is normal"):
        few.finish()
