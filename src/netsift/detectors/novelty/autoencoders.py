"""An ensemble of small autoencoders in the manner of KitNET: what cannot be told from its own summary is strange."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from netsift.detectors.novelty.base import Arrays, NoveltyModel, Strangeness, floats, integers, require_rows
from netsift.errors import InputError
from netsift.models.features import FeatureMatrix

Floats = npt.NDArray[np.float32]

LEAST_RANGE: Final = np.float32(0.5)
"""A column that hardly varies is scaled as if it did by so much: that of logarithms, a factor of 1.6."""

MOST_BEYOND: Final = 4.0
"""How far beyond the usual range a value is still told from greater ones, in ranges."""

_STEP_ROWS: Final = 32
_FIRST_RATE: Final = 0.02
_CLUSTER_ROWS: Final = 4_096
_DECAYS: Final = (0.9, 0.999)
_TINY: Final = 1e-8


@dataclass(frozen=True, slots=True)
class Layer:
    """Autoencoders side by side: ``inward`` (autoencoders, width, hidden), ``outward`` the other way, and biases."""

    inward: Floats
    inward_bias: Floats
    outward: Floats
    outward_bias: Floats

    def forward(self, values: Floats) -> tuple[Floats, Floats]:
        """Return hidden and restored values of (autoencoders, rows, width)."""
        hidden = _sigmoid(values @ self.inward + self.inward_bias)
        return hidden, _sigmoid(hidden @ self.outward + self.outward_bias)


@dataclass(frozen=True, slots=True)
class AutoencoderModel:
    """Small autoencoders, each over columns that go together, and one over their errors.

    ``columns`` (autoencoders, width) names the columns of each, −1 where it has fewer. ``least`` and ``range`` bring
    columns to 0 to 1, ``error_least`` and ``error_range`` the errors.
    """

    columns: npt.NDArray[np.int32]
    least: Floats
    range: Floats
    ensemble: Layer
    error_least: Floats
    error_range: Floats
    output: Layer

    def errors(self, matrix: FeatureMatrix) -> Floats:
        """Return the root mean square error of each small autoencoder, shape (rows, autoencoders)."""
        values, there = self.spread(matrix)
        _, restored = self.ensemble.forward(values)
        squares = ((restored - values) ** 2 * there).sum(axis=2) / there.sum(axis=2)
        return np.ascontiguousarray(np.sqrt(squares).T)

    def score(self, matrix: FeatureMatrix) -> Strangeness:
        """Return the logarithm of the root mean square error of the output autoencoder, shape (rows,).

        Errors are spread about log-normally, as the authors of KitNET found; the logarithm evens out their tail.
        """
        scaled = _scaled(self.errors(matrix), self.error_least, self.error_range)[None]
        _, restored = self.output.forward(scaled)
        squares = ((restored - scaled) ** 2).mean(axis=2)[0].astype(np.float64)
        strangeness: Strangeness = np.log(squares + _TINY) / 2
        return strangeness

    def spread(self, matrix: FeatureMatrix) -> tuple[Floats, Floats]:
        """Return scaled values (autoencoders, rows, width), and which places there are (autoencoders, 1, width)."""
        scaled = _scaled(matrix, self.least, self.range)
        there = (self.columns >= 0).astype(np.float32)[:, None, :]
        values = scaled[:, np.maximum(self.columns, 0)].transpose(1, 0, 2) * there
        return np.ascontiguousarray(values), there

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return weights and scales by name."""
        named: dict[str, npt.NDArray[np.generic]] = {
            "columns": self.columns, "least": self.least, "range": self.range, "error_least": self.error_least,
            "error_range": self.error_range,
        }  # fmt: skip
        for prefix, layer in (("ensemble", self.ensemble), ("output", self.output)):
            named[f"{prefix}_inward"], named[f"{prefix}_inward_bias"] = layer.inward, layer.inward_bias
            named[f"{prefix}_outward"], named[f"{prefix}_outward_bias"] = layer.outward, layer.outward_bias
        return named


