"""A linear model as plain arrays: its scores, its ONNX graph, the check of a stored one, and what each feature did.

The graph calculates in float64 throughout, since logarithms that hardly vary would lose their digits in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from netsift.errors import InputError
from netsift.models.features import FeatureMatrix
from netsift.models.graph import INPUT, OUTPUTS, serialised_graph
from netsift.models.margins import attack_share, attributed, softmax

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

Values = npt.NDArray[np.float64]

_TENSORS: Final = ("mean", "inverse_spread", "missing_share", "weights", "intercept")
_GREATEST: Final = 1e9
"""Greatest magnitude of any number in a graph."""

_ROWS_AT_ONCE: Final = 512


def logarithm(matrix: npt.NDArray[np.floating]) -> Values:
    """Return log(1 + x) of every value; 0 where it is missing."""
    logarithms: Values = np.log(np.maximum(matrix.astype(np.float64), 0) + 1)
    return logarithms


def missing(matrix: npt.NDArray[np.floating]) -> Values:
    """Return 1 where a value is missing and 0 where it is present."""
    return -np.clip(matrix.astype(np.float64), -1, 0)


@dataclass(frozen=True)
class LinearModel:
    """Standards and coefficients.

    ``mean``, ``inverse_spread`` and ``missing_share`` (features,) describe the training rows; ``weights`` is
    (2 features, classes), for the standardised logarithms and then for what says that they are missing; ``intercept``
    (classes,) is the margin of a row that is average throughout.
    """

    mean: Values
    inverse_spread: Values
    missing_share: Values
    weights: Values
    intercept: Values

    def columns(self, matrix: FeatureMatrix) -> Values:
        """Return what the coefficients are multiplied with, (rows, 2 features)."""
        gone = missing(matrix)
        standardised = (logarithm(matrix) - self.mean) * self.inverse_spread
        return np.concatenate([standardised * (1 - gone), gone - self.missing_share], axis=1)

    def probabilities(self, matrix: FeatureMatrix) -> Values:
        """Return (rows, classes) probabilities."""
        return softmax(self.columns(matrix) @ self.weights + self.intercept)

    def reordered(self, order: Sequence[int]) -> LinearModel:
        """Return the model for rows whose column ``i`` is what was column ``order[i]``."""
        places = np.array(order)
        both = np.concatenate([places, places + len(places)])
        standards = (self.mean[places], self.inverse_spread[places], self.missing_share[places])
        return LinearModel(*standards, self.weights[both], self.intercept)

    @cached_property
    def base(self) -> float:
        """The score of a row that is average throughout."""
        return float(attack_share(self.intercept[None])[0])

    def contributions(self, matrix: FeatureMatrix) -> Values:
        """Return what each feature added to each score, (rows, features).

        A feature's part of each margin is exact: its two columns times their coefficients. How the parts of the margins
        become parts of the score, :func:`netsift.models.margins.attributed` says.
        """
        features = len(self.mean)
        found = np.zeros((len(matrix), features))
        for start in range(0, len(matrix), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            parts = self.columns(matrix[rows])[:, :, None] * self.weights
            found[rows] = attributed(self.intercept, parts[:, :features] + parts[:, features:])
        return found


def linear_graph(model: LinearModel, feature_names: Sequence[str]) -> bytes:
    """Return the serialised ONNX graph of the model."""
    from onnx import numpy_helper

    numbers = {name: getattr(model, name) for name in _TENSORS} | {
        "one": np.array(1.0),
        "zero": np.array(0.0),
        "minus_one": np.array(-1.0),
    }
    tensors = [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in numbers.items()]
    return serialised_graph("linear", _nodes(), feature_names, len(model.intercept), tensors)


def _nodes() -> list[NodeProto]:
    from onnx import TensorProto, helper

    label, probabilities = OUTPUTS
    return [
        helper.make_node("Cast", [INPUT], ["wide"], to=TensorProto.DOUBLE),
        helper.make_node("Relu", ["wide"], ["positive"]),
        helper.make_node("Add", ["positive", "one"], ["shifted"]),
        helper.make_node("Log", ["shifted"], ["logarithm"]),
        helper.make_node("Clip", ["wide", "minus_one", "zero"], ["clipped"]),
        helper.make_node("Neg", ["clipped"], ["missing"]),
        helper.make_node("Sub", ["logarithm", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "inverse_spread"], ["standardised"]),
        helper.make_node("Sub", ["one", "missing"], ["is_present"]),
        helper.make_node("Mul", ["standardised", "is_present"], ["present"]),
        helper.make_node("Sub", ["missing", "missing_share"], ["absent"]),
        helper.make_node("Concat", ["present", "absent"], ["columns"], axis=1),
        helper.make_node("Gemm", ["columns", "weights", "intercept"], ["margins"]),
        helper.make_node("Softmax", ["margins"], ["wide_probabilities"], axis=1),
        helper.make_node("Cast", ["wide_probabilities"], [probabilities], to=TensorProto.FLOAT),
        helper.make_node("ArgMax", ["margins"], [label], axis=1, keepdims=0),
    ]


def audited_linear(model: ModelProto, feature_names: Sequence[str], classes: int) -> LinearModel:
    """Return the model in a graph that is, byte for byte, what netsift writes for these numbers.

    Raises:
        InputError: it is not.
    """
    linear = read_linear(model, len(feature_names), classes)
    if linear_graph(linear, feature_names) != model.SerializeToString(deterministic=True):
        raise InputError("the model's graph is not the one that netsift writes for a linear model of these numbers")
    return linear


def read_linear(model: ModelProto, features: int, classes: int) -> LinearModel:
    """Return the numbers of a linear model. Raises InputError where they are lacking, misshapen or out of range."""
    shapes = ((features,), (features,), (features,), (2 * features, classes), (classes,))
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    arrays = [_array(tensors.get(name), name, shape) for name, shape in zip(_TENSORS, shapes, strict=True)]
    return LinearModel(*arrays)


def _array(tensor: TensorProto | None, name: str, shape: tuple[int, ...]) -> Values:
    from onnx import TensorProto

    if (
        tensor is None
        or tensor.data_type != TensorProto.DOUBLE
        or tuple(tensor.dims) != shape
        or len(tensor.raw_data) != 8 * int(np.prod(shape))
    ):
        raise InputError(f"the model's graph lacks {name}, or holds it in another shape than netsift writes")
    values = np.frombuffer(tensor.raw_data, dtype="<f8").reshape(shape).astype(np.float64)
    if not (np.abs(values) <= _GREATEST).all():
        raise InputError(f"the model's graph has numbers in {name} that are not finite or too large")
    return values
