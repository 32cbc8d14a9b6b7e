"""Labels from a schedule and addresses, the way the authors of data sets label their captures.

A rules file is TOML::

    time_zone = "America/Halifax"     # of times that are written without one
    otherwise = "benign"              # label of flows that no rule matches; without it they get none

    [[rule]]
    label = "FTP-Patator"
    from = 2017-07-04T09:20:00        # a flow belongs to the rule when it begins in [from, to)
    to = 2017-07-04T10:20:00
    source = ["172.16.0.1"]           # addresses or networks
    destination = ["192.168.10.50"]
    port = [21]                       # destination port
    protocol = "tcp"
    either_way = true                 # also flows in the other direction

What a rule does not say, it does not ask. The first rule that matches gives the label.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from netsift.errors import InputError, UsageError
from netsift.sources.datasets.protocols import NUMBERS

Mask = npt.NDArray[np.bool_]
Network = IPv4Network | IPv6Network

MOST_RULES: Final = 10_000
"""Rules in one file."""

_MOST_BYTES: Final = 1 << 20
_OFFSET: Final = re.compile(r"([+-])([0-9]{2}):([0-9]{2})")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNKNOWN: Final = -1
"""Stands for a time, a port or a protocol that a flow does not have."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Rule(_Strict):
    """One rule; an empty list and None ask for nothing."""

    label: Annotated[str, Field(min_length=1, max_length=200)]
    begins: Annotated[datetime | None, Field(alias="from")] = None
    ends: Annotated[datetime | None, Field(alias="to")] = None
    source: list[str] = []
    destination: list[str] = []
    port: list[Annotated[int, Field(ge=0, le=65535)]] = []
    protocol: str | Annotated[int, Field(ge=0, le=255)] | None = None
    either_way: bool = False


class RulesFile(_Strict):
    """The content of a rules file."""

    time_zone: str | None = None
    otherwise: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    rule: Annotated[list[Rule], Field(min_length=1, max_length=MOST_RULES)]


@dataclass(frozen=True, slots=True)
class _Matcher:
    """A rule in the terms of flow batches; times in nanoseconds since 1970."""

    begins_ns: int | None
    ends_ns: int | None
    source: tuple[Network, ...]
    destination: tuple[Network, ...]
    ports: tuple[int, ...]
    protocol: int | None
    either_way: bool

    def matches(self, flows: _Flows) -> Mask:
        matched = np.ones(len(flows.start_ns), dtype=np.bool_)
        if self.begins_ns is not None:
            matched &= flows.start_ns >= self.begins_ns
        if self.ends_ns is not None:
            matched &= (flows.start_ns < self.ends_ns) & (flows.start_ns != _UNKNOWN)
        if self.protocol is not None:
            matched &= flows.protocol == self.protocol
        there = self._between(flows.source, flows.destination, flows.destination_port)
        if self.either_way:
            there |= self._between(flows.destination, flows.source, flows.source_port)
        return matched & there

    def _between(self, source: _Addresses, destination: _Addresses, port: npt.NDArray[np.int64]) -> Mask:
        matched = source.within(self.source) & destination.within(self.destination)
        return matched & np.isin(port, self.ports) if self.ports else matched


class _Addresses:
    """A column of addresses, each distinct one looked at once for every list of networks."""

    def __init__(self, column: pa.Array) -> None:
        encoded = pc.fill_null(column, "").dictionary_encode()
        self._codes = encoded.indices.to_numpy(zero_copy_only=False)
        self._distinct = [_address(text) for text in encoded.dictionary.to_pylist()]

    def within(self, networks: Sequence[Network]) -> Mask:
        """Return which rows lie in one of the networks; all of them where there is no network."""
        if not networks:
            return np.ones(len(self._codes), dtype=np.bool_)
        hosts = {network.network_address for network in networks if network.num_addresses == 1}
        wider = [network for network in networks if network.num_addresses > 1]
        inside = [
            one in hosts or (one is not None and any(one in network for network in wider)) for one in self._distinct
        ]
        matched: Mask = np.array(inside, dtype=np.bool_)[self._codes]
        return matched


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class _Flows:
    """The columns of a flow batch that rules look at."""

    start_ns: npt.NDArray[np.int64]
    source: _Addresses
    destination: _Addresses
    source_port: npt.NDArray[np.int64]
    destination_port: npt.NDArray[np.int64]
    protocol: npt.NDArray[np.int64]


@dataclass(slots=True)
class RuleCounts:
    """What the rules did.

    ``labelled`` and ``also_matched`` (rules,) are flows that got their label from a rule, and that it matched when an
    earlier one had; ``otherwise`` are flows that none matched. ``flows == labelled.sum() + otherwise``.
    """

    labelled: npt.NDArray[np.int64]
    also_matched: npt.NDArray[np.int64]
    otherwise: int = 0
    flows: int = 0


