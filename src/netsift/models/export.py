"""A model for programs other than netsift: plain ONNX, under netsift's or CICFlowMeter's column names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from netsift.errors import InputError
from netsift.flows.dialects import CICFLOWMETER_2017
from netsift.flows.schema import BY_NAME
from netsift.models.audit import with_columns
from netsift.models.features import MISSING
from netsift.models.graph import OUTPUTS
from netsift.models.linear import linear_graph, read_linear

if TYPE_CHECKING:
    from onnx import ModelProto

    from netsift.models.bundle import Bundle

_ASKED: Final = "nodes_featureids"
_UNUSED: Final = "label_of_runtime"
"""What the label that an operator decides on by itself is called once nobody asks for it."""


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """A serialised ONNX graph and the names of its input's columns, in order."""

    graph: bytes
    columns: tuple[str, ...]


def plain_onnx(bundle: Bundle) -> ExportedModel:
    """Return the model with its columns, classes and thresholds as ONNX metadata."""
    names = bundle.manifest.feature_names
    return ExportedModel(_with_metadata(bundle, bundle.graph, names), names)


def cicflowmeter_onnx(bundle: Bundle) -> ExportedModel:
    """Return the model with its columns under CICFlowMeter's names (those of CIC-IDS2017), in that tool's order.

    A missing value is still −1, where CICFlowMeter has 0.

    Raises:
        InputError: the model needs columns that CICFlowMeter does not have; all are named.
    """
    names = bundle.manifest.feature_names
    theirs = [BY_NAME[name].cicflowmeter_2017 if name in BY_NAME else None for name in names]
    lacking = [name for name, other in zip(names, theirs, strict=True) if other is None]
    if lacking:
        raise InputError(f"CICFlowMeter has no column for {len(lacking)} that the model needs: {', '.join(lacking)}")
    known = [name for name in theirs if name is not None]
    order = sorted(range(len(known)), key=lambda place: CICFLOWMETER_2017.index(known[place]))
    columns = tuple(known[place] for place in order)
    graph = _with_metadata(bundle, _reordered(bundle.graph, order, len(bundle.manifest.classes)), columns)
    return ExportedModel(graph, columns)


def _reordered(serialised: bytes, order: list[int], classes: int) -> bytes:
    """Return the graph for rows whose column ``i`` is what was column ``order[i]``."""
    from onnx import ModelProto

    model = ModelProto.FromString(serialised)
    if model.graph.initializer:
        return linear_graph(read_linear(model, len(order), classes).reordered(order), list(map(str, order)))
    for attribute in model.graph.node[0].attribute:
        if attribute.name == _ASKED:
            asked = np.argsort(order)[np.array(attribute.ints)]
            attribute.ClearField("ints")
            attribute.ints.extend(asked.tolist())
    reordered: bytes = model.SerializeToString(deterministic=True)
    return reordered


def _with_most_probable_label(model: ModelProto) -> None:
    """Make ``label`` the class whose probability is the highest, the first of equal ones.

    A TreeEnsembleClassifier of two classes compares with 0.5 in its own way, and a tie may go to either class.
    """
    from onnx import helper

    label, probabilities = OUTPUTS
    nodes = [node for node in model.graph.node if list(node.output) != [label]]
    for node in nodes:
        for place, name in enumerate(node.output):
            node.output[place] = _UNUSED if name == label else name
    nodes.append(helper.make_node("ArgMax", [probabilities], [label], axis=1, keepdims=0))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _with_metadata(bundle: Bundle, serialised: bytes, columns: tuple[str, ...]) -> bytes:
    from onnx import ModelProto

    manifest = bundle.manifest
    model = ModelProto.FromString(with_columns(serialised, columns))
    _with_most_probable_label(model)
    metadata = {
        "columns": json.dumps(columns),
        "classes": json.dumps(manifest.classes),
        "missing": f"{MISSING:g}",
        "score": "1 minus the probability of class 0",
        "thresholds": json.dumps({f"{one.false_positive_rate:g}": one.threshold for one in manifest.thresholds}),
    }
    for name, value in metadata.items():
        model.metadata_props.add(key=name, value=value)
    with_metadata: bytes = model.SerializeToString(deterministic=True)
    return with_metadata
