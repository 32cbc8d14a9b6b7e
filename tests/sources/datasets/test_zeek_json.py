"""Zeek's connection log in JSON: fields that are unset are left out, and lines may be anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netsift.errors import ExitStatus
from netsift.sources.datasets.reading import recognise
from netsift.sources.statistics import ReadStatistics
from tests.sources.datasets.public import flows

CONNECTION = {
    "ts": 1517422326.539915, "uid": "C1", "id.orig_h": "10.0.0.1", "id.orig_p": 1025, "id.resp_h": "10.0.0.2",
    "id.resp_p": 80, "proto": "tcp", "conn_state": "SF", "missed_bytes": 3, "orig_pkts": 3, "orig_ip_bytes": 200,
    "resp_pkts": 2, "resp_ip_bytes": 150, "_path": "conn",
}  # fmt: skip
WITH_DURATION = {**CONNECTION, "duration": 1.5, "orig_bytes": 20, "resp_bytes": 30, "uid": "three   spaces"}


def written(path: Path, *rows: object) -> Path:
    """Write one JSON value per line."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_fields_that_appear_later_are_read(tmp_path: Path) -> None:
    path = written(tmp_path / "conn.log", *[CONNECTION] * 2000, WITH_DURATION)
    assert path.stat().st_size > 1 << 17
    table = flows(path)
    assert table["duration_us"].to_pylist() == [None] * 2000 + [1_500_000]
    assert table["payload_bytes"].to_pylist() == [None] * 2000 + [50]
    row = table.to_pylist()[0]
    assert (row["packets"], row["bytes"], row["protocol"], row["zeek.missed_bytes"]) == (5, 350, 6, 3)
    assert row["start_time"].value == 1517422326539915000


def test_labels_come_along_and_unknown_fields_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "x.json", {**CONNECTION, "label": "Malicious", "detailed-label": "C&C", "our_field": 1})
    statistics = ReadStatistics()
    row = flows(path, statistics).to_pylist()[0]
    assert (row["label"], row["attack"]) == ("Malicious", "C&C")
    assert statistics.notes[1] == "x.json: columns that are not known and not used: our_field"


def test_lines_that_are_no_connection_are_counted_and_the_others_kept(tmp_path: Path) -> None:
    path = written(tmp_path / "conn.log", CONNECTION, [1], {**CONNECTION, "duration": {"s": 1}}, WITH_DURATION)
    with path.open("ab") as file:
        file.write(b"\n{broken\n" + b'{"a":' * 20_000 + b"\n" + b'{"ts": ' + b"9" * 5000 + b"}\n\xff\xfe\n")
        file.write(json.dumps({**CONNECTION, "conn_state": "\ud800", "proto": ["tcp"]}).encode() + b"\n")
    statistics = ReadStatistics()
    table = flows(path, statistics)
    assert table["packets"].to_pylist() == [5, 5, 5]
    assert table["conn_state"].to_pylist() == ["SF", "SF", None]
    assert statistics.exit_status() == ExitStatus.DAMAGED_INPUT
    assert "6 rows cannot be read" in statistics.capture.problems[0]
    assert "conn.log: 1 empty lines were left out" in statistics.notes


@pytest.mark.parametrize("left_out", ["ts", "conn_state", "orig_pkts", "id.resp_h"])
def test_other_objects_are_no_connections(left_out: str, tmp_path: Path) -> None:
    row = {name: value for name, value in CONNECTION.items() if name != left_out}
    assert recognise(written(tmp_path / "x.log", row, row)) is None


def test_an_object_of_two_thousand_fields_is_no_data_set(tmp_path: Path) -> None:
    assert recognise(written(tmp_path / "x.log", {**CONNECTION, **{f"f{n}": n for n in range(2000)}})) is None
