"""Signatures: made with one key, checked with another, and what each change does to them."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from pathlib import Path

import pytest

from netsift.errors import InputError, UsageError
from netsift.models.bundle import bundle_bytes, load_bundle, parse_bundle, signed_bytes
from netsift.models.signing import KEY_VARIABLE, read_private_key, read_public_key, write_new_key
from tests.models.fitted import small_bundle


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """Return the files of a new key pair: private, public."""
    private, public = tmp_path / "key.pem", tmp_path / "key.pub.pem"
    write_new_key(private, public)
    return private, public


def signed(private: Path) -> bytes:
    """Return a signed bundle."""
    return signed_bytes(bundle_bytes(small_bundle()), read_private_key(private))


def replaced(content: bytes, name: str, new: bytes) -> bytes:
    """Return the zip file with another content of one member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as archive:
        for member in old.namelist():
            archive.writestr(member, new if member == name else old.read(member))
    return buffer.getvalue()


def test_a_signed_bundle_is_the_bundle_with_a_signature(keys: tuple[Path, Path]) -> None:
    private, public = keys
    content = signed(private)
    trusted = read_public_key(public).public_bytes_raw()
    bundle = parse_bundle(content, trusted)
    assert bundle.signature is not None
    assert bundle.signature.public_key == trusted.hex()
    assert bundle_bytes(bundle) == bundle_bytes(small_bundle())
    assert parse_bundle(content).signature == bundle.signature


def test_signing_again_gives_the_same_bytes(keys: tuple[Path, Path]) -> None:
    once = signed(keys[0])
    assert signed_bytes(once, read_private_key(keys[0])) == once


def test_an_older_version_can_be_signed_as_it_is(keys: tuple[Path, Path]) -> None:
    stored = Path(__file__).resolve().parent / "stored" / "version-1.netsift"
    content = signed_bytes(stored.read_bytes(), read_private_key(keys[0]))
    parse_bundle(content, read_public_key(keys[1]).public_bytes_raw())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert json.loads(archive.read("manifest.json"))["format_version"] == 1


def test_a_configured_key_refuses_what_is_not_signed_with_it(
    keys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsigned, theirs = tmp_path / "unsigned.netsift", tmp_path / "theirs.netsift"
    unsigned.write_bytes(bundle_bytes(small_bundle()))
    write_new_key(tmp_path / "other.pem", tmp_path / "other.pub.pem")
    theirs.write_bytes(signed(tmp_path / "other.pem"))
    load_bundle(unsigned)
    load_bundle(theirs)
    with pytest.raises(InputError, match=r"unsigned\.netsift: the model is not signed"):
        load_bundle(unsigned, keys[1])
    monkeypatch.setenv(KEY_VARIABLE, str(keys[1]))
    with pytest.raises(InputError, match="is not signed"):
        load_bundle(unsigned)
    with pytest.raises(InputError, match="signed with another key"):
        load_bundle(theirs)
    load_bundle(theirs, tmp_path / "other.pub.pem")


@pytest.mark.parametrize("member", ["manifest.json", "model.onnx", "reference.json", "model_card.md"])
def test_a_change_after_signing_is_refused(keys: tuple[Path, Path], member: str) -> None:
    with pytest.raises(InputError, match="changed after it was signed"):
        parse_bundle(replaced(signed(keys[0]), member, b"other"))


def test_the_key_of_another_under_our_signature_is_refused(keys: tuple[Path, Path], tmp_path: Path) -> None:
    write_new_key(tmp_path / "other.pem", tmp_path / "other.pub.pem")
    content = signed(keys[0])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        signature = json.loads(archive.read("signature.json"))
    trusted = read_public_key(tmp_path / "other.pub.pem").public_bytes_raw()
    forged = json.dumps({**signature, "public_key": trusted.hex()}).encode()
    with pytest.raises(InputError, match="changed after it was signed"):
        parse_bundle(replaced(content, "signature.json", forged), trusted)


def test_only_the_owner_may_read_the_private_key(keys: tuple[Path, Path]) -> None:
    assert stat.S_IMODE(keys[0].stat().st_mode) == 0o600
    assert b"PRIVATE" not in keys[1].read_bytes()


@pytest.mark.parametrize("existing", ["key.pem", "key.pub.pem"])
def test_keys_are_never_overwritten(tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        write_new_key(tmp_path / "key.pem", tmp_path / "key.pub.pem")
    assert [path.name for path in tmp_path.iterdir()] == [existing]
    assert (tmp_path / existing).read_text() == "mine"


def test_a_file_that_is_no_key_is_refused_and_not_quoted(keys: tuple[Path, Path], tmp_path: Path) -> None:
    secret = tmp_path / "secret.pem"
    secret.write_bytes(keys[0].read_bytes()[:-40])
    with pytest.raises(
        InputError, match=r"secret.pem: is not a PEM file with an unencrypted Ed25519 private key"
    ) as told:
        read_private_key(secret)
    assert told.value.__cause__ is None
    with pytest.raises(InputError, match="Ed25519 public key"):
        read_public_key(keys[0])
    with pytest.raises(InputError, match="private key"):
        read_private_key(keys[1])
    with pytest.raises(InputError, match="the key cannot be read"):
        read_public_key(tmp_path / "absent.pem")
    secret.write_bytes(bytes(100_000))
    with pytest.raises(InputError, match="too long for a key"):
        read_private_key(secret)
