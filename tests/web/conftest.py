"""Applications for tests: a fresh one for every test, and one that serves with a file looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from netsift.alerts.incidents import incidents_of
from netsift.alerts.schema import Alert
from netsift.cli.warmup import warmup
from netsift.simulate import SimulationSettings, simulate
from netsift.web.application import Application, create_application
from netsift.web.services import Services, services
from netsift.web.settings import MEBIBYTE, WebSettings
from tests.alerts.made_up import made

DEADLINE_S = 120.0


def settings_for(folder: Path, **more: object) -> WebSettings:
    """Return settings of a server that nothing was given."""
    return WebSettings.model_validate({"data": folder, "demonstration": False, **more})


def parts_of(application: Application) -> Services:
    """Return the services of an application."""
    with application.app_context():
        return services()


def some_alerts() -> list[Alert]:
    """Return alerts of two incidents and the incidents."""
    alerts = [
        made("scan", "10.0.0.5", "10.0.0.7 10.0.0.8", severity="high"),
        made("brute_force", "10.0.0.5", "10.0.0.7", minute=2, severity="critical"),
        made("c2", "10.0.0.9", "203.0.113.4", minute=600),
    ]
    return [*alerts, *incidents_of(alerts)]


def wait_for(what: Callable[[], bool]) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < ends, "it took too long"
        time.sleep(0.05)


def job_of(client: FlaskClient, identifier: str) -> dict[str, object]:
    """Return a job once it is over."""
    path = f"/api/v1/jobs/{identifier}"
    wait_for(lambda: client.get(path).json["state"] in ("done", "failed", "cancelled"))  # type: ignore[index]
    found: dict[str, object] = client.get(path).get_json()
    return found


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    """Yield an application that looks at nothing by itself."""
    made_application = create_application(settings_for(tmp_path / "data", upload_quota_bytes=64 * MEBIBYTE))
    yield made_application
    parts_of(made_application).jobs.stop()
    parts_of(made_application).store.close()


@pytest.fixture
def client(application: Application) -> FlaskClient:
    """Return a program that asks without cookies or tokens."""
    return application.test_client(use_cookies=False)


@pytest.fixture
def stored(application: Application) -> list[Alert]:
    """Return alerts and incidents that are in the store."""
    alerts = some_alerts()
    parts_of(application).store.alerts.upsert(alerts)
    return alerts


@pytest.fixture(scope="session")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small capture with a scan in it."""
    path = tmp_path_factory.mktemp("captures") / "scan.pcap"
    simulate(path, SimulationSettings(seed=3, duration_s=90, clients=2, attacks=("port_scan",), volume=0.05))
    return path


@pytest.fixture(scope="session")
def compiled() -> None:
    """Compile all kernels, if no earlier run did, so that jobs of tests do not."""
    warmup()
