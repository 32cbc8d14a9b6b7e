"""``/api/v1/sensors``: how the sensors are, and their last day by time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any

from apiflask import APIBlueprint
from pydantic import Field

from netsift.store.scopes import Scope
from netsift.web.errors import Refusal
from netsift.web.operations import In, Out, described, moment
from netsift.web.sensors import SensorOut, sensors_in
from netsift.web.services import services

blueprint = APIBlueprint("sensors", __name__, tag="Status")


class SensorList(Out):
    """All sensors, those that live first."""

    sensors: list[SensorOut]


class SeriesQuery(In):
    """How many hours back."""

    hours: Annotated[float, Field(gt=0, le=24)] = 24.0


class SensorSeriesOut(Out):
    """The last hours in steps; null where the sensor did not watch, or, of scores, where no flow ended.

    `usual` is the band in which nine of ten minutes' scores lay, null where too few are known.
    """

    step_s: int
    starts: list[str]
    packets_per_s: list[float | None]
    flows_per_s: list[float | None]
    bits_per_s: list[float | None]
    lost: list[int | None]
    scores: list[float | None]
    usual: list[float] | None


@blueprint.get("/sensors")
@blueprint.output(SensorList)
@described(blueprint, "list_sensors", Scope.READ)
def list_sensors() -> dict[str, Any]:
    """List the sensors that keep what they see in this server's folder."""
    return {"sensors": sensors_in(services().sensors)}


@blueprint.get("/sensors/<identifier>/series")
@blueprint.input(SeriesQuery, location="query")
@blueprint.output(SensorSeriesOut)
@described(blueprint, "get_sensor_series", Scope.READ, 404, 422)
def get_sensor_series(identifier: str, query_data: SeriesQuery) -> dict[str, Any]:
    """Show what a sensor saw by time, in 600 steps at most."""
    folder = services().sensors
    if folder.state(identifier) is None:
        raise Refusal(404, "There is no such sensor.")
    series = folder.series(identifier, query_data.hours, time.time())
    return {
        "step_s": series.step_s,
        "starts": [moment(datetime.fromtimestamp(start_s, UTC)) for start_s in series.starts_s],
        "packets_per_s": series.packets_per_s,
        "flows_per_s": series.flows_per_s,
        "bits_per_s": series.bits_per_s,
        "lost": series.lost,
        "scores": series.scores,
        "usual": None if series.usual is None else list(series.usual),
    }
