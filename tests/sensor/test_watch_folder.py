"""``netsift watch FOLDER --data``: every flow of every capture is in the store once, over ``kill -9`` and stops."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from netsift.cli.warmup import warmup
from netsift.flows.settings import MeterSettings
from netsift.store.flow_files import FlowFolder
from netsift.store.flow_upkeep import joined
from netsift.store.sensors import SensorFolder, SensorState, sensor_name
from netsift.store.unfinished import unfinished_marks
from tests.cli.running import start
from tests.flows.engine import Row, engine, rows_of
from tests.flows.traffic import busy
from tests.flows.writing import pcap
from tests.live.networks import wait_for

ROUNDS = 3
FILES = 6
UNCUT = MeterSettings(active_timeout_s=86_400)


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warmup()


@pytest.fixture
def captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of captures, the last of which is long; flows go from each into the next."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return captures_in(tmp_path)


def captures_in(parent: Path) -> Path:
    """Make a folder of captures as :func:`captures` says, and return it."""
    folder = parent / "captures"
    folder.mkdir()
    packets = busy(90_000, fragments=False)
    for number in range(FILES):
        last = number == FILES - 1
        part = packets[number * 4_000 :] if last else packets[number * 4_000 : (number + 1) * 4_000]
        path = folder / f"{number}.pcap"
        path.write_bytes(pcap(part))
        then = time.time() - 600 + 10 * number
        os.utime(path, (then, then))
    return folder


@contextmanager
def watching(folder: Path, data: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Watch a folder while this is open, then kill the watch."""
    process = start(
        "watch", folder, "--data", data, "--settled", 1, "--no-model", "--no-suppressions", "--active-timeout", 86_400,
        limit=f"import os; os.environ.update({variables!r})",
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until_committed(state: Path, data: Path) -> None:
    """Wait until the last file counts as read."""

    def is_committed() -> bool:
        journal = next((state / "netsift" / "watched").glob("*.json"), None)
        return journal is not None and f'"{FILES - 1}.pcap"' in journal.read_text()

    wait_for(is_committed, "the last file to be read")
    wait_for(lambda: not unfinished_marks(data / "flows"), "it to be committed")


def state_of(folder: Path, data: Path, process: subprocess.Popen[bytes]) -> SensorState | None:
    """Return how a watch says it is, None before it has said so."""
    state = SensorFolder(data / "sensors").state(sensor_name(str(folder)))
    return state if state is not None and state.process == process.pid else None


def rows_in(data: Path) -> list[Row]:
    """Return the flows of the store as they can be compared."""
    paths = [file.path for file in FlowFolder(data / "flows").files()]
    return rows_of(joined(paths).to_batches()) if paths else []


def in_order(rows: list[Row]) -> list[str]:
    """Return rows without regard to the order in which they were written."""
    return sorted(str(sorted(row.items(), key=str)) for row in rows)


def test_over_kills_every_flow_is_stored_once(captures: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    expected, _ = engine(sorted(captures.iterdir()), UNCUT)
    for round_ in range(ROUNDS):
        with watching(captures, data) as process:
            # Killed earlier and later: while nothing is committed, between files, and within the long one.
            wait_for(lambda: (found := state_of(captures, data, process)) is not None and found.flows > 0, "flows")
            time.sleep(0.8 * round_)
    with watching(captures, data) as process:
        wait_for(lambda: state_of(captures, data, process) is not None, "the sensor")
        until_committed(tmp_path / "state", data)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    assert in_order(rows_in(data)) == in_order(expected)
