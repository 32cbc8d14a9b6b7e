"""Sensors on the pages, in status, metrics and series: as they say they are, and silent when they say nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from netsift.capture.writer import CapturedPacket
from netsift.simulate import SimulationSettings, simulate
from netsift.store.packets import PacketRing
from netsift.store.sensors import KeptState, Minute, ReceiverState, SensorFolder, SensorState
from netsift.web.application import Application
from tests.web.conftest import parts_of

pytestmark = pytest.mark.usefixtures("application")
SCRIPT = "<script>alert('x')</script>"


def state_of(name: str = "eth0", **more: object) -> SensorState:
    """Return the state of a sensor that lives now."""
    now_s = time.time()
    values = {
        "name": name, "source": name, "kind": "interface", "started_s": now_s - 600, "written_s": now_s,
        "process": os.getpid(), "packets": 1_000, "flows": 50, "bytes": 64_000, "packets_per_s": 1_234.0,
        "flows_per_s": 12.0, "bits_per_s": 2_500_000.0, "lag_s": 0.4,
        "lost": {"dropped by the kernel": 7, "ring freezes": 1, "packets skipped": 3},
    }  # fmt: skip
    return SensorState.model_validate(values | more)


@pytest.fixture
def folder(application: Application) -> SensorFolder:
    """Return the folder of the application's sensors."""
    return parts_of(application).sensors


def test_status_metrics_and_list_say_the_same(client: FlaskClient, folder: SensorFolder) -> None:
    folder.write(state_of())
    [sensor] = client.get("/api/v1/status").get_json()["sensors"]
    assert [sensor] == client.get("/api/v1/sensors").get_json()["sensors"]
    assert (sensor["condition"], sensor["dropped_packets"]) == ("watching", 7)
    assert sensor["lost"] == {"dropped by the kernel": 7, "ring freezes": 1}
    families = {one.name: one for one in text_string_to_metric_families(client.get("/metrics").get_data(as_text=True))}
    for name in ("packets_per_s", "flows_per_s", "bits_per_s", "lag_s", "packets", "flows", "bytes"):
        [sample] = families[f"netsift_sensor_{name}"].samples
        assert (sample.labels, sample.value) == ({"sensor": "eth0"}, sensor[name]), name
    lost = {one.labels["stage"]: one.value for one in families["netsift_sensor_lost"].samples}
    assert lost == {"dropped_by_the_kernel": 7, "ring_freezes": 1}
    assert families["netsift_sensor_up"].samples[0].value == 1


def test_a_sensor_that_does_not_write_is_silent_and_a_problem(client: FlaskClient, folder: SensorFolder) -> None:
    folder.write(state_of(written_s=time.time() - 10))
    status = client.get("/api/v1/status").get_json()
    assert status["sensors"][0]["condition"] == "silent"
    assert status["sensors"][0]["packets_per_s"] == 0
    assert any("eth0 is silent" in one for one in status["problems"])
    folder.write(state_of(written_s=time.time() - 10, ended=True))
    assert client.get("/api/v1/sensors").get_json()["sensors"][0]["condition"] == "ended"


def test_a_clock_that_was_set_back_makes_no_sensor_silent_for_longer_than_its_next_word(folder: SensorFolder) -> None:
    folder.write(state_of(written_s=time.time() + 3_600))
    assert folder.states()[0].condition(time.time()) == "silent"
    folder.write(state_of())
    assert folder.states()[0].condition(time.time()) == "watching"


def test_the_series_has_gaps_where_nothing_was_watched(client: FlaskClient, folder: SensorFolder) -> None:
    now = int(time.time()) // 60
    folder.write(state_of())
    folder.write_minutes(
        "eth0",
        [
            Minute(start_s=60 * (now - back), packets=600, flows=60, bytes=7_500, lost=back, score=0.1)
            for back in range(50, 0, -1)
            if back != 10
        ],
    )
    series = client.get("/api/v1/sensors/eth0/series?hours=1").get_json()
    assert series["step_s"] == 60
    assert len(series["starts"]) == 60
    assert series["packets_per_s"].count(10.0) == 49
    assert series["flows_per_s"].count(1.0) == 49
    assert series["bits_per_s"].count(1000.0) == 49
    assert series["usual"] == [0.1, 0.1]
    day = client.get("/api/v1/sensors/eth0/series").get_json()
    assert len(day["starts"]) <= 600
    assert client.get("/api/v1/sensors/eth1/series").status_code == 404
    assert client.get("/api/v1/sensors/..%2Feth0/series").status_code == 404


def test_pages_show_sensors_and_receivers_as_text(application: Application, folder: SensorFolder) -> None:
    receiver = ReceiverState(name=SCRIPT, waiting=3, sent=4, dropped=0, refused=0, trouble=SCRIPT)
    kept = KeptState(name="alerts", waiting=1, written=0, dropped=0, trouble="netsift.db: is locked")
    folder.write(state_of(source=SCRIPT, receivers=(receiver,), kept=(kept,)))
    client = application.test_client()
    overview, settings = (client.get(path).get_data(as_text=True) for path in ("/", "/settings"))
    assert overview.index("o-sensors") < overview.index('id="health"')
    assert "2.5 Mbit/s" in overview
    assert "netsift.db: is locked" in overview
    assert "7 dropped by the kernel" in overview
    assert "s-told" in settings
    for page in (overview, settings):
        assert SCRIPT not in page
        assert "&lt;script&gt;" in page


def test_files_that_are_no_states_are_left_out(client: FlaskClient, folder: SensorFolder) -> None:
    folder.write(state_of())
    for name, content in {"broken": "{", "other": "[]", "huge": " " * (2 << 20), "eth1": '{"name": "../x"}'}.items():
        (folder.folder / f"{name}.json").write_text(content)
    assert [one["name"] for one in client.get("/api/v1/sensors").get_json()["sensors"]] == ["eth0"]


def test_evidence_comes_from_the_ring(application: Application, client: FlaskClient, tmp_path: Path) -> None:
    from netsift.alerts.behaviour import BehaviourSearch
    from netsift.alerts.detection import detect
    from netsift.sources.captures import CaptureSettings
    from netsift.sources.flows import read_flows
    from netsift.sources.slices import chosen_packets
    from netsift.sources.statistics import ReadStatistics

    path = tmp_path / "scan.pcap"
    simulate(path, SimulationSettings(seed=3, duration_s=60, clients=2, attacks=("port_scan",), volume=0.05))
    found = detect(read_flows([str(path)], CaptureSettings(), ReadStatistics()), BehaviourSearch(), None)
    parts = parts_of(application)
    parts.store.alerts.upsert([*found.alerts, *found.incidents])
    incident = next(one for one in found.incidents if one.category == "scan")
    assert client.get(f"/api/v1/alerts/{incident.id}/evidence").status_code == 404
    every: list[CapturedPacket] = list(
        chosen_packets([str(path)], lambda packets: packets["length"] >= 0, ReadStatistics())
    )
    with PacketRing(parts.settings.data / "packets", 8 << 20) as ring:
        ring.append(every)
    answer = client.get(f"/api/v1/alerts/{incident.id}/evidence")
    assert answer.status_code == 200
    (tmp_path / "evidence.pcap").write_bytes(answer.get_data())
    answer.close()
    again = chosen_packets([str(tmp_path / "evidence.pcap")], lambda packets: packets["length"] >= 0, ReadStatistics())
    # What belongs to the hosts in question is evidence, flow by flow; nothing else is.
    assert incident.packets <= len(list(again)) < len(every)
