"""What learning costs, beside scikit-learn's plain forest: ``python -m benchmarks.learners --rows 1000000 --trees 10``.

Every learner runs in a process of its own, one after the other, on the same made-up rows: 80 columns, of which ten say
something, two classes, a fifth of the values missing in every fourth column. Prints the table of
``docs/performance.md``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from netsift.models.features import MISSING, FeatureMatrix
from netsift.models.learners import LEARNERS, make_learner
from netsift.models.learners.base import ClassIndices

COLUMNS: Final = 80
PLAIN: Final = "scikit-learn's RandomForestClassifier, its defaults on all cores"


def made_up(rows: int) -> tuple[FeatureMatrix, ClassIndices]:
    """Return (rows, 80) values that spread over orders of magnitude, and classes that ten of them tell."""
    random = np.random.default_rng(0)
    matrix = random.standard_normal((rows, COLUMNS), dtype=np.float32)
    margin = matrix[:, :10].sum(axis=1) + random.standard_normal(rows, dtype=np.float32)
    np.exp(matrix, out=matrix)
    matrix[random.random(rows) < 0.2, 3::4] = MISSING
    return matrix, (margin > 3).astype(np.int64)


def plain_forest(matrix: FeatureMatrix, classes: ClassIndices, trees: int) -> None:
    """Fit what scikit-learn gives without being asked for more than cores."""
    from sklearn.ensemble import RandomForestClassifier

    RandomForestClassifier(trees, n_jobs=-1, random_state=0).fit(matrix, classes)


def measured(name: str, rows: int, trees: int) -> tuple[str, float, float, float, float]:
    """Return the name, wall seconds, CPU seconds, peak memory in MiB and that of the rows alone, of one fit."""
    matrix, classes = made_up(rows)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    settings = {} if name == "logistic" else {"trees": trees}
    fit: Callable[[], object]
    if name == PLAIN:
        fit = lambda: plain_forest(matrix, classes, trees)  # noqa: E731 - one of two ways to do the same
    else:
        learner = make_learner(name, 0, **settings)
        fit = lambda: learner.fit(matrix, classes, 2)  # noqa: E731
    wall, cpu = time.perf_counter(), time.process_time()
    fit()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return name, wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, held


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--trees", type=int, default=10)
    arguments = parser.parse_args()
    print("| learner | wall s | CPU s | peak memory | of it before learning |")
    print("|---|---|---|---|---|")
    for name in (PLAIN, *LEARNERS):
        # A fresh process for each, since a process's peak never falls.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            row = pool.apply(measured, (name, arguments.rows, arguments.trees))
        print(f"| {row[0]} | {row[1]:.1f} | {row[2]:.1f} | {row[3]:,.0f} MiB | {row[4]:,.0f} MiB |")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
