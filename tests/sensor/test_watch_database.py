"""The database goes away under a sensor and comes back: nothing is lost, it goes on by itself, and says so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from netsift.cli.warmup import warmup
from netsift.store.opening import open_store
from tests.detectors.behaviour.cases import syn_scan
from tests.live.networks import wait_for
from tests.sensor.test_watch_keeps import Watch, stage_of, watching
from tests.store import postgres


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warmup()


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    """Yield a PostgreSQL server of its own, since it is to be stopped."""
    programs = postgres.programs()
    if programs is None:
        pytest.skip(postgres.WHY_NOT)
    with postgres.stoppable(programs) as made:
        yield made


@pytest.fixture
def scan(tmp_path: Path) -> bytes:
    """Return a capture of a scan of forty ports."""
    return syn_scan(40).capture(tmp_path).read_bytes()


def alerts_of(url: str | Path) -> int:
    """Return how many alerts and incidents a database has."""
    with open_store(url) as store:
        return len(list(store.alerts.every()))


def say(watch: Watch) -> list[str]:
    """Return what a sensor says that has happened."""
    return [one.words for one in watch.state().happened]


def test_postgresql_that_stops_is_waited_for(
    server: postgres.Server, scan: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETSIFT_STORE__DATABASE", server.url)
    with watching(tmp_path / "data", "--idle-timeout", 2) as watch:
        wait_for(lambda: stage_of(watch, "alerts").trouble == "" and alerts_of(server.url) == 0, "the database")
        time.sleep(1)
        server.stop()
        watch.pipe.write(scan)
        watch.pipe.flush()
        wait_for(lambda: stage_of(watch, "alerts").waiting == 2, "the alerts to wait")
        wait_for(lambda: "PostgreSQL postgres at" in stage_of(watch, "alerts").trouble, "the trouble to be told")
        assert watch.state().condition(time.time()) == "troubled"
        server.start()
        wait_for(lambda: stage_of(watch, "alerts").waiting == 0, "the alerts to be stored")
        wait_for(lambda: watch.state().condition(time.time()) == "watching", "the sensor to say that all is well")
        watch.ends()
    assert any("PostgreSQL postgres at" in words for words in say(watch))
    assert "alerts: goes on" in say(watch)
    assert not any(watch.state().lost.values())
    assert alerts_of(server.url) == 2


def test_postgresql_that_is_not_there_at_the_start_is_waited_for(
    server: postgres.Server, scan: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETSIFT_STORE__DATABASE", server.url)
    server.stop()
    with watching(tmp_path / "data") as watch:
        watch.pipe.write(scan)
        watch.ends()
    with watching(tmp_path / "data") as watch:
        server.start()
        wait_for(lambda: alerts_of(server.url) == 2, "the alerts that were left for the next run")
    assert not list((tmp_path / "data" / "sensors").glob("*.waiting"))


def test_a_file_of_sqlite_that_is_removed_is_made_anew(scan: bytes, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with watching(data, "--idle-timeout", 2) as watch:
        wait_for(lambda: (data / "netsift.db").exists() and stage_of(watch, "alerts").trouble == "", "the database")
        time.sleep(1)
        for path in data.glob("netsift.db*"):
            path.unlink()
        watch.pipe.write(scan)
        watch.pipe.flush()
        wait_for(lambda: (data / "netsift.db").exists() and alerts_of(data / "netsift.db") == 2, "the alerts")
        watch.ends()
    assert any("is gone" in words for words in say(watch))
