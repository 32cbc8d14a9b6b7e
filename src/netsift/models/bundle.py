"""The model bundle: one zip file with everything a detector needs to score, and nothing that is executed on opening.

============== =====================================================================================================
member         content
============== =====================================================================================================
manifest.json  features, classes, thresholds, evaluation, training data, versions, SHA-256 of the other members
model.onnx     the forest (:mod:`netsift.models.graph`)
reference.json usual values of every feature in benign training traffic
model_card.md  the same for a reader
============== =====================================================================================================

Opening checks, in this order: it is a zip file of bounded size; its members are exactly these four, each once; their
sizes and compression ratios are bounded; they unpack to the declared size; the manifest is of a known version and
well typed; every member has the hash that the manifest says; the features are features of this netsift with the same
unit and categories; the graph is one that netsift writes. Only then may a runtime see the graph. The same content gives
the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from netsift.errors import InputError
from netsift.files import whole_file
from netsift.flows.schema import SCHEMA_VERSION
from netsift.models.features import BY_NAME, feature_named, is_foreign
from netsift.models.graph import audit_graph, class_names_error
from netsift.models.manifest import FORMAT_VERSION, REFERENCE_PROBABILITIES, Manifest, Reference
from netsift.models.trees import TreeEnsemble

_MANIFEST: Final = "manifest.json"
_MODEL: Final = "model.onnx"
_REFERENCE: Final = "reference.json"
_CARD: Final = "model_card.md"
MEMBER_LIMITS: Final[dict[str, int]] = {_MANIFEST: 4 << 20, _MODEL: 256 << 20, _REFERENCE: 16 << 20, _CARD: 1 << 20}
"""The members of a bundle and the greatest unpacked size of each, in bytes."""

MAX_FILE_BYTES: Final = 256 << 20
MAX_COMPRESSION_RATIO: Final = 200
"""Deflate packs a forest about ten times and can pack zeros a thousand times."""

_FIXED_TIME: Final = (1980, 1, 1, 0, 0, 0)
_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 0x1
Typed = TypeVar("Typed", bound=BaseModel)


@dataclass(frozen=True)
class Bundle:
    """A model whose every part was checked; made by :func:`load_bundle` or by training."""

    manifest: Manifest
    graph: bytes
    reference: Reference
    card: str

    @cached_property
    def trees(self) -> TreeEnsemble:
        """The forest as arrays, for explanations."""
        return audit_graph(self.graph, len(self.manifest.features), len(self.manifest.classes))

    def threshold(self, false_positive_rate: float) -> float:
        """Return the score from which on a flow is flagged.

        Raises:
            InputError: the model holds no threshold for that rate; the sentence names those it holds.
        """
        for entry in self.manifest.thresholds:
            if entry.false_positive_rate == false_positive_rate:
                return entry.threshold
        rates = ", ".join(f"{entry.false_positive_rate:g}" for entry in self.manifest.thresholds)
        raise InputError(
            f"the model has no threshold for a false-positive rate of {false_positive_rate:g}; it has {rates}"
        )


def member_hashes(graph: bytes, reference: Reference, card: str) -> dict[str, str]:
    """Return the SHA-256 of every member but the manifest, as the manifest must say them."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in _contents(graph, reference, card).items()}


def _contents(graph: bytes, reference: Reference, card: str) -> dict[str, bytes]:
    return {_MODEL: graph, _REFERENCE: _json(reference), _CARD: card.encode()}


def _json(model: BaseModel) -> bytes:
    return json.dumps(model.model_dump(), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False).encode()