class Rules:
    """The rules of a file, in order."""

    def __init__(self, content: RulesFile) -> None:
        """Resolve times, networks and protocols.

        Raises:
            UsageError: a time without zone, an unknown zone or protocol, something that is no network.
        """
        zone = None if content.time_zone is None else time_zone(content.time_zone)
        self.labels = tuple(rule.label for rule in content.rule)
        self.otherwise = content.otherwise
        self._matchers = tuple(_matcher(number, rule, zone) for number, rule in enumerate(content.rule, 1))
        self.counts = RuleCounts(np.zeros(len(self.labels), np.int64), np.zeros(len(self.labels), np.int64))

    @classmethod
    def read(cls, path: Path) -> Rules:
        """Read a rules file.

        Raises:
            InputError: it cannot be read.
            UsageError: it is no TOML, or says something that is not known or makes no sense.
        """
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        if len(data) > _MOST_BYTES:
            raise UsageError(f"{path}: a rules file has at most {_MOST_BYTES:,} bytes")
        try:
            return cls(RulesFile.model_validate(tomllib.loads(data.decode())))
        except ValidationError as error:
            first = error.errors()[0]
            raise UsageError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: cannot be read as TOML: {error}") from None
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None

    def label(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the column ``label``, in the place of one that it has; the counts grow.

        Raises:
            InputError: the flows lack columns that rules need.
        """
        flows = _flows(batch)
        first = np.full(batch.num_rows, len(self.labels), dtype=np.int64)
        for number, matcher in enumerate(self._matchers):
            matched = matcher.matches(flows)
            new = matched & (first == len(self.labels))
            first[new] = number
            self.counts.labelled[number] += int(new.sum())
            self.counts.also_matched[number] += int((matched & ~new).sum())
        self.counts.flows += batch.num_rows
        self.counts.otherwise += int((first == len(self.labels)).sum())
        labels = pc.take(pa.array([*self.labels, self.otherwise], pa.string()), pa.array(first))
        bare = batch.drop_columns([name for name in ("label", "attack") if name in batch.schema.names])
        return bare.append_column("label", labels)


def time_zone(name: str) -> tzinfo:
    """Return a time zone by its name in the IANA database or its offset (``-03:00``). Raises UsageError for neither."""
    if offset := _OFFSET.fullmatch(name):
        minutes = int(offset[2]) * 60 + int(offset[3])
        if minutes < 24 * 60:
            return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"time_zone {name!r} is neither a zone's name (Europe/Prague) nor an offset (-03:00)"
        ) from None


def _matcher(number: int, rule: Rule, zone: tzinfo | None) -> _Matcher:
    begins, ends = (_nanoseconds(number, moment, zone) for moment in (rule.begins, rule.ends))
    if begins is not None and ends is not None and begins >= ends:
        raise UsageError(f"rule {number} ({rule.label}) ends before it begins")
    return _Matcher(
        begins_ns=begins,
        ends_ns=ends,
        source=_networks(number, rule.source),
        destination=_networks(number, rule.destination),
        ports=tuple(rule.port),
        protocol=_protocol(number, rule.protocol),
        either_way=rule.either_way,
    )


def _nanoseconds(number: int, moment: datetime | None, zone: tzinfo | None) -> int | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        if zone is None:
            raise UsageError(f"rule {number}: {moment} has no time zone; write time_zone at the top of the file")
        moment = moment.replace(tzinfo=zone)
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _networks(number: int, texts: Sequence[str]) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(text) for text in texts)
    except ValueError as error:
        raise UsageError(f"rule {number}: {error}") from None


def _protocol(number: int, protocol: str | int | None) -> int | None:
    if isinstance(protocol, str):
        if protocol.casefold() not in NUMBERS:
            raise UsageError(f"rule {number}: {protocol!r} is no IP protocol")
        return NUMBERS[protocol.casefold()]
    return protocol


def _flows(batch: pa.RecordBatch) -> _Flows:
    needed = ("start_time", "src_ip", "dst_ip", "src_port", "dst_port", "protocol")
    missing = [name for name in needed if name not in batch.schema.names]
    if missing:
        raise InputError(f"the flows lack columns that rules need: {', '.join(missing)}")
    return _Flows(
        _integers(batch, "start_time"),
        _Addresses(batch.column("src_ip")),
        _Addresses(batch.column("dst_ip")),
        *(_integers(batch, name) for name in ("src_port", "dst_port", "protocol")),
    )


def _integers(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.int64]:
    values: npt.NDArray[np.int64] = pc.fill_null(pc.cast(batch.column(name), pa.int64()), _UNKNOWN).to_numpy(
        zero_copy_only=False
    )
    return values
