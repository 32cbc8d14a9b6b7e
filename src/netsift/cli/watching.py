"""The loop of ``netsift watch``: flows to the detectors, news to the log and the view, until somebody stops it."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from netsift.cli.watch_view import Status, View
from netsift.errors import InputError, UsageError
from netsift.files import whole_file

if TYPE_CHECKING:
    import pyarrow as pa

    from netsift.alerts.arp import ArpSearch
    from netsift.alerts.detection import Detected, IncidentSearch
    from netsift.alerts.log import AlertLog
    from netsift.alerts.novelty import NoveltySearch
    from netsift.alerts.suppression import Suppression
    from netsift.context.tracker import ContextSettings, ContextTracker
    from netsift.flows.settings import MeterSettings
    from netsift.models.bundle import Bundle
    from netsift.sources.live import Moment

SECONDS_TO_FLUSH: Final = 3.0
"""From the wish to stop on, the flows that are left are looked at for so long; all in all it is under five."""
SECONDS_BETWEEN_LOOKS: Final = 5.0
LOOK_SHARE: Final = 0.1
"""Looking for incidents takes at most this share of the time."""

_SECONDS_BETWEEN_VIEWS: Final = 0.5
_SECONDS_BETWEEN_FORGETTING: Final = 60.0
_FORGET_MARGIN_NS: Final = 60 * 1_000_000_000
_RUNNING_PLACES: Final = 8_192
"""Hosts, pairs and services of running flows whose context is kept."""


class FlowSink(Protocol):
    """Where flows go that have been looked at."""

    def append(self, batch: pa.RecordBatch) -> None:
        """Take a batch of flows that have ended."""

    def flush(self) -> None:
        """Write what was taken."""


class Looking:
    """The detectors of a watch, and how long they remember."""

    def __init__(
        self,
        bundle: Bundle | None,
        novelty: NoveltySearch | None,
        *,
        rate: float,
        required: bool,
        everything: bool,
        suppression: Suppression,
        meter: MeterSettings,
        arp: ArpSearch | None = None,
    ) -> None:
        """Start with nothing seen; ``arp`` looks at the ARP packets that come beside the flows.

        ``rate`` is the share of ordinary flows that the model may flag; UsageError for one that it does not have.
        """
        self._bundle, self._rate, self._required = bundle, rate, required
        self._everything = everything
        self._memory_ns = round((meter.idle_timeout_s + meter.active_timeout_s) * 1e9) + _FORGET_MARGIN_NS
        if bundle is not None:
            try:
                bundle.threshold(rate)
            except InputError as error:
                raise UsageError(f"--false-positive-rate: {error}") from error
        self._tracker = _tracker(bundle, None)
        self._search = self._made(suppression, novelty, arp)

    def add(self, batch: pa.RecordBatch) -> None:
        """Look at flows that have ended."""
        for with_context in self._tracker.with_context([batch]) if self._tracker is not None else (batch,):
            self._search.add(with_context)

    def add_running(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Look at flows that still run, in the place of those before."""
        tracker = _tracker(self._bundle, _few_places())
        self._search.add_running(tracker.with_context(batches) if tracker is not None else batches)

    def found(self) -> Detected:
        """Return what was found so far."""
        return self._search.found()

    def forget(self, now_ns: int, found: Detected) -> None:
        """Forget what no flow can change any more that is still to come, and what came of it where it is long over."""
        self._search.forget(now_ns - self._memory_ns, found)

    def _made(
        self, suppression: Suppression | None, novelty: NoveltySearch | None, arp: ArpSearch | None
    ) -> IncidentSearch:
        from netsift.alerts.behaviour import BehaviourSearch
        from netsift.alerts.detection import IncidentSearch
        from netsift.alerts.pipeline import ModelSearch
        from netsift.detectors.novelty import columns

        model = ModelSearch.of(self._bundle, self._rate, required=self._required) if self._bundle is not None else None
        return IncidentSearch(
            BehaviourSearch(context=columns.CONTEXT if novelty is not None else ()),
            model,
            everything=self._everything,
            suppression=suppression,
            novelty=novelty,
            arp=arp,
            fresh=self._fresh,
        )

    def _fresh(self) -> IncidentSearch:
        """Return a small search for the flows that run: what a model thinks of one, and what hosts do with them."""
        from netsift.alerts.behaviour import BehaviourSearch
        from netsift.alerts.detection import IncidentSearch
        from netsift.alerts.pipeline import ModelSearch

        places = _few_places()
        model = ModelSearch.of(self._bundle, self._rate, required=self._required) if self._bundle is not None else None
        return IncidentSearch(BehaviourSearch(settings=places), model, everything=self._everything)


