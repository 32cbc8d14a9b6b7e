"""What views need of the application that they run in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from flask import Flask, current_app

from netsift.store.flows import FlowStore
from netsift.store.opening import Store
from netsift.store.sensors import SensorFolder
from netsift.web.captures import CaptureFolder
from netsift.web.events import StreamSlots
from netsift.web.jobs import JobRunner
from netsift.web.settings import WebSettings
from netsift.web.shelf import ModelShelf
from netsift.web.throttle import Throttle

if TYPE_CHECKING:
    from netsift.web.status import StatusBoard

_KEY: Final = "netsift"


def _board() -> StatusBoard:
    from netsift.web.status import StatusBoard

    return StatusBoard()


@dataclass(slots=True)
class Services:
    """The parts that requests share; each looks after its own threads."""

    settings: WebSettings
    store: Store
    models: ModelShelf
    flows: FlowStore
    sensors: SensorFolder
    captures: CaptureFolder
    jobs: JobRunner
    streams: StreamSlots
    logins: Throttle
    board: StatusBoard = field(default_factory=_board)

    @property
    def known_hosts(self) -> frozenset[str]:
        """Names by which browsers may ask for the server, in lower case."""
        own = {"localhost", self.settings.host, *self.settings.allowed_hosts}
        return frozenset(name.lower().rstrip(".") for name in own)

    def attach(self, application: Flask) -> None:
        """Make these the services of an application."""
        application.extensions[_KEY] = self


def services() -> Services:
    """Return the services of the application that answers the present request."""
    return cast(Services, current_app.extensions[_KEY])
