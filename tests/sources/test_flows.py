"""One way in for captures, directories and flow files; flow files give back the rows they were written from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from netsift.errors import InputError, UsageError
from netsift.flows.columns import arrow_schema
from netsift.flows.write import flow_output, format_of
from netsift.sources.captures import CaptureSettings
from netsift.sources.flows import read_flows
from netsift.sources.statistics import ReadStatistics
from tests.flows.engine import Row, rows_of
from tests.flows.traffic import busy, in_thirds
from tests.flows.writing import pcap

ONE_THREAD = CaptureSettings(inner_tunnels=True, threads=1)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Return a made-up capture."""
    path = tmp_path / "made.pcap"
    path.write_bytes(pcap(busy(2000)))
    return path


def written(batches: Iterator[pa.RecordBatch], path: Path) -> list[Row]:
    """Write flow batches to a file and return their rows."""
    rows: list[Row] = []
    with flow_output(path, format_of(path), arrow_schema()) as writer:
        for batch in batches:
            rows += rows_of([batch])
            writer.write(batch)
    return rows


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".arrow", ".parquet"])
def test_flow_files_give_back_their_rows(suffix: str, capture: Path, tmp_path: Path) -> None:
    path = tmp_path / f"flows{suffix}"
    rows = written(read_flows(capture, ONE_THREAD), path)
    statistics = ReadStatistics()
    batches = list(read_flows(path, statistics=statistics))
    assert all(batch.schema.equals(arrow_schema()) for batch in batches)
    assert rows_of(batches) == rows
    assert statistics.flows == len(rows) > 100


def test_a_directory_is_its_files_in_time_order(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    parts = in_thirds(sorted(busy(2000), key=lambda record: record.time_ns))
    for name, part in zip("cab", parts, strict=True):
        (folder / f"{name}.pcap").write_bytes(pcap(part))
    whole = tmp_path / "whole.pcap"
    whole.write_bytes(pcap([record for part in parts for record in part]))
    assert rows_of(read_flows(folder, ONE_THREAD)) == rows_of(read_flows(whole, ONE_THREAD))


def test_what_is_no_capture_among_captures_is_reported(capture: Path, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hello, this is no capture")
    statistics = ReadStatistics()
    rows = rows_of(read_flows([capture, tmp_path / "note.txt"], ONE_THREAD, statistics))
    assert rows == rows_of(read_flows(capture, ONE_THREAD))
    assert (statistics.capture.inputs_read, statistics.capture.inputs_refused) == (1, 1)


def test_captures_and_flow_files_are_not_mixed(capture: Path, tmp_path: Path) -> None:
    flow_file = tmp_path / "flows.parquet"
    written(read_flows(capture, ONE_THREAD), flow_file)
    with pytest.raises(UsageError, match="cannot be read together"):
        list(read_flows([capture, flow_file], ONE_THREAD))


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no files"):
        list(read_flows(tmp_path))
    with pytest.raises(InputError, match="no such file"):
        list(read_flows(tmp_path / "absent.csv"))
    (tmp_path / "bad.csv").write_text("colour\nred\n")
    with pytest.raises(InputError, match=r"none of netsift.s columns"):
        list(read_flows(tmp_path / "bad.csv"))


def test_counts_are_complete_when_the_reader_stops_early(capture: Path) -> None:
    statistics = ReadStatistics()
    batches = read_flows(capture, CaptureSettings(threads=2), statistics)
    assert isinstance(batches, Iterator)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert statistics.flows == sum(statistics.flows_by_end_reason.values())
