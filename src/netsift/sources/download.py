"""One file from a web server: over HTTPS, resumable, bounded, and under its name only when it is right.

The bytes go to ``NAME.part``, and what identifies the server's version of them (its entity tag or date, RFC 9110
section 8.8) to ``NAME.part.json``. A transfer that breaks off leaves both, and the next one asks for the rest if the
server still has the same version (``Range`` with ``If-Range``, RFC 9110 sections 13.1.5 and 14). What turned out to be
wrong, too long or of the wrong hash, is removed: nothing can be resumed from it.
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import json
import os
import re
import shutil
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any, Final

from netsift import __version__
from netsift.errors import InputError, OutputError

Progress = Callable[[int, int | None], None]
"""Told the bytes that are there, and how many there will be (None when the server does not say)."""

MOST_BYTES: Final = 1 << 36
"""64 GiB; no file of the catalogue comes near."""

_PIECE: Final = 1 << 18
_TIMEOUT_S: Final = 60.0
_MOST_REDIRECTS: Final = 5
_SPARE_BYTES: Final = 1 << 26
"""What must stay free on the disk: a disk that is full to the last byte breaks other things."""
_MOST_NOTE_BYTES: Final = 1 << 14
_CONTENT_RANGE: Final = re.compile(r"bytes (?:(\d{1,18})-\d{1,18}|\*)/(\d{1,18})")


class UnreachableError(InputError):
    """The server cannot be reached or does not give the file; the network or its owner is at fault, not the file."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file must be: None where the publisher says nothing; ``most_bytes`` bounds it then."""

    address: str
    size_bytes: int | None = None
    sha256: str | None = None
    most_bytes: int = MOST_BYTES

    @property
    def bound_bytes(self) -> int:
        """Bytes after which the transfer is cut."""
        return self.most_bytes if self.size_bytes is None else self.size_bytes


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a server answered: ``start`` is where its bytes begin in the file, ``total`` how long the file is."""

    body: Any
    start: int
    total: int | None
    validator: str | None


def _say_nothing(_: int, __: int | None) -> None:
    pass


def download(wanted: Wanted, target: Path, progress: Progress = _say_nothing) -> str:
    """Fetch a file to ``target`` and return its SHA-256 in hexadecimal.

    A plain-text address is refused unless it is the machine's own; so is a redirection to one. Timeouts are 60 s
    without a byte. An existing ``target`` is replaced.

    Raises:
        UnreachableError: no connection, or the server refuses.
        InputError: the file is larger, smaller or other than it must be, or the transfer breaks off.
        OutputError: no space, or the folder cannot be written.
    """
    part = target.with_name(target.name + ".part")
    note = part.with_name(part.name + ".json")
    try:
        return _download(wanted, target, part, note, progress)
    except urllib.error.HTTPError as error:
        error.close()
        phrase = http.client.responses.get(error.code, "")  # not the server's, which may hold anything
        raise UnreachableError(f"{wanted.address}: the server answers {error.code} {phrase}".rstrip()) from None
    except urllib.error.URLError as error:
        raise UnreachableError(f"{wanted.address}: {_reason(error.reason)}") from None
    except (http.client.HTTPException, ssl.SSLError, ConnectionError, TimeoutError) as error:
        raise UnreachableError(f"{wanted.address}: {_reason(error)}") from None
    except OSError as error:
        raise OutputError(f"{part}: cannot be written: {error.strerror or error}") from None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(wanted: Wanted, target: Path, part: Path, note: Path, progress: Progress) -> str:
    have = part.stat().st_size if part.is_file() else 0
    validator = _read_note(note, wanted.address) if have else None
    answer = _ask(wanted, have if validator else 0, validator)
    with answer.body:
        _check_announced(wanted, answer, part)
        _write_note(note, wanted.address, answer.validator)
        digest = _receive(wanted, answer, part, progress)
    if wanted.sha256 is not None and digest != wanted.sha256:
        _remove(part, note)
        raise InputError(
            f"{wanted.address}: refused and removed, because its SHA-256 is {digest} and not {wanted.sha256}"
        )
    part.replace(target)
    note.unlink(missing_ok=True)
    return digest


def _ask(wanted: Wanted, have: int, validator: str | None) -> _Answer:
    """Send the request; ask for the rest where ``have`` bytes of a known version are there."""
    if _is_plain_text(wanted.address, wanted.address):
        raise InputError(f"{wanted.address}: refused, because it is not https")
    headers = {"User-Agent": f"netsift/{__version__}", "Accept-Encoding": "identity"}
    if have and validator:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    request = urllib.request.Request(wanted.address, headers=headers)
    try:
        response = _opener(wanted.address).open(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not have:
            raise
        error.close()
        matched = _CONTENT_RANGE.fullmatch(error.headers.get("Content-Range", ""))
        if matched and int(matched[2]) == have:
            return _Answer(_Nothing(), have, have, validator)
        return _ask(wanted, 0, None)
    return _answer(response, have)


class _Nothing:
    """The rest of a file that is complete already."""

    def read(self, _: int) -> bytes:
        """Return that nothing is left."""
        return b""

    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _answer(response: Any, have: int) -> _Answer:
    headers: Message = response.headers
    validator = headers.get("ETag")
    if validator is None or validator.startswith("W/"):
        validator = headers.get("Last-Modified")
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        matched = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
        if not matched or matched[1] is None or int(matched[1]) != have:
            response.close()
            raise http.client.HTTPException("the server sent another part of the file than it was asked for")
        return _Answer(response, have, int(matched[2]), validator)
    length = headers.get("Content-Length", "")
    return _Answer(response, 0, int(length) if re.fullmatch(r"\d{1,18}", length) else None, validator)


def _check_announced(wanted: Wanted, answer: _Answer, part: Path) -> None:
    """Refuse what cannot be the file before a byte of it is written."""
    headers: Message | None = getattr(answer.body, "headers", None)
    kind = headers.get_content_type() if headers is not None else ""
    if kind == "text/html" and Path(part.stem).suffix != ".html":
        raise UnreachableError(f"{wanted.address}: the server sends a web page in the place of the file")
    if answer.total is None:
        return
    if wanted.size_bytes is not None and answer.total != wanted.size_bytes:
        raise InputError(
            f"{wanted.address}: refused, because the server has {answer.total:,} bytes and the publisher says "
            f"{wanted.size_bytes:,}"
        )
    if answer.total > wanted.bound_bytes:
        raise InputError(f"{wanted.address}: refused, because {answer.total:,} bytes are over {wanted.bound_bytes:,}")
    needed = answer.total - answer.start + _SPARE_BYTES
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise OutputError(f"{part.parent}: {needed:,} bytes are needed, and {free:,} are free")


def _receive(wanted: Wanted, answer: _Answer, part: Path, progress: Progress) -> str:
    """Write the body behind what is there; return the SHA-256 of the whole file."""
    with part.open("r+b" if answer.start else "wb") as file:
        digest = _digest_of_beginning(file, answer.start)
        done = answer.start
        progress(done, answer.total)
        while piece := _next_piece(wanted, answer.body):
            done += len(piece)
            if done > wanted.bound_bytes:
                break
            file.write(piece)
            digest.update(piece)
            progress(done, answer.total)
        file.flush()
        os.fsync(file.fileno())
    if done > wanted.bound_bytes:
        _remove(part, part.with_name(part.name + ".json"))
        raise InputError(f"{wanted.address}: refused and removed, because it is over {wanted.bound_bytes:,} bytes")
    whole = answer.total if answer.total is not None else wanted.size_bytes
    if whole is not None and done < whole:
        raise _broken_off(wanted, f"{done:,} of {whole:,} bytes are there")
    hexadecimal: str = digest.hexdigest()
    return hexadecimal


def _next_piece(wanted: Wanted, body: Any) -> bytes:
    try:
        piece: bytes = body.read(_PIECE)
    except (OSError, http.client.HTTPException) as error:
        raise _broken_off(wanted, _reason(error)) from None
    return piece


def _broken_off(wanted: Wanted, why: str) -> InputError:
    return InputError(f"{wanted.address}: the transfer broke off ({why}); the same command goes on")


def _digest_of_beginning(file: IO[bytes], count: int) -> Any:
    """Return the running SHA-256 of the first ``count`` bytes and leave the file behind them, cut off there."""
    digest = hashlib.sha256()
    left = count
    while left and (piece := file.read(min(_PIECE, left))):
        digest.update(piece)
        left -= len(piece)
    file.seek(count)
    file.truncate()
    return digest


def _read_note(note: Path, address: str) -> str | None:
    """Return what identifies the version of which a part is there; None when it is not known or of another address."""
    try:
        with note.open("rb") as file:
            said = json.loads(file.read(_MOST_NOTE_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("address") != address:
        return None
    validator = said.get("validator")
    return validator if isinstance(validator, str) and validator.isascii() and validator.isprintable() else None


def _write_note(note: Path, address: str, validator: str | None) -> None:
    if validator is None:
        note.unlink(missing_ok=True)
    else:
        note.write_text(json.dumps({"address": address, "validator": validator}) + "\n", encoding="utf-8")


def _remove(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _is_plain_text(address: str, asked: str) -> bool:
    """Return whether an address is other than HTTPS; HTTP from this machine to itself does not count."""
    is_own = _is_own(address) and _is_own(asked)
    return urllib.parse.urlsplit(address).scheme != "https" and not is_own


def _is_own(address: str) -> bool:
    """Return whether an address is HTTP on a loopback address of this machine."""
    split = urllib.parse.urlsplit(address)
    try:
        return split.scheme == "http" and ipaddress.ip_address(split.hostname or "").is_loopback
    except ValueError:
        return False


def _opener(asked: str) -> urllib.request.OpenerDirector:
    class Redirects(urllib.request.HTTPRedirectHandler):
        """Follows a few redirections, none to plain text."""

        max_redirections = _MOST_REDIRECTS

        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            if _is_plain_text(newurl, asked):
                fp.close()
                raise UnreachableError(f"{asked}: refused, because it leads to {newurl}, which is not https")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    handlers: list[urllib.request.BaseHandler] = [Redirects()]
    if _is_own(asked):
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer for {_TIMEOUT_S:.0f} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
