"""What a watch sees goes into the stores and to the receivers of alerts, none of which it ever waits for.

Each has a stage of its own (:mod:`netsift.sensor.stage`), so a locked database holds up neither flows nor packets.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from netsift.alerts.schema import Alert
from netsift.alerts.suppression import Rule
from netsift.capture.kept import KeptCounts
from netsift.errors import InputError, NetsiftError, OutputError, StoreError
from netsift.files import whole_file
from netsift.sensor.commits import Commits
from netsift.sensor.packets import PacketStage
from netsift.sensor.stage import Stage
from netsift.sinks.delivery import Delivery
from netsift.sinks.settings import SinksSettings, deliveries
from netsift.sources.directory import WatchedFolder
from netsift.sources.live import Reached
from netsift.store.alerts import alert_of_text, alert_text
from netsift.store.flows import FlowStore
from netsift.store.opening import Store, open_store
from netsift.store.sensors import KeptState, ReceiverState
from netsift.store.settings import StoreSettings
from netsift.store.upkeep import claim_hour, look_after

MOST_ALERTS: Final = 20_000
"""Alerts that may wait for the database, and for each receiver."""
MOST_FLOWS: Final = 100_000
SECONDS_BETWEEN_RULES: Final = 2.0
"""The rules of the database are read so often."""
SECONDS_BETWEEN_COMMITS: Final = 5.0
"""What was read of a watched folder is committed at most so often."""
SPOOLS: Final = "spools"

_FLUSH_S: Final = 30.0
_MOST_LEFT_BYTES: Final = 256 << 20

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """What is kept under which name: in which stores, and what is told to whom.

    Without ``stores`` nothing is kept and alerts are only told.
    """

    name: str
    store: StoreSettings
    sinks: SinksSettings
    stores: bool = True
    flows: bool = True


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Ids of alerts that are to be there no longer."""

    ids: tuple[str, ...]


