"""Flow files are whole or not there, and hold every text, number and null as it was."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from netsift.errors import InputError, OutputError, UsageError
from netsift.files import whole_file
from netsift.flows.write import FORMATS, flow_output, format_of
from netsift.flows.writers.parquet import ParquetWriter
from netsift.sources.tables import flow_file

NASTY = ["plain", "with, comma", 'with "quotes"', "line\nbreak", "back\\slash", "tab\t", "ünïcödé", None]


def batch_of(**columns: object) -> pa.RecordBatch:
    """Return a batch of these columns."""
    return pa.RecordBatch.from_pydict(columns)


def write(path: Path, *batches: pa.RecordBatch, schema: pa.Schema | None = None) -> None:
    """Write batches to a file in the format of its suffix."""
    with flow_output(path, format_of(path), schema or batches[0].schema) as writer:
        for batch in batches:
            writer.write(batch)


@pytest.mark.parametrize("suffix", FORMATS)
def test_texts_from_elsewhere_come_back_as_they_were(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"flows{suffix}"
    ports = pa.array(range(len(NASTY)), pa.uint16())
    write(path, batch_of(src_port=ports, label=pa.array(NASTY)))
    (batch,) = flow_file(str(path))
    assert batch.column("label").to_pylist() == NASTY
    assert batch.column("src_port").to_pylist() == list(range(len(NASTY)))


def test_json_has_no_numbers_that_json_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "flows.jsonl"
    write(path, batch_of(x=[1.5, float("nan"), float("inf"), None], y=[True, False, None, True]))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["x"] for line in lines] == [1.5, None, None, None]
    assert [line["y"] for line in lines] == [True, False, None, True]


def test_names_with_commas_are_quoted(tmp_path: Path) -> None:
    path = tmp_path / "flows.csv"
    write(path, batch_of(**{"a,b": [1], 'c"d': [2]}))
    assert path.read_text() == '"a,b","c""d"\n1,2\n'


def test_the_first_batch_decides_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "flows.parquet"
    first = batch_of(src_port=pa.array([1], pa.uint16()), label=["x"])
    write(path, first, schema=pa.schema([("other", pa.int8())]))
    assert pa.parquet.read_table(path).column_names == ["src_port", "label"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".arrow", ".parquet"])
def test_a_batch_with_other_columns_is_refused_and_leaves_nothing(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"flows{suffix}"
    with pytest.raises(InputError, match="the inputs have different columns"):
        write(path, batch_of(a=[1]), batch_of(b=[1]))
    assert list(tmp_path.iterdir()) == []


def test_half_a_parquet_file_does_not_look_whole(tmp_path: Path) -> None:
    path = tmp_path / "flows.parquet"
    with path.open("wb") as file:
        writer = ParquetWriter(file, pa.schema([("a", pa.int64())]))
        writer.write(batch_of(a=pa.array(range(100_000), pa.int64())))
        writer.abandon()
    assert path.stat().st_size > 1000
    with pytest.raises(pa.ArrowInvalid):
        pa.parquet.read_metadata(path)


def test_row_groups_do_not_depend_on_how_batches_were_cut(tmp_path: Path) -> None:
    one = batch_of(a=pa.array(range(100_000), pa.int64()))
    whole, pieces = tmp_path / "whole.parquet", tmp_path / "pieces.parquet"
    write(whole, one)
    write(pieces, *(one.slice(start, 777) for start in range(0, 100_000, 777)))
    assert whole.read_bytes() == pieces.read_bytes()
    assert pa.parquet.read_metadata(whole).num_row_groups == 2


def test_an_unknown_suffix_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="the suffix must be one of"):
        format_of(Path("flows.xlsx"))
    assert format_of(Path("FLOWS.CSV")) == "csv"


def test_an_error_keeps_the_file_of_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with contextlib.suppress(KeyboardInterrupt), whole_file(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_what_the_system_says_becomes_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"file: cannot be written: No space left"), whole_file(tmp_path / "file"):
        raise OSError(28, "No space left on device")
    with pytest.raises(OutputError, match="is a directory"), whole_file(tmp_path):
        pass
    with pytest.raises(BrokenPipeError), whole_file(tmp_path / "file"):
        raise BrokenPipeError
    assert list(tmp_path.iterdir()) == []
