"""One small trained model that many tests share."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from netsift.evaluation.training import Trained, train
from netsift.models.bundle import Bundle
from netsift.models.dataset import Dataset, Sampling, read_dataset
from netsift.models.features import FLOW_FEATURES
from netsift.models.labelled import LabelledInput
from netsift.models.learners.forests import ForestSettings
from netsift.models.learners.random_forest import RandomForest
from tests.models.traffic import labelled_batch

SMALL = RandomForest(ForestSettings(trees=10, depth=6, seed=5))
FEATURE_NAMES = tuple(feature.name for feature in FLOW_FEATURES)


def silent(stage: str, done: int, total: int) -> None:
    """Show no progress."""


@cache
def small_dataset(attacks: tuple[str, ...] = ("scan", "flood")) -> Dataset:
    """Return 600 labelled rows from two inputs."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from pyarrow import parquet

    with TemporaryDirectory() as folder:
        inputs = [LabelledInput(Path(folder) / f"part{number}.parquet") for number in range(2)]
        for number, source in enumerate(inputs):
            parquet.write_table(pa.Table.from_batches([labelled_batch(300, number, attacks)]), source.path)
        return read_dataset(inputs, FEATURE_NAMES, Sampling(), silent)


@cache
def small_model(attacks: tuple[str, ...] = ("scan", "flood")) -> Trained:
    """Return a small model trained on :func:`small_dataset`."""
    return train(small_dataset(attacks), SMALL, 3, silent)


def small_bundle() -> Bundle:
    """Return the bundle of :func:`small_model`."""
    return small_model().bundle
