"""From margins to probabilities, and from parts of margins to parts of the score.

A margin is the logarithm of a class's probability up to what all classes share: the softmax of the margins gives the
probabilities, and the score is 1 minus that of class 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

_PLACES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


def softmax(margins: Values) -> Values:
    """Return the probabilities of margins of shape (..., classes)."""
    raised: Values = np.exp(margins - margins.max(axis=-1, keepdims=True))
    probabilities: Values = raised / raised.sum(axis=-1, keepdims=True)
    return probabilities


def attack_share(margins: Values) -> Values:
    """Return the score of margins of shape (..., classes)."""
    share: Values = softmax(margins)[..., 1:].sum(axis=-1)
    return share


def attributed(base: Values, parts: Values) -> Values:
    """Return what each feature added to the score, (rows, features); with the score of ``base`` they make the score.

    ``base`` (classes,) are the margins before anything is known and ``parts`` (rows, features, classes) what each
    feature added to them. The margins are moved from the base to the row's in a straight line, all features at the same
    pace, and every small change of the score on the way is credited to the features in proportion to what they add to
    the margins there (Aumann and Shapley, "Values of non-atomic games", 1974; the integrated gradients of Sundararajan,
    Taly, Yan, ICML 2017). With two classes this scales a feature's part of the log-odds by one number per row, but for
    the last digits, so that signs and proportions stay.
    """
    change = parts.sum(axis=1)
    slope = np.zeros_like(change)
    for place, weight in zip((_PLACES + 1) / 2, _WEIGHTS / 2, strict=True):
        probabilities = softmax(base + place * change)
        benign = probabilities[:, :1]
        gradient = benign * probabilities
        gradient[:, 0] -= benign[:, 0]
        slope += weight * gradient
    credited: Values = np.einsum("rfc,rc->rf", parts, slope)
    gained = attack_share(base + change) - attack_share(base[None])
    # What the quadrature lacks of the exact change is shared out by size, so that the parts add up.
    size = np.abs(credited)
    total = size.sum(axis=1, keepdims=True)
    lacking = (gained - credited.sum(axis=1))[:, None]
    complete: Values = credited + lacking * np.divide(size, total, out=np.zeros_like(size), where=total > 0)
    return complete
