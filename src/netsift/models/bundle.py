"""The model bundle: one zip file with everything a detector needs to score, and nothing that is executed on opening.

============== =====================================================================================================
member         content
============== =====================================================================================================
manifest.json  features, classes, thresholds, evaluation, training data, versions, SHA-256 of the other members
model.onnx     the model (:mod:`netsift.models.graph`), from which explanations are made as well
reference.json usual values of every feature in every class of the training traffic
model_card.md  the manifest for a reader
signature.json who made it (:mod:`netsift.models.signing`); may be absent
============== =====================================================================================================

Opening checks, in this order: the file is a zip archive of bounded size; its members are these, each once; their sizes
and compression ratios are bounded; they unpack to the declared size; the signature fits and is by the configured key;
the manifest is of a known version and well typed; every member has the hash that the manifest says; the features are
features of this netsift with the same unit and categories; the reference describes them; the graph is one that netsift
writes. Only then may a runtime see the graph. The same content gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from netsift.errors import InputError
from netsift.files import whole_file
from netsift.flows.schema import SCHEMA_VERSION
from netsift.models.archive import CARD, MANIFEST, MAX_FILE_BYTES, MODEL, REFERENCE, SIGNATURE, packed, unpacked
from netsift.models.audit import audit_graph, class_names_error, with_columns
from netsift.models.features import BY_NAME, SERVICE, feature_named, is_foreign
from netsift.models.manifest import (
    FORMAT_VERSION,
    REFERENCE_PROBABILITIES,
    FeatureReference,
    Manifest,
    Reference,
)
from netsift.models.reference import RARE, distinct
from netsift.models.services import SERVICES
from netsift.models.signing import Signature, check_signature, sign, trusted_key
from netsift.models.trees import Explanation
from netsift.models.upgrade import PROBABILITIES_OF_VERSION_1, upgraded_manifest, upgraded_reference

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Typed = TypeVar("Typed", bound=BaseModel)

_PROBABILITIES: Final = (REFERENCE_PROBABILITIES, PROBABILITIES_OF_VERSION_1)


@dataclass(frozen=True)
class Bundle:
    """A model whose every part was checked; made by :func:`load_bundle` or by training.

    ``signature`` and ``stored_version`` are the signature and the format version that the file had; a signature holds
    for that file only and is not written again.
    """

    manifest: Manifest
    graph: bytes
    reference: Reference
    card: str
    signature: Signature | None = None
    stored_version: int = field(default=FORMAT_VERSION, compare=False)

    @cached_property
    def explanation(self) -> Explanation:
        """What tells how the model comes to its scores, from its graph."""
        manifest = self.manifest
        return audit_graph(self.graph, manifest.learner.name, manifest.feature_names, len(manifest.classes))

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
    """Return the SHA-256 of every member but manifest and signature, as the manifest must say them."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in _contents(graph, reference, card).items()}


def _contents(graph: bytes, reference: Reference, card: str) -> dict[str, bytes]:
    return {MODEL: graph, REFERENCE: _json(reference), CARD: card.encode()}


def _json(model: BaseModel) -> bytes:
    return json.dumps(model.model_dump(), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False).encode()


def bundle_bytes(bundle: Bundle) -> bytes:
    """Return the bundle as the bytes of its file, unsigned; the same bundle gives the same bytes."""
    return packed({MANIFEST: _json(bundle.manifest), **_contents(bundle.graph, bundle.reference, bundle.card)})


def signed_bytes(content: bytes, key: Ed25519PrivateKey) -> bytes:
    """Return the bytes of a bundle with a signature by ``key`` in the place of any it had; all else stays as it was.

    Raises:
        InputError: the bytes are not a bundle that this version of netsift trusts.
    """
    members = unpacked(content)
    members.pop(SIGNATURE, None)
    _bundle(members)
    return packed({**members, SIGNATURE: _json(sign(members, key))})


def save_bundle(bundle: Bundle, path: Path) -> None:
    """Write the bundle to a temporary file beside ``path`` and rename it.

    Raises:
        OutputError: the file cannot be written.
    """
    with whole_file(path) as temporary:
        temporary.write_bytes(bundle_bytes(bundle))


