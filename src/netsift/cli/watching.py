"""The loop of ``netsift watch``: flows to the detectors, news to the log and the view, until somebody stops it."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netsift.cli.watch_view import Status, View
from netsift.errors import InputError, OutputError, UsageError
from netsift.files import whole_file

if TYPE_CHECKING:
    import pyarrow as pa

    from netsift.alerts.arp import ArpSearch
    from netsift.alerts.detection import Detected, IncidentSearch
    from netsift.alerts.log import AlertLog
    from netsift.alerts.novelty import NoveltySearch
    from netsift.alerts.suppression import Rule, Suppression
    from netsift.context.tracker import ContextSettings, ContextTracker
    from netsift.detectors.base import Scores as ModelScores
    from netsift.flows.settings import MeterSettings
    from netsift.models.bundle import Bundle
    from netsift.sensor.recording import Recording
    from netsift.sensor.report import Scores, SensorReport
    from netsift.sources.live import Moment, Reached

SECONDS_TO_FLUSH: Final = 2.0
"""From the wish to stop on, the flows that are left are looked at for so long; all in all it is under five."""
SECONDS_BETWEEN_LOOKS: Final = 5.0
LOOK_SHARE: Final = 0.1
"""Looking for incidents takes at most this share of the time, and looking at flows that run as much again."""

SECONDS_BETWEEN_STORES: Final = 15.0
"""An alert that only grows is stored at most so often."""

SECONDS_BETWEEN_REMEMBERING: Final = 600.0
"""What a baseline has learned is kept so often."""

_SECONDS_BETWEEN_VIEWS: Final = 0.5
_SECONDS_BETWEEN_FORGETTING: Final = 60.0
_FORGET_MARGIN_NS: Final = 60 * 1_000_000_000
_ROWS_AT_A_TIME: Final = 2_048
"""So many flows are looked at between two looks at the clock."""
_RUNNING_PLACES: Final = 8_192
"""Hosts, pairs and services of running flows whose context is kept."""


class Stop(threading.Event):
    """The wish to stop, and since when (``at_s`` of the steady clock)."""

    def __init__(self) -> None:
        """Wish for nothing yet."""
        super().__init__()
        self.at_s = 0.0

    def set(self) -> None:
        """Wish to stop; the first wish counts."""
        if not self.is_set():
            self.at_s = time.monotonic()
        super().set()


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

        ``scores`` may be set to have the model's scores summed up.

        ``rate`` is the share of ordinary flows that the model may flag; UsageError for one that it does not have.
        """
        self._bundle, self._rate, self._required = bundle, rate, required
        self._everything = everything
        self.own_rules = suppression.rules
        self.scores: Scores | None = None
        self._hidden_by = suppression.rules
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

    def found(self, rules: tuple[Rule, ...] = ()) -> Detected:
        """Return what was found so far, but for what its own rules and these hide."""
        from netsift.alerts.suppression import Suppression

        now = datetime.now(UTC)
        live = tuple(rule for rule in (*self.own_rules, *rules) if rule.expires > now)
        if live != self._hidden_by:
            self._search.suppress(Suppression.at(live, now))
            self._hidden_by = live
        return self._search.found()

    def flag_at_rate(self, rate: float) -> None:
        """Let the model flag another share of ordinary flows. Raises InputError when it has no threshold for that."""
        if self._bundle is not None:
            self._search.flag_at(self._bundle.threshold(rate))
            self._rate = rate

    def _observe(self, scores: ModelScores) -> None:
        if self.scores is not None:
            self.scores.add(float(scores.score.sum()), len(scores.score))

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

        model = (
            ModelSearch.of(self._bundle, self._rate, self._observe, required=self._required)
            if self._bundle is not None
            else None
        )
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
        stop: Stop,
        log: AlertLog | None = None,
        stats: Path | None = None,
        recording: Recording | None = None,
        report: SensorReport | None = None,
        reload: tuple[threading.Event, Callable[[], list[str]]] | None = None,
        commit: Callable[[Reached], None] | None = None,
        remember: Callable[[], None] | None = None,
    ) -> None:
        """Start with nothing told; news go to ``log``, counts to the file ``stats``, everything to ``recording``.

        What a source has reached is given to ``commit`` when the news of it are told. ``remember`` keeps what was
        learned; it is called now and then, and at the end.

        Whenever the event of ``reload`` is set its function is called, and the sentences that it returns are shown.
        """
        from netsift.alerts.ledger import Ledger
        from netsift.alerts.passing import Passing

        self._looking, self._status, self._view, self._stop = looking, status, view, stop
        self._log, self._stats, self._recording, self._report = log, stats, recording, report
        self._ledger, self._passing = Ledger(), Passing()
        self._stored = Ledger(seconds_between=SECONDS_BETWEEN_STORES, all_growth=True)
        self._hangup, self._reload = reload or (threading.Event(), list)
        self._next_look_s = self._next_view_s = self._next_snapshot_s = 0.0
        self._next_forgetting_s = time.monotonic() + _SECONDS_BETWEEN_FORGETTING
        self._commit, self._remember = commit, remember
        self._next_remembering_s = time.monotonic() + SECONDS_BETWEEN_REMEMBERING
        self._reached: Reached | None = None
        self._was_down = False
        self._flows_looked_at = 0
        self._last_s = 0.0

    def run(self, moments: Generator[Moment, None, None], begins: str = "") -> None:
        """Go on until the source ends, or until the time to flush is over after ``stop`` was set.

        ``begins`` is a sentence to be said before, if it is one.
        """
        if begins:
            self._note(begins)
        for moment in moments:
            if not self._take(moment):
                counters = self._status.counters
                self._status.losses.flows_not_looked_at = counters.live_flows + counters.flows - self._flows_looked_at
                break
            self._look_around(moment.now_ns)
        else:
            # No flow runs any more.
            self._looking.add_running(())
        self._look(last=True)
        self._keep_learned()

    def _keep_learned(self) -> None:
        """Have kept what was learned; a disk that is full is said, and tried again later."""
        if self._remember is not None:
            try:
                self._remember()
            except OutputError as error:
                self._note(str(error))
        self._next_remembering_s = time.monotonic() + SECONDS_BETWEEN_REMEMBERING

    def _take(self, moment: Moment) -> bool:
        """Look at what a moment brings; return whether there was time for all of it."""
        if moment.flows is not None:
            if self._recording is not None:
                self._recording.flows(moment.flows, self._stop)
            for first in range(0, moment.flows.num_rows, _ROWS_AT_A_TIME):
                part = moment.flows.slice(first, _ROWS_AT_A_TIME)
                began_s = time.monotonic()
                if self._stop.is_set() and began_s + self._last_s > self._stop.at_s + SECONDS_TO_FLUSH:
                    return False
                self._looking.add(part)
                self._last_s = time.monotonic() - began_s
                self._flows_looked_at += part.num_rows
        if moment.reached is not None:
            self._reached = moment.reached
            if self._recording is not None:
                self._recording.reached(moment.reached)
        now_s = time.monotonic()
        if moment.running is not None and now_s >= self._next_snapshot_s and not self._stop.is_set():
            self._looking.add_running(moment.running)
            self._next_snapshot_s = time.monotonic() + (time.monotonic() - now_s) / LOOK_SHARE
        return not self._stop.is_set() or time.monotonic() < self._stop.at_s + SECONDS_TO_FLUSH

    def _look_around(self, now_ns: int | None) -> None:
        """Do what is due."""
        now_s = time.monotonic()
        if self._hangup.is_set():
            self._hangup.clear()
            for sentence in self._reload():
                self._note(sentence)
        if now_s >= self._next_look_s:
            found = self._look()
            took_s = time.monotonic() - now_s
            self._next_look_s = time.monotonic() + max(SECONDS_BETWEEN_LOOKS, took_s / LOOK_SHARE)
            if now_ns is not None and now_s >= self._next_forgetting_s:
                self._looking.forget(now_ns, found)
                self._next_forgetting_s = now_s + _SECONDS_BETWEEN_FORGETTING
        if now_s >= self._next_remembering_s:
            self._keep_learned()
        if now_s >= self._next_view_s:
            self._next_view_s = now_s + _SECONDS_BETWEEN_VIEWS
            self._note_outages()
            self._view.look(self._status)
            self._write_stats()

    def _look(self, *, last: bool = False) -> Detected:
        """Find incidents, and tell those that are news."""
        rules = self._recording.rules if self._recording is not None else ()
        found = self._looking.found(rules)
        self._status.found = found
        self._store(found, last=last)
        news = self._ledger.news([*found.incidents, *found.alerts], last=last)
        self._status.losses.news_waiting = self._ledger.waiting
        if self._log is not None:
            self._log.write(news)
        if self._recording is not None:
            self._recording.tell(news)
        self._view.tell([alert for alert in news if alert.kind == "incident"])
        if self._reached is not None:
            self._looked_at(self._reached)
        if last:
            self._write_stats()
        return found

    def _looked_at(self, reached: Reached) -> None:
        """Have committed what was reached before the look that is over."""
        self._reached = None
        if self._recording is not None:
            self._recording.looked_at(reached)
        if self._commit is not None:
            self._commit(reached)

    def _store(self, found: Detected, *, last: bool) -> None:
        """Have stored what is new or has grown, also what a rule hides."""
        if self._report is not None:
            self._report.alerts, self._report.incidents = len(found.alerts), len(found.incidents)
        if self._recording is not None:
            every = (*found.incidents, *found.alerts, *found.suppressed)
            said, over = self._passing.gone((*found.alerts, *found.suppressed))
            self._recording.alerts([*over, *self._stored.news(every, last=last)])
            self._recording.withdraw(said)

    def _write_stats(self) -> None:
        if self._stats is not None:
            with whole_file(self._stats, passing=True) as temporary:
                temporary.write_text(json.dumps(self._status.as_dictionary(), indent=2) + "\n", encoding="utf-8")

    def _note_outages(self) -> None:
        interface = self._status.counters.interface
        if interface is None or interface.down == self._was_down:
            return
        self._was_down = interface.down
        name = self._status.name
        self._view.note(f"{name} is down: waiting for it" if interface.down else f"{name} is up again: going on")

    def _note(self, sentence: str) -> None:
        self._view.note(sentence)
        if self._report is not None:
            self._report.note(sentence)


@contextmanager
def stopping(stop: Stop) -> Iterator[threading.Event]:
    """Set ``stop`` at SIGINT and SIGTERM, and leave at once at a second one; yield an event that SIGHUP sets."""
    hangup = threading.Event()

    def handle(number: int, frame: Any) -> None:  # noqa: ARG001 - what a handler is given
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    if (number := getattr(signal, "SIGHUP", None)) is not None:
        before[number] = signal.signal(number, lambda *_: hangup.set())
    try:
        yield hangup
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
