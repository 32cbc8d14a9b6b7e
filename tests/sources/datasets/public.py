"""Small files in the shapes of the public data sets, and an independent reader of the real ones."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from netsift.flows.dialects import _CICFLOWMETER_2018 as CSE_CIC_IDS2018
from netsift.sources.flows import read_flows
from netsift.sources.statistics import ReadStatistics

CIC_DDOS2019 = (
    "Unnamed: 0", "Flow ID", " Source IP", " Source Port", " Destination IP", " Destination Port", " Protocol",
    " Timestamp", " Flow Duration", " Total Fwd Packets", " Total Backward Packets", "Total Length of Fwd Packets",
    " Total Length of Bwd Packets", " Fwd Packet Length Max", " Fwd Packet Length Min", " Fwd Packet Length Mean",
    " Fwd Packet Length Std", "Bwd Packet Length Max", " Bwd Packet Length Min", " Bwd Packet Length Mean",
    " Bwd Packet Length Std", "Flow Bytes/s", " Flow Packets/s", " Flow IAT Mean", " Flow IAT Std", " Flow IAT Max",
    " Flow IAT Min", " Fwd Header Length", " Bwd Header Length", " Fwd Header Length.1", "Init_Win_bytes_forward",
    " Init_Win_bytes_backward", "SimillarHTTP", " Inbound", " Label",
)  # fmt: skip
"""Header of CIC-DDoS2019, shortened in its middle."""

CIC_IOT2023 = (
    "flow_duration", "Header_Length", "Protocol Type", "Duration", "Rate", "Srate", "Drate", "fin_flag_number",
    "syn_flag_number", "rst_flag_number", "psh_flag_number", "ack_flag_number", "ece_flag_number", "cwr_flag_number",
    "ack_count", "syn_count", "fin_count", "urg_count", "rst_count", "HTTP", "HTTPS", "DNS", "Telnet", "SMTP", "SSH",
    "IRC", "TCP", "UDP", "DHCP", "ARP", "ICMP", "IPv", "LLC", "Tot sum", "Min", "Max", "AVG", "Std", "Tot size", "IAT",
    "Number", "Magnitue", "Radius", "Covariance", "Variance", "Weight", "label",
)  # fmt: skip

CSE_CIC_IDS2018_HEADER = (*CSE_CIC_IDS2018, "Label")


def line(header: Sequence[str], values: Mapping[str, object], default: object = 0) -> str:
    """Return one line of a CSV file; columns without a value hold the default."""
    return ",".join(str(values.get(name.strip(), default)) for name in header)


def text(header: Sequence[str], *lines: str) -> str:
    """Return a CSV file."""
    return "\n".join([",".join(header), *lines, ""])


def flows(path: Path, statistics: ReadStatistics | None = None) -> pa.Table:
    """Read all flows of a data set."""
    return pa.Table.from_batches(read_flows(path, statistics=statistics))


def raw_rows(path: Path, delimiter: str = ",", skip: str = "#") -> list[list[str]]:
    """Return the lines of a data set split by the csv module, and nothing done to them but trimming."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            data = archive.read(archive.namelist()[0])
    content = data.decode("utf-8-sig", errors="replace")
    lines = (one for one in io.StringIO(content, newline="") if not one.startswith(skip))
    return [[value.strip() for value in row] for row in csv.reader(lines, delimiter=delimiter)]


def raw_columns(path: Path, delimiter: str = ",", header: Sequence[str] | None = None) -> dict[str, list[str]]:
    """Return the columns of a data set as texts by their trimmed names; of a repeated name the first."""
    rows = raw_rows(path, delimiter)
    names = list(header) if header else rows[0]
    body = rows if header else rows[1:]
    return {name: [row[place] for row in body] for place, name in reversed(list(enumerate(names)))}
