"""The ONNX graph of a forest, written from scikit-learn's trees; :mod:`netsift.models.audit` checks it on opening.

The graph has one node, a ``TreeEnsembleClassifier`` of the ``ai.onnx.ml`` operators, with the float32 input
``features`` (rows, features) and the outputs ``label`` and ``probabilities`` (rows, classes). It is written directly
from the tree arrays for three reasons: thresholds are rounded *down* to float32, so that ``x <= threshold`` decides
every float32 row exactly as scikit-learn does with its float64 threshold; ``nodes_hitrates`` carries the share of
training rows that reached each node, from which explanations derive the value of inner nodes; and the same forest
gives the same bytes.

Source: ONNX operators, https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleClassifier.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from netsift.models.trees import LEAF

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

INPUT: Final = "features"
OUTPUTS: Final = ("label", "probabilities")
OPSETS: Final = {"": 17, "ai.onnx.ml": 3}
IR_VERSION: Final = 8


def export_forest(forest: RandomForestClassifier, feature_names: Sequence[str]) -> bytes:
    """Return the ONNX graph of a fitted forest whose classes are 0 to k − 1, serialised.

    The graph's ``doc_string`` holds the names of its input columns in their order, one per line.
    """
    from onnx import TensorProto, helper

    node = helper.make_node(
        "TreeEnsembleClassifier", [INPUT], list(OUTPUTS), domain="ai.onnx.ml", **_forest_attributes(forest)
    )
    graph = helper.make_graph(
        [node],
        "forest",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, len(feature_names)])],
        [
            helper.make_tensor_value_info(OUTPUTS[0], TensorProto.INT64, [None]),
            helper.make_tensor_value_info(OUTPUTS[1], TensorProto.FLOAT, [None, len(forest.classes_)]),
        ],
        doc_string="\n".join(feature_names),
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="netsift")
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def _forest_attributes(forest: RandomForestClassifier) -> dict[str, Any]:
    columns: dict[str, list[npt.NDArray[Any]]] = {}
    trees = forest.estimators_
    for number, estimator in enumerate(trees):
        for name, values in _tree_attributes(estimator.tree_, number, len(trees)).items():
            columns.setdefault(name, []).append(values)
    attributes: dict[str, Any] = {name: np.concatenate(parts).tolist() for name, parts in columns.items()}
    leaf = attributes.pop("is_leaf")
    attributes["nodes_modes"] = ["LEAF" if flag else "BRANCH_LEQ" for flag in leaf]
    attributes["classlabels_int64s"] = list(range(len(forest.classes_)))
    attributes["post_transform"] = "NONE"
    return attributes


def _tree_attributes(tree: Any, number: int, trees: int) -> dict[str, npt.NDArray[Any]]:
    """Return one scikit-learn tree's part of each attribute."""
    leaf = tree.children_left == LEAF
    share = tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True) / trees
    # With two classes the runtime derives the second from the first wherever a leaf does not give both.
    given = (share > 0) | (share.shape[1] == 2)
    leaf_node, leaf_class = np.nonzero(leaf[:, None] & given)
    return {
        "nodes_treeids": np.full(tree.node_count, number),
        "nodes_nodeids": np.arange(tree.node_count),
        "nodes_featureids": np.where(leaf, 0, tree.feature),
        "nodes_values": np.where(leaf, np.float32(0), floor_to_float32(tree.threshold)),
        "nodes_hitrates": (tree.weighted_n_node_samples / tree.weighted_n_node_samples[0]).astype(np.float32),
        "nodes_truenodeids": np.where(leaf, 0, tree.children_left),
        "nodes_falsenodeids": np.where(leaf, 0, tree.children_right),
        "is_leaf": leaf,
        "class_treeids": np.full(len(leaf_node), number),
        "class_nodeids": leaf_node,
        "class_ids": leaf_class,
        "class_weights": share[leaf_node, leaf_class].astype(np.float32),
    }


def floor_to_float32(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the greatest float32 that is not above each value."""
    rounded = values.astype(np.float32)
    return np.where(rounded > values, np.nextafter(rounded, np.float32(-np.inf)), rounded).astype(np.float32)
