"""Data sets of which no real file is at hand, and files that are damaged, strange or hostile."""

from __future__ import annotations

import gzip
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsift.errors import InputError
from netsift.sources.datasets.nsl_kdd import TEXT_COLUMNS
from netsift.sources.datasets.opening import LONGEST_LINE
from netsift.sources.datasets.reading import DatasetCounts, dataset_flows, recognise
from netsift.sources.statistics import ReadStatistics
from tests.sources.datasets.public import CIC_DDOS2019, CIC_IOT2023, CSE_CIC_IDS2018_HEADER, flows, line, text

FLOW_2018 = {
    "Dst Port": 80, "Protocol": 6, "Timestamp": "14/02/2018 02:31:01", "Flow Duration": 2000000, "Tot Fwd Pkts": 2,
    "Tot Bwd Pkts": 1, "TotLen Fwd Pkts": 30, "TotLen Bwd Pkts": 5, "Fwd Pkt Len Mean": 15, "Fwd Pkt Len Std": 7,
    "Bwd Pkt Len Mean": 5, "Flow IAT Mean": 1e6, "Init Fwd Win Byts": 8192, "Init Bwd Win Byts": -1,
    "Fwd Header Len": 40, "Bwd Header Len": 20, "Flow Byts/s": "Infinity", "SYN Flag Cnt": 1, "Label": "Benign",
}  # fmt: skip


def cse_cic(*lines: str) -> str:
    """Return a file in the shape of CSE-CIC-IDS2018."""
    return text(CSE_CIC_IDS2018_HEADER, *lines)


def one_2018(**changes: object) -> str:
    """Return one flow of it."""
    return line(CSE_CIC_IDS2018_HEADER, {**FLOW_2018, **{name.replace("_", " "): v for name, v in changes.items()}})


