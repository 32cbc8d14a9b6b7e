"""Let things go wrong and measure what is lost and how soon all is well again, for the table of docs/reliability.md.

    python tools/soak.py

Everything happens on this machine: on the loopback interface, in network namespaces and on file systems that are made
for it, so it needs root for all of it; what cannot be done is said. It takes some minutes.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from netsift.cli.warmup import warmup  # noqa: E402
from netsift.store.flow_filter import FlowFilter  # noqa: E402
from netsift.store.flows import FlowStore  # noqa: E402
from netsift.store.opening import open_store  # noqa: E402
from netsift.store.sensors import SensorFolder, SensorState  # noqa: E402
from tests.flows.engine import engine  # noqa: E402
from tests.live.networks import RECEIVES, network, wait_for, why_not  # noqa: E402
from tests.live.stepped import SteppedClock, library  # noqa: E402
from tests.store import postgres  # noqa: E402
from tools.soak_measured import Measured, capture_in  # noqa: E402
from tools.soak_server import (  # noqa: E402
    SLOW,
    STREAMS,
    UPLOADS,
    killed_job,
    killed_server,
    many_streams,
    parallel_uploads,
    slow_clients,
)

LOCKED_S: Final = 20.0
NAME: Final = "standard-input"


@dataclass(frozen=True)
class Sensor:
    """A running ``netsift watch`` of a pipe or an interface."""

    process: subprocess.Popen[bytes]
    data: Path
    name: str = NAME

    def state(self) -> SensorState:
        """Return how it says it is."""
        found = SensorFolder(self.data / "sensors").state(self.name)
        if found is None:
            raise AssertionError("the sensor has written nothing yet")
        return found

    def feed(self, content: bytes) -> None:
        """Write packets into its pipe."""
        assert self.process.stdin is not None
        self.process.stdin.write(content)
        self.process.stdin.flush()

    def end(self) -> None:
        """End its pipe and wait until it has ended."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def kept(self, name: str) -> Any:
        """Return what became of a kind of thing that is kept."""
        return next(one for one in self.state().kept if one.name == name)


