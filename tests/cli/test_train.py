"""``netsift train``: what a person types, sees and gets."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

from netsift.cli.main import application
from netsift.errors import InputError, UsageError
from netsift.evaluation import plots
from netsift.models.bundle import load_bundle
from netsift.simulate import SimulationSettings, simulate
from tests.models.traffic import labelled_batch, random_batch
from tests.sources.datasets.public import CSE_CIC_IDS2018_HEADER, line, text

SMALL = ("--trees", "8", "--depth", "5", "--folds", "2")


def train(*arguments: object) -> Result:
    """Run ``netsift train`` with a small forest."""
    return CliRunner().invoke(application, ["train", *map(str, arguments), *SMALL], catch_exceptions=False)


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a machine without matplotlib."""
    monkeypatch.setattr(plots, "plots_available", lambda: False)


def flow_file(path: Path, batch: pa.RecordBatch) -> Path:
    """Write a batch as a Parquet file."""
    pa.parquet.write_table(pa.Table.from_batches([batch]), path)
    return path


def test_two_files_give_a_model_two_protocols_and_plots(tmp_path: Path) -> None:
    inputs = [flow_file(tmp_path / f"{seed}.parquet", labelled_batch(150, seed)) for seed in range(2)]
    result = train(*inputs, "-o", tmp_path / "model.netsift")
    assert result.exit_code == 0
    assert "300 labelled flows from 2 inputs: benign" in result.stderr
    assert "quote the first row, the worst" in result.stdout
    for words in (
        "by input",
        "random split: flatters",
        "recall at 0.1% FP",
        "scan",
        "flood",
        "Columns that matter most",
    ):
        assert words in result.stdout
    manifest = load_bundle(tmp_path / "model.netsift").manifest
    assert manifest.classes == ["benign", "flood", "scan"]
    assert manifest.audit
    assert all(entry.check in result.stdout for entry in manifest.audit)
    assert sorted(path.name for path in (tmp_path / "model-plots").iterdir()) == [
        "calibration.png", "confusion_matrix.png", "feature_importance.png", "precision_recall.png", "protocols.png",
        "roc_curve.png",
    ]  # fmt: skip


@pytest.mark.usefixtures("no_plots")
def test_the_same_command_gives_the_same_file(tmp_path: Path) -> None:
    path = flow_file(tmp_path / "x.parquet", labelled_batch(150, 1))
    for name in ("a", "b"):
        train(path, "-o", tmp_path / f"{name}.netsift", "--seed", 3)
    assert (tmp_path / "a.netsift").read_bytes() == (tmp_path / "b.netsift").read_bytes()


@pytest.mark.usefixtures("no_plots")
def test_whole_inputs_are_labelled_by_option(tmp_path: Path) -> None:
    benign = flow_file(tmp_path / "quiet.parquet", random_batch(80, 1)[0])
    attack = flow_file(tmp_path / "loud.parquet", random_batch(80, 2)[0])
    result = train("--benign", benign, "--attack", attack, "-o", tmp_path / "m.netsift")
    assert "benign 80, other 80" in result.stderr
    assert "leaves only benign or only attack flows" in result.stdout
    assert "no plots were drawn: they need matplotlib and seaborn" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loud.parquet", "m.netsift", "quiet.parquet"]


@pytest.mark.usefixtures("no_plots")
def test_a_sample_is_said_aloud(tmp_path: Path) -> None:
    path = flow_file(tmp_path / "x.parquet", labelled_batch(300, 1))
    result = train(path, "-o", tmp_path / "m.netsift", "--max-rows", 100)
    assert "200 flows were left out at random, because of --max-rows" in result.stderr


def test_wrong_arguments_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is nothing to read"):
        train("-o", tmp_path / "m.netsift")
    with pytest.raises(InputError, match=r"absent\.parquet"):
        train(tmp_path / "absent.parquet", "-o", tmp_path / "m.netsift")
    assert list(tmp_path.iterdir()) == []


def write_cic(path: Path, labels: list[str], seed: int) -> Path:
    """Write flows in the shape of CSE-CIC-IDS2018, of which the attacks have the most packets."""
    random = np.random.default_rng(seed)
    rows = [
        line(
            CSE_CIC_IDS2018_HEADER,
            {
                "Dst Port": 80, "Protocol": 6, "Timestamp": f"14/02/2018 10:{number % 60:02}:01",
                "Flow Duration": int(random.integers(1, 10**6)),
                "Tot Fwd Pkts": int(random.integers(1, 9)) + (0 if label == "Benign" else 50), "Tot Bwd Pkts": 2,
                "TotLen Fwd Pkts": 100, "Label": label,
            },
        )
        for number, label in enumerate(labels)
    ]  # fmt: skip
    path.write_text(text(CSE_CIC_IDS2018_HEADER, *rows))
    return path


@pytest.mark.usefixtures("no_plots")
def test_data_sets_are_learned_together_with_netsifts_own_flows(tmp_path: Path) -> None:
    public = write_cic(tmp_path / "Thursday.csv", ["Benign", "DoS attacks-Hulk", "Zero Day"] * 40, 1)
    own = flow_file(tmp_path / "own.parquet", labelled_batch(120, 2))
    result = train(public, own, "-o", tmp_path / "m.netsift")
    assert "Thursday.csv: CSE-CIC-IDS2018 flows (CICFlowMeter, 80 columns)" in result.stderr
    assert "own.parquet lacks features that are therefore not used: cicflowmeter.ack_flag_cnt," in result.stderr
    assert "labels that the taxonomy does not know, counted as other: 'Zero Day' (40 flows)" in result.stderr
    manifest = load_bundle(tmp_path / "m.netsift").manifest
    assert manifest.classes == ["benign", "flood", "other", "scan"]
    assert "duration_us" in manifest.feature_names
    assert "syn_packets" not in manifest.feature_names


