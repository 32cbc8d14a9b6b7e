"""The first page: how the server is, and what was found lately."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import render_template

blueprint = APIBlueprint("overview", __name__, enable_openapi=False)


@blueprint.get("/")
def overview() -> str:
    """Show the overview."""
    return render_template("overview.html")
