"""The pages, one file each; they read what the API reads and change nothing except through it."""

from __future__ import annotations

from typing import Final

from apiflask import APIFlask

from netsift.web.pages import alerts, analyse, explore, filters, login, models, overview, settings

_PAGES: Final = (overview, alerts, analyse, explore, models, settings, login)


def register(application: APIFlask) -> None:
    """Add every page to the application."""
    filters.register(application)
    for page in _PAGES:
        application.register_blueprint(page.blueprint)
