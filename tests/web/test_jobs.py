"""Jobs: from a file to incidents, and whatever goes wrong on the way fails that job only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from netsift.flows.columns import arrow_schema
from netsift.flows.write import flow_output, format_of
from netsift.sources.flows import read_flows
from netsift.store.flow_filter import FlowFilter
from netsift.web.application import Application, create_application
from netsift.web.job import DEMONSTRATION
from netsift.web.serving import begin
from netsift.web.settings import MEBIBYTE
from tests.conftest import shared_data
from tests.web.conftest import job_of, parts_of, settings_for, wait_for

PATH = "/api/v1/captures"
pytestmark = pytest.mark.usefixtures("compiled")


@pytest.fixture
def working(application: Application, client: FlaskClient) -> FlaskClient:
    """Return a client of an application that works on jobs."""
    parts_of(application).jobs.start()
    return client


def send(client: FlaskClient, content: bytes, name: str) -> dict[str, object]:
    """Upload a file and return its job once it is over."""
    answer = client.put(PATH, query_string={"name": name}, data=content)
    assert answer.status_code == 201
    return job_of(client, answer.get_json()["job"]["id"])


def test_a_capture_becomes_incidents(application: Application, working: FlaskClient, capture: Path) -> None:
    job = send(working, capture.read_bytes(), "<script>alert(1)<scan>.pcap")
    assert (job["state"], job["error"], job["progress"]) == ("done", "", 1.0)
    result = job["result"]
    assert isinstance(result, dict)
    assert result["incidents"] >= 1
    expected = sum(batch.num_rows for batch in read_flows(capture))
    assert result["flows"] == expected == parts_of(application).flows.totals(FlowFilter()).flows
    reading = result["reading"]
    assert reading["packets_read"] == reading["packets_metered"] + sum(reading["packets_skipped"].values())
    incident = working.get(f"/api/v1/incidents/{result['incident_ids'][0]}").get_json()
    assert incident["category"] == "scan"
    assert [one["id"] for one in incident["alerts"]] == incident["members"]
    [check] = working.get("/api/v1/drift").get_json()["checks"]
    assert (check["job"], check["active"], check["verdict"]) == (job["id"], True, result["drift"]["verdict"])
    page = working.get(f"/analyse/jobs/{job['id']}").get_data(as_text=True)
    assert "alert(1)&lt;scan&gt;.pcap" in page
    assert "<scan>" not in page
    again = send(working, capture.read_bytes(), "again.pcap")
    assert again["result"] == result
    assert parts_of(application).flows.totals(FlowFilter()).flows == expected
    assert working.get("/api/v1/incidents").get_json()["rows"][0]["id"] in result["incident_ids"]


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory, capture: Path) -> Iterator[tuple[FlaskClient, str]]:
    """Yield a client of an application that has looked at the capture, and the id of its gravest incident."""
    application = create_application(settings_for(tmp_path_factory.mktemp("looked") / "data"))
    parts_of(application).jobs.start()
    client = application.test_client(use_cookies=False)
    result = send(client, capture.read_bytes(), "scan.pcap")["result"]
    assert isinstance(result, dict)
    yield client, result["incident_ids"][0]
    parts_of(application).jobs.stop()


def test_evidence_is_a_capture_of_the_alert(looked: tuple[FlaskClient, str], capture: Path, tmp_path: Path) -> None:
    working, identifier = looked
    answer = working.get(f"/api/v1/alerts/{identifier}/evidence")
    assert (answer.status_code, answer.content_type) == (200, "application/vnd.tcpdump.pcap")
    content = answer.data
    answer.close()
    (tmp_path / "slice.pcap").write_bytes(content)
    flows = pa.Table.from_batches(read_flows(tmp_path / "slice.pcap"))
    incident = working.get(f"/api/v1/incidents/{identifier}").get_json()
    hosts = {*flows["src_ip"].to_pylist(), *flows["dst_ip"].to_pylist()}
    assert hosts <= {*incident["sources"], *incident["targets"]}
    assert 0 < len(content) < capture.stat().st_size


def test_arp_is_looked_at_as_on_the_command_line(looked: tuple[FlaskClient, str]) -> None:
    working, _ = looked
    content = (shared_data() / "pcap-attack" / "chrissanders" / "arppoison.pcapng").read_bytes()
    result = send(working, content, "arppoison.pcapng")["result"]
    assert isinstance(result, dict)
    found = [working.get(f"/api/v1/incidents/{one}").get_json() for one in result["incident_ids"]]
    assert ["arp_spoofing"] in [one["detectors"] for one in found]


def test_flow_files_are_looked_at_too(looked: tuple[FlaskClient, str], capture: Path, tmp_path: Path) -> None:
    working, _ = looked
    path = tmp_path / "flows.parquet"
    with flow_output(path, format_of(path), arrow_schema()) as writer:
        for batch in read_flows(capture):
            writer.write(batch)
    result = send(working, path.read_bytes(), path.name)["result"]
    assert isinstance(result, dict)
    assert result["incidents"] >= 1


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"hello" * 1000, "x.pcap"),
        (b"a,b\n1,2\n", "x.csv"),
        (b"PAR1" + b"x" * 1000, "x.parquet"),
    ],
)
def test_a_bad_file_fails_its_job_only(looked: tuple[FlaskClient, str], content: bytes, name: str) -> None:
    working, _ = looked
    job = send(working, content, name)
    assert job["state"] == "failed", job
    assert name in str(job["error"])
    assert "captures/" not in str(job["error"])
    assert working.get("/readyz").status_code == 200


def test_damage_is_told(looked: tuple[FlaskClient, str], capture: Path) -> None:
    working, _ = looked
    content = capture.read_bytes()
    job = send(working, content[: len(content) // 2], "cut.pcap")
    result = job["result"]
    assert isinstance(result, dict)
    assert result["damaged"]


def test_a_job_that_needs_too_much_memory_fails(tmp_path: Path, capture: Path) -> None:
    application = create_application(settings_for(tmp_path / "data", job_memory_bytes=1_500 * MEBIBYTE))
    parts_of(application).jobs.start()
    job = send(application.test_client(use_cookies=False), capture.read_bytes(), "scan.pcap")
    parts_of(application).jobs.stop()
    assert job["state"] == "failed"
    assert "memory" in str(job["error"])


def test_a_queued_job_is_cancelled_at_once(client: FlaskClient, capture: Path) -> None:
    job = client.put(PATH, data=capture.read_bytes()).get_json()["job"]
    assert client.post(f"/api/v1/jobs/{job['id']}/cancel").get_json()["state"] == "cancelled"


def test_a_running_job_is_cancelled(application: Application, client: FlaskClient) -> None:
    parts = parts_of(application)
    job = parts.store.jobs.add(DEMONSTRATION, "demonstration")
    parts.jobs.start()
    path = f"/api/v1/jobs/{job.id}"
    wait_for(lambda: client.get(path).get_json()["stage"] != "")
    assert client.post(f"{path}/cancel").status_code == 200
    assert job_of(client, job.id)["state"] == "cancelled"


def test_a_killed_job_is_explained(application: Application, client: FlaskClient) -> None:
    parts = parts_of(application)
    job = parts.store.jobs.add("no such kind", "x", {"capture": "0" * 64})
    parts.jobs.start()
    found = job_of(client, job.id)
    assert (found["state"], found["error"]) == ("failed", "the file is no longer there")


def test_a_fresh_server_shows_a_demonstration(tmp_path: Path) -> None:
    application = create_application(settings_for(tmp_path / "data", demonstration=True))
    parts = begin(application)
    client = application.test_client(use_cookies=False)
    job = client.get("/api/v1/jobs").get_json()["jobs"][0]
    assert job_of(client, job["id"])["state"] == "done"
    assert client.get("/api/v1/status").get_json()["demonstration"]
    kept = client.get("/api/v1/captures").get_json()
    assert kept["used_bytes"] == sum(one["size_bytes"] for one in kept["captures"]) > 0
    page = client.get("/").get_data(as_text=True)
    assert "demonstration" in page
    assert client.get("/api/v1/incidents").get_json()["rows"]
    parts.jobs.stop()
    again = begin(create_application(settings_for(tmp_path / "data", demonstration=True)))
    again.jobs.stop()
    assert len(again.store.jobs.find().rows) == 1


def test_events_tell_of_a_job_to_its_end(looked: tuple[FlaskClient, str]) -> None:
    working, _ = looked
    job = working.put(PATH, data=b"not a capture").get_json()["job"]
    answer = working.get(f"/api/v1/jobs/{job['id']}/events")
    assert answer.content_type.startswith("text/event-stream")
    told = [
        line.removeprefix("data: ") for line in answer.get_data(as_text=True).splitlines() if line.startswith("data")
    ]
    states = [json.loads(one)["state"] for one in told]
    assert states[-1] == "failed"
    assert set(states) <= {"queued", "running", "failed"}
