"""Compares every flow of real captures with NFStream's and says why those that differ do.

``python -m benchmarks.agreement`` prints the tables of ``docs/agreement.md``; ``--markdown PAGE`` writes them there.

Each capture is metered twice by both tools, with equal timeouts and TCP flows ended by time alone: once as it is, and
once *levelled*: its times cut to milliseconds and kept from running backwards, which is what NFStream does to
times by itself. Levelled, every column must be equal; a flow that differs only in the capture as it is differs because
of its times.
"""

from __future__ import annotations

import argparse
import gzip
import ipaddress
import struct
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isclose, sqrt
from pathlib import Path
from typing import Any, Final

from benchmarks import report
from benchmarks.causes import EXPLANATIONS, UNEXPLAINED, Difference, Evidence, Key, Row
from benchmarks.conversations import Totals, has_tshark, netsift_totals, tshark_totals
from netsift import read_flows
from netsift.flows.schema import COLUMNS
from netsift.flows.settings import MeterSettings
from netsift.sources.captures import CaptureSettings
from tests.conftest import captures_below, shared_data_folder
from tests.naive.containers import Record, read_records
from tests.naive.link import ETHERNET

IDLE_TIMEOUT_S: Final = 120
ACTIVE_TIMEOUT_S: Final = 1800
FIRST_PACKETS: Final = 20
FOLDERS: Final = ("pcap-attack", "pcap-benign", "pcap-odd")
BEGIN: Final = "<!-- agreement tables: begin -->"
END: Final = "<!-- agreement tables: end -->"
IP_BYTES, PAYLOAD_BYTES = 1, 3
"""NFStream's accounting modes: what it takes for a packet's size."""

_MODES: Final = {" (accounting_mode=1)": IP_BYTES, " (accounting_mode=3)": PAYLOAD_BYTES}
_ONE_MILLISECOND_US: Final = 1000.0
_RELATIVE: Final = 1e-5
"""Sizes are single precision, and standard deviations are taken from sums here and step by step there."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A column and where NFStream has it: field, accounting mode, and how many of our units one of its units is."""

    column: str
    field: str
    mode: int
    scale: float


def compared_columns() -> list[Pair]:
    """Return every column that the schema gives an NFStream name, except what names a flow and the lists."""
    pairs = []
    for column in COLUMNS:
        if column.nfstream is None or column.identity or column.name.startswith("first_"):
            continue
        name, mode = column.nfstream, IP_BYTES
        for suffix, value in _MODES.items():
            if name.endswith(suffix):
                name, mode = name.removesuffix(suffix), value
        pairs.append(Pair(column.name, name, mode, 1000.0 if name.endswith("_ms") else 1.0))
    return pairs


PAIRS: Final = compared_columns()


@dataclass(slots=True)
class Comparison:
    """What came of one or more captures: flows and packets compared, equal flows, and the others by cause."""

    captures: int = 0
    packets: int = 0
    flows: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    captures_by_cause: Counter[str] = field(default_factory=Counter)
    unexplained: list[tuple[str, Difference]] = field(default_factory=list)

    @property
    def equal(self) -> int:
        """Flows that agree in every column."""
        return self.flows - self.causes.total()

    def add(self, other: Comparison) -> None:
        """Add up."""
        self.captures += other.captures
        self.packets += other.packets
        self.flows += other.flows
        self.causes += other.causes
        self.captures_by_cause += other.captures_by_cause
        self.unexplained += other.unexplained


def netsift_rows(path: Path) -> list[Row]:
    """Meter a capture with netsift."""
    meter = MeterSettings(
        idle_timeout_s=IDLE_TIMEOUT_S, active_timeout_s=ACTIVE_TIMEOUT_S, first_packets=FIRST_PACKETS, tcp_end=False
    )
    settings = CaptureSettings(meter=meter, threads=1)
    return [row for batch in read_flows(path, settings) for row in batch.to_pylist()]


def nfstream_rows(path: Path) -> list[dict[int, Row]]:
    """Meter a capture with NFStream in both accounting modes; one dictionary by mode per flow."""
    from nfstream import NFStreamer

    def rows(mode: int) -> list[Row]:
        flows = NFStreamer(
            source=str(path), statistical_analysis=True, splt_analysis=FIRST_PACKETS, accounting_mode=mode,
            n_dissections=0, n_meters=1, idle_timeout=IDLE_TIMEOUT_S, active_timeout=ACTIVE_TIMEOUT_S,
            decode_tunnels=False, snapshot_length=65_535,
        )  # fmt: skip
        return [dict(zip(flow.keys(), flow.values(), strict=True)) for flow in flows]

    return [
        {IP_BYTES: first, PAYLOAD_BYTES: second}
        for first, second in zip(rows(IP_BYTES), rows(PAYLOAD_BYTES), strict=True)
    ]


