"""Who may ask: the name in the Host header, where a request comes from, and that a form is our own.

A page of another site can make a browser send requests to this server, and by a name that it points here (DNS
rebinding) even read the answers. So a request must ask for the server by an address or a name that it knows, and a
request that changes something and comes from a browser must come from our own pages and carry their token (OWASP
Cross-Site Request Forgery Prevention: synchronizer token, verified origin).
"""

from __future__ import annotations

import hmac
import secrets
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, current_app, request, session

from netsift.files import whole_file
from netsift.store.scopes import Scope
from netsift.web.errors import Refusal
from netsift.web.operations import SCOPE
from netsift.web.services import services

CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_FIELD: Final = "csrf_token"
_TOKEN: Final = "csrf"
_TOKEN_BYTES: Final = 32
_OWNER_ONLY: Final = 0o600
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def register(application: Flask) -> None:
    """Check every request of the application before anything else looks at it."""
    application.before_request(check_host)
    application.before_request(check_origin)
    application.add_template_global(csrf_token)


def secret_key(path: Path) -> bytes:
    """Return the key that sessions are signed with; it is made once and readable by its owner only.

    Raises:
        OutputError: it cannot be kept.
    """
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = b""
    if len(key) >= _TOKEN_BYTES:
        return key
    key = secrets.token_bytes(_TOKEN_BYTES)
    with whole_file(path) as temporary:
        temporary.write_bytes(key)
    path.chmod(_OWNER_ONLY)
    return key


def check_host() -> None:
    """Refuse a request for a name that is not ours. An address is always right: no other site can be one."""
    name = _host_name(request.host)
    if name not in services().known_hosts and not _is_address(name):
        raise Refusal(400, "This server does not go by that name; name it with --allowed-host.")


def check_origin() -> None:
    """Refuse a change that a browser was made to send by somebody else."""
    if request.method in _SAFE or needed_scope() is Scope.READ or request.authorization is not None:
        return
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    cookie = current_app.config["SESSION_COOKIE_NAME"] in request.cookies
    if origin is None and site is None and request.headers.get("Referer") is None and not cookie:
        return  # No browser sends a change so; what it may do is decided by who it is.
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Refusal(403, "The request comes from another site.")
    if site not in (None, "same-origin"):
        raise Refusal(403, "The request comes from another site.")
    given = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
    if not hmac.compare_digest(given.encode(), str(session.get(_TOKEN, "")).encode()) or not given:
        raise Refusal(403, "The page is too old: load it again.")


def csrf_token() -> str:
    """Return the token that forms of this session carry."""
    if _TOKEN not in session:
        session[_TOKEN] = secrets.token_urlsafe(_TOKEN_BYTES)
    return str(session[_TOKEN])


def needed_scope() -> Scope | None:
    """Return the scope that the operation needs, None where it says nothing."""
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, SCOPE, None)


def _host_name(host: str) -> str:
    """Return a Host header without its port, and an IPv6 address without brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
