"""Simple peers of netsift's detection, measured on the same captures: what a day's work without netsift would give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netsift.detectors.novelty import LEARNERS
from netsift.detectors.novelty.base import Strangeness

FOREST: Final = "isolation forest on raw flow columns (scikit-learn)"
AUTOENCODERS: Final = "ensemble of autoencoders after Kitsune on raw flow columns (netsift's learner)"
PEERS: Final = (FOREST, AUTOENCODERS)
SEED: Final = 7
ALLOWED: Final = 0.03
"""Share of benign captures that may be flagged, as in netsift's own target."""
_TREES: Final = 100
_LEARNED_ROWS: Final = 500
"""Rows of each benign capture, so that none outweighs the rest."""

Matrix = npt.NDArray[np.float32]


def verdicts(
    names: Sequence[str], flows: Sequence[Sequence[pa.RecordBatch]], benign: Sequence[bool], say: Callable[[str], None]
) -> dict[str, dict[int, bool]]:
    """Return by peer which captures, by place, it flags; those that it learned from are left out.

    Each learns from every second benign capture in the order of the hashes of their names. A capture is flagged when
    its most anomalous flow is more so than those of all but :data:`ALLOWED` of the captures that the peer learned from.
    The autoencoders are those of Mirsky et al. 2018 (Kitsune) in what they learn and how they score; its own columns,
    which it makes of packets, they are not given.
    """
    matrices = [raw(batches) for batches in flows]
    quiet = sorted((place for place, is_benign in enumerate(benign) if is_benign), key=lambda at: digest(names[at]))
    learned = quiet[::2]
    random = np.random.default_rng(SEED)
    rows = [random.permutation(matrices[place])[:_LEARNED_ROWS] for place in learned]
    tested = [place for place in range(len(names)) if place not in set(learned)]
    flagged: dict[str, dict[int, bool]] = {}
    for name, peer in ((FOREST, forest), (AUTOENCODERS, autoencoders)):
        say(name)
        score = peer(np.concatenate(rows))
        greatest = [float(score(matrix).max()) for matrix in matrices]
        threshold = np.quantile([greatest[place] for place in learned], 1 - ALLOWED)
        flagged[name] = {place: greatest[place] > threshold for place in tested}
    return flagged


def forest(learned: Matrix) -> Callable[[Matrix], Strangeness]:
    """Return what an isolation forest that learned from rows says of others."""
    from sklearn.ensemble import IsolationForest

    fitted = IsolationForest(n_estimators=_TREES, random_state=SEED).fit(learned)
    return lambda matrix: -fitted.score_samples(matrix)


def autoencoders(learned: Matrix) -> Callable[[Matrix], Strangeness]:
    """Return what an ensemble of autoencoders that learned from rows says of others."""
    return LEARNERS["autoencoders"].fit(learned, SEED).score


def digest(name: str) -> bytes:
    """Return what the order of captures goes by."""
    return sha256(name.encode()).digest()


def raw(batches: Sequence[pa.RecordBatch]) -> Matrix:
    """Return the numeric columns of flows (rows, columns) as they are, 0 for null, without times and addresses."""
    table = pa.Table.from_batches(batches)
    columns = [
        np.nan_to_num(
            pc.fill_null(pc.cast(table.column(field.name), pa.float64(), safe=False), 0).to_numpy(), posinf=0, neginf=0
        )
        for field in table.schema
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
    ]
    matrix: Matrix = np.clip(np.stack(columns, axis=1), -1e30, 1e30).astype(np.float32)
    return matrix