def load_bundle(path: Path, key: Path | None = None) -> Bundle:
    """Read and check a bundle; executes nothing.

    ``key`` is the file of the public key that it must be signed with; without one, the file that the environment
    variable ``NETSIFT_MODEL_KEY`` names; without that, it need not be signed.

    Raises:
        InputError: the file cannot be read, or is not a bundle that this version of netsift trusts.
    """
    trusted = trusted_key(key)
    content = read_model_file(path)
    try:
        return parse_bundle(content, trusted)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def read_model_file(path: Path) -> bytes:
    """Return the bytes of a model file. Raises InputError when it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: the model cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_FILE_BYTES:
        raise InputError(f"{path}: has more bytes than a model may have ({MAX_FILE_BYTES:,})")
    return content


def parse_bundle(content: bytes, trusted: bytes | None = None) -> Bundle:
    """Check the bytes of a bundle and return it; ``trusted`` is the public key that it must be signed with, if any.

    Raises:
        InputError: the bytes are not a bundle that this version of netsift trusts; the sentence says why.
    """
    members = unpacked(content)
    signature = None
    if SIGNATURE in members:
        signature = _typed(Signature, _loaded_json(members[SIGNATURE], SIGNATURE), SIGNATURE)
    check_signature(members, signature, trusted)
    return _bundle(members, signature)


def _bundle(members: Mapping[str, bytes], signature: Signature | None = None) -> Bundle:
    version, manifest = _manifest(members[MANIFEST])
    _check_hashes(manifest, members)
    _check_consistency(manifest)
    loaded = upgraded_reference(_loaded_json(members[REFERENCE], REFERENCE), version)
    reference = _typed(Reference, loaded, REFERENCE)
    _check_reference(reference, manifest)
    try:
        card = members[CARD].decode()
    except UnicodeDecodeError as error:
        raise InputError(f"the bundle's {CARD} is not UTF-8 text") from error
    graph = members[MODEL]
    if version < FORMAT_VERSION:
        graph = with_columns(graph, manifest.feature_names)
        hashes = member_hashes(graph, reference, card)
        manifest = manifest.model_copy(update={"format_version": FORMAT_VERSION, "members": hashes})
    bundle = Bundle(manifest, graph, reference, card, signature, version)
    _ = bundle.explanation  # audits the graph
    return bundle


def _loaded_json(content: bytes, name: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the bundle's {name} is not valid JSON") from error


def _manifest(content: bytes) -> tuple[int, Manifest]:
    """Return the format version of the file and its manifest as one of the present version."""
    loaded = _loaded_json(content, MANIFEST)
    version = loaded.get("format_version") if isinstance(loaded, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InputError("the bundle's manifest does not say its format version")
    if version > FORMAT_VERSION:
        raise InputError(
            f"the bundle has format version {version}; this netsift reads up to {FORMAT_VERSION}: update netsift"
        )
    return version, _typed(Manifest, upgraded_manifest(loaded, version), MANIFEST)


def _typed(kind: type[Typed], loaded: Any, name: str) -> Typed:
    try:
        return kind.model_validate(loaded)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "its top level"
        raise InputError(f"the bundle's {name} is wrong at {place}: {first['msg'].lower()}") from error


def _check_hashes(manifest: Manifest, members: Mapping[str, bytes]) -> None:
    expected = set(members) - {MANIFEST, SIGNATURE}
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
    strangers = sorted(set(manifest.techniques) - set(manifest.classes))
    if strangers:
        raise InputError(
            f"the bundle's manifest has techniques of a class that the model does not have: {strangers[0]}"
        )
    if all(result.protocol != manifest.headline for result in manifest.evaluation):
        raise InputError("the bundle's manifest quotes an evaluation that it does not hold")


def _check_reference(reference: Reference, manifest: Manifest) -> None:
    if tuple(reference.probabilities) not in _PROBABILITIES:
        raise InputError("the bundle's reference does not have the quantiles that netsift writes")
    if reference.classes and set(reference.classes) != set(manifest.classes[1:]):
        raise InputError("the bundle's reference does not describe exactly the model's classes")
    for described in (reference, *reference.classes.values(), *reference.services.values()):
        if set(described.features) != set(manifest.feature_names):
            raise InputError("the bundle's reference does not describe exactly the model's features")
        for name, entry in described.features.items():
            _check_distribution(name, entry, reference.features[name], len(reference.probabilities))
        if described.score is not None and reference.score is not None:
            _check_distribution("score", described.score, reference.score, len(reference.probabilities))
    known = {*SERVICES, RARE} if SERVICE in manifest.feature_names else set()
    if not known.issuperset(reference.services):
        raise InputError("the bundle's reference describes services that the model does not know")


def _check_distribution(name: str, entry: FeatureReference, benign: FeatureReference, quantiles: int) -> None:
    """Quantiles ascend and are as many as they must be; cumulative shares ascend, one per distinct benign quantile."""
    values, shares = entry.quantiles or [], entry.cumulative or []
    if (
        (values and len(values) != quantiles)
        or values != sorted(values)
        or (entry.cumulative is not None and len(shares) != len(distinct(benign.quantiles or [])))
        or (values and entry.cumulative is None and quantiles != len(PROBABILITIES_OF_VERSION_1))
        or shares != sorted(shares)
    ):
        raise InputError(
            f"the bundle's reference is wrong at {name}: it does not have the quantiles that netsift writes"
        )
