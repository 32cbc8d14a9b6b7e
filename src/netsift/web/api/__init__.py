"""The API, one file per resource; every input and output is a pydantic model."""

from __future__ import annotations

from typing import Final

from apiflask import APIFlask

from netsift.web.api import (
    alerts,
    captures,
    drift,
    flows,
    health,
    jobs,
    models,
    predict,
    reports,
    sensors,
    suppressions,
)

PREFIX: Final = "/api/v1"

_RESOURCES: Final = (predict, captures, jobs, alerts, reports, flows, suppressions, models, drift, sensors)


def register(application: APIFlask) -> None:
    """Add every resource to the application."""
    for resource in _RESOURCES:
        application.register_blueprint(resource.blueprint, url_prefix=PREFIX)
    application.register_blueprint(health.blueprint)