def differences(path: Path, *, exact: bool) -> tuple[list[Row], list[Difference]]:
    """Meter a capture with both and return netsift's rows and what differs.

    ``exact`` compares times to the microsecond, else differences that cutting to milliseconds can make are passed over.
    """
    ours: dict[Key, list[Row]] = defaultdict(list)
    theirs: dict[Key, list[dict[int, Row]]] = defaultdict(list)
    rows = netsift_rows(path)
    for row in rows:
        ours[_key(row)].append(row)
    for flow in nfstream_rows(path):
        theirs[_key(flow[IP_BYTES])].append(flow)
    found = [_compare(key, ours.get(key, []), theirs.get(key, []), exact) for key in {**ours, **theirs}]
    return rows, [difference for difference in found if difference]


def _key(row: Row) -> Key:
    ends = sorted((str(ipaddress.ip_address(row[f"{side}_ip"])), row[f"{side}_port"] or 0) for side in ("src", "dst"))
    return (*ends[0], *ends[1], row["protocol"])


def _compare(key: Key, ours: list[Row], theirs: list[dict[int, Row]], exact: bool) -> Difference | None:
    count = max(len(ours), len(theirs))
    if len(ours) != len(theirs):
        return Difference(key, count, frozenset({"flows"}), tuple(ours))
    ours.sort(key=lambda row: int(row["start_time"].value))
    theirs.sort(key=lambda flow: int(flow[IP_BYTES]["bidirectional_first_seen_ms"]))
    columns: set[str] = set()
    differing = []
    for row, flow in zip(ours, theirs, strict=True):
        unequal = _unequal_columns(row, flow, exact)
        if unequal:
            columns |= unequal
            differing.append(row)
    return Difference(key, len(differing), frozenset(columns), tuple(differing)) if differing else None


def _unequal_columns(row: Row, flow: dict[int, Row], exact: bool) -> set[str]:
    unequal = {
        pair.column
        for pair in PAIRS
        if not _equal(row[pair.column], flow[pair.mode][pair.field] * pair.scale, _allowed(pair.column, row, exact))
    }
    first = flow[IP_BYTES]
    count = min(FIRST_PACKETS, row["packets"])
    lengths = row["first_lengths"][:count]
    if [abs(length) for length in lengths] != list(first["splt_ps"][:count]):
        unequal.add("first_lengths")
    if [int(length < 0) for length in lengths] != list(first["splt_direction"][:count]):
        unequal.add("first_lengths")
    for gap_us, gap_ms in zip(row["first_iats_us"][:count], first["splt_piat_ms"][:count], strict=True):
        if not _equal(gap_us, gap_ms * 1000.0, 0.0 if exact else _ONE_MILLISECOND_US):
            unequal.add("first_iats_us")
    if (row["src_port"] or 0) != first["src_port"] or _address(row) != _address(first):
        unequal.add("direction")
    return unequal


def _address(row: Row) -> str:
    return str(ipaddress.ip_address(row["src_ip"]))


def _equal(ours: float | None, theirs: float, allowed: float) -> bool:
    # Where netsift has null (too few packets), NFStream has 0.
    return theirs == 0 if ours is None else isclose(ours, theirs, rel_tol=_RELATIVE, abs_tol=allowed + 1e-3)


def _allowed(column: str, row: Row, exact: bool) -> float:
    """Return by how much cutting every time to milliseconds can change a column, in microseconds."""
    if exact or not column.endswith("_us"):
        return 0.0
    side = next((side for side in ("_fwd", "_bwd") if side in column), "")
    gaps = row[f"packets{side}"] - 1
    if "std" in column and gaps > 1:
        return _ONE_MILLISECOND_US * sqrt(gaps / (gaps - 1))
    return _ONE_MILLISECOND_US


