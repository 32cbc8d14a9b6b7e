"""Checks the attributes of a stored tree ensemble, and returns its trees. Nothing is executed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from netsift.errors import InputError
from netsift.models.graph import INPUT, OUTPUTS
from netsift.models.trees import LEAF, MarginTrees, TreeEnsemble, depth, with_inner_values

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

MAX_NODES: Final = 5_000_000
"""Greatest number of tree nodes in a graph."""

MAX_MARGIN: Final = 1e4
"""Greatest magnitude of what a leaf adds to a margin."""

Attributes = Mapping[str, npt.NDArray[Any]]
"""The attributes of an operator by name; a text is an array of one."""

_NODE_FIELDS: Final = frozenset({"op_type", "domain", "input", "output", "attribute", "name"})

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


def audited_forest(model: ModelProto, feature_names: Sequence[str], classes: int) -> TreeEnsemble:
    """Return the trees of a graph whose leaves are probabilities. Raises InputError for what netsift does not write."""
    attributes = _checked(model, b"NONE", len(feature_names), classes)
    for name in ("nodes_hitrates", "class_weights"):
        if ((attributes[name] < 0) | (attributes[name] > 1)).any():
            raise InputError(f"the model's tree ensemble has {name} outside 0 to 1")
    attack = np.where(attributes["class_ids"] > 0, attributes["class_weights"], 0.0)
    return _ensemble(attributes, attack)


def audited_margins(model: ModelProto, feature_names: Sequence[str], classes: int) -> MarginTrees:
    """Return the trees of a graph whose leaves are margins, of one class per tree; with two classes, of class 1.

    Raises:
        InputError: it is not a graph that netsift writes.
    """
    attributes = _checked(model, b"SOFTMAX", len(feature_names), classes)
    shares, weights, label = attributes["nodes_hitrates"], attributes["class_weights"], attributes["class_ids"]
    if ((shares < 0) | (shares > 1)).any():
        raise InputError("the model's tree ensemble has nodes_hitrates outside 0 to 1")
    if (np.abs(weights) > MAX_MARGIN).any():
        raise InputError("the model's tree ensemble has class_weights too large to be a logarithm of odds")
    if classes == 2 and weights[label == 0].any():
        raise InputError("the model's tree ensemble gives weight to class 0, whose margin is 0 by definition")
    ensemble = _ensemble(attributes, weights)
    asked = attributes["class_treeids"][label > 0] if classes == 2 else attributes["class_treeids"]
    given = label[label > 0] if classes == 2 else label
    class_of_tree = np.zeros(len(ensemble.roots), dtype=np.int64)
    class_of_tree[asked] = given
    if not np.array_equal(class_of_tree[asked], given):
        raise InputError("the model's tree ensemble has a tree that adds to more than one class")
    return MarginTrees(ensemble, class_of_tree, classes)


def _checked(model: ModelProto, post_transform: bytes, features: int, classes: int) -> dict[str, npt.NDArray[Any]]:
    """Return the attributes once lengths, numbering, links and every index are known to be right."""
    attributes = _attributes(_only_node(model))
    if attributes["post_transform"].tolist() != [post_transform]:
        raise InputError("the model's tree ensemble transforms its scores, which netsift does not allow")
    _check_lengths(attributes, len(attributes["nodes_nodeids"]))
    if not np.array_equal(attributes["classlabels_int64s"], np.arange(classes)):
        raise InputError("the model's tree ensemble does not have the classes of its manifest")
    number = attributes["nodes_nodeids"]
    roots = np.flatnonzero(number == 0)
    _check_numbering(attributes["nodes_treeids"], number, roots)
    leaf = attributes["nodes_modes"] == b"LEAF"
    if not np.isin(attributes["nodes_modes"][~leaf], [b"BRANCH_LEQ"]).all():
        raise InputError("the model's tree ensemble has a node that is neither a leaf nor a comparison")
    left, right = _children(attributes, leaf)
    _check_links(left[~leaf], right[~leaf], np.flatnonzero(~leaf), attributes["nodes_treeids"])
    asked = attributes["nodes_featureids"]
    if ((asked < 0) | (asked >= features)).any():
        raise InputError("the model's tree ensemble asks for a feature that the manifest does not have")
    _check_leaves(attributes, roots, leaf, classes)
    return attributes


def _children(attributes: Attributes, leaf: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], ...]:
    start = np.flatnonzero(attributes["nodes_nodeids"] == 0)[attributes["nodes_treeids"]]
    return tuple(np.where(leaf, LEAF, start + attributes[f"nodes_{side}nodeids"]) for side in ("true", "false"))


def _ensemble(attributes: Attributes, weights: npt.NDArray[np.float64]) -> TreeEnsemble:
    """Return checked trees as arrays; ``weights`` (entries,) is what each entry adds to its leaf's value."""
    leaf = attributes["nodes_modes"] == b"LEAF"
    roots = np.flatnonzero(attributes["nodes_nodeids"] == 0)
    left, right = _children(attributes, leaf)
    feature = np.where(leaf, LEAF, attributes["nodes_featureids"])
    node = roots[attributes["class_treeids"]] + attributes["class_nodeids"]
    leaf_values = np.bincount(node, weights=weights, minlength=len(leaf)).astype(np.float64)
    cover = attributes["nodes_hitrates"]
    values = with_inner_values(leaf_values, cover, feature, left, right)
    thresholds = attributes["nodes_values"].astype(np.float32)
    trees = TreeEnsemble(roots, feature, thresholds, left, right, values, cover)
    depth(trees)  # refuses trees too deep to be explained
    return trees


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


def _attributes(node: NodeProto) -> dict[str, npt.NDArray[Any]]:
    """Return the operator's arrays by name, without looking into them; each stands in the one field it may stand in."""
    names = [attribute.name for attribute in node.attribute]
    if set(names) != set(_TREE_ATTRIBUTES) or len(names) != len(_TREE_ATTRIBUTES):
        raise InputError("the model's graph has attributes that netsift does not write, or lacks some")
    attributes: dict[str, npt.NDArray[Any]] = {}
    for attribute in node.attribute:
        field = _TREE_ATTRIBUTES[attribute.name]
        filled = {descriptor.name for descriptor, _ in attribute.ListFields()}
        if filled - {"name", "type", field} or attribute.type != attribute.AttributeType.Value(_TYPES[field]):
            raise InputError(f"the model's graph has another kind of {attribute.name} than netsift writes")
        value = getattr(attribute, field)
        attributes[attribute.name] = np.array([value] if field == "s" else list(value), dtype=_DTYPES[field])
    return attributes


_TYPES: Final = {"floats": "FLOATS", "ints": "INTS", "strings": "STRINGS", "s": "STRING"}
_DTYPES: Final[dict[str, Any]] = {"floats": np.float64, "ints": np.int64, "strings": object, "s": object}


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


def _check_leaves(
    attributes: Attributes, roots: npt.NDArray[np.int64], leaf: npt.NDArray[np.bool_], classes: int
) -> None:
    """Only leaves that exist give weight, and only to classes that exist."""
    tree, number, label = attributes["class_treeids"], attributes["class_nodeids"], attributes["class_ids"]
    if ((tree < 0) | (tree >= len(roots)) | (label < 0) | (label >= classes)).any():
        raise InputError("the model's tree ensemble gives weight to a tree or class that does not exist")
    lengths = np.diff(np.append(roots, len(leaf)))
    if ((number < 0) | (number >= lengths[tree])).any() or not leaf[roots[tree] + number].all():
        raise InputError("the model's tree ensemble gives weight to a node that is not a leaf")
