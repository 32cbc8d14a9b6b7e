"""The raw files of UNSW-NB15: no header, addresses and times, and other names than the training files."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsift.models.labelled import LabelledInput, labelled_batches
from netsift.sources.datasets.reading import recognise
from netsift.sources.datasets.unsw_nb15 import RAW_COLUMNS
from netsift.sources.statistics import ReadStatistics
from tests.sources.datasets.public import flows

BENIGN = {
    "srcip": "59.166.0.0", "sport": 1390, "dstip": "149.171.126.6", "dsport": 53, "proto": "udp", "state": "CON",
    "dur": 0.001055, "sbytes": 132, "dbytes": 164, "service": "dns", "sload": 500473.9375, "spkts": 2, "dpkts": 2,
    "smeansz": 66, "dmeansz": 82, "stime": 1421927414, "ltime": 1421927414, "sintpkt": 0.017, "dintpkt": 0.013,
    "res_bdy_len": 7, "ct_flw_http_mthd": "", "ct_ftp_cmd": " ", "attack_cat": "", "label": 0,
}  # fmt: skip
ATTACK = {**BENIGN, "sport": "0x000b", "dsport": "-", "proto": "icmp", "attack_cat": " Fuzzers ", "label": 1}


def row(values: dict[str, object]) -> str:
    """Return one line of a raw file."""
    return ",".join(str(values.get(name, 0)) for name in RAW_COLUMNS)


@pytest.mark.parametrize("start", ["", "\ufeff", ",".join(RAW_COLUMNS).replace("sload", "Sload") + "\n"])
def test_raw_files_are_known_with_and_without_header(start: str, tmp_path: Path) -> None:
    path = tmp_path / "UNSW-NB15_1.csv"
    path.write_text(f"{start}{row(BENIGN)}\n{row(ATTACK)}\n", encoding="utf-8")
    statistics = ReadStatistics()
    first, second = flows(path, statistics).to_pylist()
    assert statistics.notes == ["UNSW-NB15_1.csv: UNSW-NB15 flows, raw (Argus and Bro, 49 columns)"]
    assert (first["src_ip"], first["src_port"], first["dst_ip"], first["dst_port"]) == (
        "59.166.0.0", 1390, "149.171.126.6", 53,
    )  # fmt: skip
    assert str(first["start_time"]) == "2015-01-22 11:50:14+00:00"
    assert (first["protocol"], first["packets"], first["bytes"]) == (17, 4, 296)
    assert (first["duration_us"], first["iat_fwd_mean_us"], first["iat_bwd_mean_us"]) == (1055, 17, 13)
    assert (first["unsw_nb15.sload"], first["unsw_nb15.response_body_len"]) == (500473.9375, 7)
    assert (first["unsw_nb15.ct_ftp_cmd"], first["unsw_nb15.ct_flw_http_mthd"]) == (None, None)
    assert (second["src_port"], second["dst_port"]) == (None, None)
    assert (first["label"], second["label"]) == ("Normal", "Fuzzers")
    assert not {"unsw_nb15.stime", "unsw_nb15.sport", "unsw_nb15.ltime", "unsw_nb15.stcpb"} & set(first)


def test_raw_rows_have_their_class(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"{row(BENIGN)}\n{row(ATTACK)}\n{row({**ATTACK, 'attack_cat': 'Backdoors'})}\n")
    classes = [name for batch in labelled_batches(LabelledInput(path), ReadStatistics()) for name in batch.classes]
    assert classes == ["benign", "other", "c2"]


@pytest.mark.parametrize(
    "line",
    [
        row({**BENIGN, "srcip": "host"}),
        row({**BENIGN, "dstip": "1.2.3"}),
        row({**BENIGN, "label": 2}),
        row(BENIGN) + ",0",
        row(BENIGN).partition(",")[2],
    ],
)
def test_other_lines_are_not_taken_for_a_raw_file(line: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"{line}\n{line}\n")
    assert recognise(path) is None
