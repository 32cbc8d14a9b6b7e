"""Columns under the names that other tools' data sets have."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from netsift.errors import InputError, UsageError
from netsift.flows.columns import arrow_schema
from netsift.flows.dialects import DIALECTS, column_selection
from netsift.sources.flows import read_flows
from tests.conftest import shared_data
from tests.fuzz import frames
from tests.fuzz.seeds import pcapng


@pytest.fixture
def batch(tmp_path: Path) -> pa.RecordBatch:
    """Return flows of many kinds."""
    path = tmp_path / "capture.pcapng"
    path.write_bytes(pcapng("capture", frames.conversation(12) + frames.network_oddities()).data)
    (result,) = read_flows(path)
    return result


@pytest.mark.parametrize("choice", DIALECTS)
def test_an_empty_batch_has_the_same_columns_as_a_full_one(choice: str, batch: pa.RecordBatch) -> None:
    select = column_selection(choice)
    empty = select(pa.RecordBatch.from_pylist([], schema=arrow_schema()))
    assert empty.schema.equals(select(batch).schema)


@pytest.mark.parametrize("choice", DIALECTS[1:])
def test_cic_columns_are_never_null(choice: str, batch: pa.RecordBatch) -> None:
    chosen = column_selection(choice)(batch)
    assert all(column.null_count == 0 for column in chosen.columns)


def test_cic_values_are_ours_in_the_units_of_cic(batch: pa.RecordBatch) -> None:
    chosen = column_selection("cicflowmeter-2018")(batch)
    row = batch.column("packets_fwd").to_pylist().index(max(batch.column("packets_fwd").to_pylist()))
    ours, theirs = batch.slice(row, 1).to_pylist()[0], chosen.slice(row, 1).to_pylist()[0]
    assert theirs["Tot Fwd Pkts"] == ours["packets_fwd"] >= 12
    assert theirs["Flow Duration"] == int(ours["duration_us"])
    assert theirs["Pkt Len Var"] == pytest.approx(ours["payload_std"] ** 2)
    assert theirs["Timestamp"] == "14/11/2023 22:13:20"
    assert theirs["Init Bwd Win Byts"] == -1


def test_the_columns_are_those_of_real_cic_data() -> None:
    (path,) = (shared_data() / "cicids2017-mlcve78").glob("*.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        header = [name.strip() for name in file.readline().split(",")]
    ours = column_selection("cicflowmeter")(pa.RecordBatch.from_pylist([], schema=arrow_schema())).schema.names
    # The sample was published without the port, which is the first column of the original.
    assert ours == ["Destination Port", *(name for name in header if name != "Label")]


def test_columns_by_name(batch: pa.RecordBatch) -> None:
    assert column_selection(" dst_ip,src_ip ,dst_ip")(batch).schema.names == ["dst_ip", "src_ip"]


def test_unknown_columns_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"unknown column 'x': give a dialect \(netsift, cicflowmeter"):
        column_selection("src_ip,x")


@pytest.mark.parametrize("choice", ["dst_ip,src_ip", "cicflowmeter"])
def test_columns_that_the_input_lacks_are_named(choice: str, batch: pa.RecordBatch) -> None:
    with pytest.raises(InputError, match=r"the input lacks columns that are asked for: .*_"):
        column_selection(choice)(batch.select(["src_ip", "src_port"]))