def _few_places() -> ContextSettings:
    from netsift.context.tracker import ContextSettings

    return ContextSettings(_RUNNING_PLACES, _RUNNING_PLACES, _RUNNING_PLACES, _RUNNING_PLACES)


def _tracker(bundle: Bundle | None, settings: ContextSettings | None) -> ContextTracker | None:
    """Return what makes the context columns that a model needs, None where it needs none."""
    from netsift.context.schema import CONTEXT_COLUMNS
    from netsift.context.tracker import ContextSettings, ContextTracker

    names = dict.fromkeys(bundle.manifest.feature_names if bundle is not None else ())
    wanted = tuple(name for name in names if name in CONTEXT_COLUMNS)
    return ContextTracker(wanted, settings or ContextSettings()) if wanted else None


class Watching:
    """Takes the moments of a source and tells what is found."""

    def __init__(
        self,
        looking: Looking,
        status: Status,
        view: View,
        stop: threading.Event,
        log: AlertLog | None = None,
        stats: Path | None = None,
        flow_sink: FlowSink | None = None,
    ) -> None:
        """Start with nothing told; news go to ``log``, counts to the file ``stats``, flows to ``flow_sink``."""
        from netsift.alerts.ledger import Ledger

        self._looking, self._status, self._view, self._stop = looking, status, view, stop
        self._log, self._stats, self._flow_sink = log, stats, flow_sink
        self._ledger = Ledger()
        self._next_look_s = self._next_view_s = 0.0
        self._next_forgetting_s = time.monotonic() + _SECONDS_BETWEEN_FORGETTING
        self._was_down = False

    def run(self, moments: Generator[Moment, None, None]) -> None:
        """Go on until the source ends, or until the time to flush is over after ``stop`` was set."""
        stopped_s: float | None = None
        for moment in moments:
            if stopped_s is None and self._stop.is_set():
                stopped_s = time.monotonic()
            if stopped_s is not None and time.monotonic() - stopped_s > SECONDS_TO_FLUSH:
                self._status.losses.flows_not_looked_at = self._status.counters.live_flows
                break
            self._take(moment)
            self._look_around(moment.now_ns)
        self._look(last=True)
        if self._flow_sink is not None:
            self._flow_sink.flush()

    def _take(self, moment: Moment) -> None:
        if moment.flows is not None:
            self._looking.add(moment.flows)
            if self._flow_sink is not None:
                self._flow_sink.append(moment.flows)
        if moment.running is not None:
            self._looking.add_running(moment.running)

    def _look_around(self, now_ns: int | None) -> None:
        """Do what is due."""
        now_s = time.monotonic()
        if now_s >= self._next_look_s:
            found = self._look()
            took_s = time.monotonic() - now_s
            self._next_look_s = time.monotonic() + max(SECONDS_BETWEEN_LOOKS, took_s / LOOK_SHARE)
            if now_ns is not None and now_s >= self._next_forgetting_s:
                self._looking.forget(now_ns, found)
                self._next_forgetting_s = now_s + _SECONDS_BETWEEN_FORGETTING
        if now_s >= self._next_view_s:
            self._next_view_s = now_s + _SECONDS_BETWEEN_VIEWS
            self._note_outages()
            self._view.look(self._status)
            self._write_stats()

    def _look(self, *, last: bool = False) -> Detected:
        """Find incidents, and tell those that are news."""
        found = self._looking.found()
        self._status.found = found
        news = self._ledger.news([*found.incidents, *found.alerts], last=last)
        self._status.losses.news_waiting = self._ledger.waiting
        if self._log is not None:
            self._log.write(news)
        self._view.tell([alert for alert in news if alert.kind == "incident"])
        if last:
            self._write_stats()
        return found

    def _write_stats(self) -> None:
        if self._stats is not None:
            with whole_file(self._stats) as temporary:
                temporary.write_text(json.dumps(self._status.as_dictionary(), indent=2) + "\n", encoding="utf-8")

    def _note_outages(self) -> None:
        interface = self._status.counters.interface
        if interface is None or interface.down == self._was_down:
            return
        self._was_down = interface.down
        name = self._status.name
        self._view.note(f"{name} is down: waiting for it" if interface.down else f"{name} is up again: going on")


@contextmanager
def stopping(stop: threading.Event) -> Iterator[None]:
    """Set ``stop`` at SIGINT and SIGTERM, and leave at once at a second one."""

    def handle(number: int, frame: Any) -> None:  # noqa: ARG001 - what a handler is given
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
