"""Checks a bundle's ONNX graph against what netsift writes, before anything runs it. Nothing is executed here.

Every kind of learner has a :class:`GraphForm`: the one operator that its graph consists of, that operator's attributes,
and the check of their values. A new learner is a new entry in :data:`FORMS`. What is in no form is refused: other
operators, functions, tensors, data outside the file, subgraphs, metadata, fields that ONNX does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from netsift.errors import InputError
from netsift.models.graph import INPUT, IR_VERSION, OPSETS, OUTPUTS
from netsift.models.trees import LEAF, TreeEnsemble, depth, with_inner_values

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

MAX_NODES: Final = 5_000_000
"""Greatest number of tree nodes in a graph."""

Attributes = Mapping[str, npt.NDArray[Any]]
"""The attributes of an operator by name; a text is an array of one."""

_MODEL_FIELDS: Final = frozenset({"ir_version", "opset_import", "producer_name", "graph"})
_GRAPH_FIELDS: Final = frozenset({"name", "doc_string", "node", "input", "output"})
_NODE_FIELDS: Final = frozenset({"op_type", "domain", "input", "output", "attribute", "name"})


@dataclass(frozen=True, slots=True)
class GraphForm:
    """What the graph of one kind of learner looks like.

    ``attributes`` has the field of ONNX's ``AttributeProto`` (floats, ints, strings, s) that holds each attribute;
    ``ensemble`` checks their values against the number of features and classes, and returns the trees.
    """

    domain: str
    operator: str
    attributes: Mapping[str, str]
    ensemble: Callable[[Attributes, int, int], TreeEnsemble]


def audit_graph(serialised: bytes, learner: str, feature_names: Sequence[str], classes: int) -> TreeEnsemble:
    """Check a graph against everything that netsift ever writes for this learner, and return its trees.

    After this call the graph is known to hold one tree ensemble whose every index is in range and whose trees are
    trees.

    Raises:
        InputError: the graph is not one that netsift writes; the sentence says what is wrong.
    """
    if learner not in FORMS:
        raise InputError(f"the model's learner {learner!r} is none that this netsift knows: {', '.join(FORMS)}")
    form = FORMS[learner]
    model = _parsed(serialised)
    _check_content(model, form)
    _check_shapes(model, len(feature_names), classes)
    if model.graph.doc_string != "\n".join(feature_names):
        raise InputError("the model's graph has its columns in another order than the manifest, or has other columns")
    trees = form.ensemble(_attributes(_only_node(model), form), len(feature_names), classes)
    depth(trees)  # refuses trees too deep to be explained
    return trees


def with_columns(serialised: bytes, feature_names: Sequence[str]) -> bytes:
    """Return the graph with other names of its input columns, in their order; nothing else changes.

    Raises:
        InputError: the bytes are not an ONNX file.
    """
    model = _parsed(serialised)
    model.graph.doc_string = "\n".join(feature_names)
    renamed: bytes = model.SerializeToString(deterministic=True)
    return renamed


def _parsed(serialised: bytes) -> ModelProto:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnx import ModelProto

    model = ModelProto()
    try:
        model.ParseFromString(serialised)
    except DecodeError as error:
        raise InputError("the model's graph is not an ONNX file") from error
    model.DiscardUnknownFields()
    if model.ByteSize() != len(serialised):
        raise InputError("the model's graph holds fields that ONNX does not have")
    return model


def _check_content(model: ModelProto, form: GraphForm) -> None:
    """Nothing but operators of the form, and nothing beside them."""
    if model.functions or model.training_info or model.graph.sparse_initializer:
        raise InputError("the model's graph holds functions or training steps, which netsift does not run")
    if any(tensor.external_data or tensor.data_location for tensor in model.graph.initializer):
        raise InputError("the model's graph refers to data outside the bundle")
    if model.graph.initializer:
        raise InputError("the model's graph holds tensors, which netsift does not write")
    for node in model.graph.node:
        if (node.domain, node.op_type) != (form.domain, form.operator):
            raise InputError(f"the model's graph uses the operator {node.op_type!r}, which is not allowed")
    if (
        any(opset.version > OPSETS.get(opset.domain, 0) for opset in model.opset_import)
        or model.ir_version > IR_VERSION
    ):
        raise InputError("the model's graph asks for operators newer than this version of netsift knows")
    for message, allowed in ((model, _MODEL_FIELDS), (model.graph, _GRAPH_FIELDS)):
        for field, _ in message.ListFields():
            if field.name not in allowed:
                raise InputError(f"the model's graph holds {field.name}, which netsift does not write")


def _only_node(model: ModelProto) -> NodeProto:
    if len(model.graph.node) != 1:
        raise InputError(f"the model's graph has {len(model.graph.node)} nodes instead of one")
    only: NodeProto = model.graph.node[0]
    if list(only.input) != [INPUT] or tuple(only.output) != OUTPUTS:
        raise InputError("the model's graph does not connect its inputs and outputs as netsift does")
    for field, _ in only.ListFields():
        if field.name not in _NODE_FIELDS:
            raise InputError(f"the model's graph has a node with {field.name}, which netsift does not write")
    return only


def _check_shapes(model: ModelProto, features: int, classes: int) -> None:
    from onnx import TensorProto

    expected = {
        INPUT: (TensorProto.FLOAT, features),
        OUTPUTS[0]: (TensorProto.INT64, None),
        OUTPUTS[1]: (TensorProto.FLOAT, classes),
    }
    found = {}
    for value in (*model.graph.input, *model.graph.output):
        tensor = value.type.tensor_type
        width = tensor.shape.dim[1].dim_value if len(tensor.shape.dim) > 1 else None
        found[value.name] = (tensor.elem_type, width)
    if found != expected:
        raise InputError(f"the model's graph does not take {features} features and give {classes} class probabilities")


def _attributes(node: NodeProto, form: GraphForm) -> dict[str, npt.NDArray[Any]]:
    """Return the operator's arrays by name, without looking into them; each stands in the one field it may stand in."""
    names = [attribute.name for attribute in node.attribute]
    if set(names) != set(form.attributes) or len(names) != len(form.attributes):
        raise InputError("the model's graph has attributes that netsift does not write, or lacks some")
    attributes: dict[str, npt.NDArray[Any]] = {}
    for attribute in node.attribute:
        field = form.attributes[attribute.name]
        filled = {descriptor.name for descriptor, _ in attribute.ListFields()}
        if filled - {"name", "type", field} or attribute.type != attribute.AttributeType.Value(_TYPES[field]):
            raise InputError(f"the model's graph has another kind of {attribute.name} than netsift writes")
        value = getattr(attribute, field)
        attributes[attribute.name] = np.array([value] if field == "s" else list(value), dtype=_DTYPES[field])
    return attributes


