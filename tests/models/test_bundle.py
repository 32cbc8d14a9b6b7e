"""The bundle: the same bytes for the same model, and a reason for every refusal."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from netsift.errors import InputError, OutputError
from netsift.models import audit_trees
from netsift.models import bundle as bundles
from netsift.models.bundle import bundle_bytes, load_bundle, member_hashes, parse_bundle, save_bundle
from tests.models.fitted import FEATURE_NAMES, small_bundle

Members = dict[str, bytes]


def unpacked() -> Members:
    """Return the members of a good bundle."""
    with zipfile.ZipFile(io.BytesIO(bundle_bytes(small_bundle()))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: Members, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip file of the members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def with_hashes(members: Members) -> bytes:
    """Return a zip file whose manifest has the right hashes: what somebody would make who wants to be believed."""
    manifest = json.loads(members["manifest.json"])
    manifest["members"] = {
        name: hashlib.sha256(content).hexdigest() for name, content in members.items() if name != "manifest.json"
    }
    return packed({**members, "manifest.json": json.dumps(manifest).encode()})


def changed_manifest(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """Return a good bundle with a changed manifest."""
    members = unpacked()
    manifest = json.loads(members["manifest.json"])
    change(manifest)
    return packed({**members, "manifest.json": json.dumps(manifest).encode()})


def changed_graph(change: Callable[[ModelProto], Any]) -> bytes:
    """Return a bundle with a changed graph and right hashes."""
    members = unpacked()
    model = ModelProto.FromString(members["model.onnx"])
    change(model)
    return with_hashes({**members, "model.onnx": model.SerializeToString()})


def attribute(model: ModelProto, name: str) -> Any:
    """Return an attribute of the tree ensemble."""
    return next(entry for entry in model.graph.node[0].attribute if entry.name == name)


def test_a_bundle_survives_save_and_load(tmp_path: Path) -> None:
    path = tmp_path / "model.netsift"
    save_bundle(small_bundle(), path)
    loaded = load_bundle(path)
    assert loaded == small_bundle()
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_bundle_gives_the_same_bytes() -> None:
    content = bundle_bytes(small_bundle())
    assert content == bundle_bytes(small_bundle())
    assert content == bundle_bytes(parse_bundle(content))


def test_the_manifest_hashes_every_other_member() -> None:
    bundle = small_bundle()
    assert bundle.manifest.members == member_hashes(bundle.graph, bundle.reference, bundle.card)
    assert set(bundle.manifest.members) == set(unpacked()) - {"manifest.json"}


def test_an_unknown_rate_names_the_known_ones() -> None:
    assert 0 < small_bundle().threshold(0.01) <= 1
    with pytest.raises(InputError, match=r"no threshold for a false-positive rate of 0.5; it has 0.05, 0.01, 0.001"):
        small_bundle().threshold(0.5)


def test_a_model_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "model.netsift"
    folder.mkdir()
    with pytest.raises(OutputError, match=r"cannot be written|is a directory"):
        save_bundle(small_bundle(), folder)
    with pytest.raises(OutputError, match=r"cannot be written|is a directory"):
        save_bundle(small_bundle(), tmp_path / "absent" / "model.netsift")
    assert list(tmp_path.iterdir()) == [folder]


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"absent.netsift: the model cannot be read"):
        load_bundle(tmp_path / "absent.netsift")
    path = tmp_path / "model.netsift"
    save_bundle(small_bundle(), path)
    monkeypatch.setattr(bundles, "MAX_FILE_BYTES", 100)
    for endless in (path, Path("/dev/zero")):
        with pytest.raises(InputError, match="has more bytes than a model may have"):
            load_bundle(endless)


def extra_member(members: Members) -> bytes:
    """Add a member that is not in the allow-list."""
    return packed({**members, "run.py": b"print()"})


def path_trick(members: Members) -> bytes:
    """Add a member that would be written outside."""
    return packed({**members, "../model.onnx": b""})


def missing_member(members: Members) -> bytes:
    """Leave the reference out."""
    return packed({name: content for name, content in members.items() if name != "reference.json"})


def duplicate_member(members: Members) -> bytes:
    """Put the graph in twice; the names differ while zipfile writes them."""
    content = packed({**members, "MODEL.onnx": members["model.onnx"]})
    return content.replace(b"MODEL.onnx", b"model.onnx")


def hidden_path(members: Members) -> bytes:
    """Hide a path behind a zero byte, where zipfile's name ends and that of other programs does not."""
    content = packed({**members, "signature.jsonX../../x": b"{}"})
    return content.replace(b"signature.jsonX../../x", b"signature.json\0../../x")


def with_comment(members: Members) -> bytes:
    """Put a comment behind the directory."""
    buffer = io.BytesIO(packed(members))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"hidden"
    return buffer.getvalue()


