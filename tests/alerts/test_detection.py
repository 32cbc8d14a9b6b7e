"""Behaviours and a model side by side: who confirms whom, what is counted, and what is believed of a model alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from netsift.alerts.behaviour import BehaviourSearch
from netsift.alerts.detection import Detected, detect
from netsift.alerts.from_model import MODEL
from netsift.alerts.pipeline import ModelSearch
from netsift.detectors.model import ModelDetector
from netsift.flows.schema import BY_NAME
from tests.detectors.behaviour.cases import syn_scan
from tests.models.fitted import small_bundle
from tests.models.traffic import random_batch


def model(threshold: float = 0.5) -> ModelSearch:
    """Return a search with the small model of the tests, which knows scans and floods."""
    bundle = small_bundle()
    return ModelSearch(ModelDetector(bundle), bundle.reference, threshold)


def batches() -> list[pa.RecordBatch]:
    """Return random flows of twenty hosts, some of which look like scans and floods to the model."""
    return [random_batch(100, seed)[0] for seed in range(30, 33)]


def detected(flows: list[pa.RecordBatch], *, everything: bool = False) -> Detected:
    """Return what all behaviours and the model find."""
    return detect(flows, BehaviourSearch(), model(), everything=everything)


def test_every_flagged_flow_is_counted_once() -> None:
    found = detected(batches())
    believed = sum(alert.flows for alert in found.alerts if MODEL in alert.detectors)
    assert found.flows == 300
    assert found.flagged == believed + found.too_few + found.unconfirmed + found.overflow


def test_a_model_alone_is_believed() -> None:
    found = detect(batches(), None, model())
    assert found.unconfirmed == 0
    assert {alert.category for alert in found.alerts} == {"scan", "flood"}
    assert {alert.detectors for alert in found.alerts} == {(MODEL,)}


def test_what_no_behaviour_confirms_is_no_alert_and_counted() -> None:
    quiet = detect(batches(), BehaviourSearch(()), model())
    assert quiet.alerts == ()
    assert quiet.incidents == ()
    assert quiet.unconfirmed == quiet.flagged - quiet.too_few > 0


def test_what_is_not_believed_is_shown_when_asked_for() -> None:
    shown = detect(batches(), BehaviourSearch(()), model(), everything=True)
    assert sum(alert.flows for alert in shown.alerts) == shown.flagged
    assert {alert.severity for alert in shown.alerts} == {"low"}
    assert any(alert.reason.startswith("no behaviour seen") for alert in shown.alerts)
    assert any(alert.reason.startswith("too few for ") for alert in shown.alerts)
    assert {alert.id for alert in shown.alerts} <= {name for one in shown.incidents for name in one.members}


def test_a_model_and_a_behaviour_that_agree_are_one_incident_and_surer(tmp_path: Path) -> None:
    scan = syn_scan(40).batches(tmp_path)
    behaviour = detect(scan, BehaviourSearch(), None)
    both = detect(scan, BehaviourSearch(), model(threshold=0.0))
    assert both.unconfirmed == 0
    (incident,) = both.incidents
    assert set(incident.detectors) == {"port_scan", MODEL}
    assert incident.category == "scan"
    assert incident.confidence > behaviour.incidents[0].confidence


def test_pieces_of_connections_are_not_the_models_to_judge() -> None:
    pieces = [changed(batch, protocol=6, syn_packets=0, packets_bwd=0) for batch in batches()]
    assert detect(pieces, None, model(threshold=0.0)).flagged == 0
    assert detect(batches(), None, model(threshold=0.0)).flagged == 300


def changed(batch: pa.RecordBatch, **values: int) -> pa.RecordBatch:
    """Return a batch with the same value in all rows of some columns."""
    for name, value in values.items():
        place = batch.schema.get_field_index(name)
        column = pa.array(np.full(batch.num_rows, value)).cast(batch.schema.field(place).type)
        batch = batch.set_column(place, batch.schema.field(place), column)
    return batch


def test_suppressed_alerts_and_incidents_hold_together(tmp_path: Path) -> None:
    found = detect(syn_scan(9).batches(tmp_path), BehaviourSearch(), None)
    assert [alert.id for alert in found.alerts] == list(found.incidents[0].members)
    assert found.overflow == found.evicted == 0
    assert found.packets == sum(sum(batch.column("packets").to_pylist()) for batch in syn_scan(9).batches(tmp_path))


@pytest.mark.parametrize("name", ["src_ip", "dst_port"])
def test_logs_without_what_behaviours_need_are_said(name: str, tmp_path: Path) -> None:
    lacking = [batch.drop_columns([name]) for batch in syn_scan(9).batches(tmp_path)]
    assert name in BY_NAME
    assert detect(lacking, BehaviourSearch(), None).missing_columns == (name,)


def test_a_model_alone_needs_a_score_that_fits_the_number_of_flows() -> None:
    bundle = small_bundle()
    search = ModelSearch.of(bundle, 0.05)
    rates = sorted((entry.false_positive_rate for entry in bundle.manifest.thresholds), reverse=True)
    for rate in (one for one in rates if one <= 0.05):
        search.flows = int(2 / rate)
        assert search.least_score_alone == bundle.threshold(rate)
    search.flows = 10**12
    assert search.least_score_alone == bundle.threshold(min(rates))
