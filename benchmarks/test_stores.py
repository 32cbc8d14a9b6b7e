"""What the stores cost: ``python -m pytest benchmarks/test_stores.py --benchmark-enable``.

A million flows of a day: those of made-up traffic again and again, with other times and hosts each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pytest

import netsift
from netsift.store.alert_filter import AlertFilter, Order
from netsift.store.flow_filter import FlowFilter, FlowOrder
from netsift.store.flows import FlowStore
from netsift.store.opening import Store, open_store
from tests.alerts.made import MONDAY_NOON_NS, SECOND, made
from tests.flows.traffic import busy
from tests.flows.writing import pcap

FLOWS: Final = 1_000_000
ALERTS: Final = 50_000
HOSTS: Final = 20_000
DAY_NS: Final = 86_400 * SECOND

ANYTHING: Final = FlowFilter()
ONE_HOST: Final = FlowFilter(host="10.0.7.7")
A_NETWORK: Final = FlowFilter(source="10.0.0.0/20", protocols=(6,))
AN_HOUR: Final = FlowFilter(begins_ns=MONDAY_NOON_NS + DAY_NS // 2, ends_ns=MONDAY_NOON_NS + DAY_NS // 2 + DAY_NS // 24)


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> list[pa.RecordBatch]:
    """Return a million flows in order of start."""
    path = tmp_path_factory.mktemp("stores") / "busy.pcap"
    path.write_bytes(pcap(busy(50_000)))
    table = pa.Table.from_batches(netsift.read_flows(path)).unify_dictionaries()
    chance = np.random.default_rng(1)
    table = table.take(chance.integers(0, table.num_rows, FLOWS))
    start_ns = MONDAY_NOON_NS + np.sort(chance.integers(0, DAY_NS, FLOWS))
    hosts = pa.array([f"10.0.{number // 256}.{number % 256}" for number in range(HOSTS)])
    columns = {
        "start_time": pa.array(start_ns).cast(pa.timestamp("ns", "UTC")),
        "end_time": pa.array(start_ns + SECOND).cast(pa.timestamp("ns", "UTC")),
        "src_ip": hosts.take(pa.array(np.minimum(chance.zipf(1.3, FLOWS), HOSTS) - 1)),
        "dst_ip": hosts.take(pa.array(chance.integers(0, HOSTS, FLOWS))),
        "src_port": pa.array(chance.integers(1024, 65_536, FLOWS), pa.uint16()),
    }
    for name, column in columns.items():
        table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), column)
    return list(table.combine_chunks().to_batches(16_384))


@pytest.fixture(scope="module")
def flow_store(flows: list[pa.RecordBatch], tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowStore]:
    """Yield the store of a million flows."""
    with FlowStore(tmp_path_factory.mktemp("flows")) as store:
        for batch in flows:
            store.append(batch)
        store.flush()
        yield store


def test_storing_a_million_flows(benchmark: Any, flows: list[pa.RecordBatch], tmp_path: Path) -> None:
    """All columns into files by the hour; extra_info has their size."""

    def store() -> None:
        with FlowStore(tmp_path / "flows") as opened:
            for batch in flows:
                opened.append(batch)

    benchmark.pedantic(store, rounds=1)
    with FlowStore(tmp_path / "flows") as opened:
        benchmark.extra_info["bytes"] = opened.size()
        assert opened.totals(ANYTHING).flows == FLOWS


@pytest.mark.parametrize("wanted", [ANYTHING, ONE_HOST, A_NETWORK, AN_HOUR], ids=["all", "host", "network", "hour"])
@pytest.mark.parametrize("question", ["latest", "largest", "totals", "series", "facets", "talkers"])
def test_asking_a_million_flows(benchmark: Any, flow_store: FlowStore, question: str, wanted: FlowFilter) -> None:
    """A page, sums, a chart, the commonest values, who talks to whom."""
    questions = {
        "latest": lambda: flow_store.find(wanted),
        "largest": lambda: flow_store.find(wanted, FlowOrder.BYTES_LAST),
        "totals": lambda: flow_store.totals(wanted),
        "series": lambda: flow_store.series(wanted),
        "facets": lambda: flow_store.facets(wanted),
        "talkers": lambda: flow_store.talkers(wanted),
    }
    assert benchmark(questions[question])


@pytest.fixture(scope="module")
def alert_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Yield the store of fifty thousand alerts."""
    with open_store(tmp_path_factory.mktemp("alerts") / "netsift.db") as store:
        store.alerts.upsert(
            made(
                number, start_ns=MONDAY_NOON_NS + number * SECOND, confidence=number % 97 / 97,
                sources=(f"10.0.{number % 999 // 256}.{number % 256}",),
            )
            for number in range(ALERTS)
        )  # fmt: skip
        yield store


def test_storing_alerts(benchmark: Any, tmp_path: Path) -> None:
    """A thousand alerts into a new SQLite database."""
    alerts = [made(number) for number in range(1_000)]
    with open_store(tmp_path / "netsift.db") as store:
        assert benchmark.pedantic(lambda: store.alerts.upsert(alerts), rounds=5) is not None


@pytest.mark.parametrize(
    "wanted",
    [AlertFilter(kind="alert"), AlertFilter(), AlertFilter(host="10.0.1.0/24"), AlertFilter(text="tried 2 ports")],
    ids=["of a kind", "all", "network", "text"],
)
@pytest.mark.parametrize("order", [Order.WEIGHT_LAST, Order.START_LAST])
def test_a_page_of_alerts(benchmark: Any, alert_store: Store, wanted: AlertFilter, order: Order) -> None:
    """Fifty of fifty thousand alerts."""
    assert benchmark(lambda: alert_store.alerts.find(wanted, order)).rows


def test_counting_alerts(benchmark: Any, alert_store: Store) -> None:
    """Fifty thousand alerts by severity, category, state and day."""
    assert benchmark(lambda: alert_store.alerts.counts(AlertFilter())).total == ALERTS