_TYPES: Final = {"floats": "FLOATS", "ints": "INTS", "strings": "STRINGS", "s": "STRING"}
_DTYPES: Final[dict[str, Any]] = {"floats": np.float64, "ints": np.int64, "strings": object, "s": object}


def _forest(attributes: Attributes, features: int, classes: int) -> TreeEnsemble:
    """Check the attributes of a ``TreeEnsembleClassifier`` whose leaves are probabilities."""
    if attributes["post_transform"].tolist() != [b"NONE"]:
        raise InputError("the model's tree ensemble transforms its scores, which netsift does not allow")
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
    cover = attributes["nodes_hitrates"]
    values = with_inner_values(leaf_values, cover, feature, left, right)
    return TreeEnsemble(roots, feature, attributes["nodes_values"].astype(np.float32), left, right, values, cover)


def _check_lengths(attributes: Attributes, nodes: int) -> None:
    if not 0 < nodes <= MAX_NODES:
        raise InputError(f"the model's tree ensemble has {nodes:,} nodes; allowed are 1 to {MAX_NODES:,}")
    weights = len(attributes["class_ids"])
    for name, values in attributes.items():
        expected = nodes if name.startswith("nodes_") else weights
        if name not in ("classlabels_int64s", "post_transform") and len(values) != expected:
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
    attributes: Attributes, roots: npt.NDArray[np.int64], leaf: npt.NDArray[np.bool_], classes: int
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


_TREE_ATTRIBUTES: Final = {
    "class_ids": "ints",
    "class_nodeids": "ints",
    "class_treeids": "ints",
    "class_weights": "floats",
    "classlabels_int64s": "ints",
    "nodes_falsenodeids": "ints",
    "nodes_featureids": "ints",
    "nodes_hitrates": "floats",
    "nodes_modes": "strings",
    "nodes_nodeids": "ints",
    "nodes_treeids": "ints",
    "nodes_truenodeids": "ints",
    "nodes_values": "floats",
    "post_transform": "s",
}

FORMS: Final[dict[str, GraphForm]] = {
    "random forest": GraphForm("ai.onnx.ml", "TreeEnsembleClassifier", _TREE_ATTRIBUTES, _forest),
}
"""The form of each learner's graph, by the learner's name in the manifest: the allow-list."""
