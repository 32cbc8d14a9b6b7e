"""The whole way from flow batches to incidents: behaviours and a model look at every flow once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from netsift.alerts.behaviour import BehaviourSearch
from netsift.alerts.from_model import alert_of
from netsift.alerts.incidents import in_order, incidents_of
from netsift.alerts.pipeline import ModelSearch
from netsift.alerts.schema import Alert


@dataclass(frozen=True, slots=True)
class Detected:
    """What was seen and what was found; every alert is in one incident.

    ``flagged`` flows reached the model's threshold; of them ``too_few`` are no alert because they are too few for what
    they look like. ``overflow`` flows, the model's or suspicious ones, found no room and are in no alert. ``evicted``
    hosts, pairs and services were forgotten before their time (docs/context.md).
    """

    flows: int
    packets: int
    flagged: int
    too_few: int
    overflow: int
    evicted: int
    alerts: tuple[Alert, ...]
    incidents: tuple[Alert, ...]


def detect(
    batches: Iterable[pa.RecordBatch], behaviours: BehaviourSearch | None, model: ModelSearch | None
) -> Detected:
    """Show every batch to the behaviour detectors and the model, and make incidents of what they find.

    Raises:
        InputError: a batch lacks columns that are needed; all of them are named.
    """
    flows = packets = 0
    for batch in batches:
        flows += batch.num_rows
        packets += int(pc.sum(batch.column("packets")).as_py() or 0) if "packets" in batch.schema.names else 0
        if behaviours is not None:
            behaviours.add(batch)
        if model is not None:
            model.add(batch)
    alerts = list(behaviours.alerts()) if behaviours is not None else []
    settled = model.settle() if model is not None else None
    if settled is not None:
        alerts += [alert_of(finding) for finding in settled.findings]
    incidents = incidents_of(alerts)
    return Detected(
        flows=flows,
        packets=packets,
        flagged=settled.flagged if settled else 0,
        too_few=settled.too_few if settled else 0,
        overflow=(settled.overflow if settled else 0) + (behaviours.overflow_flows if behaviours else 0),
        evicted=behaviours.tracker.counts.entities_evicted if behaviours else 0,
        alerts=tuple(in_order(alerts)),
        incidents=tuple(incidents),
    )
