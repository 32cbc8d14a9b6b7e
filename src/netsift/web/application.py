"""The application factory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from apiflask import APIFlask
from flask.json.provider import DefaultJSONProvider
from pydantic_core import from_json
from werkzeug.middleware.proxy_fix import ProxyFix

from netsift import __version__
from netsift.store.flows import FlowStore
from netsift.store.opening import open_store
from netsift.store.sensors import SensorFolder
from netsift.web import api, assets, errors, guard, headers, identity, openapi, pages
from netsift.web.captures import CaptureFolder
from netsift.web.events import StreamGate, StreamSlots
from netsift.web.jobs import JobRunner
from netsift.web.services import Services
from netsift.web.settings import MEBIBYTE, WebSettings
from netsift.web.shelf import ModelShelf
from netsift.web.throttle import Throttle

MOST_BODY_BYTES: Final = 64 * MEBIBYTE
"""Size of any request but an uploaded capture: 10,000 rows of a prediction take half of it."""
SESSION_COOKIE: Final = "netsift_session"


class _Json(DefaultJSONProvider):
    """JSON read by pydantic's parser, which takes half the time for many rows; columns stay in their order."""

    sort_keys = False

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Return the value. Raises ValueError for what is no JSON."""
        return from_json(s)


class Application(APIFlask):
    """A Flask application with our JSON reader."""

    json_provider_class = _Json


def create_application(settings: WebSettings) -> Application:
    """Return the application; its folder is made, and nothing listens yet.

    Raises:
        InputError: the model of the settings cannot be opened.
        OutputError: the folder cannot be written.
        StoreError: the database cannot be opened.
        UsageError: others could reach the server, and nobody would have to log in.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    application = Application(
        "netsift.web", title="netsift", version=__version__, spec_path=None, docs_path=None, json_errors=False,
        static_folder=None,  # type: ignore[arg-type]
    )  # fmt: skip
    application.config.update(
        SECRET_KEY=guard.secret_key(settings.data / "secret-key"),
        SESSION_COOKIE_NAME=SESSION_COOKIE,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.behind_tls,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=settings.session_hours),
        MAX_CONTENT_LENGTH=MOST_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MEBIBYTE,
        MAX_FORM_PARTS=200,
        PROPAGATE_EXCEPTIONS=False,
    )
    parts = _services(settings)
    application.wsgi_app = StreamGate(application.wsgi_app, parts.streams)  # type: ignore[method-assign]
    if settings.behind_tls:
        # The proxy says who asks; otherwise all failures to log in would be counted as its own.
        application.wsgi_app = ProxyFix(application.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    application.jinja_options = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    parts.attach(application)
    errors.register(application)
    headers.register(application, behind_tls=settings.behind_tls)
    guard.register(application)
    identity.register(application)
    assets.register(application)
    openapi.register(application)
    api.register(application)
    pages.register(application)
    return application


def _services(settings: WebSettings) -> Services:
    store = open_store(settings.database_url)
    flows = FlowStore(settings.data / "flows")
    identity.refuse_open_server(settings, store.users.count(), len(store.tokens.every()))
    return Services(
        settings=settings,
        store=store,
        models=ModelShelf(settings.data / "models", settings.model),
        flows=flows,
        sensors=SensorFolder(settings.data / "sensors"),
        captures=CaptureFolder(settings.data / "captures", settings.most_upload_bytes, settings.upload_quota_bytes),
        jobs=JobRunner(settings, store, flows),
        streams=StreamSlots(settings.most_event_streams),
        logins=Throttle(),
    )