@contextlib.contextmanager
def sensor(
    data: Path,
    *options: object,
    command: tuple[str, ...] = (),
    source: str = "-",
    database: str = "",
    variables: dict[str, str] | None = None,
) -> Iterator[Sensor]:
    """Run a sensor, and wait until it says that it lives."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}"} | (variables or {})
    if database:
        environment["NETSIFT_STORE__DATABASE"] = database
    words = [sys.executable, "-m", "netsift", "watch", source, "--data", data, "--no-model", "--no-suppressions", "-q"]
    process = subprocess.Popen(
        [*command, *map(str, (*words, *options))], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env=environment,
    )  # fmt: skip
    name = NAME if source == "-" else source
    folder = SensorFolder(data / "sensors")
    began_s = time.time()

    def lives() -> bool:
        state = folder.state(name)
        return state is not None and state.started_s >= began_s

    try:
        wait_for(lives, "the sensor")
        yield Sensor(process, data, name)
    finally:
        process.kill()
        process.wait()
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()


def alerts_in(data: Path) -> list[str]:
    """Return the ids of everything in the alert store."""
    with open_store(data / "netsift.db") as store:
        return [one.alert.id for one in store.alerts.every()]


def flows_in(data: Path) -> int:
    """Return how many flows are in the flow store."""
    with FlowStore(data / "flows") as flows:
        return flows.totals(FlowFilter()).flows


def killed_sensor(folder: Path) -> Measured:
    """Kill a sensor in the middle of traffic, start it again, and give it all of the traffic."""
    capture = capture_in(folder)
    content, flows = capture.read_bytes(), len(engine(capture)[0])
    with sensor(folder / "once") as whole:
        whole.feed(content)
        whole.end()
    with sensor(folder / "data", "--idle-timeout", 5) as one:
        one.feed(content[: len(content) // 2])
        wait_for(lambda: one.state().packets > 0, "packets")
        one.process.kill()
    before_s = time.monotonic()
    half = flows_in(folder / "data")
    with sensor(folder / "data") as one:
        again_s = time.monotonic() - before_s
        one.feed(content)
        one.end()
    after, wanted = alerts_in(folder / "data"), alerts_in(folder / "once")
    doubled = sum(count - 1 for count in Counter(after).values())
    kept = flows_in(folder / "data") - half
    return Measured(
        f"flows in memory; of the traffic given again {flows - kept} of {flows:,} flows, {doubled} alerts doubled",
        f"{again_s:.1f} s after its start", set(wanted) <= set(after) and kept == flows and not doubled,
    )  # fmt: skip


def locked_database(folder: Path) -> Measured:
    """Hold the database's lock while a sensor has alerts to store."""
    content = capture_in(folder).read_bytes()
    with sensor(folder / "data") as one:
        wait_for(lambda: (folder / "data" / "netsift.db").exists() and not one.kept("alerts").trouble, "the database")
        other = sqlite3.connect(folder / "data" / "netsift.db", isolation_level=None, timeout=60)
        other.execute("BEGIN IMMEDIATE")
        one.feed(content)
        wait_for(lambda: one.kept("alerts").waiting > 0, "alerts that wait")
        packets = one.state().packets
        time.sleep(LOCKED_S)
        words = one.kept("alerts").trouble
        waited = one.kept("alerts").waiting
        other.execute("ROLLBACK")
        other.close()
        before_s = time.monotonic()
        wait_for(lambda: one.kept("alerts").waiting == 0, "alerts to be stored")
        again_s = time.monotonic() - before_s
        state = one.state()
    lost = sum(state.lost.values()) - state.lost["packets skipped"]
    return Measured(
        f"nothing of {packets:,} packets; {waited} alerts waited {LOCKED_S:.0f} s; "
        f"said {'so' if 'locked' in words else 'nothing'}",
        f"{again_s:.1f} s after the lock was gone", lost == 0 and "locked" in words,
    )  # fmt: skip


def full_disk(folder: Path) -> Measured:
    """Fill the disk under a sensor, give it traffic, and make room again."""
    content = capture_in(folder).read_bytes()
    with mounted(folder / "disk", "24m") as disk, sensor(disk / "data", "--idle-timeout", 2) as one:
        wait_for(lambda: (disk / "data" / "netsift.db").exists() and not one.kept("alerts").trouble, "the database")
        with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        one.feed(content)
        wait_for(lambda: one.state().flows > 0 and one.kept("alerts").trouble != "", "the trouble to be said")
        words, silent = one.kept("alerts").trouble, one.state().condition(time.time()) == "silent"
        (disk / "filler").unlink()
        before_s = time.monotonic()
        wait_for(lambda: not one.kept("alerts").trouble and not one.kept("alerts").waiting, "the alerts to be stored")
        again_s = time.monotonic() - before_s
        one.end()
        flows, kept = one.state().flows, flows_in(disk / "data")
    return Measured(
        f"{flows - kept} of {flows:,} flows; said: {words.split(': ')[-1][:40]}",
        f"{again_s:.1f} s after there was room",
        kept == flows and not silent,
    )  # fmt: skip


def database_stops(folder: Path) -> Measured:
    """Stop a PostgreSQL server under a sensor that has alerts to store, and start it again."""
    programs = postgres.programs()
    if programs is None:
        return Measured(f"not measured: {postgres.WHY_NOT}", "", kept_word=True)
    content = capture_in(folder).read_bytes()
    with postgres.stoppable(programs) as server, sensor(folder / "data", database=server.url) as one:
        wait_for(lambda: one.state().kept != () and not one.kept("alerts").trouble, "the database")
        server.stop()
        one.feed(content)
        wait_for(lambda: one.kept("alerts").waiting > 0 and one.kept("alerts").trouble != "", "alerts that wait")
        time.sleep(LOCKED_S)
        waited = one.kept("alerts").waiting
        server.start()
        before_s = time.monotonic()
        wait_for(lambda: one.kept("alerts").waiting == 0, "alerts to be stored")
        again_s = time.monotonic() - before_s
        one.end()
        state = one.state()
        with open_store(server.url) as store:
            stored = len(list(store.alerts.every()))
    lost = sum(state.lost.values()) - state.lost["packets skipped"]
    said = any("PostgreSQL" in happened.words for happened in state.happened)
    return Measured(
        f"nothing; {waited} alerts waited {LOCKED_S:.0f} s, {stored} are stored; said {'so' if said else 'nothing'}",
        f"{again_s:.1f} s after its start", lost == 0 and said and stored >= waited > 0,
    )  # fmt: skip


