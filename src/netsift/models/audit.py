"""Checks a bundle's ONNX graph against what netsift writes, before anything runs it. Nothing is executed here.

Every kind of learner has a :class:`GraphForm`: the operators that its graph consists of, and the check of everything
that they are given. A new learner is a new entry in :data:`FORMS`. What is in no form is refused: other operators,
functions, other tensors, data outside the file, subgraphs, metadata, fields that ONNX does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netsift.errors import InputError
from netsift.models.audit_trees import audited_forest, audited_margins
from netsift.models.graph import INPUT, IR_VERSION, OPSETS, OUTPUTS
from netsift.models.linear import audited_linear
from netsift.models.trees import Explanation

if TYPE_CHECKING:
    from onnx import ModelProto

_MODEL_FIELDS: Final = frozenset({"ir_version", "opset_import", "producer_name", "graph"})
_GRAPH_FIELDS: Final = frozenset({"name", "doc_string", "node", "input", "output"})


@dataclass(frozen=True, slots=True)
class GraphForm:
    """What the graph of one kind of learner looks like.

    ``operators`` are (domain, name); ``tensors`` says whether it holds any. ``audited`` checks the rest of a graph
    against the names of the features and the number of classes, and returns what explains its scores.
    """

    operators: frozenset[tuple[str, str]]
    audited: Callable[[ModelProto, Sequence[str], int], Explanation]
    tensors: bool = False


def audit_graph(serialised: bytes, learner: str, feature_names: Sequence[str], classes: int) -> Explanation:
    """Check a graph against everything that netsift ever writes for this learner, and return what explains its scores.

    After this call the graph is known to be one that a runtime can be given: every index is in range, trees are trees,
    and numbers are finite.

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
    return form.audited(model, feature_names, classes)


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
    if model.graph.initializer and not form.tensors:
        raise InputError("the model's graph holds tensors, which netsift does not write")
    for node in model.graph.node:
        if (node.domain, node.op_type) not in form.operators:
            raise InputError(f"the model's graph uses the operator {node.op_type!r}, which is not allowed")
    if (
        any(opset.version > OPSETS.get(opset.domain, 0) for opset in model.opset_import)
        or model.ir_version > IR_VERSION
    ):
        raise InputError("the model's graph asks for operators newer than this version of netsift knows")
    graph_fields = _GRAPH_FIELDS | {"initializer"} if form.tensors else _GRAPH_FIELDS
    for message, allowed in ((model, _MODEL_FIELDS), (model.graph, graph_fields)):
        for field, _ in message.ListFields():
            if field.name not in allowed:
                raise InputError(f"the model's graph holds {field.name}, which netsift does not write")


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


def class_names_error(classes: Sequence[str]) -> str | None:
    """Return what is wrong with a list of classes, or None: benign comes first, and no class stands twice."""
    if len(classes) < 2 or classes[0] != "benign":
        return "its classes do not begin with benign and go on with at least one attack"
    return "it names a class twice" if len(set(classes)) != len(classes) else None


_TREES: Final = frozenset({("ai.onnx.ml", "TreeEnsembleClassifier")})
_LINEAR: Final = frozenset(
    ("", name)
    for name in ("Add", "ArgMax", "Cast", "Clip", "Concat", "Gemm", "Log", "Mul", "Neg", "Relu", "Softmax", "Sub")
)

FOREST: Final = GraphForm(_TREES, audited_forest)
"""Trees whose leaves are probabilities, added up."""

FORMS: Final[dict[str, GraphForm]] = {
    "guarded forest": FOREST,
    "random forest": FOREST,
    "extra trees": FOREST,
    "lightgbm": GraphForm(_TREES, audited_margins),
    "logistic": GraphForm(_LINEAR, audited_linear, tensors=True),
}
"""The form of each learner's graph, by the learner's name in the manifest: the allow-list."""
