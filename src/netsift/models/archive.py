"""The zip file of a bundle: members in and out, with every check that needs no knowledge of what they mean."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Final

from netsift.errors import InputError

MANIFEST: Final = "manifest.json"
MODEL: Final = "model.onnx"
REFERENCE: Final = "reference.json"
CARD: Final = "model_card.md"
SIGNATURE: Final = "signature.json"
MEMBER_LIMITS: Final[dict[str, int]] = {
    MANIFEST: 4 << 20,
    MODEL: 256 << 20,
    REFERENCE: 16 << 20,
    CARD: 1 << 20,
    SIGNATURE: 4 << 10,
}
"""The members of a bundle and the greatest unpacked size of each, in bytes."""

OPTIONAL: Final = frozenset({SIGNATURE})
"""Members that a bundle may lack."""

MAX_FILE_BYTES: Final = 256 << 20
MAX_COMPRESSION_RATIO: Final = 200
"""Deflate packs a forest about ten times and can pack zeros a thousand times."""

_FIXED_TIME: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 0x1
_NAME_SHOWN: Final = 80
_LOCAL_HEADER: Final = 30
_DIRECTORY_ENTRY: Final = 46
_END_OF_DIRECTORY: Final = 22
"""Bytes of the parts of a zip file without names (APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16)."""


def packed(members: Mapping[str, bytes], limits: Mapping[str, int] = MEMBER_LIMITS) -> bytes:
    """Return a zip file of the members in the order of the limits; the same members give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(members, key=list(limits).index):
            entry = zipfile.ZipInfo(name, _FIXED_TIME)
            entry.create_system = _UNIX
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, members[name], zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def unpacked(content: bytes, limits: Mapping[str, int] = MEMBER_LIMITS, what: str = "model") -> dict[str, bytes]:
    """Return the members of a bundle's bytes; nothing is written anywhere.

    ``limits`` are the members that there may be and their greatest unpacked sizes in bytes; ``what`` names the kind of
    file in errors.

    Raises:
        InputError: it is no zip file, or its members are not those of a bundle in name, number, size or packing.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            _check_members(entries, limits)
            _check_length(entries, len(content))
            return {entry.filename: _member(archive, entry) for entry in entries}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError) as error:
        raise InputError(f"the file is not a netsift {what}, or it is damaged") from error


def _check_members(entries: list[zipfile.ZipInfo], limits: Mapping[str, int]) -> None:
    names = [entry.filename for entry in entries]
    for entry in entries:
        name = entry.filename
        # zipfile cuts a name at a zero byte, other programs do not.
        if name not in limits or entry.orig_filename != name:
            raise InputError(
                f"the bundle holds {entry.orig_filename[:_NAME_SHOWN]!r}, which does not belong in a model"
            )
        if names.count(name) > 1:
            raise InputError(f"the bundle holds {name} more than once")
    for name in limits:
        if name not in names and name not in OPTIONAL:
            raise InputError(f"the bundle lacks {name}")
    for entry in entries:
        _check_member(entry, limits[entry.filename])


def _check_length(entries: list[zipfile.ZipInfo], length: int) -> None:
    """Nothing stands before, between or behind the members: no other file's head, no comment, no extra field."""
    members = sum(_LOCAL_HEADER + _DIRECTORY_ENTRY + 2 * len(one.filename) + one.compress_size for one in entries)
    if members + _END_OF_DIRECTORY != length:
        raise InputError("the bundle holds data beside its members")


def _check_member(entry: zipfile.ZipInfo, limit: int) -> None:
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
