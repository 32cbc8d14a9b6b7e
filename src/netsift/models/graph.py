"""The ONNX graphs that netsift writes, from plain arrays; :mod:`netsift.models.audit` checks them on opening.

Every graph has the float32 input ``features`` (rows, features) and the outputs ``label`` and ``probabilities`` (rows,
classes). An ensemble of trees is one node, a ``TreeEnsembleClassifier`` of the ``ai.onnx.ml`` operators. It is written
directly from the tree arrays for three reasons: thresholds are rounded *down* to float32, so that ``x <= threshold``
decides every float32 row exactly as the learner does with its float64 threshold; ``nodes_hitrates`` carries the share
of training rows that reached each node, from which explanations derive the value of inner nodes; and the same trees
give the same bytes.

Source: ONNX operators, https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleClassifier.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from netsift.models.trees import LEAF

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

INPUT: Final = "features"
OUTPUTS: Final = ("label", "probabilities")
OPSETS: Final = {"": 17, "ai.onnx.ml": 3}
IR_VERSION: Final = 8


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree as arrays, one entry per node, the root first and a parent before its children.

    A row goes left when ``row[feature] <= threshold``; ``feature`` and both children of a leaf are :data:`LEAF`.
    ``share`` is that of the training rows which reached the node. ``leaf_node``, ``leaf_class`` and ``leaf_weight``
    (entries,) say what a leaf adds to a class.
    """

    feature: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float64]
    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    share: npt.NDArray[np.float64]
    leaf_node: npt.NDArray[np.int64]
    leaf_class: npt.NDArray[np.int64]
    leaf_weight: npt.NDArray[np.float64]


def tree_graph(trees: Sequence[Tree], feature_names: Sequence[str], classes: int, *, softmax: bool = False) -> bytes:
    """Return the serialised graph of trees whose leaves add up to probabilities, or with ``softmax`` to margins.

    With two classes every leaf must give both: the runtime derives the second from the first wherever one does not.
    """
    from onnx import helper

    attributes = _attributes(trees)
    attributes["classlabels_int64s"] = list(range(classes))
    attributes["post_transform"] = "SOFTMAX" if softmax else "NONE"
    node = helper.make_node("TreeEnsembleClassifier", [INPUT], list(OUTPUTS), domain="ai.onnx.ml", **attributes)
    return serialised_graph("forest", [node], feature_names, classes)


def serialised_graph(
    name: str,
    nodes: Sequence[NodeProto],
    feature_names: Sequence[str],
    classes: int,
    tensors: Sequence[TensorProto] = (),
) -> bytes:
    """Return a graph with netsift's input and outputs, serialised.

    The graph's ``doc_string`` holds the names of its input columns in their order, one per line.
    """
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        list(nodes),
        name,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, len(feature_names)])],
        [
            helper.make_tensor_value_info(OUTPUTS[0], TensorProto.INT64, [None]),
            helper.make_tensor_value_info(OUTPUTS[1], TensorProto.FLOAT, [None, classes]),
        ],
        initializer=list(tensors),
        doc_string="\n".join(feature_names),
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="netsift")
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def _attributes(trees: Sequence[Tree]) -> dict[str, Any]:
    columns: dict[str, list[npt.NDArray[Any]]] = {}
    for number, tree in enumerate(trees):
        for name, values in _tree_attributes(tree, number).items():
            columns.setdefault(name, []).append(values)
    attributes: dict[str, Any] = {name: np.concatenate(parts).tolist() for name, parts in columns.items()}
    leaf = attributes.pop("is_leaf")
    attributes["nodes_modes"] = ["LEAF" if flag else "BRANCH_LEQ" for flag in leaf]
    return attributes


def _tree_attributes(tree: Tree, number: int) -> dict[str, npt.NDArray[Any]]:
    """Return one tree's part of each attribute."""
    leaf = tree.left == LEAF
    return {
        "nodes_treeids": np.full(len(leaf), number),
        "nodes_nodeids": np.arange(len(leaf)),
        "nodes_featureids": np.where(leaf, 0, tree.feature),
        "nodes_values": np.where(leaf, np.float32(0), floor_to_float32(tree.threshold)),
        "nodes_hitrates": tree.share.astype(np.float32),
        "nodes_truenodeids": np.where(leaf, 0, tree.left),
        "nodes_falsenodeids": np.where(leaf, 0, tree.right),
        "is_leaf": leaf,
        "class_treeids": np.full(len(tree.leaf_node), number),
        "class_nodeids": tree.leaf_node,
        "class_ids": tree.leaf_class,
        "class_weights": tree.leaf_weight.astype(np.float32),
    }


def floor_to_float32(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the greatest float32 that is not above each value."""
    rounded = values.astype(np.float32)
    return np.where(rounded > values, np.nextafter(rounded, np.float32(-np.inf)), rounded).astype(np.float32)
