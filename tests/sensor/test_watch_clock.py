"""The clock of the machine is set under a sensor: what it keeps and says stays whole."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from netsift.cli.warmup import warmup
from tests.detectors.behaviour.cases import syn_scan
from tests.flows.engine import engine
from tests.live.networks import wait_for
from tests.live.stepped import SteppedClock
from tests.sensor.test_watch_keeps import alerts_in, flows_in, stage_of, watching

DAY_S = 86_400


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warmup()


@pytest.mark.parametrize("step_s", [DAY_S, -DAY_S])
def test_a_step_of_the_clock_costs_nothing(step_s: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = syn_scan(40).capture(tmp_path)
    content, half = scan.read_bytes(), len(scan.read_bytes()) // 2
    clock = SteppedClock(tmp_path)
    for name, value in clock.environment.items():
        monkeypatch.setenv(name, value)
    with watching(tmp_path / "data", "--keep-packets", "8MB") as watch:
        for name in clock.environment:
            monkeypatch.delenv(name)
        wait_for(lambda: abs(watch.state().written_s - time.time()) < 10, "the clock before the step")
        watch.pipe.write(content[:half])
        watch.pipe.flush()
        wait_for(lambda: watch.state().packets > 0, "packets")
        clock.step(step_s)
        wait_for(lambda: abs(watch.state().written_s - time.time() - step_s) < 10, "the step to be seen")
        assert watch.state().condition(time.time() + step_s) == "watching"
        watch.pipe.write(content[half:])
        watch.ends()
        assert not any(watch.state().lost.values())
        assert stage_of(watch, "alerts").trouble == ""
    assert len(alerts_in(watch.data)) == 2
    assert flows_in(watch.data) == len(engine(scan)[0])