def overlapping(members: Members) -> bytes:
    """Let the directory say that the card lies where the graph lies."""
    content = bytearray(packed(members, zipfile.ZIP_STORED))
    card, graph = (content.rindex(name) - 46 for name in (b"model_card.md", b"model.onnx"))
    content[card + 42 : card + 46] = content[graph + 42 : graph + 46]
    return bytes(content)


def zip_bomb(members: Members) -> bytes:
    """Put in a graph of zeros."""
    return packed({**members, "model.onnx": bytes(10_000_000)})


def oversized(members: Members) -> bytes:
    """Put in a card that is too long."""
    card = b"".join(number.to_bytes(4, "big") for number in range(1 << 19))
    return packed({**members, "model_card.md": card})


def unknown_compression(members: Members) -> bytes:
    """Pack with what needs another library."""
    return packed(members, zipfile.ZIP_LZMA)


def lying_size(members: Members) -> bytes:
    """Say in the directory that the card is one byte longer."""
    content = bytearray(packed(members, zipfile.ZIP_STORED))
    entry = content.rindex(b"model_card.md") - 46
    size = int.from_bytes(content[entry + 24 : entry + 28], "little")
    content[entry + 24 : entry + 28] = (size + 1).to_bytes(4, "little")
    return bytes(content)


