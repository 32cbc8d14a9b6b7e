"""Flows that CICFlowMeter wrote: CIC-IDS2017 in three layouts, CSE-CIC-IDS2018, CIC-DDoS2019.

Columns are matched by the names in ``flows/schema.py`` and, for other editions, by :data:`_OTHER_NAMES`.
What CICFlowMeter is known to count otherwise than its column says is not mapped (Engelen, Rimmer and Joosen,
"Troubleshooting an Intrusion Detection Dataset: the CICIDS2017 Case Study", 2021; Liu and others, "Error Prevalence in
NIDS datasets", 2022). ``docs/data-sets.md`` lists what that is and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netsift.flows.schema import COLUMNS, Validity
from netsift.sources.datasets.canonical import ratio
from netsift.sources.datasets.dialect import Columns, Layout, foreign_names, plain
from netsift.sources.datasets.rows import Numbers, Rows
from netsift.sources.datasets.times import start_times

DIALECT: Final = "cicflowmeter"

_OTHER_NAMES: Final = {
    "Total Fwd Packet": "packets_fwd",
    "Total Bwd packets": "packets_bwd",
    "Total Length of Fwd Packet": "payload_bytes_fwd",
    "Total Length of Bwd Packet": "payload_bytes_bwd",
    "Packet Length Min": "payload_min",
    "Packet Length Max": "payload_max",
    "CWR Flag Count": "cwr_packets",
    "Fwd RST Flags": "rst_packets_fwd",
    "Bwd RST Flags": "rst_packets_bwd",
    "Fwd Bytes/Bulk Avg": "bulk_fwd_bytes_mean",
    "Fwd Packet/Bulk Avg": "bulk_fwd_packets_mean",
    "Fwd Bulk Rate Avg": "bulk_fwd_rate_bytes_s",
    "Bwd Bytes/Bulk Avg": "bulk_bwd_bytes_mean",
    "Bwd Packet/Bulk Avg": "bulk_bwd_packets_mean",
    "Bwd Bulk Rate Avg": "bulk_bwd_rate_bytes_s",
    "FWD Init Win Bytes": "window_fwd_initial",
    "Bwd Init Win Bytes": "window_bwd_initial",
    "Fwd Seg Size Min": "header_fwd_min",
    "ICMP Code": "icmp_code",
    "ICMP Type": "icmp_type",
    # Of the cleaned Parquet editions on Kaggle.
    "Fwd Packets Length Total": "payload_bytes_fwd",
    "Bwd Packets Length Total": "payload_bytes_bwd",
    "Init Fwd Win Bytes": "window_fwd_initial",
    "Init Bwd Win Bytes": "window_bwd_initial",
}
"""netsift's name of each column that the corrected layout and other editions call differently."""

_UNUSED: Final = (
    # They name a row, or follow from other columns.
    "id", "Flow ID", "Src IP dec", "Dst IP dec", "SimillarHTTP", "Unnamed: 0", "External IP", "Fwd Header Length.1",
    "Packet Length Variance", "Pkt Len Var", "Average Packet Size", "Avg Packet Size", "Pkt Size Avg",
    "Avg Fwd Segment Size", "Avg Bwd Segment Size", "Fwd Seg Size Avg", "Bwd Seg Size Avg",
    "Fwd Segment Size Avg", "Bwd Segment Size Avg", "Packet Length Mean", "Pkt Len Mean", "Packet Length Std",
    "Pkt Len Std", "Flow Bytes/s", "Flow Byts/s", "Flow Packets/s", "Flow Pkts/s", "Fwd Packets/s", "Fwd Pkts/s",
    "Bwd Packets/s", "Bwd Pkts/s", "Down/Up Ratio",
    # They do not count what their name says.
    "Subflow Fwd Packets", "Subflow Fwd Pkts", "Subflow Fwd Bytes", "Subflow Fwd Byts", "Subflow Bwd Packets",
    "Subflow Bwd Pkts", "Subflow Bwd Bytes", "Subflow Bwd Byts",
)  # fmt: skip
_OF_THE_LABEL: Final = ("Label", "ClassLabel", "Attempted Category", "Class")
_FOREIGN: Final = ("act_data_pkt_fwd", "Fwd Act Data Pkts", "Fwd Act Data Packets", "Total TCP Flow Time", "Inbound")
_CORE: Final = frozenset(
    {"duration_us", "packets_fwd", "packets_bwd", "payload_bytes_fwd", "payload_bytes_bwd", "iat_mean_us"}
)
_MARKS_OF_CORRECTED: Final = frozenset({"attemptedcategory", "totaltcpflowtime", "fwdrstflags"})
_TEXTS: Final = frozenset({"start_time", "src_ip", "dst_ip"})
_IDLE: Final = tuple(column.name for column in COLUMNS if column.validity is Validity.IDLE)
_BULKS: Final = tuple(column.name for column in COLUMNS if column.name.startswith("bulk_"))
_PYTHON_EDITION: Final = "tot_fwd_pkts"
"""Only the Python rewrite writes this; its unit of time differs from version to version and cannot be told."""
_TCP: Final = 6
_LEAST_TCP_HEADER: Final = 20
_UDP_HEADER: Final = 8


