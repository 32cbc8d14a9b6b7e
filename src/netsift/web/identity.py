"""Who asks: a user with a session, a program with a token, or whoever sits at this machine while there are no users.

Every operation names the scope it needs (:func:`netsift.web.operations.described`); pages need to read. What is of the
API and names none needs admin, so that a view that was forgotten is closed, not open.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Final, Literal, cast
from urllib.parse import quote

from flask import Flask, current_app, g, redirect, request
from flask_login import LoginManager, UserMixin, current_user
from werkzeug.wrappers import Response as BaseResponse

from netsift.errors import DatabaseError, UsageError
from netsift.store.scopes import EVERY_SCOPE, Scope
from netsift.store.users import User
from netsift.web.errors import Refusal, wants_problem
from netsift.web.guard import needed_scope
from netsift.web.services import services
from netsift.web.settings import WebSettings

OPEN_ENDPOINTS: Final = frozenset({"assets.asset", "health.healthz", "health.readyz", "login.login", "login.log_in"})
"""What everybody may ask for; none of it says anything of the network."""

_COUNT_FOR_S: Final = 1.0
_USERS: Final = "netsift_users"
_INCLUDED: Final = {Scope.INGEST: frozenset({Scope.READ}), Scope.ADMIN: EVERY_SCOPE}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, and what he may do."""

    name: str
    kind: Literal["local", "user", "token"]
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Return whether the scope is among his, or included in one of them."""
        return scope in self.scopes or any(scope in _INCLUDED.get(own, ()) for own in self.scopes)


class Session(UserMixin):  # type: ignore[misc]
    """A user as Flask-Login keeps him: name and session key, which changes when older sessions are to end."""

    def __init__(self, user: User) -> None:
        """Take the user of the session."""
        self.user = user

    def get_id(self) -> str:
        """Return what the cookie names."""
        return f"{self.user.session_key}:{self.user.name}"


def register(application: Flask) -> None:
    """Find out who asks before every request, and refuse what he may not do."""
    manager = LoginManager()
    manager.session_protection = "strong"
    # Templates ask identity(); a context of every template would ask the database even for the page of an error.
    manager.init_app(application, add_context_processor=False)

    @manager.user_loader  # type: ignore[untyped-decorator]
    def load(identifier: str) -> Session | None:
        key, _, name = identifier.partition(":")
        user = services().store.users.get(name)
        return Session(user) if user is not None and user.active and user.session_key == key else None

    application.extensions[_USERS] = UserCount()
    application.before_request(authorise)
    application.add_template_global(identity)
    application.add_template_global(Scope, "Scope")


def refuse_open_server(settings: WebSettings, users: int, tokens: int) -> None:
    """Raise UsageError where a server that others can reach would be open to all of them."""
    if not settings.is_loopback and not users and not tokens:
        raise UsageError(
            f"{settings.host} can be reached by others: first make a user (netsift user add NAME) or a token"
        )


def authorise() -> BaseResponse | None:
    """Refuse a request of somebody who may not make it; pages send him to the form to log in."""
    if request.endpoint is None or request.endpoint in OPEN_ENDPOINTS:
        return None
    asking, needed = identity(), needed_scope()
    if needed is None:
        needed = Scope.ADMIN if request.path.startswith("/api/") else Scope.READ
    if asking is None:
        if not wants_problem():
            return redirect(f"/login?next={quote(request.full_path.rstrip('?'), safe='/')}")
        raise Refusal(401, "This needs a token or a session.", headers={"WWW-Authenticate": 'Bearer realm="netsift"'})
    if not asking.may(needed):
        raise Refusal(403, f"{asking.name} may not do this: it needs the scope {needed.value}.")
    return None


def identity() -> Identity | None:
    """Return who makes the present request, None for somebody unknown.

    Raises:
        Refusal: the request carries a token that is not valid; its session does not help it then.
    """
    if "identity" not in g:
        g.identity = _identify()
    return cast(Identity | None, g.identity)


def actor() -> str:
    """Return the name under which what is done now goes into the audit log."""
    known = identity()
    return known.name if known is not None else "unknown"


def audit(action: str, target: str = "", **detail: object) -> None:
    """Write into the audit log who does what now."""
    services().store.audit.record(actor(), action, target, address=request.remote_addr or "", detail=detail)


def _identify() -> Identity | None:
    given = request.headers.get("Authorization")
    if given is not None:
        scheme, _, secret = given.partition(" ")
        token = services().store.tokens.check(secret.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            header = {"WWW-Authenticate": 'Bearer realm="netsift", error="invalid_token"'}
            raise Refusal(401, "The token is not valid.", headers=header)
        return Identity(f"token {token.name}", "token", token.scopes)
    if current_user.is_authenticated:
        user = cast(Session, current_user).user
        return Identity(user.name, "user", user.scopes)
    if is_open():
        return Identity("local", "local", EVERY_SCOPE)
    return None


def is_open() -> bool:
    """Return whether whoever reaches the server may do everything: on this machine, as long as there are no users."""
    return services().settings.is_loopback and not current_app.extensions[_USERS].any()


class UserCount:
    """Whether there are users, asked of the database once a second at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known, self._until = False, 0.0
        self._failed: DatabaseError | None = None

    def any(self) -> bool:
        """Return whether there is a user. Raises DatabaseError, as long as the database cannot be asked."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._failed = None
                try:
                    self._known = services().store.users.count() > 0
                except DatabaseError as error:
                    self._failed = error
                self._until = time.monotonic() + _COUNT_FOR_S
            if self._failed is not None:
                raise DatabaseError(str(self._failed))
            return self._known
