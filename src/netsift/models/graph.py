"""The ONNX graph of a forest: written from scikit-learn's trees, and audited before anything runs it.

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

from netsift.errors import InputError
from netsift.models.trees import LEAF, TreeEnsemble, with_inner_values

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto
    from sklearn.ensemble import RandomForestClassifier

OPERATORS: Final = frozenset({("ai.onnx.ml", "TreeEnsembleClassifier")})
"""The only operators that a bundle's graph may use, as (domain, operator)."""

MAX_NODES: Final = 5_000_000
"""Greatest number of tree nodes in a graph."""

_INPUT: Final = "features"
_OUTPUTS: Final = ("label", "probabilities")
_OPSETS: Final = {"": 17, "ai.onnx.ml": 3}
_IR_VERSION: Final = 8
_ATTRIBUTES: Final = frozenset({
    "class_ids", "class_nodeids", "class_treeids", "class_weights", "classlabels_int64s", "nodes_falsenodeids",
    "nodes_featureids", "nodes_hitrates", "nodes_modes", "nodes_nodeids", "nodes_treeids", "nodes_truenodeids",
    "nodes_values", "post_transform",
})  # fmt: skip


def export_forest(forest: RandomForestClassifier, features: int) -> bytes:
    """Return the ONNX graph of a fitted forest whose classes are 0 to k − 1, serialised."""
    from onnx import TensorProto, helper

    node = helper.make_node(
        "TreeEnsembleClassifier", [_INPUT], list(_OUTPUTS), domain="ai.onnx.ml", **_forest_attributes(forest)
    )
    graph = helper.make_graph(
        [node],
        "forest",
        [helper.make_tensor_value_info(_INPUT, TensorProto.FLOAT, [None, features])],
        [
            helper.make_tensor_value_info(_OUTPUTS[0], TensorProto.INT64, [None]),
            helper.make_tensor_value_info(_OUTPUTS[1], TensorProto.FLOAT, [None, len(forest.classes_)]),
        ],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="netsift")
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


def audit_graph(serialised: bytes, features: int, classes: int) -> TreeEnsemble:
    """Check a graph against everything that netsift ever writes, and return its trees.

    Nothing is executed. After this call the graph is known to hold one tree ensemble whose every index is in range and
    whose trees are trees.

    Raises:
        InputError: the graph is not one that netsift writes; the sentence says what is wrong.
    """
    node = _only_node(_parsed(serialised), features, classes)
    attributes = _attributes(node)
    return _ensemble(attributes, features, classes)


def _parsed(serialised: bytes) -> ModelProto:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnx import ModelProto

    model = ModelProto()
    try:
        model.ParseFromString(serialised)
    except DecodeError as error:
        raise InputError("the model's graph is not an ONNX file") from error
    return model


def _only_node(model: ModelProto, features: int, classes: int) -> NodeProto:
    if model.functions or model.training_info or model.graph.sparse_initializer:
        raise InputError("the model's graph holds functions or training steps, which netsift does not run")
    if any(tensor.external_data for tensor in model.graph.initializer):
        raise InputError("the model's graph refers to data outside the bundle")
    if model.graph.initializer:
        raise InputError("the model's graph holds tensors, which netsift does not write")
    for node in model.graph.node:
        if (node.domain, node.op_type) not in OPERATORS:
            raise InputError(f"the model's graph uses the operator {node.op_type!r}, which is not allowed")
    if any(opset.version > _OPSETS.get(opset.domain, 0) for opset in model.opset_import):
        raise InputError("the model's graph asks for operators newer than this version of netsift knows")
    if len(model.graph.node) != 1:
        raise InputError(f"the model's graph has {len(model.graph.node)} nodes instead of one")
    _check_shapes(model, features, classes)
    only: NodeProto = model.graph.node[0]
    if list(only.input) != [_INPUT] or tuple(only.output) != _OUTPUTS:
        raise InputError("the model's graph does not connect its inputs and outputs as netsift does")
    return only


def _check_shapes(model: ModelProto, features: int, classes: int) -> None:
    from onnx import TensorProto

    expected = {
        _INPUT: (TensorProto.FLOAT, features),
        _OUTPUTS[0]: (TensorProto.INT64, None),
        _OUTPUTS[1]: (TensorProto.FLOAT, classes),
    }
    found = {}
    for value in (*model.graph.input, *model.graph.output):
        tensor = value.type.tensor_type
        width = tensor.shape.dim[1].dim_value if len(tensor.shape.dim) > 1 else None
        found[value.name] = (tensor.elem_type, width)
    if found != expected:
        raise InputError(f"the model's graph does not take {features} features and give {classes} class probabilities")


