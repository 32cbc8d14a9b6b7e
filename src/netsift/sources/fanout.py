"""Several processes that capture from one interface; Linux deals its traffic out among them by flow.

Each has a ring, a meter and a table of its own and sends what it has through a pipe, flows as Arrow's stream format.
Whoever looks at the flows gets them from all, each process's in its own order.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Final

import numpy as np
import pyarrow as pa

from netsift.capture.arp import ArpLog
from netsift.capture.interface import InterfaceCapture, InterfaceCounters, InterfaceSettings
from netsift.capture.kept import Keeper, Keeping, KeptCounts
from netsift.capture.privileges import drop_privileges
from netsift.errors import InputError, NetsiftError
from netsift.kernels.layout import ARP_OBSERVATION
from netsift.sources.interface import interface_flows
from netsift.sources.live import LiveCounters, LiveSettings, Moment
from netsift.sources.warmup import compile_all

MOST_PROCESSES: Final = 64

_LONGEST_MESSAGE: Final = 1 << 30
_SECONDS_BETWEEN_LOOKS: Final = 0.5
_SECONDS_TO_END: Final = 1.0
# What a message is, by its first byte.
_OPENED, _FAILED, _FLOWS, _RUNNING, _ARP, _TIME = b"O", b"E", b"F", b"R", b"A", b"T"


@dataclass(slots=True)
class _Worker:
    """A capturing process, what it said last of its counts, and its last snapshot."""

    process: BaseProcess
    pipe: Connection
    counts: dict[str, Any]
    running: tuple[pa.RecordBatch, ...] = ()


class Fanout:
    """Processes that capture from one interface.

    They are started with the rights of this one and give them up by themselves, to become ``user`` where one is named.
    Each keeps its own part of the packets with the ``keeper``, if there is one.
    """

    def __init__(
        self,
        interface: InterfaceSettings,
        processes: int,
        settings: LiveSettings,
        user: str | None,
        keeper: Keeper | None = None,
    ) -> None:
        """Start the processes and wait until all of them have opened their rings.

        Raises:
            InputError: one of them cannot; the sentence says why.
        """
        context = multiprocessing.get_context("spawn")
        shared = replace(interface, fanout_group=os.getpid() & 0xFFFF)
        self._arp = settings.arp
        # A log stays with its process; what they hold is sent.
        theirs = replace(settings, arp=None)
        self._workers: list[_Worker] = []
        for _ in range(processes):
            receiving, sending = context.Pipe(duplex=False)
            process = context.Process(target=_capture, args=(sending, shared, theirs, user, keeper), daemon=True)
            process.start()
            sending.close()
            self._workers.append(_Worker(process, receiving, {}))
        for worker in self._workers:
            self._wait_until_open(worker)

    def moments(self, counters: LiveCounters, stop: threading.Event) -> Generator[Moment, None, None]:
        """Yield the moments of all processes until ``stop`` is set and they have sent what is left.

        Raises:
            InputError: a process ended by itself.
        """
        counters.interface = InterfaceCounters()
        left = {worker.pipe: worker for worker in self._workers}
        told = False
        try:
            while left:
                if stop.is_set() and not told:
                    told = True
                    self._end()
                ready = wait(list(left), _SECONDS_BETWEEN_LOOKS)
                for pipe in ready:
                    worker = left[pipe]  # type: ignore[index]
                    message = _received(worker)
                    if message is None:
                        del left[worker.pipe]
                        if not told:
                            raise InputError(f"a capturing process ended by itself ({worker.process.exitcode})")
                        continue
                    yield self._moment(worker, message)
                    _add_up(counters, self._workers)
                if not ready:
                    yield Moment(self._now_ns())
        finally:
            self.close()

    def kept(self) -> KeptCounts:
        """Return what became of the packets that are kept, as all processes said last."""
        said = [KeptCounts(**worker.counts["kept"]) for worker in self._workers if worker.counts]
        return sum(said, KeptCounts())

    def close(self) -> None:
        """End the processes."""
        self._end()
        for worker in self._workers:
            worker.process.join(_SECONDS_TO_END)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.pipe.close()

    def _wait_until_open(self, worker: _Worker) -> None:
        message = _received(worker)
        if message is not None and message[:1] == _OPENED:
            return
        self.close()
        why = message[1:].decode() if message else "a capturing process ended before it had begun"
        raise InputError(why)

    def _moment(self, worker: _Worker, message: bytes) -> Moment:
        kind, content = message[:1], message[1:]
        if kind == _FAILED:
            raise InputError(content.decode())
        if kind == _FLOWS:
            return Moment(self._now_ns(), flows=_batches(content)[0])
        if kind == _ARP:
            if self._arp is not None:
                self._arp.add(np.frombuffer(content, ARP_OBSERVATION))
            return Moment(self._now_ns())
        if kind == _RUNNING:
            worker.running = tuple(_batches(content))
            return Moment(self._now_ns(), running=tuple(batch for one in self._workers for batch in one.running))
        worker.counts = json.loads(content)
        return Moment(self._now_ns())

    def _now_ns(self) -> int | None:
        """Return the time that all processes have reached."""
        times = [worker.counts["now_ns"] for worker in self._workers if worker.counts.get("now_ns") is not None]
        return min(times, default=None)

    def _end(self) -> None:
        for worker in self._workers:
            if worker.process.is_alive():
                worker.process.terminate()


def _received(worker: _Worker) -> bytes | None:
    """Return the next message, None when the process is gone."""
    try:
        return worker.pipe.recv_bytes(_LONGEST_MESSAGE)
    except (EOFError, OSError):
        worker.process.join(_SECONDS_TO_END)
        return None


def _capture(
    pipe: Connection, interface: InterfaceSettings, settings: LiveSettings, user: str | None, keeper: Keeper | None
) -> None:
    """Capture in a process of its own until SIGTERM; Ctrl-C is for the process that started this one."""
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        compile_all()
        capture = InterfaceCapture(interface)
        drop_privileges(user)
        pipe.send_bytes(_OPENED)
        said = _Said(LiveCounters(), ArpLog(), None if keeper is None else keeper.start())
        keep = None if said.keeping is None else said.keeping.keep
        with closing(interface_flows(capture, replace(settings, arp=said.arp), said.counters, stop, keep)) as moments:
            for moment in moments:
                _send(pipe, moment, said)
        if said.keeping is not None:
            said.keeping.close()
            _send(pipe, Moment(None), said)
    except NetsiftError as error:
        pipe.send_bytes(_FAILED + str(error).encode())
    except BrokenPipeError:
        # Nobody is left to capture for.
        return


@dataclass(frozen=True, slots=True)
class _Said:
    """What a process tells of beside its flows."""

    counters: LiveCounters
    arp: ArpLog
    keeping: Keeping | None


def _send(pipe: Connection, moment: Moment, said: _Said) -> None:
    if len(observations := said.arp.take()):
        pipe.send_bytes(_ARP + observations.tobytes())
    if moment.flows is not None:
        pipe.send_bytes(_FLOWS + _stream([moment.flows]))
    if moment.running is not None:
        pipe.send_bytes(_RUNNING + _stream(moment.running))
    pipe.send_bytes(_TIME + json.dumps(_counts(moment.now_ns, said)).encode())


def _stream(batches: Iterable[pa.RecordBatch]) -> bytes:
    target = pa.BufferOutputStream()
    writer = None
    for batch in batches:
        writer = writer or pa.ipc.new_stream(target, batch.schema)
        writer.write_batch(batch)
    if writer is not None:
        writer.close()
    content: bytes = target.getvalue().to_pybytes()
    return content


def _batches(content: bytes) -> list[pa.RecordBatch]:
    return list(pa.ipc.open_stream(content)) if content else []


def _counts(now_ns: int | None, said: _Said) -> dict[str, Any]:
    counters = said.counters
    interface, capture = counters.interface or InterfaceCounters(), counters.capture
    return {
        "kept": asdict(KeptCounts() if said.keeping is None else said.keeping.counts()),
        "now_ns": now_ns,
        "summed": {name: getattr(counters, name) for name in _SUMMED},
        "lag_s": counters.lag_s,
        "read": capture.packets_read,
        "decoded": capture.packets_decoded,
        "skipped": dict(capture.skipped),
        "ring": [interface.ring.packets, interface.ring.dropped, interface.ring.freezes],
        "cut": interface.cut,
        "outages": interface.outages,
        "down": interface.down,
    }


_SUMMED: Final = ("packets", "bytes", "flows", "live_flows", "early_flows")


def _add_up(counters: LiveCounters, workers: list[_Worker]) -> None:
    """Write the sums of what all processes said last."""
    said = [worker.counts for worker in workers if worker.counts]
    for name in _SUMMED:
        setattr(counters, name, sum(one["summed"][name] for one in said))
    counters.lag_s = max((one["lag_s"] for one in said), default=0.0)
    capture, interface = counters.capture, counters.interface or InterfaceCounters()
    capture.inputs_read = 1 if said else 0
    capture.packets_read = sum(one["read"] for one in said)
    capture.packets_decoded = sum(one["decoded"] for one in said)
    capture.skipped = sum((Counter(one["skipped"]) for one in said), Counter[str]())
    ring = interface.ring
    ring.packets, ring.dropped, ring.freezes = (sum(one["ring"][place] for one in said) for place in range(3))
    interface.cut = sum(one["cut"] for one in said)
    interface.outages = max((one["outages"] for one in said), default=0)
    interface.down = any(one["down"] for one in said)
