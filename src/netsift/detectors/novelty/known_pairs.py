"""Which host talked to which service of which other, kept as keyed hashes: what was usual between two hosts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Hashes = npt.NDArray[np.int64]

MOST_PAIRS: Final = 200_000
"""Hashes kept in a baseline; of more, those that had most flows."""

KEY_BYTES: Final = 16
DYNAMIC_PORT: Final = 49_152
"""Ports from here on are given out anew each time (RFC 6335, section 6); all of them count as one service."""

_NO_PORT: Final = -1


@dataclass(slots=True)
class KnownPairs:
    """Collects the hashes of a stream of flow batches, those with most flows where there is no room for all."""

    key: bytes
    forgotten: int = 0
    _hashes: Hashes = field(default_factory=lambda: np.zeros(0, np.int64))
    _flows: Hashes = field(default_factory=lambda: np.zeros(0, np.int64))
    _sources: Hashes = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the flows of a batch."""
        hashes, flows, sources = _hashes_of(batch, self.key)
        merged, first, place = np.unique(np.concatenate([self._hashes, hashes]), return_index=True, return_inverse=True)
        counts = np.zeros(len(merged), np.int64)
        np.add.at(counts, place, np.concatenate([self._flows, flows]))
        self._hashes, self._flows = merged, counts
        self._sources = np.concatenate([self._sources, sources])[first]
        if len(merged) > 2 * MOST_PAIRS:
            self._shrink()

    def without(self, sources: Iterable[str]) -> Hashes:
        """Return the hashes in order, except those of pairs whose source is one of these hosts."""
        self._shrink()
        refused = [host_hash(source, self.key) for source in sources]
        return self._hashes[~np.isin(self._sources, refused)]

    def _shrink(self) -> None:
        if len(self._hashes) <= MOST_PAIRS:
            return
        kept = np.sort(np.argsort(-self._flows, kind="stable")[:MOST_PAIRS])
        self.forgotten += len(self._hashes) - len(kept)
        self._hashes, self._flows, self._sources = self._hashes[kept], self._flows[kept], self._sources[kept]


def host_hash(host: str, key: bytes) -> int:
    """Return the hash of a host; 63 bits."""
    return _digest(host, key)


def pair_hash(source: str, target: str, port: int, key: bytes) -> int:
    """Return the hash of a host, another and its service; 63 bits."""
    return _digest(f"{source}\x1f{target}\x1f{min(port, DYNAMIC_PORT)}", key)


def _digest(text: str, key: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, key=key).digest()) >> 1


def _hashes_of(batch: pa.RecordBatch, key: bytes) -> tuple[Hashes, Hashes, Hashes]:
    """Return the different hashes of a flow batch, how many flows each has, and the hashes of their sources."""
    port = pc.fill_null(pc.cast(batch.column("dst_port"), pa.int64(), safe=False), _NO_PORT)
    columns = {
        "source": pc.fill_null(pc.cast(batch.column("src_ip"), pa.string()), "?"),
        "target": pc.fill_null(pc.cast(batch.column("dst_ip"), pa.string()), "?"),
        "port": pc.min_element_wise(port, pa.scalar(DYNAMIC_PORT)),
    }
    counted = pa.table(columns).group_by(list(columns)).aggregate([([], "count_all")])
    sources, targets, ports = (counted.column(name).to_pylist() for name in columns)
    hashes = [pair_hash(*one, key) for one in zip(sources, targets, ports, strict=True)]
    of_host = {host: host_hash(host, key) for host in set(sources)}
    flows = counted.column("count_all").to_numpy().astype(np.int64)
    return np.array(hashes, np.int64), flows, np.array([of_host[host] for host in sources], np.int64)


def all_known(sources: Iterable[str], targets: Iterable[str], ports: Iterable[int], known: Hashes, key: bytes) -> bool:
    """Return whether every source used every port of every target; ``known`` is in order."""
    wanted = [
        pair_hash(source, target, port, key) for source in sources for target in list(targets) for port in list(ports)
    ]
    if not wanted or not len(known):
        return False
    places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return bool((known[places] == wanted).all())
