"""Jobs run in processes of their own, so that a file that breaks one breaks nothing else.

The process says by itself how far it is (:mod:`netsift.web.job`); here it is started, stopped when somebody asks,
and its end explained when it could not do that itself.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess  # nosec B404 # runs our own job, with fixed arguments
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from netsift.errors import DatabaseError, NetsiftError
from netsift.store.flows import FlowStore
from netsift.store.jobs import Job, JobState
from netsift.store.opening import Store
from netsift.store.settings import StoreSettings
from netsift.store.upkeep import claim_hour, look_after
from netsift.web.settings import WebSettings

LOGGER: Final = logging.getLogger("netsift.web.jobs")

SILENT_FOR: Final = timedelta(seconds=60)
"""A running job of which nothing was heard for so long has no process any more."""
MOST_TRIES: Final = 2
"""How often a job is begun that lost its process."""

_POLL_S: Final = 0.5
_GRACE_S: Final = 5.0
_MOST_LOG_BYTES: Final = 64 << 10


class JobRunner:
    """Takes queued jobs and runs each in a process; as many at once as the settings say."""

    def __init__(self, settings: WebSettings, store: Store, flows: FlowStore) -> None:
        """Prepare; nothing runs before :meth:`start`."""
        self._settings, self._store, self._flows = settings, store, flows
        self._logs = settings.data / "logs"
        self._ended = threading.Event()
        self._asked = threading.Condition()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to take jobs, first those that an earlier server left behind."""
        if self._threads:
            return
        self._logs.mkdir(parents=True, exist_ok=True)
        for number in range(self._settings.jobs_at_once):
            thread = threading.Thread(target=self._work, name=f"netsift-jobs-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Take no more jobs, end those that run, and wait for that."""
        self._ended.set()
        self.wake()
        for thread in self._threads:
            thread.join(timeout=2 * _GRACE_S)
        self._threads.clear()

    def wake(self) -> None:
        """Look for queued jobs now."""
        with self._asked:
            self._asked.notify_all()

    def _work(self) -> None:
        while not self._ended.is_set():
            try:
                self._again()
                job = self._store.jobs.take()
                if job is not None:
                    self._run(job)
                    continue
                self._tidy()
            except (NetsiftError, OSError) as error:
                LOGGER.error("jobs: %s", error)
            with self._asked:
                self._asked.wait(timeout=2.0)

    def _again(self) -> None:
        """Queue again what lost its process, unless it did so before."""
        for identity in self._store.jobs.bury(SILENT_FOR):
            lost = self._store.jobs.get(identity)
            tries = int(lost.arguments.get("tries", 1)) if lost is not None else MOST_TRIES
            if lost is not None and tries < MOST_TRIES:
                self._store.jobs.add(lost.kind, lost.title, lost.arguments | {"tries": tries + 1}, lost.owner)

    def _tidy(self) -> None:
        """Join small files and delete what is too old or too much, hourly, unless a sensor does it in this hour."""
        settings, now = self._settings, datetime.now(UTC)
        if not claim_hour(settings.data, now):
            return
        kept = StoreSettings.model_validate(
            {"data": settings.data}
            | {name: getattr(settings, name) for name in ("flow_days", "flow_bytes", "alert_days", "audit_days")}
        )
        for trouble in look_after(self._store, self._flows, kept, now).troubles:
            LOGGER.error("upkeep: %s", trouble)

    def _run(self, job: Job) -> None:
        log = self._logs / f"{job.id}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # nosec B603 # what a job is about comes over its standard input
                [sys.executable, "-m", "netsift.web.job"],
                stdin=subprocess.PIPE, stdout=output, stderr=output, env=_environment(),
            )  # fmt: skip
            told = {"settings": json.loads(self._settings.model_dump_json()), "job": job.id}
            with contextlib.suppress(BrokenPipeError), process.stdin or contextlib.nullcontext():
                if process.stdin is not None:
                    process.stdin.write(json.dumps(told).encode())
            self._watch(job, process)
        self._explain(job, process.returncode, log)

    def _watch(self, job: Job, process: subprocess.Popen[bytes]) -> None:
        """Wait for a process; one that is to stop gets some time to do so by itself."""
        left_s = _GRACE_S
        while True:
            try:
                process.wait(timeout=_POLL_S)
                return
            except subprocess.TimeoutExpired:
                pass
            if self._ended.is_set():
                process.terminate()
            elif not self._is_cancelled(job):
                continue
            left_s -= _POLL_S
            if left_s <= 0:
                process.kill()

    def _is_cancelled(self, job: Job) -> bool:
        try:
            now = self._store.jobs.get(job.id)
        except DatabaseError:  # It says nothing now; the process goes on, and is looked after.
            return False
        return now is None or now.cancel_asked

    def _explain(self, job: Job, status: int, log: Path) -> None:
        """Say of a job why its process ended, where it did not do so itself."""
        now = self._store.jobs.get(job.id)
        if now is None or now.state is not JobState.RUNNING:
            if status == 0:
                log.unlink(missing_ok=True)
            return
        if now.cancel_asked:
            self._store.jobs.stopped(job.id)
            return
        LOGGER.error("job %s ended with status %s: %s", job.id, status, _tail(log))
        if self._ended.is_set():
            self._store.jobs.fail(job.id, "the server was stopped while the job ran; start it again")
        elif status < 0:
            self._store.jobs.fail(job.id, f"its process was ended by signal {-status}, as for too much memory")
        else:
            self._store.jobs.fail(job.id, "its process failed; the reason is in the server's log")


def _environment() -> dict[str, str]:
    # What is being looked at came from anywhere; the process that does so needs none of the server's secrets.
    return {name: value for name, value in os.environ.items() if not name.startswith("NETSIFT_STORE__DATABASE")}


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(log.stat().st_size - _MOST_LOG_BYTES, 0))
            return file.read().decode(errors="replace")[-4_000:]
    except OSError:
        return ""
