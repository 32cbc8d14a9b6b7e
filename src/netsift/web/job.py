"""The process of one job: ``python -m netsift.web.job``, told on standard input what to do.

It looks at one uploaded file as ``netsift detect`` does, within a limit of memory, and writes what it finds into the
stores. It ends by itself when it is cancelled or when the server is gone.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netsift.errors import InputError, NetsiftError
from netsift.store.flows import FlowStore
from netsift.store.jobs import Job
from netsift.store.opening import Store, open_store
from netsift.web.captures import CaptureFolder, StoredCapture
from netsift.web.settings import MEBIBYTE, WebSettings

if TYPE_CHECKING:
    import pyarrow as pa

    from netsift.alerts.detection import Detected
    from netsift.evaluation.drift import Drift
    from netsift.sources.statistics import ReadStatistics

LOOK: Final = "capture"
DEMONSTRATION: Final = "demonstration"
"""Kinds of jobs: look at a file, or first simulate one."""

MOST_INCIDENTS: Final = 200
"""Incidents of which a job's result has the ids, the gravest first."""

DEMONSTRATION_NAME: Final = "demonstration (simulated).pcap"
DEMONSTRATION_MINUTES: Final = 40
_SEED: Final = 11
_HEARTBEAT_S: Final = 0.5
_NO_MEMORY: Final = 75


class CancelledError(Exception):
    """Somebody asked the job to stop."""


