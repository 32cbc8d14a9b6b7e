"""Alerts come back from Arrow and Parquet to the nanosecond; other tables are refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsift.alerts.arrow import ALERTS_PER_BATCH, alert_batches, arrow_schema
from netsift.alerts.incidents import incidents_of
from netsift.alerts.schema import Alert, AlertColumn, FlowReference
from netsift.alerts.stored import stored_alerts
from netsift.errors import InputError
from netsift.flows.write import flow_output, format_of
from tests.alerts.made import SCAN, made

NAMES = ("alerts.parquet", "alerts.arrow", "alerts.feather")
texts = st.text(max_size=8)
times = st.integers(-(2**63), 2**63 - 1)
ports = st.none() | st.integers(0, 65_535)
numbers = st.floats(allow_nan=False)
usual = st.lists(numbers).map(tuple) | st.lists(texts).map(tuple)
columns = st.builds(AlertColumn, texts, texts, st.none() | numbers | texts, usual, texts)
flows = st.builds(FlowReference, times, times, texts, ports, texts, ports, st.none() | st.integers(0, 255))
alerts = st.builds(
    made,
    st.integers(0, 9),
    start_ns=times,
    end_ns=times,
    confidence=st.floats(0, 1),
    sources=st.lists(texts).map(tuple),
    ports=st.lists(st.integers(0, 65_535)).map(tuple),
    columns=st.lists(columns, max_size=3).map(tuple),
    evidence=st.lists(flows, max_size=3).map(tuple),
    suppressed=st.sampled_from(["", "12345678"]),
)


def written(path: Path, every: Sequence[Alert]) -> Path:
    """Write alerts to a file."""
    with flow_output(path, format_of(path), arrow_schema()) as writer:
        for batch in alert_batches(every):
            writer.write(batch)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_alerts_and_incidents_come_back(name: str, tmp_path: Path) -> None:
    every = [
        *incidents_of([SCAN, made(2, category="c2")]),
        SCAN,
        made(2, category="c2"),
        made(3, suppressed="12345678"),
    ]
    assert list(stored_alerts(written(tmp_path / name, every))) == every
    assert list(stored_alerts(written(tmp_path / name, []))) == []


@given(st.lists(alerts, max_size=4))
def test_any_alerts_come_back(tmp_path_factory: pytest.TempPathFactory, every: list[Alert]) -> None:
    assert list(stored_alerts(written(tmp_path_factory.mktemp("alerts") / "x.parquet", every))) == every


def test_many_alerts_are_several_batches() -> None:
    batches = list(alert_batches(made(number) for number in range(ALERTS_PER_BATCH + 1)))
    assert [batch.num_rows for batch in batches] == [ALERTS_PER_BATCH, 1]
    assert all(batch.schema.equals(arrow_schema()) for batch in batches)


def test_the_schema_has_the_keys_of_the_json_form() -> None:
    value = SCAN.as_json()
    assert arrow_schema().names == list(value)
    assert list(value["evidence"][0]) == [field.name for field in arrow_schema().field("evidence").type.value_type]


@pytest.mark.parametrize("name", NAMES)
def test_other_tables_are_refused(name: str, tmp_path: Path) -> None:
    path = written(tmp_path / name, [SCAN])
    (batch,) = alert_batches([SCAN])
    for other in (
        pa.record_batch({"id": ["x"]}),
        batch.set_column(4, "severity", pa.array(["dreadful"])),
        batch.set_column(2, "start", pa.array(["now"])),
        batch.set_column(9, "sources", pa.array([[None]], pa.list_(pa.string()))),
        batch.set_column(0, "id", pa.array([None], pa.string())),
    ):
        with flow_output(path, format_of(path), other.schema) as writer:
            writer.write(other)
        with pytest.raises(InputError, match=f"{name}: holds no alerts: ."):
            list(stored_alerts(path))
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match=name):
        list(stored_alerts(path))
    with pytest.raises(InputError, match="No such file"):
        list(stored_alerts(tmp_path / f"absent-{name}"))
