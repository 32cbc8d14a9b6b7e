"""The real files of the public data sets: every row is there, and values are those of the file read independently."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from netsift.models.dataset import Sampling, read_dataset
from netsift.models.labelled import LabelledInput, labelled_batches
from netsift.sources.datasets.nsl_kdd import TEXT_COLUMNS
from netsift.sources.datasets.reading import recognise
from netsift.sources.statistics import ReadStatistics
from tests.conftest import shared_data
from tests.sources.datasets.public import flows, raw_columns, raw_rows

CORRECTED = "cicids2017-corrected/rnd_5000"
ORIGINAL = "cicids2017-labelledflows85"
ML_CVE = "cicids2017-mlcve78/CICIDS2017_sample.csv.gz"
UNSW = "unsw-nb15/UNSW_NB15_training-set.zip"
NSL_TEXT = "nsl-kdd/KDDTrain+_20Percent.txt.gz"
NSL_PARQUET = "nsl-kdd/KDDTrain.parquet"
IOT23 = "iot23-zeek-csv"
ZEEK = "zeek-labelled-stratosphere"
ARGUS = "argus-binetflow-slips"


def classes(name: str) -> tuple[Counter[str | None], ReadStatistics]:
    """Return the rows of every class in a file."""
    statistics = ReadStatistics()
    counts: Counter[str | None] = Counter()
    for labelled in labelled_batches(LabelledInput(shared_data() / name), statistics):
        counts.update(labelled.classes)
    return counts, statistics


@pytest.mark.parametrize(
    ("name", "title", "expected"),
    [
        (f"{CORRECTED}/BENIGN_5000.csv.gz", "corrected (CICFlowMeter, 91 columns)", {"benign": 5000}),
        (f"{CORRECTED}/Botnet_736.csv.gz", "corrected", {"c2": 736}),
        (f"{CORRECTED}/DDoS_5000.csv.gz", "corrected", {"flood": 5000}),
        (f"{CORRECTED}/DoS_GoldenEye_5000.csv.gz", "corrected", {"flood": 5000}),
        (f"{CORRECTED}/DoS_Hulk_5000.csv.gz", "corrected", {"flood": 5000}),
        (f"{CORRECTED}/DoS_Slowhttptest_1740.csv.gz", "corrected", {"slow_http": 1740}),
        (f"{CORRECTED}/DoS_Slowloris_3859.csv.gz", "corrected", {"slow_http": 3859}),
        (f"{CORRECTED}/FTP-Patator_3972.csv.gz", "corrected", {"brute_force": 3972}),
        (f"{CORRECTED}/Heartbleed_11.csv", "corrected", {"exploit": 11}),
        (f"{CORRECTED}/Infiltration_-_Portscan_5000.csv.gz", "corrected", {"scan": 5000}),
        (f"{CORRECTED}/Infiltration_36.csv", "corrected", {"infiltration": 36}),
        (f"{CORRECTED}/Portscan_5000.csv.gz", "corrected", {"scan": 5000}),
        (f"{CORRECTED}/SSH-Patator_2961.csv.gz", "corrected", {"brute_force": 2961}),
        (f"{CORRECTED}/Web_Attack_-_Brute_Force_73.csv", "corrected", {"brute_force": 73}),
        (f"{CORRECTED}/Web_Attack_-_SQL_Injection_13.csv", "corrected", {"web_attack": 13}),
        (f"{CORRECTED}/Web_Attack_-_XSS_18.csv", "corrected", {"web_attack": 18}),
        (f"{ORIGINAL}/Friday-DDos_first299_origheader.csv.gz", "GeneratedLabelledFlows", {"benign": 299}),
        (f"{ORIGINAL}/baseline_ddos.csv.gz", "GeneratedLabelledFlows", {"flood": 1000}),
        (f"{ORIGINAL}/baseline_portscan.csv.gz", "GeneratedLabelledFlows", {"scan": 1000}),
        (f"{ORIGINAL}/baseline_sqli.csv", "GeneratedLabelledFlows", {"web_attack": 21}),
        (f"{ORIGINAL}/baseline_xss.csv.gz", "GeneratedLabelledFlows", {"web_attack": 652}),
        (
            ML_CVE,
            "MachineLearningCVE (CICFlowMeter, 78 columns)",
            {
                "benign": 227, "web_attack": 2180, "c2": 1966, "flood": 952, "brute_force": 553, "scan": 397,
                "infiltration": 36,
            },
        ),
        (
            UNSW,
            "UNSW-NB15",
            {"benign": 37000, "other": 25610, "exploit": 11554, "flood": 4089, "scan": 3496, "c2": 583},
        ),
        (f"{IOT23}/CTU-Honeypot-Capture-4-1-labeled.csv", "Zeek", {"benign": 452}),
        (f"{IOT23}/CTU-Honeypot-Capture-5-1-labeled.csv.gz", "Zeek", {"benign": 1374}),
        (f"{IOT23}/CTU-Malware-Capture-20-1-labeled.csv.gz", "Zeek", {"benign": 3193, "c2": 16}),
        (
            f"{IOT23}/CTU-Malware-Capture-34-1-labeled.csv.gz",
            "Zeek",
            {"benign": 1923, "c2": 6706, "flood": 14394, "scan": 122},
        ),
        (f"{IOT23}/CTU-Malware-Capture-8-1-labeled.csv.gz", "Zeek", {"benign": 2181, "c2": 8222}),
        (f"{ZEEK}/001-zeek-scenario-malicious/labeled-conn.log.gz", "Zeek", {"benign": 748, "c2": 244}),
        (f"{ZEEK}/008-zeek-mixed/data/conn.log.labeled.gz", "Zeek", {"benign": 1462, "other": 4201}),
        (f"{ZEEK}/010-zeek-mixed/data/conn.log.labeled.gz", "Zeek", {"benign": 1974, "other": 3373}),
        (f"{ARGUS}/test5-mixed.binetflow", "Argus", {None: 1, "benign": 21, "c2": 277, "other": 1}),
        (f"{ARGUS}/test4-malicious.binetflow", "Argus", {None: 394}),
        (f"{ARGUS}/history/Malicious_CTU-Malware-Capture-Botnet-207-1.binetflow.gz", "Argus", {None: 23602}),
        (f"{ARGUS}/history/Normal_CTU-Normal-7-2013-12-17.binetflow.gz", "Argus", {None: 9797}),
    ],
)  # fmt: skip
def test_every_row_has_its_class(name: str, title: str, expected: dict[str | None, int]) -> None:
    counts, statistics = classes(name)
    assert counts == expected
    assert title in statistics.notes[0]
    assert len(statistics.notes) == 1
    assert statistics.capture.problem_count == 0


@pytest.mark.parametrize("name", [NSL_TEXT, NSL_PARQUET])
def test_every_row_of_nsl_kdd_has_its_class(name: str) -> None:
    counts, statistics = classes(name)
    if name == NSL_TEXT:
        labels = Counter(row[41] for row in raw_rows(shared_data() / name))
    else:
        labels = Counter(pa.parquet.read_table(shared_data() / name, columns=["class"])["class"].to_pylist())
    assert counts["benign"] == labels["normal"] > 10_000
    assert counts["flood"] == sum(labels[one] for one in ("neptune", "smurf", "back", "teardrop", "pod", "land"))
    assert counts["scan"] == sum(labels[one] for one in ("satan", "ipsweep", "portsweep", "nmap"))
    assert counts.total() == labels.total()
    assert "NSL-KDD" in statistics.notes[0]


def numbers(texts: Sequence[str], scale: float = 1.0) -> list[float]:
    """Return the texts as numbers."""
    return [float(text) * scale for text in texts]


def same(column: pa.ChunkedArray, expected: Sequence[float | None]) -> None:
    """Assert that a column has these values, to the precision of float32, and null where None stands."""
    values = column.cast(pa.float64())
    wanted = pa.array(expected, pa.float64())
    assert values.is_null().to_pylist() == wanted.is_null().to_pylist()
    np.testing.assert_allclose(values.drop_null().to_numpy(), wanted.drop_null().to_numpy(), rtol=1e-6, atol=1e-6)


def where(texts: Sequence[str], exists: Sequence[bool]) -> list[float | None]:
    """Return the texts as numbers, None where there is no value."""
    return [float(text) if one else None for text, one in zip(texts, exists, strict=True)]


@pytest.mark.parametrize("name", ["BENIGN_5000.csv.gz", "DDoS_5000.csv.gz", "Heartbleed_11.csv"])
def test_corrected_cic_values_are_those_of_the_file(name: str) -> None:
    path = shared_data() / CORRECTED / name
    raw, table = raw_columns(path), flows(path)
    forward, backward = numbers(raw["Total Fwd Packet"]), numbers(raw["Total Bwd packets"])
    is_tcp = [protocol == "6" for protocol in raw["Protocol"]]
    assert table["src_ip"].to_pylist() == raw["Src IP"]
    same(table["duration_us"], numbers(raw["Flow Duration"]))
    same(table["packets"], [sum(both) for both in zip(forward, backward, strict=True)])
    same(table["payload_mean"], numbers(raw["Packet Length Mean"]))
    same(table["payload_std"], numbers(raw["Packet Length Std"]))
    same(table["rate_payload_bytes_s"], numbers(raw["Flow Bytes/s"]))
    same(table["packets_ratio"], numbers(raw["Down/Up Ratio"]))
    same(table["iat_fwd_mean_us"], where(raw["Fwd IAT Mean"], [count >= 2 for count in forward]))
    same(table["payload_bwd_max"], where(raw["Bwd Packet Length Max"], [count >= 1 for count in backward]))
    seen = [tcp and count >= 1 for tcp, count in zip(is_tcp, backward, strict=True)]
    same(table["window_bwd_initial"], where(raw["Bwd Init Win Bytes"], seen))
    same(table["idle_mean_us"], where(raw["Idle Mean"], [text != "0" for text in raw["Idle Max"]]))
    same(table["syn_packets"], numbers(raw["SYN Flag Count"]))
    # CICFlowMeter adds header lengths in 16 bits: a sum that is too small for its packets went over.
    headers = numbers(raw["Bwd Header Length"])
    right = [total >= (20 if tcp else 8) * count for total, count, tcp in zip(headers, backward, is_tcp, strict=True)]
    same(table["header_bytes_bwd"], where(raw["Bwd Header Length"], right))
    assert table["icmp_type"].null_count == sum(text == "-1" for text in raw["ICMP Type"])


def test_corrected_cic_times_are_utc() -> None:
    table = flows(shared_data() / CORRECTED / "Heartbleed_11.csv")
    assert table["start_time"][0].as_py().timestamp() == datetime(2017, 7, 5, 18, 12, 15, 650811, UTC).timestamp()
    lasted = (table["end_time"][0].value - table["start_time"][0].value) / 1000
    assert lasted == table["duration_us"][0].as_py() == 119302728


@pytest.mark.parametrize("name", ["Friday-DDos_first299_origheader.csv.gz", "baseline_sqli.csv", "baseline_xss.csv.gz"])
def test_original_cic_values_are_those_of_the_file(name: str) -> None:
    path = shared_data() / ORIGINAL / name
    raw, table = raw_columns(path), flows(path)
    forward = numbers(raw["Total Fwd Packets"])
    same(table["iat_fwd_total_us"], where(raw["Fwd IAT Total"], [count >= 2 for count in forward]))
    windows = [float(text) >= 0 for text in raw["Init_Win_bytes_forward"]]
    is_tcp = [float(text) == 6 for text in raw["Protocol"]]
    seen = [window and tcp for window, tcp in zip(windows, is_tcp, strict=True)]
    same(table["window_fwd_initial"], where(raw["Init_Win_bytes_forward"], seen))
    same(table["header_bytes_fwd"], where(raw["Fwd Header Length"], is_tcp))
    same(table["cicflowmeter.syn_flag_count"], numbers(raw["SYN Flag Count"]))
    same(table["dst_port"], numbers(raw["Destination Port"]))
    assert not {"syn_packets", "bulk_fwd_bytes_mean", "subflows"} & set(table.column_names)


def test_original_cic_times_are_read_by_the_testbeds_clock() -> None:
    path = shared_data() / ORIGINAL / "Friday-DDos_first299_origheader.csv.gz"
    raw, table = raw_columns(path), flows(path)
    assert raw["Timestamp"][0] == "7/7/2017 3:30"
    assert table["start_time"][0].as_py().timestamp() == datetime(2017, 7, 7, 18, 30, tzinfo=UTC).timestamp()


def test_infinities_of_the_machine_learning_files_are_no_value() -> None:
    path = shared_data() / ML_CVE
    raw, table = raw_columns(path), flows(path)
    no_rate = [text.casefold().lstrip("-") in {"inf", "infinity", "nan", ""} for text in raw["Flow Packets/s"]]
    assert sum(no_rate) == table["rate_packets_s"].null_count == sum(one == "0" for one in raw["Flow Duration"])
    assert "protocol" not in table.column_names
    same(table["iat_mean_us"], numbers(raw["Flow IAT Mean"]))


def test_unsw_values_are_those_of_the_file() -> None:
    path = shared_data() / UNSW
    raw, table = raw_columns(path), flows(path)
    same(table["duration_us"], numbers(raw["dur"], 1e6))
    same(table["bytes_fwd"], numbers(raw["sbytes"]))
    same(table["iat_fwd_mean_us"], [
        number * 1000 if count >= 2 else None
        for number, count in zip(numbers(raw["sinpkt"]), numbers(raw["spkts"]), strict=True)
    ])  # fmt: skip
    same(table["unsw_nb15.ct_srv_src"], numbers(raw["ct_srv_src"]))
    protocols = Counter(zip(raw["proto"], table["protocol"].to_pylist(), strict=True))
    for name, number in (("tcp", 6), ("udp", 17), ("ospf", 89), ("gre", 47), ("arp", None), ("unas", None)):
        assert {known for text, known in protocols if text == name} == {number}
    assert not {"unsw_nb15.stcpb", "unsw_nb15.id", "unsw_nb15.label"} & set(table.column_names)


def test_nsl_kdd_values_are_those_of_the_file() -> None:
    path = shared_data() / NSL_TEXT
    raw, table = raw_columns(path, header=TEXT_COLUMNS), flows(path)
    same(table["duration_us"], numbers(raw["duration"], 1e6))
    same(table["payload_bytes_bwd"], numbers(raw["dst_bytes"]))
    assert table["conn_state"].to_pylist() == raw["flag"]
    same(table["nsl_kdd.dst_host_rerror_rate"], numbers(raw["dst_host_rerror_rate"]))
    assert not {"nsl_kdd.difficulty", "nsl_kdd.classnum"} & set(table.column_names)


def test_zeek_values_are_those_of_the_file() -> None:
    path = shared_data() / IOT23 / "CTU-Malware-Capture-34-1-labeled.csv.gz"
    raw, table = raw_columns(path), flows(path)
    single = [
        float(a) + float(b) <= 1 and not duration
        for a, b, duration in zip(raw["orig_pkts"], raw["resp_pkts"], raw["duration"], strict=True)
    ]
    same(table["duration_us"], [
        0.0 if one else float(text) * 1e6 if text else None for text, one in zip(raw["duration"], single, strict=True)
    ])  # fmt: skip
    same(table["payload_bytes_fwd"], [float(text) if text else None for text in raw["orig_bytes"]])
    same(table["bytes_bwd"], numbers(raw["resp_ip_bytes"]))
    assert table["dst_ip"].to_pylist() == raw["id.resp_h"]
    assert table["start_time"][0].value == 1545403816962094000
    assert table["conn_state"].to_pylist() == raw["conn_state"]


def test_argus_values_are_those_of_the_file() -> None:
    path = shared_data() / ARGUS / "test5-mixed.binetflow"
    raw, table = raw_columns(path, delimiter="\t"), flows(path)
    same(table["packets"], numbers(raw["TotPkts"]))
    same(table["argus.srcbytes"], numbers(raw["SrcBytes"]))
    assert {raw["Proto"][row] for row, number in enumerate(table["protocol"].to_pylist()) if number is None} == {
        "man", "llc", "arp",
    }  # fmt: skip
    assert table["start_time"][299].as_py().isoformat().startswith("1970-01-01T01:02:24.166788")
    assert "00:00:00:00:00:00" not in table["src_ip"].to_pylist()


def test_ports_of_argus_exist_only_where_the_protocol_has_ports() -> None:
    table = flows(shared_data() / ARGUS / "test11-portscan.binetflow")
    assert table.num_rows == len(raw_rows(shared_data() / ARGUS / "test11-portscan.binetflow")) - 1
    with_ports = Counter((protocol, port is not None) for protocol, port in zip(
        table["protocol"].to_pylist(), table["src_port"].to_pylist(), strict=True
    ))  # fmt: skip
    assert with_ports == {(6, True): 20, (1, False): 46}


def test_a_label_that_the_taxonomy_does_not_know_is_said_aloud() -> None:
    path = shared_data() / ARGUS / "test5-mixed.binetflow"
    dataset = read_dataset([LabelledInput(path)], ["duration_us"], Sampling(), lambda *_: None)
    assert dataset.notes[1:] == (
        "labels that the taxonomy does not know, counted as other: 'flow=TCP-Established-To-Microsoft-7' (1 flow)",
    )
    assert dataset.unlabelled == 1


@pytest.mark.parametrize(
    ("name", "count"),
    [
        (f"{ZEEK}/002-zeek-scenario-port-scanning/conn.log.gz", 4504),
        ("zeek-rita/json_with_all_fields/conn.log", 29),
        ("zeek-rita/json_with_all_fields/open_conn.log", 59),
        ("zeek-slips/test9-mixed-zeek-dir/conn.log.gz", 576),
        ("zeek-slips/test13-malicious-dhcpscan-zeek-dir/conn.log", 2),
    ],
)
def test_zeek_logs_in_json_are_read_as_they_are(name: str, count: int) -> None:
    path, statistics = shared_data() / name, ReadStatistics()
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    raw, table = [json.loads(line) for line in data.splitlines()], flows(path, statistics)
    assert statistics.exit_status() == 0
    assert table.num_rows == len(raw) == count
    assert table["src_ip"].to_pylist() == [row["id.orig_h"] for row in raw]
    assert table["conn_state"].to_pylist() == [row["conn_state"] for row in raw]
    same(table["packets"], [float(row["orig_pkts"] + row["resp_pkts"]) for row in raw])
    same(table["payload_bytes_bwd"], [row.get("resp_bytes") for row in raw])
    same(table["duration_us"], [
        row["duration"] * 1e6 if "duration" in row else 0.0 if row["orig_pkts"] + row["resp_pkts"] <= 1 else None
        for row in raw
    ])  # fmt: skip


@pytest.mark.parametrize("log", ["dns", "http", "ssl", "open_http", "open_ssl"])
def test_other_zeek_logs_in_json_are_no_flows(log: str) -> None:
    assert recognise(shared_data() / "zeek-rita" / "json_with_all_fields" / f"{log}.log") is None


def test_every_data_set_file_of_a_folder_is_read_as_one_folder() -> None:
    path = shared_data() / ORIGINAL
    assert flows(path).num_rows == 299 + 1000 + 1000 + 21 + 652