class Recording:
    """Takes flows, alerts and packets without ever waiting; what finds no room is dropped and counted."""

    def __init__(
        self,
        settings: RecordingSettings,
        watched: WatchedFolder | None = None,
        packets_elsewhere: Callable[[], KeptCounts] | None = None,
    ) -> None:
        """Start the stages; what is safe of a folder that is watched is committed in its journal.

        ``packets_elsewhere`` says what became of packets where other processes keep them.

        Raises InputError, UsageError or StoreError when a receiver of alerts makes no sense.
        """
        self._settings = settings
        self._receivers = _Receivers(settings)
        store = settings.store
        self._alert_keeping = _AlertKeeping(store, store.folder / "sensors" / f"{settings.name}.waiting")
        self._commits = None if watched is None or not settings.stores else Commits(watched, store.flows_folder)
        self._flow_keeping = _FlowKeeping(store.flows_folder, self._commits)
        self._alerts: Stage[Alert | Withdrawal] | None = None
        self._flows: Stage[pa.RecordBatch | Reached] | None = None
        self._packets: PacketStage | None = None
        self._packet_counts = packets_elsewhere
        self._upkeep: Stage[None] | None = None
        if settings.stores:
            self._alerts = Stage("alerts", self._alert_keeping.write, MOST_ALERTS, self._look_after_alerts)
            self._upkeep = Stage("upkeep", list.clear, 0, _Upkeep(store).look_after)
            if settings.flows:
                self._flows = Stage("flows", self._flow_keeping.write, MOST_FLOWS, self._flow_keeping.look_after)
            if store.packet_bytes and packets_elsewhere is None:
                self._packets = PacketStage(store.packets_folder, store.packet_bytes)
                self._packet_counts = self._packets.counts

    @property
    def keeps_packets(self) -> bool:
        """Whether packets are wanted."""
        return self._packets is not None

    def wait_for_rules(self, within_s: float) -> None:
        """Wait until the rules of the database were read for the first time, or could not be, or the time is over."""
        if self._alerts is not None:
            self._alert_keeping.looked.wait(within_s)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of the database as they were read last."""
        return self._alert_keeping.rules

    @property
    def commits(self) -> bool:
        """Whether this commits what was reached in a watched folder."""
        return self._commits is not None

    def flows(self, batch: pa.RecordBatch, stop: threading.Event) -> None:
        """Take flows that have ended; those of a watched folder wait for room until ``stop``, as its files do."""
        if self._flows is None or not batch.num_rows:
            return
        if self._commits is not None:
            self._flows.wait_for_room(batch.num_rows, stop)
        if not self._flows.put(batch, batch.num_rows) and self._commits is not None:
            self._commits.spoil()

    def reached(self, reached: Reached) -> None:
        """Take a place that was reached, after its flows."""
        if self._commits is None:
            return
        if self._flows is None:
            self._commits.seal(reached)
        else:
            self._flows.put(reached, 0)

    def looked_at(self, reached: Reached) -> None:
        """Take that the alerts of what was reached were handed on."""
        if self._commits is not None:
            self._commits.looked_at(reached)

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """Take alerts and incidents for the database; one that waits gives way to what it has grown to."""
        if self._alerts is not None:
            for alert in alerts:
                self._alerts.put(alert, key=alert.id)

    def withdraw(self, ids: Iterable[str]) -> None:
        """Take ids of alerts for which others stand now."""
        if self._alerts is not None and (every := tuple(ids)):
            self._alerts.put(Withdrawal(every))

    def tell(self, alerts: Iterable[Alert]) -> None:
        """Take alerts and incidents for those who want to be told."""
        self._receivers.tell(list(alerts))

    def packets(self, data: bytes, records: Array) -> None:
        """Take packets: RECORDs, shape (n,), whose offsets are places in ``data``."""
        if self._packets is not None:
            self._packets.keep(data, records)

    def tell_others(self, sinks: SinksSettings) -> None:
        """Tell these from now on in the place of those before. Raises as the constructor does; then nothing changes."""
        before, self._receivers = self._receivers, _Receivers(self._settings, sinks)
        before.end(1.0)

    def kept(self) -> tuple[KeptState, ...]:
        """Return what became of what is to be kept."""
        found = [
            KeptState(
                name=counts.name, waiting=counts.waiting, written=counts.written, dropped=counts.dropped,
                trouble=counts.trouble[:500],
            )
            for counts in (stage.counts() for stage in self._stages())
        ]  # fmt: skip
        if self._packet_counts is not None:
            counts = self._packet_counts()
            found.append(
                KeptState(
                    name="packets", waiting=counts.waiting, written=counts.written, dropped=counts.dropped,
                    trouble=counts.trouble[:500],
                )
            )  # fmt: skip
        return tuple(found)

    def failures(self) -> dict[str, tuple[int, str]]:
        """Return by stage how often writing failed since the beginning, and why it did so last."""
        counts = [stage.counts() for stage in self._stages()]
        found = {one.name: (one.failures, one.last_trouble[:500]) for one in counts}
        if self._packets is not None:
            failures, words = self._packets.failures()
            found["packets"] = failures, words[:500]
        return found

    def receivers(self) -> tuple[ReceiverState, ...]:
        """Return what became of what is told."""
        return self._receivers.states()

    def troubles(self) -> list[str]:
        """Return what goes wrong now, in sentences."""
        return [f"{one.name}: {one.trouble}" for one in (*self.kept(), *self.receivers()) if one.trouble]

    def dropped(self) -> dict[str, int]:
        """Return what found no room or could not be written, by what it is."""
        packets = KeptCounts() if self._packet_counts is None else self._packet_counts()
        return {
            "alerts not stored": self._alerts.counts().dropped + self._alert_keeping.refused if self._alerts else 0,
            "flows not stored": self._flows.counts().dropped + self._flow_keeping.dropped if self._flows else 0,
            "packets not kept": packets.lost,
            "packet bytes not kept": packets.dropped,
            "news not told": self._receivers.dropped(),
        }

    def close(self, within_s: float = 1.0) -> None:
        """Write what waits within a time; alerts for which it is not enough are left for the next run."""
        for stage in self._stages():
            stage.ask_to_end(within_s)
        if self._packets is not None:
            self._packets.ask_to_end(within_s)
        self._receivers.end(within_s)
        if self._alerts is not None:
            self._alert_keeping.leave(self._alerts.close())
        for stage in self._stages():
            stage.close()
        if self._packets is not None:
            self._packets.close()
        self._flow_keeping.close()
        if self._commits is not None and not self._alert_keeping.refused:
            with suppress(NetsiftError):
                self._commits.settle()

    def _stages(self) -> tuple[Stage[Any], ...]:
        return tuple(stage for stage in (self._alerts, self._flows, self._upkeep) if stage is not None)

    def _look_after_alerts(self) -> None:
        self._alert_keeping.look_after()
        if self._commits is not None and self._alerts is not None and not self._alerts.counts().waiting:
            self._commits.settle()


class _AlertKeeping:
    """Writes alerts into the database, which is opened when it can be, and reads its rules."""

    def __init__(self, settings: StoreSettings, left: Path) -> None:
        self._url = settings.database_url
        self._left = left
        self._store: Store | None = None
        self._next_rules_s = 0.0
        self.looked = threading.Event()
        self.rules: tuple[Rule, ...] = ()
        self.refused = 0

    def write(self, items: list[Alert | Withdrawal]) -> None:
        """Store alerts in order, and delete what is withdrawn; those that cannot be stored are counted."""
        with self._storing() as store:
            while items:
                self._write_first(store, items)

    def _write_first(self, store: Store, items: list[Alert | Withdrawal]) -> None:
        first = items[0]
        if isinstance(first, Withdrawal):
            store.alerts.withdraw(first.ids)
            del items[0]
            return
        alerts = [one for one in takewhile(lambda one: isinstance(one, Alert), items) if isinstance(one, Alert)]
        try:
            store.alerts.upsert(alerts)
        except InputError:
            for alert in alerts:
                self._write_one(store, alert)
        del items[: len(alerts)]

    def look_after(self) -> None:
        """Store what an earlier run left, and read the rules when it is time."""
        try:
            with self._storing() as store:
                self._look_after(store)
        finally:
            self.looked.set()

    def _look_after(self, store: Store) -> None:
        if self._left.exists():
            store.alerts.upsert(_read_alerts(self._left))
            self._left.unlink(missing_ok=True)
        if time.monotonic() >= self._next_rules_s:
            self.rules = store.suppressions.in_force().rules
            self._next_rules_s = time.monotonic() + SECONDS_BETWEEN_RULES

    def leave(self, items: list[Alert | Withdrawal]) -> None:
        """Leave alerts for the next run, beside those that are there from an earlier one."""
        alerts = [one for one in items if isinstance(one, Alert)]
        if not alerts:
            return
        try:
            before = _read_alerts(self._left) if self._left.exists() else []
            with whole_file(self._left) as temporary:
                lines = [alert_text(alert) + "\n" for alert in [*before, *alerts]]
                temporary.write_text("".join(lines), encoding="utf-8")
        except (InputError, OutputError, StoreError):
            self.refused += len(alerts)

    def _write_one(self, store: Store, alert: Alert) -> None:
        try:
            store.alerts.upsert([alert])
        except InputError:
            self.refused += 1

    @contextmanager
    def _storing(self) -> Iterator[Store]:
        """Yield the stores; after a trouble they are opened anew, which makes a file that is gone."""
        if self._store is None:
            self._store = open_store(self._url)
        try:
            yield self._store
        except StoreError:
            self._store.close()
            self._store = None
            raise


class _FlowKeeping:
    """Writes flows; what the store could not write it holds on, and nothing is given to it twice."""

    def __init__(self, folder: Path, commits: Commits | None) -> None:
        self._folder = folder
        self._commits = commits
        self._store: FlowStore | None = None
        self._troubled = False
        self._held_since_s = 0.0
        self._reached: Reached | None = None
        self._sealed_s = 0.0

    @property
    def dropped(self) -> int:
        """Flows that the store gave up, or holds at the end."""
        return 0 if self._store is None else self._store.dropped

    def write(self, items: list[pa.RecordBatch | Reached]) -> None:
        """Give flows to the store, and seal what was reached. Raises OutputError or StoreError when it cannot write."""
        store = self._opened()
        if self._troubled:
            self._flush(store)
        while items:
            item = items[0]
            if isinstance(item, Reached):
                self._reached = item
                self._seal(store)
                del items[0]
                continue
            # The flows that come now are beyond what was reached before.
            self._reached = None
            if self._commits is not None:
                store.mark = self._commits.mark()
            del items[0]
            self._append(store, item)

    def look_after(self) -> None:
        """Write what is held for long, though no flow comes."""
        store = self._opened()
        if store.held and (self._troubled or time.monotonic() - self._held_since_s >= _FLUSH_S):
            self._flush(store)
        self._seal(store)

    def close(self) -> None:
        """Write what is held; what cannot be is dropped and counted."""
        if self._store is None:
            return
        try:
            self._sealed_s = 0.0
            self._seal(self._store)
            self._store.close()
        except NetsiftError:
            self._store.dropped += self._store.held

    def _append(self, store: FlowStore, batch: pa.RecordBatch) -> None:
        if not store.held:
            self._held_since_s = time.monotonic()
        self._troubled = True
        store.append(batch)
        self._troubled = False

    def _seal(self, store: FlowStore) -> None:
        """Write what belongs to a place that was reached, when it is time."""
        if self._commits is None or self._reached is None:
            return
        if time.monotonic() - self._sealed_s >= SECONDS_BETWEEN_COMMITS:
            self._flush(store)
            self._commits.seal(self._reached)
            self._reached, self._sealed_s = None, time.monotonic()

    def _flush(self, store: FlowStore) -> None:
        store.flush()
        self._troubled = False
        self._held_since_s = time.monotonic()

    def _opened(self) -> FlowStore:
        if self._store is None:
            if self._commits is not None:
                self._commits.recover()
            self._store = FlowStore(self._folder)
        return self._store


class _Upkeep:
    """Looks after all stores once an hour, unless another process does."""

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings

    def look_after(self) -> None:
        """Do what is due. Raises StoreError with what could not be done, until the hour is over."""
        now = datetime.now(UTC)
        if not claim_hour(self._settings.folder, now):
            return
        with open_store(self._settings.database_url) as store, FlowStore(self._settings.flows_folder) as flows:
            done = look_after(store, flows, self._settings, now)
        if done.troubles:
            raise StoreError("; ".join(done.troubles))


class _Receivers:
    """The sinks of the configuration, a stage each, because what is put into a spool is written to disk."""

    def __init__(self, settings: RecordingSettings, sinks: SinksSettings | None = None) -> None:
        self._deliveries = deliveries(sinks or settings.sinks, settings.store.folder / SPOOLS / settings.name)
        self._stages = [Stage(one.name, _put(one), MOST_ALERTS) for one in self._deliveries]
        for one in self._deliveries:
            one.start()

    def tell(self, alerts: list[Alert]) -> None:
        for stage in self._stages:
            for alert in alerts:
                stage.put(alert, key=alert.id)

    def states(self) -> tuple[ReceiverState, ...]:
        return tuple(_state(*pair) for pair in zip(self._deliveries, self._stages, strict=True))

    def dropped(self) -> int:
        return sum(stage.counts().dropped for stage in self._stages)

    def end(self, within_s: float) -> None:
        for stage in self._stages:
            stage.ask_to_end(within_s)
        for stage in self._stages:
            stage.close()
        for one in self._deliveries:
            one.close(within_s / 3)


def _put(delivery: Delivery) -> Any:
    def put(alerts: list[Alert]) -> None:
        delivery.put(alerts)
        alerts.clear()

    return put


def _state(delivery: Delivery, stage: Stage[Alert]) -> ReceiverState:
    own = stage.counts()
    try:
        spool = delivery.counts()
    except StoreError as error:
        return ReceiverState(
            name=delivery.name[:500], waiting=own.waiting, sent=0, dropped=own.dropped, refused=0,
            trouble=str(error)[:500],
        )  # fmt: skip
    return ReceiverState(
        name=delivery.name[:500], waiting=spool.waiting + own.waiting, sent=spool.sent,
        dropped=spool.dropped + own.dropped, refused=spool.refused, trouble=(own.trouble or delivery.trouble)[:500],
    )  # fmt: skip


def _read_alerts(path: Path) -> list[Alert]:
    """Return the alerts that an earlier run left. Raises InputError or StoreError."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_LEFT_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None
    return [alert_of_text(line) for line in text.splitlines() if line]
