"""What other makers of random forests give: ``python -m benchmarks.forest_accelerators --rows 20000 --trees 10``.

The same weighted forest by scikit-learn, scikit-learn-intelex and LightGBM, each in a process of its own, on the rows
of :mod:`benchmarks.learners` as they are and in the guarded forest's steps. A maker that is not installed is left out;
none of them is needed otherwise. Prints the figures of ``docs/learners.md``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from benchmarks.learners import made_up
from netsift.models.learners.base import class_weights
from netsift.models.learners.guarded_forest import in_steps

MODULES: Final = {"scikit-learn": "sklearn", "scikit-learn-intelex": "sklearnex", "LightGBM": "lightgbm"}
DEPTH: Final = 14
LEAF_ROWS: Final = 5


def forest(maker: str, trees: int, weights: dict[int, float]) -> Any:
    """Return the unfitted forest of a maker, with the same settings as far as it has them."""
    if maker == "LightGBM":
        from lightgbm import LGBMClassifier

        # Random forest mode: rows and columns drawn for every tree, as many leaves as the depth may need.
        return LGBMClassifier(
            boosting_type="rf", n_estimators=trees, max_depth=DEPTH, num_leaves=1024, min_child_samples=LEAF_ROWS,
            subsample=0.632, subsample_freq=1, colsample_bynode=0.11, class_weight=weights, random_state=0,
            n_jobs=-1, verbose=-1,
        )  # fmt: skip
    module = import_module(f"{MODULES[maker]}.ensemble")
    return module.RandomForestClassifier(
        trees, max_depth=DEPTH, min_samples_leaf=LEAF_ROWS, class_weight=weights, random_state=0, n_jobs=-1
    )


def measured(maker: str, rows: int, trees: int, steps: bool) -> tuple[float, float, float]:
    """Return wall seconds and CPU seconds of a fit on half of the rows, and the ROC AUC on the other half."""
    from sklearn.metrics import roc_auc_score

    matrix, classes = made_up(2 * rows)
    matrix = in_steps(matrix) if steps else matrix
    model = forest(maker, trees, class_weights(classes[:rows]))
    wall, cpu = time.perf_counter(), time.process_time()
    model.fit(matrix[:rows], classes[:rows])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return wall, cpu, float(roc_auc_score(classes[rows:], np.asarray(model.predict_proba(matrix[rows:]))[:, 1]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--trees", type=int, default=10)
    arguments = parser.parse_args()
    print("| maker | values | wall s | CPU s | ROC AUC |\n|---|---|---|---|---|")
    for steps in (False, True):
        for maker in (name for name, module in MODULES.items() if find_spec(module)):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                wall, cpu, area = pool.apply(measured, (maker, arguments.rows, arguments.trees, steps))
            print(
                f"| {maker} | {'in steps' if steps else 'as they are'} | {wall:.1f} | {cpu:.1f} | {area:.4f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