def _attributes(node: NodeProto) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of the tree ensemble by name, without looking into them."""
    names = [attribute.name for attribute in node.attribute]
    if set(names) != _ATTRIBUTES or len(names) != len(_ATTRIBUTES):
        raise InputError("the model's tree ensemble has attributes that netsift does not write, or lacks some")
    attributes: dict[str, npt.NDArray[Any]] = {}
    for attribute in node.attribute:
        if attribute.name == "post_transform":
            if attribute.s != b"NONE":
                raise InputError("the model's tree ensemble transforms its scores, which netsift does not allow")
        elif attribute.name == "nodes_modes":
            attributes[attribute.name] = np.array(list(attribute.strings), dtype=object)
        elif attribute.floats:
            attributes[attribute.name] = np.array(attribute.floats, dtype=np.float64)
        else:
            attributes[attribute.name] = np.array(attribute.ints, dtype=np.int64)
    return attributes


def _ensemble(attributes: dict[str, npt.NDArray[Any]], features: int, classes: int) -> TreeEnsemble:
    nodes = len(attributes["nodes_nodeids"])
    _check_lengths(attributes, nodes)
    if not np.array_equal(attributes["classlabels_int64s"], np.arange(classes)):
        raise InputError("the model's tree ensemble does not have the classes of its manifest")
    tree, number = attributes["nodes_treeids"], attributes["nodes_nodeids"]
    roots = np.flatnonzero(number == 0)
    _check_numbering(tree, number, roots)
    start = roots[tree]
    leaf = attributes["nodes_modes"] == b"LEAF"
    if not np.isin(attributes["nodes_modes"][~leaf], [b"BRANCH_LEQ"]).all():
        raise InputError("the model's tree ensemble has a node that is neither a leaf nor a comparison")
    left, right = (np.where(leaf, LEAF, start + attributes[f"nodes_{side}nodeids"]) for side in ("true", "false"))
    _check_links(left[~leaf], right[~leaf], np.flatnonzero(~leaf), tree)
    asked = attributes["nodes_featureids"]
    if ((asked < 0) | (asked >= features)).any():
        raise InputError("the model's tree ensemble asks for a feature that the manifest does not have")
    feature = np.where(leaf, LEAF, asked)
    leaf_values = _leaf_values(attributes, roots, leaf, classes)
    values = with_inner_values(leaf_values, attributes["nodes_hitrates"], feature, left, right)
    return TreeEnsemble(roots, feature, attributes["nodes_values"].astype(np.float32), left, right, values)


def _check_lengths(attributes: dict[str, npt.NDArray[Any]], nodes: int) -> None:
    if not 0 < nodes <= MAX_NODES:
        raise InputError(f"the model's tree ensemble has {nodes:,} nodes; allowed are 1 to {MAX_NODES:,}")
    weights = len(attributes["class_ids"])
    for name, values in attributes.items():
        expected = nodes if name.startswith("nodes_") else weights
        if name != "classlabels_int64s" and len(values) != expected:
            raise InputError(f"the model's tree ensemble has {len(values):,} {name} instead of {expected:,}")
    for name in ("nodes_values", "nodes_hitrates", "class_weights"):
        if not np.isfinite(attributes[name]).all():
            raise InputError(f"the model's tree ensemble has {name} that are not finite numbers")
    for name in ("nodes_hitrates", "class_weights"):
        if ((attributes[name] < 0) | (attributes[name] > 1)).any():
            raise InputError(f"the model's tree ensemble has {name} outside 0 to 1")


def _check_numbering(tree: npt.NDArray[np.int64], number: npt.NDArray[np.int64], roots: npt.NDArray[np.int64]) -> None:
    """Trees are numbered from 0 in order, and so are the nodes of each tree."""
    lengths = np.diff(np.append(roots, len(number)))
    ordered = len(roots) > 0 and roots[0] == 0
    if (
        not ordered
        or not np.array_equal(tree, np.repeat(np.arange(len(roots)), lengths))
        or not np.array_equal(number, np.arange(len(number)) - np.repeat(roots, lengths))
    ):
        raise InputError("the model's tree ensemble does not number its nodes in order")


def _check_links(
    left: npt.NDArray[np.int64],
    right: npt.NDArray[np.int64],
    parents: npt.NDArray[np.int64],
    tree: npt.NDArray[np.int64],
) -> None:
    """A child has one parent, which stands before it in the same tree: so there is no cycle."""
    children = np.concatenate([left, right])
    doubled = np.concatenate([parents, parents])
    in_range = (children > doubled) & (children < len(tree))
    if not in_range.all() or not (tree[children] == tree[doubled]).all() or len(np.unique(children)) != len(children):
        raise InputError("the model's tree ensemble has a node whose children are not a tree's")


def _leaf_values(
    attributes: dict[str, npt.NDArray[Any]], roots: npt.NDArray[np.int64], leaf: npt.NDArray[np.bool_], classes: int
) -> npt.NDArray[np.float64]:
    """Return the attack probability that each leaf adds to the score (class 0 is benign); 0 for inner nodes."""
    tree, number, label = attributes["class_treeids"], attributes["class_nodeids"], attributes["class_ids"]
    if ((tree < 0) | (tree >= len(roots)) | (label < 0) | (label >= classes)).any():
        raise InputError("the model's tree ensemble gives weight to a tree or class that does not exist")
    node = roots[tree] + number
    lengths = np.diff(np.append(roots, len(leaf)))
    if ((number < 0) | (number >= lengths[tree])).any() or not leaf[node].all():
        raise InputError("the model's tree ensemble gives weight to a node that is not a leaf")
    attack = np.where(label > 0, attributes["class_weights"], 0.0)
    return np.bincount(node, weights=attack, minlength=len(leaf)).astype(np.float64)


def class_names_error(classes: Sequence[str]) -> str | None:
    """Return what is wrong with a list of classes, or None: benign comes first, and no class stands twice."""
    if len(classes) < 2 or classes[0] != "benign":
        return "its classes do not begin with benign and go on with at least one attack"
    return "it names a class twice" if len(set(classes)) != len(classes) else None
