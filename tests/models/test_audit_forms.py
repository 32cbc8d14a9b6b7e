"""Graphs of LightGBM and of logistic regression that netsift did not write are refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, numpy_helper

from netsift.errors import InputError
from netsift.models.audit import audit_graph
from netsift.models.learners import LEARNERS
from tests.models.learners.test_learners import NAMES, numbers

Change = Callable[[ModelProto], Any]


@cache
def graph(name: str, classes: int) -> bytes:
    """Return a good graph."""
    matrix, labels = numbers(classes)
    return LEARNERS[name].fit(matrix, labels, classes).graph(NAMES)


def refused(name: str, classes: int, change: Change, reason: str) -> None:
    """Change a good graph and see that it is refused for the reason."""
    audit_graph(graph(name, classes), name, NAMES, classes)
    model = ModelProto.FromString(graph(name, classes))
    change(model)
    with pytest.raises(InputError, match=reason):
        audit_graph(model.SerializeToString(deterministic=True), name, NAMES, classes)


def attribute(model: ModelProto, name: str) -> Any:
    """Return an attribute of the only node."""
    return next(entry for entry in model.graph.node[0].attribute if entry.name == name)


def tensor(model: ModelProto, name: str) -> Any:
    """Return a tensor of the graph."""
    return next(entry for entry in model.graph.initializer if entry.name == name)


def not_a_number(model: ModelProto) -> None:
    """Put a NaN among the coefficients."""
    tensor(model, "weights").CopyFrom(numpy_helper.from_array(np.full((14, 3), np.nan), "weights"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: setattr(attribute(m, "post_transform"), "s", b"NONE"), "transforms its scores"),
        (lambda m: attribute(m, "class_weights").floats.__setitem__(0, 1e30), "too large to be a logarithm"),
        (lambda m: attribute(m, "class_weights").floats.__setitem__(0, float("inf")), "not finite"),
        (lambda m: attribute(m, "nodes_hitrates").floats.__setitem__(0, 2.0), "nodes_hitrates outside 0 to 1"),
        (lambda m: attribute(m, "class_ids").ints.__setitem__(0, 2), "adds to more than one class"),
    ],
)
def test_a_wrong_ensemble_of_margins_is_refused(change: Change, reason: str) -> None:
    refused("lightgbm", 3, change, reason)


def test_with_two_classes_the_margin_of_class_0_is_0() -> None:
    refused("lightgbm", 2, lambda m: attribute(m, "class_weights").floats.__setitem__(0, 1.0), "margin is 0")


def test_a_forest_is_no_ensemble_of_margins() -> None:
    with pytest.raises(InputError, match="transforms its scores"):
        audit_graph(graph("lightgbm", 3), "random forest", NAMES, 3)
    with pytest.raises(InputError, match="holds tensors"):
        audit_graph(graph("logistic", 3), "random forest", NAMES, 3)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (not_a_number, "numbers in weights that are not finite"),
        (lambda m: m.graph.initializer.pop(), "not the one that netsift writes"),
        (lambda m: m.graph.initializer.append(TensorProto(name="t", dims=[1 << 40])), "not the one that netsift"),
        (lambda m: tensor(m, "weights").dims.append(1), "lacks weights, or holds it in another shape"),
        (lambda m: setattr(tensor(m, "mean"), "raw_data", b""), "lacks mean, or holds it in another shape"),
        (lambda m: setattr(tensor(m, "mean"), "data_type", 1), "lacks mean, or holds it in another shape"),
        (lambda m: setattr(tensor(m, "mean"), "data_location", 1), "data outside the bundle"),
        (lambda m: setattr(m.graph.node[3], "op_type", "Exp"), "operator 'Exp', which is not allowed"),
        (lambda m: setattr(m.graph.node[1], "op_type", "Neg"), "not the one that netsift writes"),
        (lambda m: m.graph.node.pop(), "not the one that netsift writes"),
    ],
)
def test_a_wrong_linear_graph_is_refused(change: Change, reason: str) -> None:
    refused("logistic", 3, change, reason)