def clock_is_set(folder: Path) -> Measured:
    """Set the clock of a sensor's process a day ahead and two days back in the middle of traffic."""
    if library() is None:
        return Measured("not measured: libfaketime is not installed", "", kept_word=True)
    capture, clock = capture_in(folder), SteppedClock(folder)
    content, flows = capture.read_bytes(), len(engine(capture)[0])
    third = len(content) // 3
    slowest_s = 0.0
    with sensor(folder / "data", variables=clock.environment) as one:
        for number, step_s in enumerate((86_400, -86_400, 0)):
            clock.step(step_s)
            before_s = time.monotonic()
            wait_for(lambda: abs(one.state().written_s - time.time() - step_s) < 10, "the step to be seen")  # noqa: B023
            slowest_s = max(slowest_s, time.monotonic() - before_s)
            one.feed(content[number * third : (number + 1) * third if number < 2 else None])
        one.end()
        state = one.state()
    kept, found = flows_in(folder / "data"), len(alerts_in(folder / "data"))
    return Measured(
        f"{flows - kept} of {flows:,} flows; {found} alerts stored", f"{slowest_s:.1f} s until it said so",
        kept == flows and found > 0 and state.ended,
    )  # fmt: skip


def killed_folder(folder: Path) -> Measured:
    """Kill the watch of a folder of captures four times, start it again each time, and compare with one look."""
    from tests.sensor.test_watch_folder import UNCUT, captures_in, rows_in, until_committed, watching

    captures = captures_in(folder)
    expected = sorted(map(str, engine(sorted(captures.iterdir()), UNCUT)[0]))
    state = {"XDG_STATE_HOME": str(folder / "state")}
    data = folder / "data"
    for round_ in range(4):
        with watching(captures, data, **state) as process:
            wait_for(lambda: any((data / "flows").rglob("*.parquet")) or process.poll() is not None, "flows")
            time.sleep(0.5 * round_)
    with watching(captures, data, **state) as process:
        before_s = time.monotonic()
        until_committed(folder / "state", data)
        again_s = time.monotonic() - before_s
        process.terminate()
        process.wait(timeout=60)
    kept = sorted(map(str, rows_in(data)))
    missing, doubled = Counter(expected) - Counter(kept), Counter(kept) - Counter(expected)
    return Measured(
        f"{missing.total()} of {len(expected):,} flows; {doubled.total()} too many", f"{again_s:.1f} s for all files",
        not missing and not doubled,
    )  # fmt: skip


def clock_jumps(folder: Path) -> Measured:
    """Let the packets' times jump a day ahead and two days back in the middle of a pipe."""
    content = capture_in(folder).read_bytes()
    jumped = [shifted(content, seconds) for seconds in (86_400, -86_400)]
    with sensor(folder / "data") as one:
        for part in (content, jumped[0][24:], jumped[1][24:]):
            one.feed(part)
        one.end()
        state = one.state()
    kept = flows_in(folder / "data")
    return Measured(
        f"{state.flows - kept} of {state.flows:,} flows of three days", "at once; the sensor went on",
        kept == state.flows > 0 and state.ended,
    )  # fmt: skip


def shifted(content: bytes, seconds: int) -> bytes:
    """Return a pcap whose packets are so many seconds later."""
    order: Literal["little", "big"] = "little" if content[:4] in (b"\x4d\x3c\xb2\xa1", b"\xd4\xc3\xb2\xa1") else "big"
    made, place = bytearray(content), 24
    while place + 16 <= len(made):
        when = int.from_bytes(made[place : place + 4], order) + seconds
        made[place : place + 4] = when.to_bytes(4, order)
        place += 16 + int.from_bytes(made[place + 8 : place + 12], order)
    return bytes(made)


