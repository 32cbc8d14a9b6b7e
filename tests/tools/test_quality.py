"""The page on how well models travel: its part about several networks, on small ones that are made up."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from netsift.models.dataset import Sampling, read_dataset
from netsift.models.features import MISSING
from netsift.models.labelled import LabelledInput
from netsift.models.learners.forests import ForestSettings
from netsift.models.learners.random_forest import RandomForest
from tests.cli.test_train import write_cic
from tools import quality
from tools.quality import CAPTURES, CIC, COLUMNS, IOT, SIMULATED, UNSW, Flags, Network

SMALL = RandomForest(ForestSettings(trees=5, depth=3))
LACKS = COLUMNS.index("bytes_fwd")


def network(name: str, seed: int, has: Flags | None = None) -> Network:
    """Return 300 flows, of attacks with greater values; none has a value that ``has`` (columns,) says is not there."""
    random = np.random.default_rng(seed)
    has = np.ones(len(COLUMNS), dtype=np.bool_) if has is None else has
    kinds = random.choice(["benign", "scan", "flood"], size=300)
    matrix = random.exponential(10, (300, len(COLUMNS))).astype(np.float32)
    matrix += np.where(kinds == "benign", 0, 20)[:, None]
    return Network(name, np.where(has, matrix, np.float32(MISSING)), kinds, has, random.integers(0, 3, 300))


def networks() -> list[Network]:
    """Return the networks of the page; the data sets lack one column."""
    lacking = np.arange(len(COLUMNS)) != LACKS
    own = [network(name, seed) for seed, name in enumerate((CAPTURES, SIMULATED))]
    return [*own, *(network(name, seed, lacking) for seed, name in enumerate((CIC, UNSW, IOT), 2))]


def test_every_network_is_tested_by_models_of_the_others_on_what_they_share() -> None:
    page = quality.several_networks(networks(), SMALL)
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")][1:]
    assert [row[0] for row in rows] == [
        *(name for name in (CAPTURES, SIMULATED, CIC, UNSW, IOT) for _ in range(5)),
        *[f"each source of {CAPTURES}"] * 3,
    ]
    assert f"of the {len(COLUMNS)} that netsift's meter gives,\n{CIC} has {len(COLUMNS) - 1}, " in page
    of_captures = [row[2] for row in rows[:5]]
    assert of_captures[0] == f"{len(COLUMNS) - 1} to {len(COLUMNS)}"
    assert of_captures[2] == f"{len(COLUMNS) - 1} shared"
    assert of_captures[3:] == [f"{len(COLUMNS)}, absent", f"{len(COLUMNS)}, hidden"]
    assert all(float(row[3]) > 0.9 for row in rows)
    assert {row[5] for row in rows} == {"–"}


def test_what_is_hidden_is_a_column_that_one_of_the_networks_lacks_and_of_every_network_alike() -> None:
    own, lacking = networks()[0], networks()[2]
    shown = [one.matrix != MISSING for one in quality.hiding([own, lacking])]
    assert not shown[1][:, LACKS].any()
    assert 0.3 < shown[0][:, LACKS].mean() < 0.7
    assert all(one[:, np.arange(len(COLUMNS)) != LACKS].all() for one in shown)


def test_a_network_of_a_data_set_has_no_value_where_that_has_no_column(tmp_path: Path) -> None:
    path = write_cic(tmp_path / "x.csv", ["Benign", "Bot"] * 20, 1)
    dataset = read_dataset([LabelledInput(path)], ["duration_us", "packets_fwd"], Sampling(), lambda *_: None)
    found = quality.of_dataset(CIC, dataset, {})
    assert sorted(np.array(COLUMNS)[found.has]) == ["duration_us", "packets_fwd"]
    assert (found.matrix[:, ~found.has] == MISSING).all()
    assert (found.matrix[:, found.has] >= 1).all()
    assert set(found.kinds) == {"benign", "c2"}


def test_captures_of_one_publisher_are_one_source(tmp_path: Path) -> None:
    with (tmp_path / "captures.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [("file", "source_repo"), ("a/x.csv", "one"), ("b/y.csv", "other"), ("z.csv", "one")]
        )
    inputs = [LabelledInput(write_cic(tmp_path / f"{name}.csv", ["Benign", "Bot"], 1)) for name in "xyz"]
    dataset = read_dataset(inputs, ["packets_fwd"], Sampling(), lambda *_: None)
    found = quality.of_dataset(CAPTURES, dataset, quality.publishers(tmp_path))
    assert found.sources.tolist() == [0, 0, 1, 1, 0, 0]