def compare_capture(path: Path) -> Comparison:
    """Compare one capture, plain or gzip compressed, as it is and levelled; raises ValueError for other files."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    records = read_records(data)[0]
    with tempfile.TemporaryDirectory() as folder:
        plain, level = Path(folder) / "plain.pcap", Path(folder) / "level.pcap"
        plain.write_bytes(data)
        level.write_bytes(levelled(records))
        rows, as_it_is = differences(plain, exact=False)
        level_rows, with_level_times = differences(level, exact=True)
    result = Comparison(captures=1, packets=sum(row["packets"] for row in rows), flows=len(rows))
    evidence = Evidence(records, with_level_times, level_rows)
    lasting = {difference.key: difference for difference in with_level_times}
    passed_over = lasting.keys() - {difference.key for difference in as_it_is}
    for difference in [*as_it_is, *(lasting[key] for key in passed_over)]:
        cause = evidence.cause(lasting.get(difference.key), difference)
        result.causes[cause] += difference.flows
        result.captures_by_cause[cause] = 1
        if cause == UNEXPLAINED:
            result.unexplained.append((path.name, difference))
    return result


def levelled(records: Sequence[Record]) -> bytes:
    """Return a pcap file of the records with times in whole milliseconds that never run backwards."""
    link_type = records[0].link_type if records else ETHERNET
    pieces = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, link_type)]
    latest_ms = 0
    for record in records:
        latest_ms = max(latest_ms, record.time_ns // 1_000_000)
        seconds, rest_ms = divmod(latest_ms, 1000)
        pieces += (struct.pack("<IIII", seconds, rest_ms * 1000, len(record.data), record.wire_length), record.data)
    return b"".join(pieces)


def main() -> int:
    """Compare all captures and print; 1 where there are none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markdown", type=Path, metavar="PAGE", help="write the tables into this page too")
    chosen = parser.parse_args()
    folder = shared_data_folder()
    if folder is None:
        print("there are no real captures on this machine", file=sys.stderr)
        return 1
    paths = {name: captures_below(folder / name) for name in FOLDERS}
    text = "\n\n".join((_nfstream_tables(paths), _tshark_table(paths)))
    print(text)
    if chosen.markdown:
        report.rewrite(chosen.markdown, text, BEGIN, END)
    return 0


def _nfstream_tables(paths: Mapping[str, Sequence[Path]]) -> str:
    sums: dict[str, Comparison] = {}
    for name, captures in paths.items():
        total = sums[name] = Comparison()
        for path in captures:
            try:
                total.add(compare_capture(path))
            except ValueError as error:
                print(f"{path.name}: {error}", file=sys.stderr)
        for capture, difference in total.unexplained:
            print(f"unexplained: {capture} {difference.key} {sorted(difference.columns)}", file=sys.stderr)
    lines = [
        "| captures | | packets | flows | equal in every column | differing, by cause below |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, total in sums.items():
        counts = (total.captures, total.packets, total.flows, total.equal, total.causes.total())
        lines.append(f"| {name} | {_cells(counts)} |")
    lines += ["", f"| cause | {' | '.join(FOLDERS)} | why |", "|---" + "|--:" * len(FOLDERS) + "|---|"]
    for cause, why in EXPLANATIONS.items():
        lines.append(f"| {cause} | {_cells([total.causes[cause] for total in sums.values()])} | {why} |")
    return "\n".join(lines)


def _cells(counts: Sequence[int]) -> str:
    return " | ".join(f"{count:,}" for count in counts)


def _tshark_table(paths: Mapping[str, Sequence[Path]]) -> str:
    if not has_tshark():
        return "tshark is not installed here."
    names = ("packets by pair of addresses", "IP bytes by pair of addresses", "packets by TCP or UDP conversation")
    compared, unequal = Counter[str](), Counter[str]()
    captures = [path for name in FOLDERS[:2] for path in paths[name]]
    for path in captures:
        ours, theirs = netsift_totals(netsift_rows(path)), tshark_totals(path)
        for name, mine, other in zip(names, _counters(ours), _counters(theirs), strict=True):
            keys = {**mine, **other}
            compared[name] += len(keys)
            unequal[name] += sum(mine[key] != other[key] for key in keys)
    lines = [f"| totals of {len(captures)} captures, netsift and tshark | compared | unequal |", "|---|--:|--:|"]
    lines += [f"| {name} | {compared[name]:,} | {unequal[name]:,} |" for name in names]
    return "\n".join(lines)


def _counters(totals: Totals) -> tuple[Counter[Any], Counter[Any], Counter[Any]]:
    return totals.packets, totals.bytes, totals.conversations


if __name__ == "__main__":
    sys.exit(main())