def interface_down(folder: Path) -> Measured:
    """Take an interface down under a sensor, up again, and send traffic."""
    if reason := why_not():
        return Measured(f"not measured: {reason}", "", True)
    capture = folder / "scan.pcap"
    from tests.detectors.behaviour.cases import syn_scan

    capture = syn_scan(40).capture(folder)
    with network() as made:
        command = ("ip", "netns", "exec", made.name)
        with sensor(folder / "data", "--idle-timeout", 2, command=command, source=RECEIVES) as one:
            made.run("ip", "link", "set", RECEIVES, "down")
            wait_for(lambda: one.state().condition(time.time()) == "down", "it to be seen down")
            made.run("ip", "link", "set", RECEIVES, "up")
            before_s = time.monotonic()
            wait_for(lambda: one.state().condition(time.time()) == "watching", "it to be seen up")
            again_s = time.monotonic() - before_s
            made.send(capture, "-M", "10")
            wait_for(lambda: one.state().incidents == 1, "the incident")
            words = [happened.words for happened in one.state().happened]
    return Measured(
        "what was sent meanwhile", f"{again_s:.1f} s; said {len(words)} times", any("is up" in one for one in words)
    )


def corrupt_flow_file(folder: Path) -> Measured:
    """Overwrite a flow file and ask."""
    content = capture_in(folder).read_bytes()
    for _ in range(2):
        with sensor(folder / "data") as one:
            one.feed(content)
            one.end()
    before = flows_in(folder / "data")
    victim = min((folder / "data" / "flows").rglob("*.parquet"))
    victim.write_bytes(os.urandom(5_000))
    began_s = time.monotonic()
    after = flows_in(folder / "data")
    took_s = time.monotonic() - began_s
    with FlowStore(folder / "data" / "flows") as flows:
        named = len(flows.damaged())
    return Measured(
        f"the file's {before - after:,} of {before:,} flows; it is set aside and named",
        f"at the next question, {took_s:.1f} s",
        named == 1 and after > 0,
    )  # fmt: skip


FAULTS: Final[dict[str, Callable[[Path], Measured]]] = {
    "`kill -9` of a sensor under load": killed_sensor,
    "`kill -9` of the watch of a folder, 4 times": killed_folder,
    f"database locked for {LOCKED_S:.0f} s": locked_database,
    f"PostgreSQL stopped for {LOCKED_S:.0f} s": database_stops,
    "disk full under a sensor": full_disk,
    "clock set a day ahead, two back": clock_is_set,
    "times jump a day ahead, two back": clock_jumps,
    "interface down and up": interface_down,
    "corrupt flow file": corrupt_flow_file,
    "`kill -9` of the server's process under load": killed_server,
    "`kill -9` of a job": killed_job,
    f"{STREAMS:,} event-stream clients that ask again and again": many_streams,
    f"{SLOW} clients that send without end": slow_clients,
    f"{UPLOADS} uploads at once": parallel_uploads,
}


@contextlib.contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """Mount a small file system in memory."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def main() -> int:
    """Print the table; return 1 when something was not as promised."""
    wanted = sys.argv[1:]
    warmup()
    print("| fault | lost | all is well again | as promised |\n|---|---|---|---|", flush=True)
    broken = 0
    for name, fault in FAULTS.items():
        if wanted and fault.__name__ not in wanted:
            continue
        with tempfile.TemporaryDirectory(prefix="netsift-soak-") as folder:
            try:
                found = fault(Path(folder))
            except (AssertionError, subprocess.CalledProcessError) as error:
                found = Measured(f"not measured: {str(error)[:200]}", "", kept_word=False)
        broken += not found.kept_word
        print(f"| {name} | {found.lost} | {found.again} | {'yes' if found.kept_word else 'no'} |", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
