"""Labels find their flows, whichever way they come; what has none is counted and left out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.errors import InputError
from netsift.flows.columns import arrow_schema
from netsift.models.dataset import Dataset, Reservoir, Sampling, read_dataset
from netsift.models.labelled import LABEL_FILE_COLUMNS, FlowLabels, LabelledInput, label_file_of, label_text
from tests.flows.traffic import busy
from tests.flows.writing import pcap
from tests.models.fitted import silent
from tests.models.traffic import labelled_batch, random_batch

NAMES = ("packets", "payload_bytes", "conn_state", "service")
EVERYTHING = Sampling()
HEADER = ",".join(LABEL_FILE_COLUMNS)


def parquet(path: Path, batch: pa.RecordBatch) -> Path:
    """Write a batch as a Parquet file."""
    pa.parquet.write_table(pa.Table.from_batches([batch]), path)
    return path


def read(*inputs: LabelledInput, sampling: Sampling = EVERYTHING) -> Dataset:
    """Read inputs into rows of four features."""
    return read_dataset(inputs, NAMES, sampling, silent)


@pytest.mark.parametrize(
    ("label", "attack", "text"),
    [
        ("BENIGN", None, "BENIGN"),
        ("Normal", "", "Normal"),
        (" benign ", "scan", "benign"),
        ("malicious", "Port Scan", "Port Scan"),
        ("DoS Hulk", None, "DoS Hulk"),
        ("attack", " ", "attack"),
        ("", "scan", None),
        (None, "scan", None),
    ],
)
def test_the_kind_of_an_attack_is_its_label(label: str | None, attack: str | None, text: str | None) -> None:
    assert label_text(label, attack) == text


@pytest.mark.parametrize(
    ("capture", "labels"),
    [("x.pcap", "x.labels.csv"), ("a/x.1.pcapng.gz", "a/x.1.labels.csv"), ("x.pcap.zst", "x.labels.csv")],
)
def test_the_label_file_stands_beside_the_capture(capture: str, labels: str) -> None:
    assert label_file_of(Path(capture)) == Path(labels)


def test_flow_files_bring_their_labels(tmp_path: Path) -> None:
    batch = labelled_batch(80, 1)
    scalar = batch.drop_columns(["first_lengths", "first_iats_us"])
    parquet(tmp_path / "x.parquet", batch)
    with pa.ipc.new_file(tmp_path / "x.arrow", batch.schema) as writer:
        writer.write_batch(batch)
    plain = pa.table({name: scalar.column(name).cast(pa.string()) if pa.types.is_dictionary(scalar.column(name).type)
                      else scalar.column(name) for name in scalar.schema.names})  # fmt: skip
    pa.csv.write_csv(plain, tmp_path / "x.csv")
    datasets = [read(LabelledInput(tmp_path / name)) for name in ("x.parquet", "x.arrow", "x.csv")]
    for dataset in datasets:
        assert dataset.names == ("benign", "flood", "scan")
        assert np.array_equal(dataset.classes, datasets[0].classes)
        assert np.array_equal(dataset.matrix, datasets[0].matrix)
        assert dataset.inputs[0].rows == 80


def test_whole_inputs_have_the_label_that_is_named(tmp_path: Path) -> None:
    first = parquet(tmp_path / "a.parquet", random_batch(30, 1)[0])
    second = parquet(tmp_path / "b.parquet", random_batch(20, 2)[0])
    dataset = read(LabelledInput(first, "benign"), LabelledInput(second, "attack"))
    assert dataset.rows_of_class == {"benign": 30, "other": 20}
    assert np.bincount(dataset.groups).tolist() == [30, 20]


def test_a_folder_is_one_group_per_file(tmp_path: Path) -> None:
    for number in range(3):
        parquet(tmp_path / f"{number}.parquet", labelled_batch(40, number))
    (tmp_path / "0.labels.csv").write_text(HEADER)
    dataset = read(LabelledInput(tmp_path))
    assert [entry.name for entry in dataset.inputs] == ["0.parquet", "1.parquet", "2.parquet"]
    assert np.bincount(dataset.groups).tolist() == [40, 40, 40]


def test_flows_without_a_label_are_counted_and_left_out(tmp_path: Path) -> None:
    batch = labelled_batch(50, 3)
    labels = batch.column("label").to_pylist()
    batch = batch.set_column(batch.schema.get_field_index("label"), "label", pa.array([None, "", *labels[2:]]))
    dataset = read(LabelledInput(parquet(tmp_path / "x.parquet", batch)))
    assert (dataset.unlabelled, len(dataset.classes)) == (2, 48)


@pytest.mark.parametrize(
    ("attacks", "labels", "reason"),
    [
        (("scan",), {"label": "benign"}, "holds no attack flow"),
        (("scan",), {"label": "evil"}, "holds no benign flow"),
        (("scan",), {"label": ""}, "hold no labelled flow"),
        (("scan",), {}, "there is no label column"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    tmp_path: Path, attacks: tuple[str, ...], labels: dict[str, str], reason: str
) -> None:
    batch, _ = random_batch(10, 1, attacks)
    for name, value in labels.items():
        batch = batch.append_column(name, pa.array([value] * 10))
    path = parquet(tmp_path / "x.parquet", batch)
    with pytest.raises(InputError, match=reason):
        read(LabelledInput(path))


def test_absent_files_and_label_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.parquet"):
        read(LabelledInput(tmp_path / "absent.parquet"))
    with pytest.raises(InputError, match=r"absent\.pcap: no such file"):
        read(LabelledInput(tmp_path / "absent.pcap"))
    (tmp_path / "x.pcap").write_bytes(b"no capture at all, whatever its name")
    with pytest.raises(InputError, match="not a pcap or pcapng capture"):
        read(LabelledInput(tmp_path / "x.pcap"))
    (tmp_path / "x.pcap").write_bytes(pcap(busy(20)))
    with pytest.raises(InputError, match=r"x\.labels\.csv: no such label file; place it beside the capture"):
        read(LabelledInput(tmp_path / "x.pcap"))


def flow(start_s: int, end_s: int, *, turned: bool = False, port: int | None = 50000) -> pa.RecordBatch:
    """Return one flow between two hosts, or the same with its ends exchanged."""
    first, second = ("10.0.0.1", port), ("10.0.0.2", None if port is None else 80)
    source, target = (second, first) if turned else (first, second)
    row = {
        "start_time": datetime.fromtimestamp(start_s, UTC), "end_time": datetime.fromtimestamp(end_s, UTC),
        "src_ip": source[0], "src_port": source[1], "dst_ip": target[0], "dst_port": target[1], "protocol": 6,
    }  # fmt: skip
    schema = pa.schema([arrow_schema().field(name) for name in row])
    return pa.RecordBatch.from_pylist([row], schema=schema)


def labels_of(tmp_path: Path, *lines: str) -> FlowLabels:
    """Return the labels of a label file with these lines."""
    path = tmp_path / "x.labels.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return FlowLabels.read(path)


def test_labels_are_joined_by_both_ends_and_time(tmp_path: Path) -> None:
    labels = labels_of(
        tmp_path,
        "100000000000,200000000000,10.0.0.1,50000,10.0.0.2,80,6,benign,",
        "300000000000,400000000000,10.0.0.2,80,10.0.0.1,50000,6,attack,scan",
    )
    assert labels.labels(flow(100, 200)) == ["benign"]
    assert labels.labels(flow(150, 160, turned=True)) == ["benign"]
    assert labels.labels(flow(400, 500)) == ["scan"]
    assert labels.labels(flow(190, 390)) == ["scan"]
    assert labels.labels(flow(210, 290)) == [None]
    assert labels.labels(flow(100, 200, port=50001)) == [None]


def test_labels_without_ports_are_joined(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, "100000000000,200000000000,10.0.0.1,,10.0.0.2,,6,attack,")
    assert labels.labels(flow(100, 200, port=None)) == ["attack"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a,b\n1,2\n", "lacks the columns start_time_ns, end_time_ns"),
        (f"{HEADER}\n1,2,3\n", "line 2 is not a label"),
        (f"{HEADER}\nx,2,10.0.0.1,1,10.0.0.2,2,6,benign,\n", "line 2 is not a label"),
    ],
)
def test_wrong_label_files_are_refused(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "x.labels.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=reason):
        FlowLabels.read(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a text file"):
        FlowLabels.read(path)


@given(st.lists(st.integers(0, 40), max_size=20), st.integers(1, 50), st.integers(0, 5))
def test_the_reservoir_keeps_a_sample_in_order(batches: list[int], size: int, seed: int) -> None:
    reservoir = Reservoir(size, seed)
    total = 0
    for rows in [*batches, 1]:
        numbers = np.arange(total, total + rows)
        reservoir.add(numbers[:, None].astype(np.float32), numbers[:, None])
        total += rows
    matrix, marks = reservoir.rows()
    assert reservoir.seen == total
    assert len(marks) == min(size, total)
    assert (np.diff(marks[:, 0]) > 0).all()
    assert np.array_equal(matrix[:, 0], marks[:, 0].astype(np.float32))


def test_the_reservoir_is_fair() -> None:
    hits = np.zeros(100)
    for seed in range(400):
        reservoir = Reservoir(10, seed)
        for start in range(0, 100, 7):
            rows = np.arange(start, min(start + 7, 100))
            reservoir.add(rows[:, None].astype(np.float32), rows[:, None])
        hits[reservoir.rows()[1][:, 0]] += 1
    assert abs(hits[:50].sum() - hits[50:].sum()) < 4 * np.sqrt(4000)
    assert hits.min() > 10


def test_bounds_on_rows_are_kept(tmp_path: Path) -> None:
    first = parquet(tmp_path / "a.parquet", labelled_batch(200, 1))
    second = parquet(tmp_path / "b.parquet", labelled_batch(30, 2))
    inputs = (LabelledInput(first), LabelledInput(second))
    of_file = read(*inputs, sampling=Sampling(max_rows_per_file=50))
    assert np.bincount(of_file.groups).tolist() == [50, 30]
    assert of_file.sampled_out == 150
    in_all = read(*inputs, sampling=Sampling(max_rows=60))
    assert (len(in_all.classes), in_all.sampled_out) == (60, 170)
    assert [entry.rows for entry in in_all.inputs] == [200, 30]