class Heartbeat:
    """Says in the store that the job lives and how far it is, and hears whether it should go on."""

    def __init__(self, store: Store, identity: str) -> None:
        """Begin to do so, on a thread."""
        self._store, self._identity = store, identity
        self._parent = os.getppid()
        self._ended = threading.Event()
        self.cancelled = threading.Event()
        self.stage = "starting"
        self.progress = 0.0
        self.statistics: ReadStatistics | None = None
        self._thread = threading.Thread(target=self._beat, name="netsift-heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop doing so."""
        self._ended.set()
        self._thread.join(timeout=10)

    def _beat(self) -> None:
        while not self._ended.wait(_HEARTBEAT_S):
            if os.getppid() != self._parent:
                os._exit(1)  # The server is gone; another one will begin this job again.
            read = self.statistics
            if read is not None and read.bytes_total:
                self.progress = min(read.bytes_taken / read.bytes_total, 0.99)
            if not self._store.jobs.touch(self._identity, self.progress, self.stage):
                self.cancelled.set()
                return


def main() -> int:
    """Do the job that standard input names; return the exit status."""
    told = json.loads(sys.stdin.buffer.read())
    settings = WebSettings.model_validate(told["settings"])
    limit_memory(settings.job_memory_bytes)
    with open_store(settings.database_url) as store:
        job = store.jobs.get(told["job"])
        if job is None:
            return 1
        beat = Heartbeat(store, job.id)
        try:
            result = Work(settings, store, job, beat).result()
        except CancelledError:
            beat.stop()
            store.jobs.stopped(job.id)
        except NetsiftError as error:
            beat.stop()
            store.jobs.fail(job.id, _shown(str(error), settings, job))
        except MemoryError:
            beat.stop()
            store.jobs.fail(job.id, f"it needs more than {settings.job_memory_bytes // MEBIBYTE:,} MiB of memory")
            os._exit(_NO_MEMORY)  # Other threads may hold what cannot be given back.
        else:
            beat.stop()
            store.jobs.finish(job.id, result)
    return 0


def limit_memory(most_bytes: int) -> None:
    """Bound the memory of this process where the system can: private memory that can be written (setrlimit(2))."""
    try:
        resource = import_module("resource")
    except ModuleNotFoundError:
        return
    resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Work:
    """One job's work."""

    def __init__(self, settings: WebSettings, store: Store, job: Job, beat: Heartbeat) -> None:
        """Take what the job needs."""
        self._settings, self._store, self._job, self._beat = settings, store, job, beat
        self._captures = CaptureFolder(
            settings.data / "captures", settings.most_upload_bytes, settings.upload_quota_bytes, tidy=False
        )
        self._first_ns, self._last_ns, self._model = 2**63 - 1, -(2**63), ""

    def result(self) -> dict[str, Any]:
        """Look at the file, store what is found, and return the summary.

        Raises:
            NetsiftError: the file cannot be read, or nothing can be stored.
            CancelledError: somebody asked to stop.
        """
        from netsift.sources.statistics import ReadStatistics

        capture = self._simulated() if self._job.kind == DEMONSTRATION else self._uploaded()
        statistics = ReadStatistics()
        with FlowStore(self._settings.data / "flows") as flows:
            found, drift = self._look(capture, statistics, None if capture.flows_kept else flows)
        self._say("storing what was found")
        self._store.alerts.upsert([*found.alerts, *found.suppressed, *found.incidents])
        if self._first_ns <= self._last_ns:
            seen = replace(capture, flows_kept=True, begins_ns=self._first_ns, ends_ns=self._last_ns)
            self._captures.note(seen)
        return {"model": self._model} | _summary(capture, found, drift, statistics)

    def _uploaded(self) -> StoredCapture:
        capture = self._captures.get(str(self._job.arguments.get("capture", "")))
        if capture is None:
            raise InputError("the file is no longer there")
        return capture

    def _simulated(self) -> StoredCapture:
        """Make the demonstration's capture, which ends now."""
        from netsift.simulate import SimulationSettings, simulate

        self._say("simulating traffic")
        start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=DEMONSTRATION_MINUTES)
        wanted = SimulationSettings(
            seed=_SEED, duration_s=DEMONSTRATION_MINUTES * 60.0, start=start, clients=6, intensity=0.6,
            flood_packets=1500, volume=0.3,
        )  # fmt: skip
        with tempfile.TemporaryDirectory(dir=self._settings.data) as folder:
            path = Path(folder) / "demonstration.pcap"
            simulate(path, wanted)
            return self._captures.add(path, DEMONSTRATION_NAME, demonstration=True)

    def _look(
        self, capture: StoredCapture, statistics: ReadStatistics, kept: FlowStore | None
    ) -> tuple[Detected, Drift]:
        """Look at a file as ``netsift detect`` does; its flows go into the store unless they are there already."""
        from netsift.alerts.arp import ArpSearch
        from netsift.alerts.behaviour import BehaviourSearch
        from netsift.alerts.detection import detect
        from netsift.alerts.pipeline import ModelSearch
        from netsift.capture.arp import ArpLog
        from netsift.evaluation.drift import DriftWatch
        from netsift.kernels.jit import CONTEXT, METER, forgo_linear_algebra, is_compiled, mark_compiled
        from netsift.models.context import with_needed_context
        from netsift.sources.captures import CaptureSettings
        from netsift.sources.flows import is_flow_table, read_flows
        from netsift.web.shelf import ModelShelf

        model = ModelShelf(self._settings.data / "models", self._settings.model).active()
        self._model, bundle = model.id, model.bundle
        watch = DriftWatch(bundle)
        search = ModelSearch.of(bundle, self._settings.false_positive_rate, watch.observe, required=False)
        path = str(self._captures.path(capture))
        parts = (CONTEXT,) if is_flow_table(path) else (METER, CONTEXT)
        forgo_linear_algebra()
        self._say("reading" if is_compiled(*parts) else "compiling, once for this installation")
        self._beat.statistics = statistics
        arp = ArpLog()
        flows = self._watched(read_flows([path], CaptureSettings(arp=arp), statistics), kept)
        found = detect(
            with_needed_context(flows, bundle.manifest.feature_names),
            BehaviourSearch(),
            search,
            suppression=self._store.suppressions.in_force(),
            arp=ArpSearch(arp),
        )
        self._beat.statistics = None
        if found.flows:
            mark_compiled(*parts)
        return found, watch.judge()

    def _watched(self, batches: Iterator[pa.RecordBatch], kept: FlowStore | None) -> Iterator[pa.RecordBatch]:
        """Yield the batches, keep their flows and note their time, and stop when somebody asked for it."""
        import pyarrow.compute as pc

        for batch in batches:
            if self._beat.cancelled.is_set():
                raise CancelledError
            self._beat.stage = "reading"
            if batch.num_rows and "start_time" in batch.schema.names:
                least = pc.min(batch.column("start_time").cast("int64")).as_py()
                most = pc.max(batch.column("end_time").cast("int64")).as_py()
                self._first_ns = self._first_ns if least is None else min(self._first_ns, least)
                self._last_ns = self._last_ns if most is None else max(self._last_ns, most)
                if kept is not None:
                    kept.append(batch)
            yield batch

    def _say(self, stage: str) -> None:
        if self._beat.cancelled.is_set():
            raise CancelledError
        self._beat.stage = stage


def _summary(capture: StoredCapture, found: Detected, drift: Drift, statistics: ReadStatistics) -> dict[str, Any]:
    return {
        "capture": capture.id,
        "flows": found.flows,
        "packets": found.packets,
        "alerts": len(found.alerts),
        "incidents": len(found.incidents),
        "suppressed": len(found.suppressed),
        "incident_ids": [incident.id for incident in found.incidents[:MOST_INCIDENTS]],
        "not_believed": found.too_few + found.unconfirmed,
        "missing_columns": list(found.missing_columns),
        "missing_features": list(found.missing_features)[:20],
        "drift": {"verdict": drift.verdict.value, "reason": drift.reason},
        "damaged": statistics.exit_status() != 0,
        "reading": statistics.as_dictionary(),
    }


def _shown(sentence: str, settings: WebSettings, job: Job) -> str:
    """Return a sentence that calls the file what its sender called it, and does not say where on the server it is."""
    stored = re.escape(str(settings.data / "captures")) + r"/[0-9a-f]{64}(\.[a-z0-9]+)*"
    return re.sub(stored, lambda _: job.title, sentence).replace(str(settings.data), "…")


if __name__ == "__main__":
    sys.exit(main())
