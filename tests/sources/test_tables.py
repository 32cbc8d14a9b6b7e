"""Flow files: round trips, damage and files that are none."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pyarrow as pa
import pytest

from netsift.errors import InputError
from netsift.flows.columns import arrow_schema
from netsift.flows.write import FORMATS, flow_output, format_of
from netsift.sources.flows import read_flows
from netsift.sources.tables import flow_file
from tests.fuzz import frames
from tests.fuzz.seeds import pcapng


@pytest.fixture
def flows(tmp_path: Path) -> pa.RecordBatch:
    """Return flows of many kinds, with nulls, lists, categories and addresses of both versions."""
    path = tmp_path / "capture.pcapng"
    packets = frames.conversation(12) + frames.network_oddities() + frames.encapsulations()
    path.write_bytes(pcapng("capture", packets).data)
    (batch,) = read_flows(path)
    return batch


def write(path: Path, *batches: pa.RecordBatch) -> Path:
    """Write batches to a file in the format of its suffix."""
    with flow_output(path, format_of(path), arrow_schema()) as writer:
        for batch in batches:
            writer.write(batch)
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_round_trip(suffix: str, flows: pa.RecordBatch, tmp_path: Path) -> None:
    back = list(flow_file(str(write(tmp_path / f"flows{suffix}", flows, flows))))
    assert all(batch.schema.equals(arrow_schema(), check_metadata=True) for batch in back)
    assert [row for batch in back for row in batch.to_pylist()] == flows.to_pylist() * 2


@pytest.mark.parametrize("suffix", FORMATS)
def test_round_trip_of_no_flows(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"flows{suffix}")
    assert sum(batch.num_rows for batch in flow_file(str(path))) == 0


@pytest.mark.parametrize("suffix", FORMATS)
def test_some_columns_and_a_label(suffix: str, flows: pa.RecordBatch, tmp_path: Path) -> None:
    labels = pa.array(["benign"] * flows.num_rows)
    chosen = flows.select(["dst_ip", "first_iats_us", "start_time", "end_reason"]).append_column("label", labels)
    (back,) = flow_file(str(write(tmp_path / f"flows{suffix}", chosen)))
    assert back.schema.names == ["start_time", "dst_ip", "end_reason", "first_iats_us", "label"]
    assert back.to_pylist() == chosen.select(back.schema.names).to_pylist()


def test_categories_are_the_same_list_in_every_batch(flows: pa.RecordBatch, tmp_path: Path) -> None:
    path = write(tmp_path / "flows.csv", *[flows] * 400)
    batches = list(flow_file(str(path)))
    assert len(batches) > 1
    write(tmp_path / "again.arrow", *batches)
    assert sum(batch.num_rows for batch in flow_file(str(tmp_path / "again.arrow"))) == 400 * flows.num_rows


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_cut_last_line_loses_only_itself(suffix: str, flows: pa.RecordBatch, tmp_path: Path) -> None:
    path = write(tmp_path / f"flows{suffix}", flows)
    path.write_bytes(path.read_bytes()[:-200])
    problems: list[str] = []
    rows = sum(batch.num_rows for batch in flow_file(str(path), problems.append))
    assert rows == flows.num_rows - 1
    where = f" (line {flows.num_rows})" if suffix == ".jsonl" else ""
    assert problems == [f"{path}: damaged: 1 line cannot be read{where}"]
    with pytest.raises(InputError, match="1 line cannot be read"):
        list(flow_file(str(path)))


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("content", [b"", b"hello\nworld\n", b"\xff\xfe\0\1" * 100, b"[1, 2]\n{}\n"])
def test_what_is_no_flow_file_is_refused_or_empty(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"flows{suffix}"
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        assert sum(batch.num_rows for batch in flow_file(str(path))) == 0


@pytest.mark.parametrize("suffix", [".arrow", ".parquet"])
def test_a_cut_binary_file_is_refused(suffix: str, flows: pa.RecordBatch, tmp_path: Path) -> None:
    path = write(tmp_path / f"flows{suffix}", flows)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="cannot be read as flows"):
        list(flow_file(str(path)))


def test_a_category_that_does_not_exist_is_named(tmp_path: Path) -> None:
    path = tmp_path / "flows.csv"
    path.write_text("src_ip,conn_state\n10.0.0.1,S0\n10.0.0.2,XX\n")
    with pytest.raises(InputError, match="conn_state cannot be 'XX'"):
        list(flow_file(str(path)))


def test_a_value_of_the_wrong_type_is_named(tmp_path: Path) -> None:
    path = tmp_path / "flows.csv"
    path.write_text("src_ip,src_port\n10.0.0.1,many\n")
    with pytest.raises(InputError, match=r"cannot be read as flows: .*many"):
        list(flow_file(str(path)))


def nested(depth: int, column: str, folder: Path) -> Path:
    """Write a flow file whose third line, behind an empty one, holds lists within lists."""
    path = folder / "flows.jsonl"
    lists = f"{'[' * depth}{']' * depth}"
    path.write_text(f'{{"dst_ip":"10.0.0.1"}}\n\n{{"{column}":{lists}}}\n{{"dst_ip":"10.0.0.2"}}\n')
    return path


def test_json_nested_too_deeply_is_a_line_that_cannot_be_read(tmp_path: Path) -> None:
    path = nested(400_000, "note", tmp_path)
    problems: list[str] = []
    assert sum(batch.num_rows for batch in flow_file(str(path), problems.append)) == 2
    assert problems == [f"{path}: damaged: 1 line cannot be read (line 3)"]
    with pytest.raises(InputError, match=r"1 line cannot be read \(line 3\)"):
        list(flow_file(str(path)))


@pytest.mark.parametrize("depth", range(900, 1000, 5))
def test_json_that_can_just_be_parsed_is_no_crash_either(depth: int, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        list(flow_file(str(nested(depth, "start_time", tmp_path))))


def test_the_first_of_many_damaged_lines_is_named(tmp_path: Path) -> None:
    path = tmp_path / "flows.jsonl"
    path.write_text('{"dst_ip":"10.0.0.1"}\n[]\n{"dst_ip":"10.0.0.2"}\n{\n')
    problems: list[str] = []
    assert sum(batch.num_rows for batch in flow_file(str(path), problems.append)) == 2
    assert problems == [f"{path}: damaged: 2 lines cannot be read (the first is line 2)"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        list(flow_file(str(tmp_path / "missing.csv")))
