"""What every behaviour detector is: which flows are suspicious, and when they are enough for an alert.

A behaviour is not seen in one flow. So a behaviour detector works in two steps. :meth:`Behaviour.suspects` picks the
flows of a batch that could be part of it, from their own columns and from the context columns. The flows that it picks
are collected into episodes of one host or pair (:mod:`netsift.alerts.episodes`), with exact counts of targets, ports
and times, and :meth:`Behaviour.strength` says how far beyond its limit an episode is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netsift.context.tracker import address_hashes
from netsift.errors import InputError

Numbers = npt.NDArray[np.float64]
Rows = npt.NDArray[np.bool_]

ICMP: Final = 1
TCP: Final = 6
UDP: Final = 17
ICMP_V6: Final = 58


class Scope(StrEnum):
    """Whose flows make one episode; a pair has a direction, two hosts have none."""

    SOURCE = "source"
    TARGET = "target"
    PAIR = "pair"
    HOSTS = "hosts"
    NETWORK = "network"


class Severity(StrEnum):
    """How soon a person should look, as in the severities of most alert formats."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


SEVERITIES: Final = tuple(Severity)

NO_INTEGER: Final = -1
"""Stands for null in :meth:`FlowView.integer`."""

_SEGMENT_BYTES: Final = 1_460
"""Payload of a full TCP segment on Ethernet."""
_MOST_HEADER_BYTES: Final = 60
"""Of IPv4 and TCP, with the options that Linux and Windows send."""
_RESET_STATES: Final = {
    "rst_packets": ("REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH"),
    "rst_packets_fwd": ("RSTO", "RSTOS0"),
    "rst_packets_bwd": ("REJ", "RSTR", "RSTRH"),
}
"""Zeek's states of connections that one side reset."""


_GREATEST: Final = 1e30


def limit(default: float, unit: str, meaning: str) -> float:
    """Return the field of a limit of a behaviour detector: its default, its unit and what it is for.

    docs/behaviour.md lists them.
    """
    found: float = field(default=default, metadata={"unit": unit, "meaning": meaning})
    return found


