"""Holds the novelty learners against those of PyOD on the same rows, and prints the table of ``docs/novelty.md``.

``python tools/novelty_table.py --data ../shared/data`` reads the 20 % file of NSL-KDD (Tavallaee and others, 2009) and
needs PyOD beside the packages of netsift for the columns of the others; without it, those stay empty. Every learner
sees the same 38 numeric columns, as logarithms. Two thirds of the normal connections are learned from, once alone and
once with attacks among them, and the area under the ROC curve and the average precision are measured on the other third
and all attacks that were not learned from. A third trial learns from the rows that it scores, as most of the literature
does: all normal connections and attacks to make up 5 %.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from netsift.detectors.novelty import LEARNERS

FILE: Final = Path("nsl-kdd") / "KDDTrain+_20Percent.txt.gz"
CONTAMINATION: Final = 0.01
SAME_ROWS: Final = 0.05
TRIALS: Final = {
    0.0: "normal alone",
    CONTAMINATION: f"normal with {CONTAMINATION:.0%} attacks",
    SAME_ROWS: f"the rows scored, {SAME_ROWS:.0%} attacks",
}
"""Shares of attacks among the rows learned from, and what the table says."""
SEEDS: Final = (1, 2, 3)
_WORDS: Final = (1, 2, 3)
_LABEL: Final = 41

Matrix = npt.NDArray[np.float32]
Score = Callable[[Matrix, Matrix, int], npt.NDArray[np.float64]]

THEIRS: Final = {
    "isolation_forest": ("pyod.models.iforest", "IForest"),
    "ecod": ("pyod.models.ecod", "ECOD"),
    "autoencoders": ("pyod.models.pca", "PCA"),
}
"""What of PyOD each learner is held against; PCA, the linear autoencoder, needs no other framework."""

OPTIONS: Final[dict[str, Callable[[int], dict[str, Any]]]] = {
    "IForest": lambda seed: {"random_state": seed},
    "ECOD": lambda _: {},
    # Weights of one over the variance are infinite for columns that only attacks vary in.
    "PCA": lambda seed: {"random_state": seed, "weighted": False},
}


def rows_of(path: Path) -> tuple[Matrix, npt.NDArray[np.bool_]]:
    """Return the numeric columns as logarithms, shape (rows, 38), and which rows are attacks."""
    with gzip.open(path, "rt", encoding="ascii") as file:
        rows = [line.rstrip("\n").split(",") for line in file]
    numbers = [[float(value) for place, value in enumerate(row[:_LABEL]) if place not in _WORDS] for row in rows]
    attacks = np.array([row[_LABEL] != "normal" for row in rows])
    return np.log1p(np.array(numbers)).astype(np.float32), attacks


def trials(matrix: Matrix, attacks: npt.NDArray[np.bool_], share: float) -> Iterator[tuple[Matrix, Matrix, Any, int]]:
    """Yield rows to learn from, rows to score, which of those are attacks, and a seed."""
    for seed in SEEDS:
        random = np.random.default_rng(seed)
        normal, bad = (random.permutation(np.flatnonzero(attacks == kind)) for kind in (False, True))
        if share == SAME_ROWS:
            rows = np.concatenate([normal, bad[: int(share / (1 - share) * len(normal))]])
            yield matrix[rows], matrix[rows], attacks[rows], seed
            continue
        learned = 2 * len(normal) // 3
        among = int(share * learned)
        rest = np.concatenate([normal[learned:], bad[among:]])
        yield matrix[np.concatenate([normal[:learned], bad[:among]])], matrix[rest], attacks[rest], seed


def ours(name: str) -> Score:
    """Return what scores with a learner of netsift."""
    return lambda learned, asked, seed: LEARNERS[name].fit(learned, seed).score(asked)


def theirs(name: str) -> Score | None:
    """Return what scores with the counterpart in PyOD, None where PyOD is not installed."""
    module, kind = THEIRS[name]
    try:
        found = getattr(import_module(module), kind)
    except ImportError:
        return None

    def score(learned: Matrix, asked: Matrix, seed: int) -> npt.NDArray[np.float64]:
        detector = found(**OPTIONS[kind](seed))
        scores: npt.NDArray[np.float64] = detector.fit(learned.astype(np.float64)).decision_function(asked)
        return scores

    return score


def measured(score: Score | None, matrix: Matrix, attacks: npt.NDArray[np.bool_], share: float) -> str:
    """Return the mean area under the curve and average precision over the seeds."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    if score is None:
        return "not installed"
    pairs = []
    for learned, asked, is_attack, seed in trials(matrix, attacks, share):
        strangeness = score(learned, asked, seed)
        pairs.append((roc_auc_score(is_attack, strangeness), average_precision_score(is_attack, strangeness)))
    area, precision = np.mean(pairs, axis=0)
    return f"{area:.3f} / {precision:.3f}"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    path = parser.parse_args().data / FILE
    if not path.exists():
        print(f"there is no {path}", file=sys.stderr)
        return 1
    matrix, attacks = rows_of(path)
    print("| learner | learned from | netsift | PyOD | of PyOD |\n|---|---|---|---|---|")
    for name in LEARNERS:
        for share, what in TRIALS.items():
            figures = [measured(score, matrix, attacks, share) for score in (ours(name), theirs(name))]
            print(f"| {name} | {what} | {' | '.join(figures)} | {THEIRS[name][1]} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
