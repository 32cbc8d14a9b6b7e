"""Labelled traffic made from a seed: packets out, labels out, files only.

It feeds the demonstration, the tests and the benchmarks. It does not replace real data: see
``docs/simulated-traffic.md`` for what it can and cannot show.
"""

from __future__ import annotations

from netsift.simulate.attacks import ATTACKS
from netsift.simulate.scenario import DEFAULT_START, FlowLabel, Scenario, SimulatedPacket, SimulationSettings
from netsift.simulate.writing import LABEL_COLUMNS, Summary, label_path, read_labels, simulate

__all__ = [
    "ATTACKS",
    "DEFAULT_START",
    "LABEL_COLUMNS",
    "FlowLabel",
    "Scenario",
    "SimulatedPacket",
    "SimulationSettings",
    "Summary",
    "label_path",
    "read_labels",
    "simulate",
]