def bundle_bytes(bundle: Bundle) -> bytes:
    """Return the bundle as the bytes of its file; the same bundle gives the same bytes."""
    contents = {_MANIFEST: _json(bundle.manifest), **_contents(bundle.graph, bundle.reference, bundle.card)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in contents.items():
            member = zipfile.ZipInfo(name, _FIXED_TIME)
            member.create_system = 3
            member.external_attr = 0o644 << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def save_bundle(bundle: Bundle, path: Path) -> None:
    """Write the bundle to a temporary file beside ``path`` and rename it.

    Raises:
        OutputError: the file cannot be written.
    """
    with whole_file(path) as temporary:
        temporary.write_bytes(bundle_bytes(bundle))


def load_bundle(path: Path) -> Bundle:
    """Read and check a bundle; executes nothing.

    Raises:
        InputError: the file cannot be read, or is not a bundle that this version of netsift trusts.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise InputError(f"{path}: {size:,} bytes are more than a model may have ({MAX_FILE_BYTES:,})")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: the model cannot be read: {error.strerror or error}") from error
    try:
        return parse_bundle(content)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def parse_bundle(content: bytes) -> Bundle:
    """Check the bytes of a bundle and return it.

    Raises:
        InputError: the bytes are not a bundle that this version of netsift trusts; the sentence says why.
    """
    members = _unpacked(content)
    manifest = _manifest(members[_MANIFEST])
    _check_hashes(manifest, members)
    _check_consistency(manifest)
    reference = _typed(Reference, _loaded_json(members[_REFERENCE], _REFERENCE), _REFERENCE)
    _check_reference(reference, manifest)
    try:
        card = members[_CARD].decode()
    except UnicodeDecodeError as error:
        raise InputError(f"the bundle's {_CARD} is not UTF-8 text") from error
    bundle = Bundle(manifest, members[_MODEL], reference, card)
    _ = bundle.trees  # audits the graph
    return bundle


def _unpacked(content: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            _check_members(entries)
            return {entry.filename: _member(archive, entry) for entry in entries}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError) as error:
        raise InputError("the file is not a netsift model, or it is damaged") from error


def _check_members(entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    for name in names:
        if name not in MEMBER_LIMITS:
            raise InputError(f"the bundle holds {name[:80]!r}, which does not belong in a model")
        if names.count(name) > 1:
            raise InputError(f"the bundle holds {name} more than once")
    for name in MEMBER_LIMITS:
        if name not in names:
            raise InputError(f"the bundle lacks {name}")
    for entry in entries:
        _check_member(entry)


def _check_member(entry: zipfile.ZipInfo) -> None:
    limit = MEMBER_LIMITS[entry.filename]
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _COMPRESSIONS:
        raise InputError(f"the bundle's {entry.filename} is encrypted or packed in a way that netsift does not read")
    if entry.file_size > limit:
        raise InputError(f"the bundle's {entry.filename} unpacks to {entry.file_size:,} bytes; allowed are {limit:,}")
    if entry.file_size > MAX_COMPRESSION_RATIO * max(entry.compress_size, 1):
        raise InputError(f"the bundle's {entry.filename} is packed more than {MAX_COMPRESSION_RATIO} times: a zip bomb")


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    import zlib

    try:
        with archive.open(entry) as file:
            content = file.read(entry.file_size + 1)
    except zlib.error as error:
        raise InputError(f"the bundle's {entry.filename} is damaged") from error
    if len(content) != entry.file_size:
        raise InputError(f"the bundle's {entry.filename} does not have the size it declares")
    return content


def _loaded_json(content: bytes, name: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the bundle's {name} is not valid JSON") from error


def _manifest(content: bytes) -> Manifest:
    loaded = _loaded_json(content, _MANIFEST)
    version = loaded.get("format_version") if isinstance(loaded, Mapping) else None
    if not isinstance(version, int) or version < 1:
        raise InputError("the bundle's manifest does not say its format version")
    if version > FORMAT_VERSION:
        raise InputError(
            f"the bundle has format version {version}; this netsift reads up to {FORMAT_VERSION}: update netsift"
        )
    return _typed(Manifest, loaded, _MANIFEST)


def _typed(kind: type[Typed], loaded: Any, name: str) -> Typed:
    try:
        return kind.model_validate(loaded)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "its top level"
        raise InputError(f"the bundle's {name} is wrong at {place}: {first['msg'].lower()}") from error


def _check_hashes(manifest: Manifest, members: Mapping[str, bytes]) -> None:
    expected = set(members) - {_MANIFEST}
    if set(manifest.members) != expected:
        raise InputError("the bundle's manifest does not give the hash of every member")
    for name in sorted(expected):
        if hashlib.sha256(members[name]).hexdigest() != manifest.members[name]:
            raise InputError(f"the bundle's {name} is not the one that the manifest describes: its hash differs")


def _check_consistency(manifest: Manifest) -> None:
    if manifest.flow_schema_version > SCHEMA_VERSION:
        raise InputError("the model was trained on flow columns of a newer netsift: update netsift")
    names = manifest.feature_names
    if len(set(names)) != len(names):
        raise InputError("the bundle's manifest names a feature twice")
    unknown = [name for name in names if name not in BY_NAME and not is_foreign(name)]
    if unknown:
        raise InputError(f"the model needs features that this netsift does not have: {', '.join(unknown)}")
    for entry in manifest.features:
        known = feature_named(entry.name)
        if entry.unit != known.unit or tuple(entry.categories) != known.categories:
            raise InputError(
                f"the feature {entry.name} has another unit or other categories than in this netsift: train again"
            )
    wrong_classes = class_names_error(manifest.classes)
    if wrong_classes:
        raise InputError(f"the bundle's manifest is wrong: {wrong_classes}")
    if all(result.protocol != manifest.headline for result in manifest.evaluation):
        raise InputError("the bundle's manifest quotes an evaluation that it does not hold")


def _check_reference(reference: Reference, manifest: Manifest) -> None:
    if set(reference.features) != set(manifest.feature_names):
        raise InputError("the bundle's reference does not describe exactly the model's features")
    widths = {len(entry.quantiles) for entry in reference.features.values() if entry.quantiles is not None}
    if tuple(reference.probabilities) != REFERENCE_PROBABILITIES or widths - {len(REFERENCE_PROBABILITIES)}:
        raise InputError("the bundle's reference does not have the quantiles that netsift writes")