def _ours() -> dict[str, str]:
    """Return netsift's name of every column, by its plain name in any layout."""
    names = {plain(column.cicflowmeter_2017): column.name for column in COLUMNS if column.cicflowmeter_2017}
    names |= {plain(column.cicflowmeter_2018): column.name for column in COLUMNS if column.cicflowmeter_2018}
    names |= {plain(name): ours for name, ours in _OTHER_NAMES.items()}
    return {name: ours for name, ours in names.items() if name not in set(map(plain, (*_UNUSED, *_FOREIGN)))}


_OURS: Final = _ours()
_KNOWN: Final = frozenset(map(plain, (*_UNUSED, *_OF_THE_LABEL, *_FOREIGN)))
_FLAGS: Final = frozenset(
    f"{flag}_packets{side}"
    for flag in ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
    for side in ("", "_fwd", "_bwd")
)


def recognise(names: Sequence[str]) -> Layout | None:
    """Return the layout of a header, None when CICFlowMeter did not write it."""
    if _PYTHON_EDITION in names:
        return None
    ours = {name: _OURS[plain(name)] for name in names if plain(name) in _OURS}
    if not set(ours.values()) >= _CORE:
        return None
    plain_names = set(map(plain, names))
    corrected = bool(plain_names & _MARKS_OF_CORRECTED)
    not_ours = () if corrected else tuple(name for name, own in ours.items() if own in _FLAGS or own in _BULKS)
    flags = [name for name in not_ours if ours[name] in _FLAGS]
    foreign = [name for name in names if plain(name) in set(map(plain, _FOREIGN))] + flags
    mapped = {name: own for name, own in ours.items() if name not in not_ours}
    return Layout(
        title=f"{_title(plain_names, corrected=corrected)} (CICFlowMeter, {len(names)} columns)",
        translate=partial(_translate, mapped=mapped),
        foreign=foreign_names(DIALECT, foreign),
        unknown=tuple(name for name in names if name not in ours and plain(name) not in _KNOWN),
    )


def _title(plain_names: set[str], *, corrected: bool) -> str:
    if corrected:
        return "CIC-IDS2017 or CSE-CIC-IDS2018 flows, corrected"
    if plain_names & {"simillarhttp", "inbound"}:
        return "CIC-DDoS2019 flows"
    if "totfwdpkts" in plain_names:
        return "CSE-CIC-IDS2018 flows"
    layout = "GeneratedLabelledFlows" if "sourceip" in plain_names else "MachineLearningCVE"
    return f"CIC-IDS2017 flows, {layout}"


def _translate(rows: Rows, mapped: dict[str, str]) -> Columns:
    columns: Columns = {own: rows.number(name) for name, own in mapped.items() if own not in _TEXTS}
    texts = {own: rows.text(name) for name, own in mapped.items() if own in _TEXTS}
    columns |= {name: texts[name] for name in ("src_ip", "dst_ip") if name in texts}
    if "start_time" in texts:
        columns["start_time"] = start_times(texts["start_time"])
    is_tcp = _is_tcp(columns)
    _correct_protocol_and_headers(columns, is_tcp)
    _without_placeholders(columns, is_tcp)
    _payload_of_both_directions(columns)
    columns |= _labels(rows)
    return columns