@dataclass(frozen=True, slots=True)
class AutoencoderLearner:
    """Many small neural networks that restore their input from fewer numbers, and one that watches their errors.

    What it assumes: columns that vary together in ordinary traffic go on doing so; a row that breaks the relation is
    restored badly. Columns are put together by correlation, ``width`` at most; each group gets an autoencoder with
    ``ratio`` as many hidden numbers, and an output autoencoder reads their errors. Values are scaled to the range of
    the rows learned from. Unlike KitNET, whose weights move after every single row, it learns in steps of 32 rows for
    ``steps`` steps (Adam; Kingma, Ba, ICLR 2015), which is as quick as NumPy allows, and can go on from an earlier
    model: that is how it follows a network online. It fails on what is restored well although nobody ever did it, as
    autoencoders generalise, and while fewer rows than some thousands were seen. Cost: some seconds to learn, two small
    matrix products per group and row to score.

    Paper: Mirsky, Doitshman, Elovici, Shabtai, "Kitsune: an ensemble of autoencoders for online network intrusion
    detection", NDSS 2018, sections IV-C and V.

    Example:
        >>> import numpy as np
        >>> from netsift.detectors.novelty.autoencoders import AutoencoderLearner
        >>> one = np.random.default_rng(1).random((2000, 1), dtype=np.float32)
        >>> together = np.hstack([one, one, 1 - one])
        >>> usual, strange = AutoencoderLearner().fit(together, 1).score(np.float32([[0.8, 0.8, 0.2], [0.8, 0.1, 0.8]]))
        >>> bool(strange > usual + 1)
        True
    """

    width: int = 10
    ratio: float = 0.75
    steps: int = 1_500
    name: str = "autoencoders"

    def fit(self, matrix: FeatureMatrix, seed: int, before: NoveltyModel | None = None) -> AutoencoderModel:
        """Learn the groups, the small autoencoders and the one over their errors; with ``before``, go on from it."""
        require_rows(matrix)
        random = np.random.default_rng(seed)
        start = before if isinstance(before, AutoencoderModel) else self._start(matrix, random)
        steps = self.steps if before is None else self.steps // 4
        values, there = start.spread(matrix)
        ensemble = _learned(start.ensemble, values, there, random, steps)
        halfway = AutoencoderModel(
            start.columns, start.least, start.range, ensemble, start.error_least, start.error_range, start.output
        )
        errors = halfway.errors(matrix)
        least, most = errors.min(axis=0), np.quantile(errors, 0.999, axis=0).astype(np.float32)
        scale = np.maximum(most - least, np.float32(1e-4))
        scaled = _scaled(errors, least, scale)[None]
        output = _learned(start.output, scaled, np.ones((1, 1, errors.shape[1]), np.float32), random, steps)
        return AutoencoderModel(start.columns, start.least, start.range, ensemble, least, scale, output)

    def _start(self, matrix: FeatureMatrix, random: np.random.Generator) -> AutoencoderModel:
        groups = column_groups(matrix, self.width)
        columns = np.full((len(groups), max(map(len, groups))), -1, np.int32)
        for number, group in enumerate(groups):
            columns[number, : len(group)] = group
        least = matrix.min(axis=0)
        scale = np.maximum(np.quantile(matrix, 0.999, axis=0).astype(np.float32) - least, LEAST_RANGE)
        count = len(groups)
        zeros = np.zeros(count, np.float32)
        return AutoencoderModel(
            columns, least, scale, self._layer(count, columns.shape[1], random), zeros, zeros + 1,
            self._layer(1, count, random),
        )  # fmt: skip

    def _layer(self, count: int, width: int, random: np.random.Generator) -> Layer:
        hidden = max(1, int(np.ceil(width * self.ratio)) - (width <= 2))
        bound = 1 / np.sqrt(width)
        inward = random.uniform(-bound, bound, (count, width, hidden)).astype(np.float32)  # nosec B311 # NumPy's
        outward = random.uniform(-bound, bound, (count, hidden, width)).astype(np.float32)  # nosec B311 # NumPy's
        return Layer(inward, np.zeros((count, 1, hidden), np.float32), outward, np.zeros((count, 1, width), np.float32))

    def load(self, arrays: Arrays, columns: int) -> AutoencoderModel:
        """Return the model that the arrays hold."""
        named = integers(arrays, "columns", (None, None), -1, columns - 1)
        count, width = named.shape
        if (named[:, 0] < 0).any():
            raise InputError("the baseline has an autoencoder without columns")
        least, scale = floats(arrays, "least", (columns,)), floats(arrays, "range", (columns,))
        error_least, error_range = floats(arrays, "error_least", (count,)), floats(arrays, "error_range", (count,))
        if scale.min() <= 0 or error_range.min() <= 0:
            raise InputError("the baseline's ranges are not above 0")
        return AutoencoderModel(
            named, least, scale, _loaded_layer(arrays, "ensemble", count, width), error_least, error_range,
            _loaded_layer(arrays, "output", 1, count),
        )  # fmt: skip


