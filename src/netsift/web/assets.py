"""Static files under addresses that change with their content, so that browsers may keep them for ever.

A file stands at ``/static/DIGEST/NAME``. All own files share one digest, so that modules can import one another by
relative address; Plotly, which is large and changes with its own releases, has another. Text is sent compressed.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from flask import Blueprint, Flask, Response, abort, request

PLOTLY: Final = "plotly.min.js"
_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
_COMPRESSED: Final = frozenset({".css", ".js", ".svg", ".txt"})
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_DIGITS: Final = 16
_STYLE_ID: Final = re.compile(rb'getElementById\("([0-9a-f]{64})"\)')

blueprint = Blueprint("assets", __name__)


@blueprint.get("/static/<digest>/<path:name>")
def asset(digest: str, name: str) -> Response:
    """Send a file; an address of another version is gone."""
    content = _contents().get((digest, name))
    if content is None:
        abort(404)
    answer = Response(content_type=_TYPES[Path(name).suffix])
    answer.headers["Cache-Control"] = _FOR_EVER
    answer.headers["Vary"] = "Accept-Encoding"
    if Path(name).suffix in _COMPRESSED and request.accept_encodings.quality("gzip") > 0:
        answer.headers["Content-Encoding"] = "gzip"
        answer.data = _compressed(digest, name)
    else:
        answer.data = content()
    return answer


def register(application: Flask) -> None:
    """Serve the files, and let templates ask for their addresses by ``asset("app.css")``."""
    application.register_blueprint(blueprint)
    application.add_template_global(address, "asset")
    application.add_template_global(plotly_style_id)


def address(name: str) -> str:
    """Return where a file is served. Raises KeyError for one that there is not."""
    digest = next(digest for digest, other in _contents() if other == name)
    return f"/static/{digest}/{name}"


@cache
def _contents() -> dict[tuple[str, str], Callable[[], bytes]]:
    own = {path.relative_to(_FOLDER).as_posix(): path for path in sorted(_FOLDER.rglob("*")) if path.suffix in _TYPES}
    digest = _digest(b"".join(name.encode() + path.read_bytes() for name, path in own.items()))
    found: dict[tuple[str, str], Callable[[], bytes]] = {
        (digest, name): partial(path.read_bytes) for name, path in own.items()
    }
    plotly = plotly_file()
    found[(_digest(plotly.read_bytes()), PLOTLY)] = plotly.read_bytes
    return found


def plotly_file() -> Path:
    """Return the script in Plotly's wheel, without importing Plotly."""
    found = find_spec("plotly")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("Plotly is not installed: pip install 'netsift[web]'")
    return Path(found.origin).parent / "package_data" / PLOTLY


@cache
def plotly_style_id() -> str:
    """Return the id of the one style sheet that Plotly's script writes into a page unless an element has that id."""
    found = _STYLE_ID.search(plotly_file().read_bytes())
    return found[1].decode() if found else "plotly-needs-none"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


_compressing: Final = threading.Lock()


def _compressed(digest: str, name: str) -> bytes:
    # One thread compresses what many browsers ask for at the same time.
    with _compressing:
        return _compress_once(digest, name)


@cache
def _compress_once(digest: str, name: str) -> bytes:
    return gzip.compress(_contents()[(digest, name)](), 9, mtime=0)