def _is_tcp(columns: Columns) -> npt.NDArray[np.bool_]:
    """Return which flows are TCP; where the file does not say it, those that have a TCP window."""
    if "protocol" in columns:
        return np.asarray(columns["protocol"] == _TCP)
    windows = [columns[name] >= 0 for name in ("window_fwd_initial", "window_bwd_initial") if name in columns]
    return np.logical_or.reduce(windows) if windows else np.zeros(len(columns["duration_us"]), dtype=np.bool_)


def _correct_protocol_and_headers(columns: Columns, is_tcp: npt.NDArray[np.bool_]) -> None:
    """Protocol 0 stands for all that CICFlowMeter does not know; header sums are wrong outside TCP, or overflow."""
    if "protocol" in columns:
        columns["protocol"] = np.where(columns["protocol"] == 0, np.nan, columns["protocol"])
    for side in ("fwd", "bwd"):
        if (name := f"header_bytes_{side}") in columns:
            total, packets = columns[name], columns[f"packets_{side}"]
            right = np.where(is_tcp, total >= _LEAST_TCP_HEADER * packets, total == _UDP_HEADER * packets)
            columns[name] = np.where(right, total, np.nan)
    if "header_fwd_min" in columns:
        smallest = columns["header_fwd_min"]
        right = np.where(is_tcp, smallest >= _LEAST_TCP_HEADER, smallest == _UDP_HEADER)
        columns["header_fwd_min"] = np.where(right, smallest, np.nan)


def _without_placeholders(columns: Columns, is_tcp: npt.NDArray[np.bool_]) -> None:
    """Take away the zeros that stand where nothing was measured."""
    for name in ("window_fwd_initial", "window_bwd_initial"):
        if name in columns:
            columns[name] = np.where(is_tcp, columns[name], np.nan)
    if "idle_max_us" in columns:
        without_idle = ~np.asarray(columns["idle_max_us"] > 0)
        columns |= {name: np.where(without_idle, np.nan, columns[name]) for name in _IDLE if name in columns}
    for side in ("fwd", "bwd"):
        if f"bulk_{side}_bytes_mean" in columns:
            mean = columns[f"bulk_{side}_bytes_mean"]
            names = [name for name in _BULKS if name.startswith(f"bulk_{side}") and name in columns]
            columns |= {name: np.where(mean > 0, columns[name], np.nan) for name in names}


def _payload_of_both_directions(columns: Columns) -> None:
    """Compute mean and deviation of all payload lengths from those of both directions.

    The file's own count the first packet twice in the older versions. With n values of mean m and deviation s (of the
    sample) in each direction, the squares sum up to (n − 1)·s² + n·m².
    """
    needed = [f"payload_{side}_{what}" for side in ("fwd", "bwd") for what in ("mean", "std")]
    if any(name not in columns for name in needed):
        return
    packets = columns["packets_fwd"] + columns["packets_bwd"]
    total = columns["payload_bytes_fwd"] + columns["payload_bytes_bwd"]
    squares = _sum_of_squares(columns, "fwd") + _sum_of_squares(columns, "bwd")
    spread = np.maximum(squares - total * ratio(total, packets), 0)
    columns["payload_std"] = np.where(packets == 1, 0.0, np.sqrt(ratio(spread, packets - 1)))


def _sum_of_squares(columns: Columns, side: str) -> Numbers:
    count, mean, deviation = (
        columns[name] for name in (f"packets_{side}", f"payload_{side}_mean", f"payload_{side}_std")
    )
    squares: Numbers = np.maximum(count - 1, 0) * deviation**2 + count * mean**2
    return np.where(count > 0, squares, 0)


def _labels(rows: Rows) -> Columns:
    """Return the label, and as its detail that the attack was attempted only, where the file says so."""
    names = {plain(name): name for name in rows.names}
    label_name = next((names[name] for name in ("label", "class", "classlabel") if name in names), None)
    if label_name is None:
        return {}
    label = rows.text(label_name)
    if "attemptedcategory" not in names:
        return {"label": label}
    attempted = pa.array(rows.number(names["attemptedcategory"]) >= 0)
    marked = pc.and_(attempted, pc.invert(pc.ends_with(label, "Attempted", ignore_case=True)))
    return {"label": pc.if_else(marked, pc.binary_join_element_wise(label, "Attempted", " - "), label)}
