"""The training rows in memory, and what protocols cut them by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from netsift.models.dataset import UNKNOWN, Circumstances, Dataset, Sampling, read_dataset, rows_of_network
from netsift.models.labelled import LabelledInput
from tests.models.traffic import labelled_batch


def dataset(folder: Path, *batches: pa.RecordBatch) -> Dataset:
    """Return the dataset of these batches, each a file and a network of its own."""
    inputs = []
    for number, batch in enumerate(batches):
        path = folder / f"{number}.parquet"
        pa.parquet.write_table(pa.Table.from_batches([batch]), path)
        inputs.append(LabelledInput(path, network=f"network {number}"))
    return read_dataset(inputs, ["packets", "duration_us"], Sampling(), lambda *_: None)


def test_circumstances_are_those_of_the_rows(tmp_path: Path) -> None:
    batch = labelled_batch(50, 1)
    known = dataset(tmp_path, batch).circumstances
    assert known.start_ns.tolist() == batch.column("start_time").cast(pa.int64()).to_pylist()
    ports = [UNKNOWN if port is None else port for port in batch.column("dst_port").to_pylist()]
    assert known.destination_port.tolist() == ports
    sources = batch.column("src_ip").to_pylist()
    assert len(set(known.source.tolist())) == len(set(sources))


def test_an_input_without_addresses_and_times_has_them_unknown(tmp_path: Path) -> None:
    batch = labelled_batch(50, 1).drop_columns(["src_ip", "dst_ip", "dst_port", "start_time"])
    known = dataset(tmp_path, batch, labelled_batch(20, 2)).circumstances
    for values in (known.source, known.destination, known.destination_port, known.start_ns, known.host_pair):
        assert (values[:50] == UNKNOWN).all()
        assert (values[50:] != UNKNOWN).any()


def test_networks_are_those_of_the_inputs(tmp_path: Path) -> None:
    assert dataset(tmp_path, labelled_batch(50, 1), labelled_batch(20, 2)).networks == ("network 0", "network 1")


def test_every_network_keeps_at_most_so_many_rows_whichever_files_they_stand_in(tmp_path: Path) -> None:
    inputs = []
    for number, (network, rows) in enumerate((("large", 200), ("small", 30), ("large", 150), ("middle", 60))):
        path = tmp_path / f"{number}.parquet"
        pa.parquet.write_table(pa.Table.from_batches([labelled_batch(rows, number)]), path)
        inputs.append(LabelledInput(path, network=network))
    sampling = Sampling(max_rows_per_network=50)
    found = read_dataset(inputs, ["packets", "duration_us"], sampling, lambda *_: None)
    assert rows_of_network(found) == {"large": 50, "middle": 50, "small": 30}
    assert [one.name for one in found.inputs] == ["0.parquet", "2.parquet", "1.parquet", "3.parquet"]
    of_large = np.bincount(found.groups[found.groups < 2], minlength=2)
    assert of_large.min() > 10
    assert found.sampled_out == 310
    again = read_dataset(inputs, ["packets", "duration_us"], sampling, lambda *_: None)
    assert np.array_equal(found.matrix, again.matrix)


def test_a_host_pair_is_the_same_in_both_directions_and_differs_from_all_others() -> None:
    hosts = np.random.default_rng(0).integers(0, np.iinfo(np.int64).max, 200)
    one, other = (each.ravel() for each in np.meshgrid(hosts, hosts))
    nothing = np.zeros_like(one)
    there = Circumstances(nothing, one, other, nothing).host_pair
    back = Circumstances(nothing, other, one, nothing).host_pair
    assert (there == back).all()
    assert len(np.unique(there)) == 200 * 201 // 2
