"""Who made a bundle: Ed25519 signatures over the hashes of its members (RFC 8032), by the ``cryptography`` package.

The signature is a member of its own, ``signature.json``, and covers the name and SHA-256 of every other member. It
carries the public key, so that anybody can see whether a bundle is whole; whether that key is to be trusted, only the
user can say, with ``--key`` or the environment variable :data:`KEY_VARIABLE`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from netsift.errors import InputError, OutputError, UsageError
from netsift.files import whole_file
from netsift.models.archive import SIGNATURE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_VARIABLE: Final = "NETSIFT_MODEL_KEY"
"""Environment variable with the path of the public key that every model must be signed with."""

_CONTEXT: Final = b"netsift model bundle signature, version 1\n"
"""Begins what is signed, so that a signature made for something else never fits."""

_MOST_KEY_BYTES: Final = 16 << 10
_PRIVATE_MODE: Final = 0o600
_FINGERPRINT_DIGITS: Final = 16


class Signature(BaseModel):
    """The content of ``signature.json``; both values in hexadecimal digits."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    algorithm: Literal["Ed25519"]
    public_key: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    signature: Annotated[str, Field(pattern="^[0-9a-f]{128}$")]

    @property
    def fingerprint(self) -> str:
        """The first digits of the key's SHA-256, to compare by eye."""
        return hashlib.sha256(bytes.fromhex(self.public_key)).hexdigest()[:_FINGERPRINT_DIGITS]


def signed_content(members: Mapping[str, bytes]) -> bytes:
    """Return what is signed: a line with the SHA-256 and the name of every member but the signature, by name."""
    lines = (
        f"{hashlib.sha256(members[name]).hexdigest()} {name}\n".encode()
        for name in sorted(members)
        if name != SIGNATURE
    )
    return _CONTEXT + b"".join(lines)


def sign(members: Mapping[str, bytes], key: Ed25519PrivateKey) -> Signature:
    """Return the signature of the members; the same members and key give the same signature."""
    return Signature(
        algorithm="Ed25519",
        public_key=key.public_key().public_bytes_raw().hex(),
        signature=key.sign(signed_content(members)).hex(),
    )


def check_signature(members: Mapping[str, bytes], signature: Signature | None, trusted: bytes | None) -> None:
    """Refuse a bundle whose signature does not fit its members, or is not by the ``trusted`` public key (32 bytes).

    With no trusted key an unsigned bundle is accepted, and so is an intact signature by anybody.

    Raises:
        InputError: the signature is wrong, missing or by another key.
    """
    if signature is None:
        if trusted is not None:
            raise InputError("the model is not signed, and a key is configured that it must be signed with")
        return
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if trusted is not None and bytes.fromhex(signature.public_key) != trusted:
        raise InputError(f"the model is signed with another key ({signature.fingerprint}) than the configured one")
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signature.public_key))
        key.verify(bytes.fromhex(signature.signature), signed_content(members))
    except (InvalidSignature, ValueError) as error:
        raise InputError("the model was changed after it was signed: its signature does not fit") from error


def trusted_key(path: Path | None = None) -> bytes | None:
    """Return the public key (32 bytes) that models must be signed with, or None where none is configured.

    ``path`` goes before :data:`KEY_VARIABLE`. Raises InputError for a file that holds no Ed25519 public key.
    """
    configured = path or (Path(os.environ[KEY_VARIABLE]) if os.environ.get(KEY_VARIABLE) else None)
    return read_public_key(configured).public_bytes_raw() if configured else None


def read_public_key(path: Path) -> Ed25519PublicKey:
    """Return the Ed25519 public key of a PEM file.

    Raises:
        InputError: the file cannot be read or holds something else.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = _key_file(path)
    try:
        key = load_pem_public_key(content)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path}: is not a PEM file with an Ed25519 public key")
    return key


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """Return the Ed25519 private key of an unencrypted PEM file; no part of it is ever in a message.

    Raises:
        InputError: the file cannot be read or holds something else.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = _key_file(path)
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        # Without the cause: what the parser says may quote the file.
        raise InputError(f"{path}: is not a PEM file with an unencrypted Ed25519 private key") from None
    return key


def _key_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_KEY_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: the key cannot be read: {error.strerror or error}") from error
    if len(content) > _MOST_KEY_BYTES:
        raise InputError(f"{path}: is too long for a key")
    return content


def write_new_key(private: Path, public: Path) -> str:
    """Make a key pair, write it to two new PEM files and return the public key's fingerprint.

    Only the owner may read the private file (mode 0600), from the moment it exists.

    Raises:
        UsageError: one of the files exists; a key is never overwritten.
        OutputError: a file cannot be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if public.exists():
        raise UsageError(f"{public}: exists already, and keys are not overwritten")
    key = Ed25519PrivateKey.generate()
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    _write_private(private, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    with whole_file(public) as temporary:
        temporary.write_bytes(key.public_key().public_bytes(pem, form))
    return hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()[:_FINGERPRINT_DIGITS]


def _write_private(path: Path, content: bytes) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_MODE)
    except FileExistsError:
        raise UsageError(f"{path}: exists already, and keys are not overwritten") from None
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from None
    with os.fdopen(handle, "wb") as file:
        file.write(content)