def write_simulated(path: Path) -> Path:
    """Write a short capture with its label file beside it."""
    simulate(path, SimulationSettings(seed=1, duration_s=90.0, clients=3, snap_length=96))
    return path


def several_networks(folder: Path) -> list[str]:
    """Return a data set, flows of netsift and a capture, each of a network of its own, as on a command line."""
    public = write_cic(folder / "Thursday.csv", ["Benign", "DoS attacks-Hulk"] * 60, 1)
    own = flow_file(folder / "own.parquet", labelled_batch(120, 2))
    return [f"lab={public}", f"home={own}", f"made={write_simulated(folder / 'made.pcap')}"]


@pytest.mark.usefixtures("no_plots")
def test_a_data_set_a_capture_and_flows_are_learned_together_on_what_all_have(tmp_path: Path) -> None:
    inputs = several_networks(tmp_path)
    protocols = ("--protocols", "leave-one-network-out", "--max-rows-per-network", 80)
    result = train(*inputs, "-o", tmp_path / "m.netsift", *protocols)
    assert result.exit_code == 0
    assert "own.parquet and 1 more file lack features that are therefore not used: cicflowmeter." in result.stderr
    lacking = next(one for one in result.stderr.splitlines() if one.startswith("Thursday.csv lacks"))
    assert "bytes_fwd" in lacking
    assert "flows of each network: home 80, lab 80, made 80" in result.stderr
    manifest = load_bundle(tmp_path / "m.netsift").manifest
    assert {"duration_us", "packets_fwd", "payload_bytes_fwd"} <= set(manifest.feature_names)
    assert not {"bytes_fwd", "cicflowmeter.ack_flag_cnt"} & set(manifest.feature_names)
    assert [one.protocol for one in manifest.evaluation] == ["leave-one-network-out"]
    assert sum(manifest.training_rows.values()) == 240


@pytest.mark.usefixtures("no_plots")
def test_a_model_of_a_data_set_finds_attacks_in_unlabelled_flows_of_it(tmp_path: Path) -> None:
    learned = write_cic(tmp_path / "learned.csv", ["Benign", "Bot"] * 100, 1)
    train(learned, "-o", tmp_path / "m.netsift")
    assert "cicflowmeter.syn_flag_cnt" in load_bundle(tmp_path / "m.netsift").manifest.feature_names
    lines = write_cic(tmp_path / "x.csv", ["Benign", "Bot"] * 10, 2).read_text().splitlines()
    unlabelled = tmp_path / "unlabelled.csv"
    unlabelled.write_text("\n".join(one.rpartition(",")[0].replace("Dst Port", "Src IP,Dst IP,Src Port,Dst Port", 1)
                                    if number == 0 else f"10.0.0.1,10.0.0.2,4000,{one.rpartition(',')[0]}"
                                    for number, one in enumerate(lines)) + "\n")  # fmt: skip
    command = ["detect", str(unlabelled), "--model", str(tmp_path / "m.netsift")]
    result = CliRunner().invoke(application, command, catch_exceptions=False)
    assert result.exit_code == 0
    assert "unlabelled.csv: CSE-CIC-IDS2018 flows (CICFlowMeter, 82 columns)" in result.stderr
    assert "20 flows of 624 packets: 1 incident of 1 alert\n" in result.stderr
    assert "behaviours were not looked for: the flows lack bytes_fwd, bytes_bwd" in result.stderr
    assert "c2" in result.stdout


@pytest.mark.usefixtures("no_plots")
def test_what_is_the_same_of_many_files_is_said_once(tmp_path: Path) -> None:
    days = tmp_path / "days"
    days.mkdir()
    for number in range(3):
        write_cic(days / f"{number}.csv", ["Benign", "Bot"] * 20, number)
    result = train(days, "-o", tmp_path / "m.netsift")
    assert result.stderr.count("CSE-CIC-IDS2018") == 1
    assert "0.csv and 2 more: CSE-CIC-IDS2018 flows (CICFlowMeter, 80 columns)" in result.stderr


def test_a_table_that_is_not_known_is_refused_with_its_header(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"colour,taste\nred,sweet\n"))
    with pytest.raises(InputError, match=r"no data set that is known .* begins 'colour,taste'"):
        train(path, "-o", tmp_path / "m.netsift")
    (tmp_path / "y.csv").write_text("colour,taste\nred,sweet\n")
    with pytest.raises(InputError, match="and is no known data set"):
        train(tmp_path / "y.csv", "-o", tmp_path / "m.netsift")


@pytest.mark.usefixtures("no_plots")
def test_other_learners_are_trained_and_tuned(tmp_path: Path) -> None:
    source = flow_file(tmp_path / "flows.parquet", labelled_batch(200, 1))
    common = ("train", str(source), "--folds", "2", "--protocols", "random split", "--learner", "logistic")
    model = tmp_path / "model.netsift"
    result = CliRunner().invoke(application, [*common, "--tune", "2", "-o", str(model)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "Learner: logistic (iterations 200, l2 " in result.stdout
    learner = load_bundle(model).manifest.learner
    assert learner.name == "logistic"
    assert set(learner.settings) == {"iterations", "l2", "seed"}
    for wrong in (["--learner", "oracle"], ["--learner", "logistic", "--trees", "5"]):
        with pytest.raises(UsageError, match=r"no learner 'oracle'|no trees to set"):
            CliRunner().invoke(application, ["train", str(source), *wrong], catch_exceptions=False)