def column_groups(matrix: FeatureMatrix, width: int) -> list[list[int]]:
    """Put columns together that vary together: average linkage over 1 − |correlation|, ``width`` columns at most.

    Columns that do not vary are alike in that, and are put with what is left.
    """
    groups = [[column] for column in range(matrix.shape[1])]
    alike = _correlation(matrix[:: max(1, len(matrix) // _CLUSTER_ROWS)])
    while len(groups) > 1:
        size = np.array([len(group) for group in groups])
        mean = alike / np.outer(size, size)
        allowed = np.triu(np.add.outer(size, size) <= width, 1)
        if not allowed.any():
            break
        first, second = divmod(int(np.argmax(np.where(allowed, mean, -1))), len(groups))
        groups[first] = sorted(groups[first] + groups.pop(second))
        alike[first] += alike[second]
        alike[:, first] += alike[:, second]
        alike = np.delete(np.delete(alike, second, 0), second, 1)
    return sorted(groups)


def _correlation(matrix: FeatureMatrix) -> npt.NDArray[np.float64]:
    centred = matrix.astype(np.float64) - matrix.mean(axis=0)
    centred /= np.maximum(np.sqrt((centred**2).sum(axis=0)), 1e-12)
    likeness: npt.NDArray[np.float64] = np.abs(centred.T @ centred)
    return likeness


def _scaled(values: Floats, least: Floats, scale: Floats) -> Floats:
    """Bring values to 0 to 1 for the usual range, and not further than MOST_BEYOND ranges from it."""
    scaled: Floats = np.clip((values - least) / scale, np.float32(-MOST_BEYOND), np.float32(1 + MOST_BEYOND))
    return scaled


def _sigmoid(values: Floats) -> Floats:
    activated: Floats = np.float32(1) / (np.float32(1) + np.exp(-np.clip(values, np.float32(-30), np.float32(30))))
    return activated


def _learned(layer: Layer, values: Floats, there: Floats, random: np.random.Generator, steps: int) -> Layer:
    """Return the layer after so many steps of gradient descent (Adam) on random rows; ``there`` masks what counts."""
    weights = [array.copy() for array in (layer.inward, layer.inward_bias, layer.outward, layer.outward_bias)]
    means = [np.zeros_like(array) for array in weights]
    squares = [np.zeros_like(array) for array in weights]
    for step in range(1, steps + 1):
        rows = random.integers(0, values.shape[1], _STEP_ROWS)
        gradients = _gradients(Layer(*weights), values[:, rows], there)
        rate = _FIRST_RATE * (1 - step / (steps + 1))
        for place, gradient in enumerate(gradients):
            means[place] += (1 - _DECAYS[0]) * (gradient - means[place])
            squares[place] += (1 - _DECAYS[1]) * (gradient**2 - squares[place])
            mean = means[place] / (1 - _DECAYS[0] ** step)
            spread = np.sqrt(squares[place] / (1 - _DECAYS[1] ** step))
            weights[place] -= (rate * mean / (spread + _TINY)).astype(np.float32)
    return Layer(*weights)


def _gradients(layer: Layer, values: Floats, there: Floats) -> tuple[Floats, ...]:
    """Return the gradients of the mean square error, in the order of the layer's arrays."""
    hidden, restored = layer.forward(values)
    outer = (restored - values) * there * restored * (1 - restored) / values.shape[1]
    inner = (outer @ layer.outward.transpose(0, 2, 1)) * hidden * (1 - hidden)
    return (
        values.transpose(0, 2, 1) @ inner, inner.sum(axis=1, keepdims=True),
        hidden.transpose(0, 2, 1) @ outer, outer.sum(axis=1, keepdims=True),
    )  # fmt: skip


def _loaded_layer(arrays: Arrays, prefix: str, count: int, width: int) -> Layer:
    inward = floats(arrays, f"{prefix}_inward", (count, width, None))
    hidden = inward.shape[2]
    return Layer(
        inward, floats(arrays, f"{prefix}_inward_bias", (count, 1, hidden)),
        floats(arrays, f"{prefix}_outward", (count, hidden, width)),
        floats(arrays, f"{prefix}_outward_bias", (count, 1, width)),
    )  # fmt: skip