@dataclass(slots=True)
class FlowView:
    """A flow batch and its context columns as NumPy arrays, each made when it is first asked for.

    ``answers`` are what several behaviours ask of it (:mod:`netsift.detectors.behaviour.flows`).
    """

    batch: pa.RecordBatch
    context: dict[str, npt.NDArray[np.float32]]
    answers: dict[tuple[object, ...], Rows] = field(default_factory=dict)
    _numbers: dict[str, Numbers] = field(default_factory=dict)
    _categories: dict[str, tuple[npt.NDArray[np.int64], list[str]]] = field(default_factory=dict)
    _integers: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    _addresses: dict[str, tuple[npt.NDArray[np.int64], list[str]]] = field(default_factory=dict)
    _hashes: dict[str, npt.NDArray[np.uint64]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of flows."""
        return int(self.batch.num_rows)

    def number(self, name: str) -> Numbers:
        """Return a column, shape (rows,), NaN for null.

        Of a column that the flows lack, as those of other tools do, what follows from others is given: the least
        payload that packets of so many bytes hold, the fewest packets that carry a payload of that size, and resets by
        the state of the connection. The rest is NaN.
        """
        if name in self.context:
            return self.context[name]  # type: ignore[return-value] # float32 serves where float64 does
        if name not in self._numbers:
            self._numbers[name] = self._read(name)
        return self._numbers[name]

    def _read(self, name: str) -> Numbers:
        if name not in self.batch.schema.names:
            return self._inferred(name)
        column = self.batch.column(name)
        if pa.types.is_timestamp(column.type):
            column = pc.cast(column, pa.int64())
        try:
            values = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(f"column {name} holds {column.type}, not numbers") from error
        numbers = np.asarray(values, np.float64)
        return np.where(np.abs(numbers) <= _GREATEST, numbers, np.nan)

    def _inferred(self, name: str) -> Numbers:
        if name == "payload_packets" and "payload_bytes_fwd" in self.batch.schema.names:
            return np.nan_to_num(self.number(f"{name}_fwd")) + np.nan_to_num(self.number(f"{name}_bwd"))
        payload_bytes = name.replace("payload_packets", "payload_bytes")
        if payload_bytes != name:
            return np.ceil(self.number(payload_bytes) / _SEGMENT_BYTES)
        if name in ("payload_bytes_fwd", "payload_bytes_bwd"):
            return self._least_payload(name.removeprefix("payload_bytes"))
        if name in _RESET_STATES and "conn_state" in self.batch.schema.names:
            return self.among("conn_state", _RESET_STATES[name]).astype(np.float64)
        return np.full(self.rows, np.nan)

    def _least_payload(self, side: str) -> Numbers:
        """Return what is left of a direction's bytes without headers; where its packets are unknown, of all but one."""
        packets = self.number(f"packets{side}")
        packets = np.where(np.isnan(packets), self.number("packets") - 1, packets)
        return np.maximum(self.number(f"bytes{side}") - _MOST_HEADER_BYTES * packets, 0)

    def integer(self, name: str) -> npt.NDArray[np.int64]:
        """Return a column exactly, shape (rows,), :data:`NO_INTEGER` for null and for a column that the flows lack."""
        if name not in self._integers:
            self._integers[name] = self._exact(name)
        return self._integers[name]

    def _exact(self, name: str) -> npt.NDArray[np.int64]:
        if name not in self.batch.schema.names:
            return np.full(self.rows, NO_INTEGER, np.int64)
        values = pc.fill_null(pc.cast(self.batch.column(name), pa.int64(), safe=False), NO_INTEGER)
        integers: npt.NDArray[np.int64] = values.to_numpy(zero_copy_only=False)
        return integers

    def addresses(self, name: str) -> tuple[npt.NDArray[np.int64], list[str]]:
        """Return an address column as codes (rows,) and the different texts that they stand for, "?" for null."""
        if name not in self._addresses:
            texts = pc.dictionary_encode(pc.fill_null(pc.cast(self.batch.column(name), pa.string()), "?"))
            codes = pc.cast(texts.indices, pa.int64()).to_numpy(zero_copy_only=False)
            self._addresses[name] = (codes, texts.dictionary.to_pylist())
        return self._addresses[name]

    def hashes(self, name: str) -> npt.NDArray[np.uint64]:
        """Return a hash of each address of a column, shape (rows,), the same in every batch."""
        if name not in self._hashes:
            self._hashes[name] = address_hashes(self.batch.column(name), np.zeros(self.rows, np.uint8))
        return self._hashes[name]

    def among(self, name: str, words: tuple[str, ...]) -> Rows:
        """Return which flows have one of the words in a category column."""
        if name not in self._categories:
            self._categories[name] = self._codes(name)
        codes, entries = self._categories[name]
        wanted = np.array([entry in words for entry in entries] + [False])
        found: Rows = wanted[codes]
        return found

    def _codes(self, name: str) -> tuple[npt.NDArray[np.int64], list[str]]:
        if name not in self.batch.schema.names:
            return np.full(self.rows, -1), []
        column = self.batch.column(name)
        if not pa.types.is_dictionary(column.type):
            column = pc.dictionary_encode(pc.cast(column, pa.string()))
        codes = pc.fill_null(pc.cast(column.indices, pa.int64()), -1).to_numpy(zero_copy_only=False)
        return codes, [str(entry) for entry in column.dictionary.to_pylist()]


@dataclass(slots=True)
class Episode:
    """Suspicious flows of one host or pair without a long gap between them.

    ``facts`` are the values of the behaviour's ``facts`` columns in the flow whose measure, ``peak``, was greatest, and
    which began at ``peak_ns``; of several the one that began first. Of ``sources``, ``targets`` and ``ports`` there
    were more where ``truncated`` is set. ``samples`` are the first flows, as rows of :data:`SAMPLE_COLUMNS`.
    """

    key: tuple[str, ...]
    start_ns: int
    end_ns: int
    flows: int = 0
    packets: int = 0
    bytes: int = 0
    peak: float = -1.0
    peak_ns: int = 0
    facts: dict[str, float] = field(default_factory=dict)
    sources: set[str] = field(default_factory=set)
    targets: set[str] = field(default_factory=set)
    ports: set[int] = field(default_factory=set)
    truncated: bool = False
    samples: list[dict[str, Any]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return (self.end_ns - self.start_ns) / 1e9

    def fact(self, name: str) -> float:
        """Return a fact, NaN where the flow had no such value."""
        return self.facts.get(name, float("nan"))


SAMPLE_COLUMNS: Final = ("start_time", "end_time", "src_ip", "src_port", "dst_ip", "dst_port", "protocol", "packets")


class Detector(Protocol):
    """What every detector with limits says of itself: what it finds, and how soon a person should look at that."""

    @property
    def name(self) -> str:
        """What it finds, in the words of the field with underscores."""

    @property
    def category(self) -> str:
        """Class of the taxonomy (:mod:`netsift.models.taxonomy`)."""

    @property
    def technique(self) -> str:
        """Id of the MITRE ATT&CK technique."""

    @property
    def severity(self) -> Severity:
        """Severity of an episode just beyond its limit."""


class Behaviour(Detector, Protocol):
    """A behaviour detector: one file of this package each."""

    @property
    def scale(self) -> str:
        """Name of the limit of which the strength is a multiple; empty where there is no single one."""

    @property
    def scope(self) -> Scope:
        """Whose flows make one episode; a pair has a direction, two hosts have none."""

    @property
    def gap_s(self) -> float:
        """The longest time without a suspicious flow within an episode."""

    @property
    def context(self) -> tuple[str, ...]:
        """Context columns that it needs."""

    @property
    def facts(self) -> tuple[str, ...]:
        """Columns whose values at the peak are kept for the reason."""

    def suspects(self, view: FlowView) -> Rows:
        """Return which flows could be part of the behaviour."""

    def measure(self, view: FlowView) -> Numbers:
        """Return the number whose greatest value among the suspects is the peak of the episode."""

    def strength(self, episode: Episode) -> float:
        """Return how far an episode goes: from 1 on it is an alert."""

    def reason(self, episode: Episode) -> str:
        """Return the reason in one sentence made of facts."""


def needs_several(behaviour: Behaviour) -> bool:
    """Return whether a behaviour says, as ``needs_several``, that an episode of one flow is never an alert of it."""
    return bool(getattr(behaviour, "needs_several", False))
