"""Runs the application: gunicorn with threads where it runs, waitress elsewhere."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from netsift.errors import OutputError
from netsift.store.opening import open_store
from netsift.web.identity import refuse_open_server
from netsift.web.job import DEMONSTRATION, DEMONSTRATION_NAME
from netsift.web.services import Services
from netsift.web.settings import WebSettings

if TYPE_CHECKING:
    from netsift.web.application import Application

THREADS: Final = 16
"""Threads beside those that event streams may keep busy."""

_STOP_S: Final = 5
_BACKLOG: Final = 128


def serve(settings: WebSettings, ready: Callable[[str], None]) -> None:
    """Serve until the process is told to end; ``ready`` is told the address before.

    Raises:
        OutputError: the address cannot be bound.
        StoreError: the database cannot be opened.
        UsageError: others could reach the server, and nobody would have to log in.
    """
    with open_store(settings.database_url) as store:
        refuse_open_server(settings, store.users.count(), len(store.tokens.every()))
    listener = _listener(settings)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    ready(f"http://{host}:{listener.getsockname()[1]}")
    with contextlib.closing(listener):
        (_with_waitress if sys.platform == "win32" else _with_gunicorn)(settings, listener)


def begin(application: Application) -> Services:
    """Begin to work on jobs; where nothing was ever looked at, show what a demonstration finds."""
    with application.app_context():
        from netsift.web.services import services

        parts = services()
    if parts.settings.demonstration and not parts.store.jobs.find(limit=1).rows:
        parts.store.jobs.add(DEMONSTRATION, DEMONSTRATION_NAME, owner="netsift")
    parts.jobs.start()
    # The first reasons of a process wait for a kernel; nobody else should.
    threading.Thread(target=_warm, args=(parts,), name="netsift-warm", daemon=True).start()
    return parts


def _warm(parts: Services) -> None:
    predictor = parts.models.active().predictor
    predictor.explanations(predictor.matrix_of_rows([predictor.example(predictor.bundle.manifest.classes[0])]))


def _listener(settings: WebSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        why = error.strerror or str(error)
        raise OutputError(f"{settings.host} port {settings.port}: {why}; choose another --port") from None
    return listener


def _with_gunicorn(settings: WebSettings, listener: socket.socket) -> None:
    from gunicorn.app.base import BaseApplication

    running: list[Services] = []
    # From here on the socket is gunicorn's, which closes it by its number.
    descriptor = listener.detach()

    class Server(BaseApplication):  # type: ignore[misc]
        """One worker with threads: limits and jobs are counted in one place."""

        def load_config(self) -> None:
            """Set what does not come from files."""
            values: dict[str, Any] = {
                "bind": [f"fd://{descriptor}"],
                "worker_class": "netsift.web.patience.PatientWorker",
                "workers": 1,
                "threads": settings.most_event_streams + THREADS,
                "worker_connections": 1_000,
                "graceful_timeout": _STOP_S,
                "keepalive": 5,
                "loglevel": "warning",
                "limit_request_line": 8_190,
                "limit_request_fields": 100,
                "worker_exit": _ended(running),
            }
            for name, value in values.items():
                self.cfg.set(name, value)

        def load(self) -> Application:
            """Make the application in the worker's own process."""
            from netsift.web.application import create_application

            application = create_application(settings)
            running.append(begin(application))
            return application

    Server().run()


def _ended(running: list[Services]) -> Callable[[object, object], None]:
    def ended(_server: object, _worker: object) -> None:
        for parts in running:
            parts.jobs.stop()

    return ended


def _with_waitress(settings: WebSettings, listener: socket.socket) -> None:
    import waitress

    from netsift.web.application import create_application

    application = create_application(settings)
    parts = begin(application)
    try:
        waitress.serve(
            application,
            sockets=[listener],
            threads=settings.most_event_streams + THREADS,
            max_request_body_size=settings.most_upload_bytes,
            ident=None,
        )
    finally:
        parts.jobs.stop()
