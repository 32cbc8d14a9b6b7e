"""Datasets made from arrays, for tests that need rows in known circumstances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from netsift.models.dataset import UNKNOWN, Circumstances, Dataset
from netsift.models.manifest import TrainingInput

DAY_S = 86_400
START_S = 1_700_006_400
"""A midnight in UTC."""

Integers = Sequence[int] | npt.NDArray[np.int64]


def rows(
    classes: Integers,
    matrix: npt.NDArray[np.float32] | None = None,
    *,
    groups: Integers | None = None,
    times_s: Integers | None = None,
    sources: Integers | None = None,
    destinations: Integers | None = None,
    networks: tuple[str, ...] = (),
    names: tuple[str, ...] = (),
    feature_names: tuple[str, ...] = (),
    seed: int = 0,
) -> Dataset:
    """Return labelled rows; what is not given is unknown, one input, one network, or columns of noise.

    ``times_s`` are seconds after a midnight, UNKNOWN (-1) where a row has no time.
    """
    labels = np.asarray(classes, dtype=np.int64)
    count = len(labels)
    unknown = np.full(count, UNKNOWN, dtype=np.int64)
    group = np.zeros(count, dtype=np.int64) if groups is None else np.asarray(groups, dtype=np.int64)
    inputs = int(group.max(initial=0)) + 1
    if matrix is None:
        matrix = np.random.default_rng(seed).random((count, 3)).astype(np.float32)
    seconds = unknown if times_s is None else np.asarray(times_s, dtype=np.int64)
    known = Circumstances(
        np.where(seconds == UNKNOWN, UNKNOWN, (START_S + seconds) * 1_000_000_000),
        unknown if sources is None else np.asarray(sources, dtype=np.int64),
        unknown if destinations is None else np.asarray(destinations, dtype=np.int64),
        unknown,
    )
    kinds = int(labels.max(initial=0)) + 1
    return Dataset(
        matrix=np.ascontiguousarray(matrix, dtype=np.float32),
        classes=labels,
        groups=group,
        circumstances=known,
        networks=networks or ("lab",) * inputs,
        names=names or ("benign", *(f"attack{number}" for number in range(1, max(kinds, 2)))),
        feature_names=feature_names or tuple(f"column{number}" for number in range(matrix.shape[1])),
        inputs=tuple(TrainingInput(name=f"input{number}", rows=count, sha256="0" * 64) for number in range(inputs)),
        unlabelled=0,
        sampled_out=0,
        problems=(),
        notes=(),
    )


def learnable(count: int, seed: int = 0, kinds: int = 3) -> Dataset:
    """Return rows of which the first column tells attacks and the second their kind, in days, hosts and inputs."""
    random = np.random.default_rng(seed)
    classes = random.integers(0, kinds, count)
    matrix = random.random((count, 4)).astype(np.float32)
    matrix[:, 0] += 0.8 * (classes > 0)
    matrix[:, 1] += classes
    return rows(
        classes,
        matrix,
        groups=random.integers(0, 4, count),
        times_s=random.integers(0, 4 * DAY_S, count),
        sources=random.integers(0, 40, count),
        destinations=random.integers(100, 140, count),
        networks=("a", "a", "b", "c"),
        feature_names=("packets", "payload_bytes", "duration_us", "bytes"),
    )
