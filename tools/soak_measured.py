"""What the faults of tools/soak.py give back, and the traffic that they use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from netsift.simulate import SimulationSettings, simulate


@dataclass(frozen=True)
class Measured:
    """What became of a fault: what was lost, how soon all was well, and whether that is what is promised."""

    lost: str
    again: str
    kept_word: bool


def capture_in(folder: Path) -> Path:
    """Return a capture of some minutes with a scan in it."""
    path = folder / "traffic.pcap"
    simulate(path, SimulationSettings(seed=11, duration_s=120, clients=4, attacks=("port_scan",), volume=0.1))
    return path
