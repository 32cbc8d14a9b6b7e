"""The tracker: same numbers for any batching and from files, bounded memory, errors that name what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings

from netsift.context.schema import CONTEXT_COLUMNS
from netsift.context.tracker import REQUIRED_COLUMNS, ContextSettings, ContextTracker
from netsift.errors import InputError, UsageError
from netsift.flows.columns import empty_batch
from netsift.flows.write import flow_output
from netsift.simulate import SimulationSettings, simulate
from netsift.sources.flows import read_flows
from tests.context.flows import SECOND_NS, capture_batch, flow, flow_batch, nasty_rows, tracked


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> pa.RecordBatch:
    """The flows of three simulated minutes."""
    path = tmp_path_factory.mktemp("simulated") / "made.pcap"
    simulate(path, SimulationSettings(seed=3, duration_s=180))
    return capture_batch(path)


@pytest.mark.parametrize("rows", [1, 7, 64, 65])
def test_any_batching_gives_the_same(simulated: pa.RecordBatch, rows: int) -> None:
    batch = simulated.slice(0, 300)
    tracker = ContextTracker()
    parts = [tracker.add(batch.slice(start, rows)) for start in range(0, batch.num_rows, rows)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), ContextTracker().add(batch))
    assert tracker.counts.flows == batch.num_rows


@pytest.mark.parametrize("kind", ["parquet", "arrow", "csv", "jsonl"])
def test_a_file_gives_what_the_capture_gave(simulated: pa.RecordBatch, kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"flows.{kind}"
    with flow_output(path, kind, empty_batch().schema) as writer:
        writer.write(simulated)
    tracker = ContextTracker()
    read = np.concatenate([tracker.add(batch) for batch in read_flows(path)], axis=1)
    np.testing.assert_array_equal(read, ContextTracker().add(simulated))


@settings(max_examples=20)
@given(nasty_rows(jumps=False))
def test_order_does_not_change_the_sums(rows: list[dict[str, Any]]) -> None:
    """One more flow, after all others, finds the same sums whatever their order was."""
    rows = [row for row in rows if row["start_time"] is not None]
    ends = [max(row["start_time"], row["end_time"] or 0) for row in rows]
    # Two hours back is another clock, whichever flow comes first.
    assume(not rows or max(ends) - min(ends) < 7_000 * SECOND_NS)
    last = flow(20_000.0, src_ip="10.0.0.1", dst_ip="10.0.0.2")
    one, other = (tracked(flow_batch([*some, last])) for some in (rows, rows[::-1]))
    for name, place in CONTEXT_COLUMNS.items():
        if "_gap_" not in name and "_std" not in name:
            np.testing.assert_allclose(one[name][-1], other[name][-1], rtol=1e-5, atol=1e-17, err_msg=str(place))


def test_a_scan_shows() -> None:
    rows = [flow(0.01 * port, dst_port=port, packets_bwd=0, conn_state="S0") for port in range(1, 101)]
    columns = tracked(flow_batch(rows))
    assert columns["pair_ports_1h"][-1] == pytest.approx(100, rel=1e-3)
    assert columns["source_failed_1h"][-1] == pytest.approx(100, rel=1e-3)
    assert columns["source_unanswered_1h"][0] == 1
    assert columns["source_gap_regularity_1min"][-1] == pytest.approx(1, abs=1e-3)
    assert columns["destination_age_s"][-1] == pytest.approx(0.99)


def test_nobody_answers_a_group_address() -> None:
    columns = tracked(flow_batch([flow(dst_ip=to, packets_bwd=0) for to in ("239.0.0.1", "ff02::1", "10.0.0.255")]))
    assert not columns["source_unanswered_1h"].any()


def test_a_long_run_keeps_its_digits() -> None:
    """A million flows 5 µs apart: sums stay true to one in ten thousand, though each flow is one in a million."""
    count, step_ns = 1_000_000, 5_000
    rows = pa.Table.from_batches([flow_batch([flow(bytes_fwd=77, bytes_bwd=0)])])
    times = pa.array(1_700_000_000 * 10**9 + np.arange(count) * step_ns).cast(pa.timestamp("ns"))
    arrays = [
        times if name.endswith("_time") else pa.array(np.zeros(count, np.int32)) if name == "part"
        else pa.repeat(rows.column(name)[0], count)
        for name in (*REQUIRED_COLUMNS, "part")
    ]  # fmt: skip
    names = ("source_flows_1h", "pair_bytes_fwd_1h", "pair_size_mean_1h", "pair_gap_mean_s_1h", "source_flows_5s")
    columns = ContextTracker(names).add(pa.RecordBatch.from_arrays(arrays, names=[*REQUIRED_COLUMNS, "part"]))
    ages_s = np.arange(count) * step_ns * 1e-9
    hour, seconds = np.exp(-ages_s / 3600).sum(), np.exp(-ages_s / 5).sum()
    np.testing.assert_allclose(columns[:, -1], [hour, 77 * hour, 77, step_ns * 1e-9, seconds], rtol=1e-6)


def test_memory_is_bounded_and_eviction_counted() -> None:
    tracker = ContextTracker(("source_flows_1h",), ContextSettings(hosts=64, pairs=64, services=64, triples=64))
    held = tracker.memory_bytes
    rows = [flow(number, src_ip=f"10.0.{number // 250}.{number % 250}") for number in range(1000)]
    tracker.add(flow_batch(rows))
    assert tracker.memory_bytes == held
    # Sources, pairs and sources with service: all but what the tables hold; one destination and its service stay.
    assert tracker.counts.entities_evicted == 3 * (1000 - 64)
    assert tracker.counts.triples_evicted == 1000 - 64


def test_the_one_seen_longest_ago_makes_room() -> None:
    tracker = ContextTracker(("source_flows_1h",), ContextSettings(hosts=8))
    rows = [flow(number, src_ip=f"10.0.0.{number}") for number in (*range(8), 0, 8, 0, 1)]
    flows = tracker.add(flow_batch([row | {"end_time": row["start_time"]} for row in rows]))[0]
    assert flows[8] > 1.9
    assert flows[9] == 1


def test_hash_key_changes_who_shares_a_bucket_and_nothing_else(simulated: pa.RecordBatch) -> None:
    batch = simulated.slice(0, 400)
    default, other = ContextTracker(), ContextTracker(settings=ContextSettings(hash_key=(3, 4)))
    np.testing.assert_array_equal(default.add(batch), other.add(batch))
    one, two = (ContextTracker(settings=ContextSettings(pairs=16, hash_key=(key, 4))) for key in (1, 2))
    assert not np.array_equal(one.add(batch), two.add(batch), equal_nan=True)


def test_missing_columns_are_named() -> None:
    names = [name for name in REQUIRED_COLUMNS if name not in ("src_ip", "packets_bwd")]
    with pytest.raises(InputError, match="src_ip, packets_bwd"):
        ContextTracker().add(flow_batch([flow()], names))


def test_unknown_names_and_sizes_are_refused() -> None:
    with pytest.raises(UsageError, match="source_cats_5s"):
        ContextTracker(("source_flows_5s", "source_cats_5s"))
    with pytest.raises(UsageError, match="triples must be"):
        ContextSettings(triples=4)


def test_columns_stand_behind_the_flows(simulated: pa.RecordBatch) -> None:
    tracker = ContextTracker(("pair_gap_mean_s_5s", "source_flows_5s"))
    (batch,) = tracker.with_context([simulated])
    assert batch.schema.names == [*simulated.schema.names, *tracker.names]
    assert batch.column("pair_gap_mean_s_5s")[0].as_py() is None
    assert batch.column("source_flows_5s")[0].as_py() == 1


def test_no_flows() -> None:
    assert ContextTracker().add(empty_batch()).shape == (len(CONTEXT_COLUMNS), 0)


def test_microseconds_are_as_good_as_nanoseconds() -> None:
    batch = flow_batch([flow(), flow(3.5)])
    times = [batch.column(name).cast(pa.timestamp("us")) for name in ("start_time", "end_time")]
    coarse = pa.RecordBatch.from_arrays([*times, *batch.columns[2:]], names=batch.schema.names)
    np.testing.assert_array_equal(ContextTracker().add(coarse), ContextTracker().add(batch))
