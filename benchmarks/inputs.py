"""The captures that one benchmark run reads, built on first use and kept while what they are made of stays the same."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import traffic
from tests.conftest import captures_below, shared_data_folder

FLOOD_CAPTURES: Final = "ddos-stopddos"
FEW_PACKETS: Final = 10
MANY_FILES: Final = 16
_MANIFEST: Final = "inputs.json"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many packets the captures have at least, and how often each command runs."""

    large: int = 5_000_000
    small: int = 1_000_000
    flood: int = 2_000_000
    flood_cut: int = 200_000
    runs: int = 3


QUICK: Final = Sizes(large=1_000_000, small=300_000, flood=500_000, flood_cut=50_000, runs=1)


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture file and its number of packets."""

    path: Path
    packets: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """The captures by purpose.

    ``one_replica`` has the mix of ``large`` and is short enough for slow tools. ``without_floods`` and its replica
    leave out the base captures of floods and are None where the base is simulated.
    """

    origin: str
    large: Capture
    small: Capture
    one_replica: Capture
    without_floods: Capture | None
    one_replica_without_floods: Capture | None
    many_files: Capture
    flood: Capture
    flood_half: Capture
    flood_cut: Capture
    few: Capture


def prepare(folder: Path, sizes: Sizes, netsift: str) -> Inputs:
    """Return the captures, building them where they are missing or made of something else."""
    real = _real_captures()
    fingerprint = _fingerprint(real, sizes)
    target = folder / fingerprint
    if not (target / _MANIFEST).exists():
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        inputs = _build(target, sizes, real, netsift)
        (target / _MANIFEST).write_text(json.dumps(asdict(inputs), default=str), encoding="utf-8")
    return _load(target / _MANIFEST)


def _real_captures() -> list[Path]:
    folder = shared_data_folder()
    return [] if folder is None else [*captures_below(folder / "pcap-attack"), *captures_below(folder / "pcap-benign")]


def _fingerprint(real: Sequence[Path], sizes: Sizes) -> str:
    digest = hashlib.sha256(repr(sizes).encode())
    for source in (Path(traffic.__file__), Path(__file__)):
        digest.update(source.read_bytes())
    for path in real:
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]


def _load(manifest: Path) -> Inputs:
    fields = json.loads(manifest.read_text(encoding="utf-8"))
    captures: dict[str, Any] = {
        name: Capture(Path(value["path"]), value["packets"])
        for name, value in fields.items()
        if isinstance(value, dict)
    }
    return Inputs(**{**fields, **captures})


def _build(folder: Path, sizes: Sizes, real: Sequence[Path], netsift: str) -> Inputs:
    sources = list(real) or [_simulated(folder / "simulated.pcap", netsift)]
    base = traffic.base_traffic(sources)

    def replicas(name: str, packets: int) -> Capture:
        return Capture(folder / name, traffic.write_replicas(base, folder / name, packets))

    def first(source: Capture, name: str, packets: int) -> Capture:
        traffic.copy_first(source.path, folder / name, packets)
        return Capture(folder / name, packets)

    large, small = replicas("large.pcap", sizes.large), replicas("small.pcap", sizes.small)
    one_replica = replicas("one-replica.pcap", 1)
    flood = Capture(folder / "flood.pcap", sizes.flood)
    traffic.write_flood(flood.path, flood.packets)
    many_files = Capture(folder / "many", large.packets)
    traffic.split_evenly(large.path, many_files.path, large.packets, MANY_FILES)
    return Inputs(
        origin=f"{len(real)} captures of real traffic" if real else "simulated traffic (netsift simulate --seed 7)",
        large=large, small=small, one_replica=one_replica,
        without_floods=_without_floods(folder, "without-floods.pcap", sizes.small, real),
        one_replica_without_floods=_without_floods(folder, "one-replica-without-floods.pcap", 1, real),
        many_files=many_files, flood=flood, flood_half=first(flood, "flood-half.pcap", sizes.flood // 2),
        flood_cut=first(flood, "flood-cut.pcap", sizes.flood_cut), few=first(one_replica, "few.pcap", FEW_PACKETS),
    )  # fmt: skip


def _without_floods(folder: Path, name: str, packets: int, real: Sequence[Path]) -> Capture | None:
    if not real:
        return None
    base = traffic.base_traffic(path for path in real if FLOOD_CAPTURES not in path.parts)
    return Capture(folder / name, traffic.write_replicas(base, folder / name, packets))


def _simulated(path: Path, netsift: str) -> Path:
    subprocess.run([netsift, "simulate", str(path), "--seed", str(traffic.SEED), "--duration", "10m"], check=True)
    return path
