"""Simulated networks as flows: what is learned from, and what comes after."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from netsift.alerts.learning import LearnedBaseline, Learning
from netsift.detectors.novelty.baseline import Baseline, Learned, Source
from netsift.detectors.novelty.columns import NoveltyColumns
from netsift.detectors.novelty.fitting import LearningRows, fit_baseline
from netsift.simulate import SimulationSettings, simulate
from netsift.simulate.scenario import DEFAULT_START
from netsift.sources.flows import read_flows

MINUTES = 20.0
COLUMNS = NoveltyColumns(("duration_us", "payload_bytes_fwd", "conn_state"), ("source_flows_1min",))


@cache
def flows_of(seed: int, attacks: tuple[str, ...] = (), minutes: float = MINUTES) -> tuple[pa.RecordBatch, ...]:
    """Return the flows of a simulated network, another one for every seed, each on a day of its own."""
    start = DEFAULT_START + timedelta(days=seed % 5, weeks=seed // 5)
    settings = SimulationSettings(
        seed=seed, duration_s=minutes * 60, start=start, attacks=attacks or "none", intensity=1.0 if attacks else 0.0
    )
    with tempfile.TemporaryDirectory() as folder:
        simulate(Path(folder) / "network.pcap", settings)
        return tuple(read_flows(Path(folder) / "network.pcap"))


@cache
def small_baseline() -> Baseline:
    """Return a baseline of a few columns of made-up flows, which is quick to learn."""
    random = np.random.default_rng(1)
    rows = 1000
    values = random.exponential(1000, (rows, len(COLUMNS.names))).astype(np.float32)
    values[:, 2] = random.integers(-1, 3, rows)
    start_ns = np.arange(rows) * 60_000_000_000
    made = LearningRows(COLUMNS, values, start_ns, random.integers(0, 9, rows), np.zeros(rows, np.int64), 1.0)
    about = Learned((Source("made up", ""),), rows, rows, 0, 0, int(start_ns[-1]), 0.01, 1, 0)
    return fit_baseline(made, 1, 0.01, np.array([3, 5, 8]), bytes(16), about)


@cache
def learned() -> LearnedBaseline:
    """Return what is normal in three simulated networks."""
    learning = Learning([Source("three networks", "")], seed=3)
    for seed in (1, 2, 3):
        for batch in flows_of(seed):
            learning.add(batch)
    return learning.finish()