def written(path: Path, content: str | bytes) -> Path:
    """Write a file."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_cse_cic_ids2018(tmp_path: Path) -> None:
    path = written(tmp_path / "02-14-2018.csv", cse_cic(one_2018(), one_2018(Label="SSH-Bruteforce")))
    statistics = ReadStatistics()
    table = flows(path, statistics)
    first = table.slice(0, 1).to_pylist()[0]
    assert statistics.notes == ["02-14-2018.csv: CSE-CIC-IDS2018 flows (CICFlowMeter, 80 columns)"]
    assert table["label"].to_pylist() == ["Benign", "SSH-Bruteforce"]
    assert first["start_time"].timestamp() == datetime(2018, 2, 14, 18, 31, 1, tzinfo=UTC).timestamp()
    assert (first["packets"], first["payload_bytes"], first["dst_port"]) == (3, 35, 80)
    assert (first["window_fwd_initial"], first["window_bwd_initial"]) == (8192, None)
    assert first["rate_payload_bytes_s"] == 17.5
    # Payloads that have these means and deviations: 15 ± 7/√2 forward, 5 backward.
    assert first["payload_std"] == pytest.approx(np.std([15 - 7 / 2**0.5, 15 + 7 / 2**0.5, 5], ddof=1))
    assert first["cicflowmeter.syn_flag_cnt"] == 1
    assert first["active_mean_us"] is None


def test_headers_in_the_middle_and_lines_of_commas_are_left_out_and_counted(tmp_path: Path) -> None:
    header = ",".join(CSE_CIC_IDS2018_HEADER)
    commas = "," * (len(CSE_CIC_IDS2018_HEADER) - 1)
    path = written(tmp_path / "x.csv", cse_cic(one_2018(), header, one_2018(), commas, commas, header, one_2018()))
    statistics = ReadStatistics()
    assert flows(path, statistics).num_rows == 3
    assert statistics.notes[1:] == [
        "x.csv: 2 repeated header lines were left out",
        "x.csv: 2 empty lines were left out",
    ]
    assert statistics.capture.problem_count == 0


def test_rows_that_cannot_be_read_are_counted_and_the_others_kept(tmp_path: Path) -> None:
    path = written(
        tmp_path / "x.csv", cse_cic(one_2018(), "1,2,3", one_2018(Protocol="six"), one_2018(Dst_Port=443), "a,b")
    )
    statistics = ReadStatistics()
    assert flows(path, statistics)["dst_port"].to_pylist() == [80, 443]
    assert statistics.capture.problems == [f"{path}: damaged: 3 rows cannot be read"]


def test_columns_that_are_not_known_are_listed(tmp_path: Path) -> None:
    header = [*CSE_CIC_IDS2018_HEADER, "My Score", "Other"]
    path = written(tmp_path / "x.csv", text(header, line(header, FLOW_2018)))
    statistics = ReadStatistics()
    names = flows(path, statistics).column_names
    assert statistics.notes[1] == "x.csv: columns that are not known and not used: My Score, Other"
    assert not [name for name in names if "score" in name.casefold()]


def test_cic_ddos2019(tmp_path: Path) -> None:
    values = {
        "Flow ID": "a", "Source IP": "172.16.0.5", "Destination IP": "192.168.50.1", "Protocol": 17,
        "Timestamp": "2018-12-01 11:22:40.254769", "Flow Duration": 9, "Total Fwd Packets": 2,
        "Total Length of Fwd Packets": 2896, "Fwd Packet Length Mean": 1448, "Flow IAT Mean": 9,
        "Flow Bytes/s": "Infinity", "Fwd Header Length": 40, "Init_Win_bytes_forward": -1, "SimillarHTTP": 0,
        "Inbound": 1, "Label": "DrDoS_NTP",
    }  # fmt: skip
    http = {**values, "SimillarHTTP": "http://proxy.example/x"}
    path = written(tmp_path / "x.csv", text(CIC_DDOS2019, line(CIC_DDOS2019, values), line(CIC_DDOS2019, http)))
    statistics = ReadStatistics()
    row = flows(path, statistics).to_pylist()[1]
    assert statistics.notes == ["x.csv: CIC-DDoS2019 flows (CICFlowMeter, 35 columns)"]
    assert statistics.capture.problem_count == 0
    assert row["start_time"].timestamp() == datetime(2018, 12, 1, 11, 22, 40, 254769, UTC).timestamp()
    assert (row["packets_fwd"], row["packets_bwd"], row["payload_bytes_fwd"]) == (2, 0, 2896)
    assert (row["payload_bwd_mean"], row["window_fwd_initial"], row["header_bytes_fwd"]) == (None, None, None)
    assert (row["cicflowmeter.inbound"], row["label"]) == (1, "DrDoS_NTP")


def test_cic_iot2023_has_only_foreign_columns(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", text(CIC_IOT2023, line(CIC_IOT2023, {"Rate": "0.5", "label": "Mirai-udpplain"})))
    statistics = ReadStatistics()
    table = flows(path, statistics)
    assert statistics.notes == ["x.csv: CIC-IoT2023 packet windows (47 columns)"]
    assert table["ciciot2023.rate"].to_pylist() == [0.5]
    assert all(name.startswith("ciciot2023.") for name in table.column_names[:-1])
    assert table["label"].to_pylist() == ["Mirai-udpplain"]


def test_attempted_attacks_are_marked_by_their_category(tmp_path: Path) -> None:
    header = [*CSE_CIC_IDS2018_HEADER, "Attempted Category"]
    rows = [
        line(header, {**FLOW_2018, "Label": label, "Attempted Category": category})
        for label, category in (("Botnet", -1), ("Botnet", 2), ("Botnet - Attempted", 2))
    ]
    labels = flows(written(tmp_path / "x.csv", text(header, *rows)))["label"].to_pylist()
    assert labels == ["Botnet", "Botnet - Attempted", "Botnet - Attempted"]


def test_a_known_file_is_known_however_it_is_packed(tmp_path: Path) -> None:
    plain = written(tmp_path / "a.csv", cse_cic(one_2018(), one_2018()))
    written(tmp_path / "b.csv.gz", gzip.compress(plain.read_bytes()))
    written(tmp_path / "c.csv.zst", pa.compress(plain.read_bytes(), "zstd", asbytes=True))
    with zipfile.ZipFile(tmp_path / "d.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, "folder/anything.csv")
        archive.writestr("__MACOSX/._anything.csv", "")
    written(tmp_path / "e.csv", b"\xef\xbb\xbf" + plain.read_bytes().replace(b"\n", b"\r\n"))
    tables = [flows(path) for path in sorted(tmp_path.iterdir())]
    assert len(tables) == 5
    assert all(table.equals(tables[0]) for table in tables)


def test_parquet_is_read_as_text_is(tmp_path: Path) -> None:
    plain = written(tmp_path / "a.csv", cse_cic(one_2018(), one_2018(Label="Bot")))
    names = CSE_CIC_IDS2018_HEADER
    words = ("Timestamp", "Label")
    columns = [
        pa.array([FLOW_2018.get(name, 0) if name in words else float(str(FLOW_2018.get(name, 0)))] * 2)
        for name in names
    ]
    columns[-1] = pa.array(["Benign", "Bot"])
    pa.parquet.write_table(pa.table(columns, names=list(names)), tmp_path / "b.parquet")
    assert flows(tmp_path / "b.parquet").equals(flows(plain))


def test_a_nsl_kdd_file_without_difficulty_is_known_by_its_shape(tmp_path: Path) -> None:
    row = "0,tcp,http,SF,181,5450," + ",".join("0" * 35) + ",normal."
    table = flows(written(tmp_path / "x.txt", f"{row}\n{row}\n"))
    assert len(row.split(",")) == len(TEXT_COLUMNS) - 1
    assert table["payload_bytes"].to_pylist() == [5631, 5631]
    assert "rate_payload_bytes_s" not in table.column_names


def test_iot23_separates_its_labels_by_spaces(tmp_path: Path) -> None:
    fields = (
        "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state "
        "local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes"
    ).replace(" ", "\t")
    values = "1533042911.474174 C5 fe80::1 128 ff02::1 0 icmp - - - - OTH - - 0 - 1 72 0 0".replace(" ", "\t")
    content = (
        f"#separator \\x09\n#path\tconn\n#fields\t{fields}\ttunnel_parents   label   detailed-label\n#types\ttime\n"
        f"{values}\t(empty)   Malicious   C&C-HeartBeat\n#close\t2019-01-01-00-00-00\n"
    )
    path = written(tmp_path / "conn.log.labeled", content)
    statistics = ReadStatistics()
    row = flows(path, statistics).to_pylist()[0]
    assert statistics.capture.problem_count == 0
    assert (row["label"], row["attack"]) == ("Malicious", "C&C-HeartBeat")
    assert (row["protocol"], row["icmp_type"], row["src_port"], row["ip_version"]) == (58, 128, None, 6)
    assert (row["duration_us"], row["rate_packets_s"], row["payload_bytes_fwd"]) == (0, None, None)


def test_bytes_that_are_not_utf8_are_windows_1252(tmp_path: Path) -> None:
    content = cse_cic(one_2018(Label="Web Attack @ XSS"), one_2018()).encode().replace(b"@", b"\x96")
    assert flows(written(tmp_path / "x.csv", content))["label"].to_pylist() == ["Web Attack – XSS", "Benign"]


def test_a_cut_gzip_file_gives_its_whole_lines(tmp_path: Path) -> None:
    rows = [one_2018(Flow_Duration=number * 7919 % 100_003 + 1) for number in range(3000)]
    packed = gzip.compress(cse_cic(*rows).encode())
    path = written(tmp_path / "x.csv.gz", packed[: len(packed) // 2])
    statistics = ReadStatistics()
    durations = flows(path, statistics)["duration_us"].to_pylist()
    assert 100 < len(durations) < 3000
    assert durations == [number * 7919 % 100_003 + 1 for number in range(len(durations))]
    assert statistics.capture.problems == [f"{path}: damaged: the gzip data ends early"]


def test_zip_archives_that_are_no_single_file_are_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", cse_cic() + "0" * 50_000_000)
    two = tmp_path / "two.zip"
    with zipfile.ZipFile(two, "w") as archive:
        archive.writestr("x.csv", cse_cic(one_2018()))
        archive.writestr("y.csv", cse_cic(one_2018()))
    broken = written(tmp_path / "broken.zip", b"PK\x03\x04" + bytes(100))
    for path, reason in ((bomb, "would unpack to 50,"), (two, "holds 2 files"), (broken, "as a zip archive")):
        with pytest.raises(InputError, match=reason):
            recognise(path)


def test_a_zip_file_that_breaks_off_inside_keeps_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    lines = [one_2018(Flow_Duration=number * 7919 % 100_003 + 1) for number in range(9000)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", cse_cic(*lines))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    path.write_bytes(data)
    statistics = ReadStatistics()
    assert flows(path, statistics).num_rows < 9000
    assert "the zip data is cut or broken" in statistics.capture.problems[0]


def test_ten_thousand_columns_are_no_data_set(tmp_path: Path) -> None:
    header = [*CSE_CIC_IDS2018_HEADER, *(f"column {number}" for number in range(9920))]
    assert recognise(written(tmp_path / "x.csv", text(header, line(header, FLOW_2018)))) is None


def test_a_line_without_end_stops_the_reading(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", cse_cic(one_2018()) + "0" * (4 * LONGEST_LINE))
    statistics = ReadStatistics()
    assert flows(path, statistics).num_rows == 1
    assert "a line is longer than" in statistics.capture.problems[0]


@pytest.mark.parametrize("content", ["", "\n", "a,b\n1,2\n", "#\n", "#fields\n", "\x00" * 500 + "\n", '"' * 999 + "\n"])
def test_other_files_are_no_data_set(content: str, tmp_path: Path) -> None:
    for name in ("x.csv", "x.log", "x.txt"):
        assert recognise(written(tmp_path / name, content)) is None
    assert recognise(tmp_path / "absent.csv") is None


def test_a_header_alone_is_no_flow_and_no_error(tmp_path: Path) -> None:
    recognised = recognise(written(tmp_path / "x.csv", cse_cic()))
    assert recognised is not None
    assert list(dataset_flows(recognised, DatasetCounts())) == []


def test_absurd_numbers_are_no_value(tmp_path: Path) -> None:
    changes = {
        "Tot_Fwd_Pkts": -5,
        "Flow_IAT_Max": 1e308,
        "TotLen_Fwd_Pkts": "1e30",
        "Dst_Port": 70000,
        "Timestamp": "99/99/2018 1:1",
    }
    row = flows(written(tmp_path / "x.csv", cse_cic(one_2018(**changes)))).to_pylist()[0]
    assert [row[name] for name in ("packets_fwd", "payload_bytes_fwd", "dst_port", "start_time", "end_time")] == [
        None
    ] * 5
    assert row["iat_max_us"] == 1e308


@settings(max_examples=80)
@given(data=st.data())
def test_damaged_files_never_break_the_reader(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    content = bytearray(cse_cic(*[one_2018()] * 5).encode())
    for _ in range(data.draw(st.integers(1, 20))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    path = written(tmp_path_factory.mktemp("damaged") / "x.csv", bytes(content))
    recognised = recognise(path)
    if recognised is None:
        return
    counts = DatasetCounts()
    try:
        rows = sum(batch.num_rows for batch in dataset_flows(recognised, counts))
    except InputError:
        rows = 0
    assert rows == counts.rows
    assert counts.damage or counts.all_rows <= 5 + content.count(b"\n") + content.count(b"\r")


def test_cleaned_parquet_editions_are_known_by_their_own_names(tmp_path: Path) -> None:
    values = {
        "Protocol": 6, "Flow Duration": 10, "Total Fwd Packets": 2, "Total Backward Packets": 1,
        "Fwd Packets Length Total": 7, "Bwd Packets Length Total": 5, "Flow IAT Mean": 5.0, "Init Fwd Win Bytes": 8192,
        "Fwd Act Data Packets": 1, "Avg Packet Size": 4.0, "Label": "Bot", "ClassLabel": "Botnet",
    }  # fmt: skip
    pa.parquet.write_table(pa.table({name: [value] for name, value in values.items()}), tmp_path / "x.parquet")
    statistics = ReadStatistics()
    row = flows(tmp_path / "x.parquet", statistics).to_pylist()[0]
    assert len(statistics.notes) == 1
    assert (row["payload_bytes"], row["window_fwd_initial"], row["label"]) == (12, 8192, "Bot")


def test_the_python_rewrite_is_not_taken_for_cicflowmeter(tmp_path: Path) -> None:
    header = [name.casefold().replace(" ", "_").replace("/", "_") for name in CSE_CIC_IDS2018_HEADER]
    assert recognise(written(tmp_path / "x.csv", text(header, line(header, {})))) is None


def test_unsw_nb15_without_the_columns_about_hosts_is_known(tmp_path: Path) -> None:
    header = ("dur", "proto", "spkts", "dpkts", "sbytes", "dbytes", "rate", "sinpkt", "dinpkt", "tcprtt", "label")
    path = written(tmp_path / "x.csv", text(header, line(header, {"proto": "tcp", "label": 1})))
    assert flows(path)["label"].to_pylist() == ["1"]
