"""Packets to flow rows: which packet belongs to which flow, and when a flow is written.

The rules stand in ``docs/flow-meter.md``, section 2.
The timing wheel is a dictionary from slot number to a list of flows; whatever was already written is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from .containers import NANOSECONDS
from .decode import TCP, Packet
from .measure import FIN, RST, SYN, Flow, Settings, measure

SLOTS: Final = 1024
JUMP_LIMIT_NS: Final = 3600 * NANOSECONDS
ACK: Final = 16

Endpoint = tuple[bytes, int]
Key = tuple[frozenset[Endpoint], int, int, int, int]

__all__ = ["Settings", "meter"]


def meter(packets: Iterable[Packet], settings: Settings) -> list[dict[str, object]]:
    """Meter packets in the order given; one row per flow, in output order, with every column of the schema."""
    table = _Table(settings)
    for packet in packets:
        table.add(packet)
    table.finish()
    return [measure(flow, settings) for flow in table.written]


def _key(packet: Packet) -> Key:
    endpoints = frozenset({(packet.source, packet.source_port), (packet.destination, packet.destination_port)})
    vlan_id = -1 if packet.vlan_id is None else packet.vlan_id
    return endpoints, packet.protocol, packet.ip_version, vlan_id, packet.tunnel_id or 0


@dataclass(slots=True, eq=False)
class _Entry:
    """A flow in the table, with what decides its end."""

    key: Key
    flow: Flow
    last_elapsed: int
    slot: int = -1
    fin_directions: set[bool] = field(default_factory=set)
    closed_elapsed: int | None = None
    closing_reason: str = ""
    written: bool = False


@dataclass(slots=True)
class _Table:
    settings: Settings
    now: int | None = None
    elapsed: int = 0
    second: int = 0
    live: dict[Key, _Entry] = field(default_factory=dict)
    slots: dict[int, list[_Entry]] = field(default_factory=dict)
    written: list[Flow] = field(default_factory=list)

    def add(self, packet: Packet) -> None:
        self._move_clock(packet.time_ns)
        key = _key(packet)
        entry = self.live.get(key)
        reason = "" if entry is None else self._reason_to_end(entry, packet)
        if entry is None:
            entry = self._open(key, Flow((packet.source, packet.source_port)))
        elif reason:
            self._write(entry, reason)
            following = Flow(entry.flow.originator, entry.flow.part + 1)
            entry = self._open(key, following if reason == "active" else Flow((packet.source, packet.source_port)))
        entry.flow.append(packet)
        entry.last_elapsed = self.elapsed
        self._close(entry, packet)

    def finish(self) -> None:
        """Empty the slots in order, without moving any flow."""
        for slot in sorted(self.slots):
            for entry in self.slots[slot]:
                if not entry.written:
                    self._write(entry, entry.closing_reason or "end_of_input")

    def _move_clock(self, time_ns: int) -> None:
        if self.now is None:
            self.now = time_ns
        step = time_ns - self.now
        if 0 < step <= JUMP_LIMIT_NS:
            self.elapsed += step
        if not -JUMP_LIMIT_NS <= step <= 0:
            self.now = time_ns
        while self.second < self.elapsed // NANOSECONDS:
            self.second += 1
            self._visit(self.second)

    def _visit(self, second: int) -> None:
        for entry in self.slots.pop(second, []):
            if entry.written:
                continue
            if self._deadline_slot(entry) <= second:
                self._write(entry, entry.closing_reason or "idle")
            else:
                self._append(entry)

    def _deadline_slot(self, entry: _Entry) -> int:
        if entry.closed_elapsed is not None:
            deadline = entry.closed_elapsed + self.settings.linger_ns
        else:
            deadline = entry.last_elapsed + self.settings.idle_timeout_ns
        return deadline // NANOSECONDS + 1

    def _append(self, entry: _Entry) -> None:
        if entry in self.slots.get(entry.slot, []):
            self.slots[entry.slot].remove(entry)
        entry.slot = min(self._deadline_slot(entry), self.second + SLOTS - 1)
        self.slots.setdefault(entry.slot, []).append(entry)

    def _reason_to_end(self, entry: _Entry, packet: Packet) -> str:
        """Why this packet ends the flow found under its key; empty when it joins."""
        settings = self.settings
        opens_connection = packet.protocol == TCP and bool(packet.tcp_flags & SYN) and not packet.tcp_flags & ACK
        if entry.closed_elapsed is not None and (
            self.elapsed - entry.closed_elapsed > settings.linger_ns or opens_connection
        ):
            return entry.closing_reason
        silent = self.elapsed - entry.last_elapsed > settings.idle_timeout_ns
        if silent or abs(packet.time_ns - entry.flow.last_ns) > settings.idle_timeout_ns:
            return entry.closing_reason or "idle"
        if not entry.closing_reason and packet.time_ns - entry.flow.first_ns > settings.active_timeout_ns:
            return "active"
        return ""

    def _open(self, key: Key, flow: Flow) -> _Entry:
        if len(self.live) >= self.settings.max_flows:
            self._evict()
        entry = _Entry(key, flow, self.elapsed)
        self.live[key] = entry
        self._append(entry)
        return entry

    def _close(self, entry: _Entry, packet: Packet) -> None:
        """Close the flow when this packet, which has joined it, is what closes it."""
        if not self.settings.tcp_end or entry.closed_elapsed is not None:
            return
        if packet.tcp_flags & FIN:
            entry.fin_directions.add(entry.flow.is_forward(packet))
        if packet.tcp_flags & RST:
            entry.closing_reason = "rst"
        elif len(entry.fin_directions) == 2:
            entry.closing_reason = "fin"
        else:
            return
        entry.closed_elapsed = self.elapsed
        self._append(entry)

    def _evict(self) -> None:
        """Write the first flow, in slot order, whose deadline has not moved; move those before it."""
        for slot in range(self.second, self.second + SLOTS):
            entries = self.slots.pop(slot, [])
            while entries:
                entry = entries.pop(0)
                if entry.written:
                    continue
                if min(self._deadline_slot(entry), self.second + SLOTS - 1) <= slot:
                    self.slots[slot] = entries
                    self._write(entry, entry.closing_reason or "table_full")
                    return
                self._append(entry)

    def _write(self, entry: _Entry, reason: str) -> None:
        entry.written = True
        entry.flow.end_reason = reason
        self.written.append(entry.flow)
        del self.live[entry.key]