def flipped_bit(members: Members) -> bytes:
    """Damage the stored card."""
    content = packed(members, zipfile.ZIP_STORED)
    return content.replace(b"# Model card", b"# Model cart")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (extra_member, "holds 'run.py', which does not belong"),
        (path_trick, r"holds '\.\./model\.onnx', which does not belong"),
        (hidden_path, r"holds 'signature\.json\\x00\.\./\.\./x', which does not belong"),
        (lambda members: b"#!/bin/sh\n" + packed(members), "holds data beside its members"),
        (with_comment, "holds data beside its members"),
        (overlapping, "not a netsift model, or it is damaged"),
        (missing_member, "lacks reference.json"),
        (duplicate_member, "holds model.onnx more than once"),
        (zip_bomb, "packed more than 200 times: a zip bomb"),
        (oversized, r"model_card.md unpacks to 2,097,152 bytes; allowed are 1,048,576"),
        (unknown_compression, "encrypted or packed in a way that netsift does not read"),
        (lying_size, "does not have the size it declares|not a netsift model, or it is damaged"),
        (flipped_bit, "not a netsift model, or it is damaged"),
        (lambda members: packed(members)[:-30], "not a netsift model, or it is damaged"),
        (lambda _: b"", "not a netsift model, or it is damaged"),
        (
            lambda members: packed({**members, "model_card.md": b"other"}),
            "model_card.md is not the one .* its hash differs",
        ),
        (
            lambda members: packed({**members, "model.onnx": b"\x08\x08"}),
            "model.onnx is not the one .* its hash differs",
        ),
        (lambda members: packed({**members, "manifest.json": b"{"}), "manifest.json is not valid JSON"),
        (
            lambda members: packed({**members, "manifest.json": b"[" * 100_000}, zipfile.ZIP_STORED),
            "manifest.json is not valid JSON",
        ),
        (lambda members: packed({**members, "manifest.json": b"[]"}), "does not say its format version"),
        (lambda members: with_hashes({**members, "model_card.md": b"\xff"}), "model_card.md is not UTF-8 text"),
        (lambda members: with_hashes({**members, "reference.json": b"{}"}), "reference.json is wrong at rows"),
        (lambda members: with_hashes({**members, "signature.json": b"{}"}), "signature.json is wrong at algorithm"),
        (lambda members: with_hashes({**members, "model.onnx": b"\xff\xff"}), "graph is not an ONNX file"),
    ],
)
def test_a_wrong_file_is_refused(make: Callable[[Members], bytes], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        parse_bundle(make(unpacked()))


def nan_threshold(manifest: dict[str, Any]) -> None:
    """Put in a threshold that no score reaches and that no comparison finds."""
    manifest["thresholds"][0]["threshold"] = float("nan")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m.update(format_version=99), "has format version 99; this netsift reads up to 3: update netsift"),
        (lambda m: m.update(format_version="1"), "does not say its format version"),
        (lambda m: m.update(flow_schema_version=99), "flow columns of a newer netsift"),
        (nan_threshold, r"wrong at thresholds.0.threshold: input should be a finite number"),
        (lambda m: m["thresholds"][0].update(threshold=-1.0), "wrong at thresholds.0.threshold"),
        (lambda m: m.update(thresholds=[]), "wrong at thresholds"),
        (lambda m: m.update(surprise=1), "wrong at surprise: extra inputs are not permitted"),
        (lambda m: m.pop("classes"), "wrong at classes: field required"),
        (lambda m: m.update(classes=["scan", "benign"]), "do not begin with benign"),
        (lambda m: m.update(classes=["benign", "scan", "scan"]), "names a class twice"),
        (
            lambda m: m.update(classes=["benign", "scan"], techniques={}),
            "does not describe exactly the model's classes",
        ),
        (lambda m: m["members"].pop("model.onnx"), "does not give the hash of every member"),
        (lambda m: m["features"].append(m["features"][0]), "names a feature twice"),
        (lambda m: m["features"][0].update(name="colour"), "features that this netsift does not have: colour"),
        (lambda m: m["features"][3].update(unit="furlongs"), "has another unit or other categories"),
        (lambda m: m["features"].pop(), "does not describe exactly the model's features"),
        (lambda m: m["features"].reverse(), "columns in another order than the manifest"),
        (lambda m: m.update(techniques={"scan": ["T1"]}), "wrong at techniques.scan.0"),
        (
            lambda m: m.update(techniques={"walk": ["T1046"]}),
            "techniques of a class that the model does not have: walk",
        ),
        (lambda m: m.update(dialect="klingon"), "wrong at dialect"),
        (lambda m: m["learner"].update(name="oracle"), "learner 'oracle' is none that this netsift knows"),
        (lambda m: m["learner"].update(trees=3), "wrong at learner.trees: extra inputs are not permitted"),
        (lambda m: m["learner"]["settings"].update(l2=float("inf")), "wrong at learner.settings.l2"),
        (lambda m: m["learner"]["settings"].update({"Depth of it": 3}), "wrong at learner.settings"),
        (lambda m: m["learner"]["settings"].update(depth=[3]), "wrong at learner.settings.depth"),
        (lambda m: m["learner"]["settings"].update({f"s{i}": i for i in range(60)}), "wrong at learner.settings"),
        (lambda m: m.update(headline="wish"), "quotes an evaluation that it does not hold"),
    ],
)
def test_a_wrong_manifest_is_refused(change: Callable[[dict[str, Any]], Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        parse_bundle(changed_manifest(change))


def changed_reference(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """Return a bundle with a changed reference and right hashes."""
    members = unpacked()
    reference = json.loads(members["reference.json"])
    change(reference)
    return with_hashes({**members, "reference.json": json.dumps(reference).encode()})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r["classes"].pop("scan"), "does not describe exactly the model's classes"),
        (lambda r: r["classes"]["scan"]["features"].pop("packets"), "does not describe exactly the model's features"),
        (lambda r: r["features"]["packets"]["quantiles"].reverse(), "wrong at packets"),
        (lambda r: r["features"]["packets"]["quantiles"].pop(), "wrong at packets"),
        (lambda r: r["classes"]["scan"]["features"]["packets"]["cumulative"].pop(), "wrong at packets"),
        (lambda r: r["classes"]["scan"]["score"]["cumulative"].append(1.0), "wrong at score"),
        (lambda r: r["features"]["packets"].pop("cumulative"), "wrong at packets"),
        (lambda r: r["classes"]["scan"]["features"]["packets"].update(cumulative=[]), "wrong at packets"),
        (lambda r: r["services"].update(gopher=r["services"]["other"]), "describes services that the model does not"),
        (lambda r: r["services"]["other"]["features"].pop("packets"), "does not describe exactly the model's features"),
        (lambda r: r["services"]["other"]["features"]["packets"]["cumulative"].pop(), "wrong at packets"),
        (lambda r: r["probabilities"].pop(), "does not have the quantiles that netsift writes"),
        (lambda r: r["features"]["packets"].update(mean=float("inf")), "wrong at features.packets.mean"),
    ],
)
def test_a_wrong_reference_is_refused(change: Callable[[dict[str, Any]], Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        parse_bundle(changed_reference(change))


def external_data(model: ModelProto) -> None:
    """Refer to a file outside the bundle."""
    tensor = TensorProto(name="weights", data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    model.graph.initializer.append(tensor)


def foreign_operator(model: ModelProto) -> None:
    """Put a loop into the graph."""
    model.graph.node.append(helper.make_node("Loop", [], ["x"]))


def oversized_tensor(model: ModelProto) -> None:
    """Declare a tensor that would fill any memory."""
    model.graph.initializer.append(TensorProto(name="t", dims=[1 << 40], data_type=TensorProto.FLOAT))


def external_attribute(model: ModelProto) -> None:
    """Refer to a file outside the bundle from within an attribute that is allowed."""
    tensor = TensorProto(name="weights", data_location=TensorProto.EXTERNAL)
    attribute(model, "nodes_values").t.CopyFrom(tensor)


def subgraph(model: ModelProto) -> None:
    """Hide a graph in an attribute that is allowed."""
    attribute(model, "nodes_values").g.name = "hidden"


def cycle(model: ModelProto) -> None:
    """Make the first node its own child."""
    attribute(model, "nodes_truenodeids").ints[0] = 0


def two_parents(model: ModelProto) -> None:
    """Make both children of the first node the same."""
    attribute(model, "nodes_truenodeids").ints[0] = attribute(model, "nodes_falsenodeids").ints[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (foreign_operator, "uses the operator 'Loop', which is not allowed"),
        (external_data, "refers to data outside the bundle"),
        (lambda m: m.graph.initializer.append(TensorProto(name="t")), "holds tensors"),
        (oversized_tensor, "holds tensors"),
        (external_attribute, "another kind of nodes_values"),
        (subgraph, "another kind of nodes_values"),
        (lambda m: setattr(attribute(m, "class_ids"), "type", 6), "another kind of class_ids"),
        (lambda m: m.metadata_props.add(key="k", value="v"), "holds metadata_props"),
        (lambda m: m.graph.value_info.add(name="v"), "holds value_info"),
        (lambda m: m.graph.node[0].metadata_props.add(key="k", value="v"), "a node with metadata_props"),
        (lambda m: m.MergeFromString(b"\xfa\x7f\x01x"), "holds fields that ONNX does not have"),
        (lambda m: setattr(m, "ir_version", 99), "operators newer than this version"),
        (lambda m: m.functions.add(name="f"), "holds functions or training steps"),
        (lambda m: m.opset_import.add(domain="com.microsoft", version=1), "operators newer than this version"),
        (lambda m: m.graph.node.append(m.graph.node[0]), "has 2 nodes instead of one"),
        (lambda m: m.graph.node[0].input.append("more"), "does not connect its inputs and outputs"),
        (lambda m: m.graph.input.add(name="more"), f"does not take {len(FEATURE_NAMES)} features"),
        (lambda m: m.graph.node[0].attribute.pop(), "attributes that netsift does not write, or lacks"),
        (lambda m: setattr(attribute(m, "post_transform"), "s", b"PROBIT"), "transforms its scores"),
        (lambda m: attribute(m, "nodes_modes").strings.pop(), "nodes_modes instead of"),
        (lambda m: attribute(m, "nodes_modes").strings.__setitem__(0, b"BRANCH_EQ"), "neither a leaf nor a comparison"),
        (lambda m: attribute(m, "nodes_values").floats.__setitem__(0, float("nan")), "not finite"),
        (lambda m: attribute(m, "class_weights").floats.__setitem__(0, 3.0), "class_weights outside 0 to 1"),
        (lambda m: attribute(m, "nodes_featureids").ints.__setitem__(0, 500), "asks for a feature"),
        (lambda m: attribute(m, "nodes_treeids").ints.__setitem__(0, 3), "does not number its nodes in order"),
        (lambda m: attribute(m, "nodes_nodeids").ints.__setitem__(0, 9), "does not number its nodes in order"),
        (lambda m: attribute(m, "class_treeids").ints.__setitem__(0, 999), "a tree or class that does not exist"),
        (lambda m: attribute(m, "class_ids").ints.__setitem__(0, -1), "a tree or class that does not exist"),
        (lambda m: attribute(m, "class_nodeids").ints.__setitem__(0, 0), "a node that is not a leaf"),
        (lambda m: attribute(m, "class_nodeids").ints.__setitem__(0, 10**9), "a node that is not a leaf"),
        (lambda m: attribute(m, "classlabels_int64s").ints.__setitem__(0, 5), "the classes of its manifest"),
        (cycle, "children are not a tree's"),
        (two_parents, "children are not a tree's"),
        (lambda m: attribute(m, "nodes_truenodeids").ints.__setitem__(0, 10**9), "children are not a tree's"),
        (lambda m: attribute(m, "nodes_truenodeids").ints.__setitem__(0, -5), "children are not a tree's"),
    ],
)
def test_a_wrong_graph_is_refused_though_its_hash_is_right(change: Callable[[ModelProto], Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        parse_bundle(changed_graph(change))


def test_too_many_nodes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_trees, "MAX_NODES", 10)
    with pytest.raises(InputError, match=r"nodes; allowed are 1 to 10"):
        parse_bundle(bundle_bytes(small_bundle()))


@settings(max_examples=150)
@given(st.data())
def test_damaged_bundles_are_refused_or_the_same(data: st.DataObject) -> None:
    content = bytearray(bundle_bytes(small_bundle()))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        loaded = parse_bundle(bytes(content))
    except InputError:
        return
    assert loaded == small_bundle()
