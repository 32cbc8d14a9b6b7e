"""Logging in and out."""

from __future__ import annotations

from typing import Final

from apiflask import APIBlueprint
from flask import redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_login import login_user, logout_user

from netsift.web.identity import Session, actor, audit, is_open
from netsift.web.services import services
from netsift.web.throttle import Throttle

blueprint = APIBlueprint("login", __name__, enable_openapi=False)

WRONG: Final = "The name or the password is wrong."
_LONGEST: Final = 1_025


@blueprint.get("/login")
def login() -> ResponseReturnValue:
    """Show the form, where there is somebody who can log in."""
    if is_open():
        return redirect("/")
    return render_template("login.html", next=_own_path(request.args.get("next", "")), wrong="", name="")


@blueprint.post("/login")
def log_in() -> ResponseReturnValue:
    """Begin a session. Failures are counted by name and by address, whether or not there is such a user."""
    name, password = request.form.get("name", "")[:_LONGEST], request.form.get("password", "")[:_LONGEST]
    goal = _own_path(request.form.get("next", ""))
    throttle: Throttle = services().logins
    keys = (f"name {name}", f"address {request.remote_addr}")
    if wait_s := throttle.wait_s(*keys):
        wrong = f"Too many attempts. Try again in {wait_s} s."
        return render_template("login.html", next=goal, wrong=wrong, name=name), 429, {"Retry-After": str(wait_s)}
    user = services().store.users.check(name, password)
    if user is None:
        throttle.failed(*keys)
        services().store.audit.record(name, "login failed", address=request.remote_addr or "")
        return render_template("login.html", next=goal, wrong=WRONG, name=name), 401
    throttle.succeeded(keys[0])
    session.clear()
    session.permanent = True
    login_user(Session(user))
    services().store.audit.record(user.name, "login", address=request.remote_addr or "")
    return redirect(goal, 303)


@blueprint.post("/logout")
def log_out() -> ResponseReturnValue:
    """End the session."""
    audit("logout", actor())
    logout_user()
    session.clear()
    return redirect("/login", 303)


def _own_path(text: str) -> str:
    """Return a path of this server: an address of another one is nowhere to go after logging in."""
    plain = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if plain and "\\" not in text else "/"
