"""On real ordinary captures, half of the hosts say what is normal for the other half."""

from __future__ import annotations

import zlib
from functools import cache
from ipaddress import ip_address

import numpy as np
import pyarrow as pa
import pytest

from netsift.alerts.behaviour import BehaviourSearch
from netsift.alerts.detection import detect
from netsift.alerts.learning import Learning
from netsift.alerts.novelty import NOVELTY, NoveltySearch
from netsift.detectors.novelty.budget import watched_days
from netsift.detectors.novelty.columns import CONTEXT
from netsift.sources.flows import read_flows
from tests.conftest import shared_captures


@cache
def benign_flows() -> pa.Table:
    """Return the flows of the ordinary captures, but for a name server's, which alone has six times as many."""
    captures = [path for path in shared_captures("pcap-benign") if path.parent.name != "dns-normal"]
    return pa.Table.from_batches(read_flows(captures)).combine_chunks()


def sides(cut: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return one half of the hosts' flows; a flow is its private end's, or the lesser address's."""
    table = benign_flows()
    ends = zip(table.column("src_ip").to_pylist(), table.column("dst_ip").to_pylist(), strict=True)
    hosts = [min(pair, key=lambda end: (not ip_address(end).is_private, end)) for pair in ends]
    return np.array([zlib.crc32(f"{cut}{host}".encode()) % 2 == 0 for host in hosts])


@pytest.mark.parametrize("cut", [0, 1])
def test_alerts_on_other_hosts_stay_within_the_promised_band(cut: int) -> None:
    from scipy.stats import nbinom

    side, table = sides(cut), benign_flows()
    learning = Learning(seed=1)
    for batch in table.filter(pa.array(side)).combine_chunks().to_batches():
        learning.add(batch)
    baseline = learning.finish().baseline
    others = table.filter(pa.array(~side)).combine_chunks().to_batches()
    start_ns = np.sort(np.concatenate([batch.column("start_time").cast(pa.int64()).to_numpy() for batch in others]))
    days, held_back = watched_days(start_ns), baseline.curve.days
    for budget in (50.0, 100.0, 200.0):
        level = baseline.curve.level(budget)
        assert level.promised
        search = NoveltySearch(baseline, level)
        found = detect(others, BehaviourSearch(context=CONTEXT), None, novelty=search)
        raised = sum(alert.detectors[0].startswith(NOVELTY) for alert in found.alerts)
        assert raised <= nbinom.ppf(0.99, np.floor(budget * held_back), held_back / (held_back + days))
