"""Drift: traffic like the training traffic fits, another meter's units are caught, few flows are not judged."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import pytest

from netsift.detectors.model import ModelDetector
from netsift.evaluation.distributions import STEADY_BELOW
from netsift.evaluation.drift import LEAST_ROWS, Drift, DriftWatch, ServiceDrift, Verdict
from netsift.evaluation.training import train
from netsift.models.bundle import Bundle, bundle_bytes, load_bundle, parse_bundle
from netsift.models.dataset import Sampling, read_dataset
from netsift.models.labelled import LabelledInput
from netsift.models.learners.forests import ForestSettings
from netsift.models.learners.random_forest import RandomForest
from netsift.models.services import SERVICES, service_codes
from netsift.simulate import SimulationSettings, simulate
from netsift.sources.flows import read_flows
from tests.conftest import shared_data
from tests.models.fitted import FEATURE_NAMES, silent, small_bundle
from tests.models.traffic import random_batch

STORED = Path(__file__).resolve().parent.parent / "models" / "stored"


@cache
def simulated() -> tuple[Bundle, pa.Table, pa.Table]:
    """Return a model of simulated traffic, and of another seed the benign flows alone, and all flows."""
    with TemporaryDirectory() as folder:
        captures = [Path(folder) / f"{number}.pcap" for number in range(4)]
        for seed, path in enumerate(captures):
            attacks = "none" if seed == 2 else "all"
            simulate(path, SimulationSettings(seed=seed, duration_s=400, clients=12, background=2, attacks=attacks))
        inputs = [LabelledInput(path) for path in captures[:2]]
        dataset = read_dataset(inputs, FEATURE_NAMES, Sampling(max_rows_per_file=5000), silent)
        bundle = train(dataset, RandomForest(ForestSettings(trees=20, depth=10, seed=0)), 2, silent).bundle
        benign, mixed = (pa.Table.from_batches(list(read_flows([path]))) for path in captures[2:])
        return bundle, benign, mixed


def judged(bundle: Bundle, table: pa.Table, rows: int = 20_000) -> Drift:
    """Return the verdict over flows."""
    detector, watch = ModelDetector(bundle), DriftWatch(bundle, rows)
    for batch in table.combine_chunks().to_batches(max_chunksize=1000):
        watch.observe(detector.score(batch))
    return watch.judge()


def in_seconds(table: pa.Table, *names: str) -> pa.Table:
    """Return the flows with columns of microseconds as a meter would give them that measures in seconds."""
    for name in names or [name for name in table.column_names if name.endswith("_us") and "first_" not in name]:
        place = table.column_names.index(name)
        seconds = pc.divide(table.column(name).cast(pa.float64()), 1e6)
        table = table.set_column(place, name, seconds)
    return table


def test_traffic_like_that_of_training_fits() -> None:
    bundle, table, _ = simulated()
    found = judged(bundle, table)
    assert found.verdict is Verdict.FITS
    assert found.rows == table.num_rows
    assert LEAST_ROWS <= found.compared < found.rows
    assert found.shifted_share < 0.25


def services_of(table: pa.Table) -> npt.NDArray[np.str_]:
    """Return the service of every flow."""
    ports = [table.column(name).cast(pa.int64()).fill_null(-1).to_numpy() for name in ("src_port", "dst_port")]
    return np.array(SERVICES)[service_codes(*ports)]


def of_service(found: Drift, name: str) -> ServiceDrift:
    """Return what was found about a service."""
    assert found.mix is not None
    return next(one for one in found.mix.services if one.name == name)


def without_services(bundle: Bundle) -> Bundle:
    """Return a bundle as it was before services were told apart."""
    return replace(bundle, reference=bundle.reference.model_copy(update={"services": {}}))


def moved_to_port(table: pa.Table, chosen: npt.NDArray[np.bool_], port: int) -> pa.Table:
    """Return the flows, those chosen with another destination port."""
    place = table.column_names.index("dst_port")
    column = table.column("dst_port").combine_chunks()
    return table.set_column(place, "dst_port", pc.if_else(pa.array(chosen), pa.scalar(port, column.type), column))


@pytest.mark.parametrize(("factor", "word"), [(20.0, "more DNS"), (0.02, "less DNS")])
def test_another_mix_of_the_same_services_fits(factor: float, word: str) -> None:
    bundle, table, _ = simulated()
    weight = np.where(services_of(table) == "dns", factor, 1.0)
    chosen = np.random.default_rng(0).choice(table.num_rows, 3000, p=weight / weight.sum())
    mixed = table.take(np.sort(chosen))
    found = judged(bundle, mixed)
    assert found.verdict is Verdict.FITS
    assert found.mix is not None
    assert found.mix.sentence is not None
    assert word in found.mix.sentence
    assert found.mix.stability > STEADY_BELOW
    assert not any(service.unlike for service in found.mix.services)
    overall = judged(without_services(bundle), mixed)
    assert overall.mix is None
    assert overall.shifted_share > 2 * found.shifted_share


def test_a_service_that_looks_otherwise_is_named() -> None:
    bundle, table, _ = simulated()
    service = services_of(table)
    exchanged = moved_to_port(moved_to_port(table, service == "web", 53), service == "dns", 443)
    found = judged(bundle, exchanged)
    assert of_service(found, "dns").unlike
    assert of_service(found, "web").unlike
    assert found.verdict is not Verdict.FITS
    assert "DNS" in found.reason
    assert "no longer look as in training" in found.reason


def test_a_service_that_training_hardly_had_is_named() -> None:
    bundle, table, _ = simulated()
    assert "voice" not in bundle.reference.services
    found = judged(bundle, moved_to_port(table, services_of(table) == "web", 5060))
    voice = of_service(found, "voice")
    assert voice.new
    assert voice.shifted_share is None
    assert found.verdict is not Verdict.FITS
    assert "voice was hardly in the training" in found.reason


def test_services_with_few_flows_are_not_judged_alone() -> None:
    bundle, table, _ = simulated()
    found = judged(bundle, table)
    assert found.mix is not None
    assert found.mix.services
    for service in found.mix.services:
        enough = service.rows >= LEAST_ROWS and service.name in bundle.reference.services
        assert (service.shifted_share is not None) == enough
    assert sum(service.now for service in found.mix.services) == pytest.approx(1)


def test_attacks_that_the_model_knows_are_not_drift() -> None:
    bundle, benign, mixed = simulated()
    scores = np.concatenate([ModelDetector(bundle).score(batch).score for batch in mixed.to_batches()])
    attacks = mixed.filter(pa.array(scores >= 0.5))
    found = judged(bundle, pa.concat_tables([benign, *[attacks] * 3]))
    assert found.suspicious_share > 0.5
    assert found.ordinary
    assert found.verdict is Verdict.FITS


def test_attacks_alone_are_compared_with_attacks_and_never_distrusted_for_being_many() -> None:
    bundle, _, mixed = simulated()
    scores = np.concatenate([ModelDetector(bundle).score(batch).score for batch in mixed.to_batches()])
    found = judged(bundle, mixed.filter(pa.array(scores >= 0.5)))
    assert not found.ordinary
    assert found.reason.startswith("the model takes 100% of the flows for attacks; ")
    assert found.verdict in (Verdict.FITS, Verdict.DOUBTFUL)


def test_times_in_seconds_are_caught() -> None:
    bundle, table, _ = simulated()
    found = judged(bundle, in_seconds(table))
    assert found.verdict is Verdict.DO_NOT_TRUST
    assert found.columns[0].name.endswith("_us")
    assert found.columns[0].alien


def test_the_duration_alone_in_seconds_is_caught_and_named() -> None:
    bundle, table, _ = simulated()
    found = judged(bundle, in_seconds(table, "duration_us"))
    assert found.verdict is not Verdict.FITS
    worst = max(found.columns, key=lambda column: column.stability)
    assert worst.name == "duration_us"
    assert isinstance(worst.was, float)
    assert isinstance(worst.now, float)
    assert worst.now < worst.was / 1e4


def test_version_1_has_less_to_compare_with_and_still_catches_it() -> None:
    bundle = load_bundle(STORED / "version-1.netsift")
    table = pa.Table.from_batches([random_batch(3000, 5)[0]])
    fitting = judged(bundle, table)
    assert fitting.verdict is Verdict.FITS
    assert fitting.score is None
    assert fitting.compared < fitting.rows == 3000
    found = judged(bundle, in_seconds(table, "duration_us"))
    duration = next(column for column in found.columns if column.name == "duration_us")
    assert duration.shifted
    assert found.verdict is not Verdict.FITS


def test_few_flows_are_not_judged() -> None:
    bundle = small_bundle()
    found = judged(bundle, pa.Table.from_batches([random_batch(LEAST_ROWS - 1, 1)[0]]))
    assert found.verdict is Verdict.TOO_FEW
    assert f"{LEAST_ROWS - 1} flows can be compared and {LEAST_ROWS} are needed" in found.reason
    assert judged(bundle, pa.Table.from_batches([random_batch(LEAST_ROWS, 1)[0]])).verdict is not Verdict.TOO_FEW
    assert DriftWatch(bundle).judge().verdict is Verdict.TOO_FEW


def test_the_sample_is_bounded_and_the_same_twice() -> None:
    bundle, table, _ = simulated()
    found = judged(bundle, table, 1000)
    assert found.compared <= 1000
    assert found.rows == table.num_rows
    assert found == judged(bundle, table, 1000)


def test_the_training_rows_themselves_have_not_moved() -> None:
    bundle = small_bundle()
    batches = [random_batch(300, number)[0] for number in range(2)]
    found = judged(bundle, pa.Table.from_batches(batches))
    assert max(column.stability for column in found.columns) < STEADY_BELOW / 2
    assert not found.moved
    assert found.verdict is not Verdict.DO_NOT_TRUST


def test_the_distance_is_scipys_between_bins() -> None:
    from scipy.stats import ks_2samp

    bundle = small_bundle()
    batch = random_batch(2000, 8)[0]
    found = judged(bundle, in_seconds(pa.Table.from_batches([batch]), "duration_us"))
    duration = next(column for column in found.columns if column.name == "duration_us")
    trained = np.concatenate(
        [random_batch(300, number)[0]["duration_us"].to_numpy(zero_copy_only=False) for number in (0, 1)]
    )
    exact = ks_2samp(
        np.nan_to_num(trained, nan=-1), np.nan_to_num(batch["duration_us"].to_numpy(zero_copy_only=False) / 1e6, nan=-1)
    )
    assert duration.distance == pytest.approx(exact.statistic, abs=0.05)


def test_the_json_holds_the_verdict_and_every_column() -> None:
    bundle, table, _ = simulated()
    content = judged(bundle, table).as_json()
    assert content["verdict"] == "fits"
    assert len(content["columns"]) == len(bundle.manifest.features)
    assert {"name", "population_stability_index", "kolmogorov_smirnov", "was", "now"} <= set(content["columns"][0])
    assert {column["name"] for column in content["columns"]} == set(bundle.manifest.feature_names)
    assert sum(service["now"] for service in content["mix"]["services"]) == pytest.approx(1, abs=0.01)
    assert json.loads(json.dumps(content)) == content


def test_drift_is_the_same_after_saving() -> None:
    bundle, table, _ = simulated()
    assert judged(parse_bundle(bundle_bytes(bundle)), table) == judged(bundle, table)


CIC_COLUMNS = {
    "Flow Duration": "duration_us",
    "Total Fwd Packet": "packets_fwd",
    "Total Bwd packets": "packets_bwd",
    "Fwd Packet Length Mean": "payload_fwd_mean",
    "Bwd Packet Length Mean": "payload_bwd_mean",
    "Flow IAT Mean": "iat_mean_us",
    "Flow IAT Max": "iat_max_us",
    "Fwd IAT Mean": "iat_fwd_mean_us",
    "PSH Flag Count": "psh_packets",
}
CIC_FILES = {"BENIGN_5000": None, "DDoS_5000": "flood", "Portscan_5000": "scan", "SSH-Patator_2961": "brute_force"}


def cic_flows(folder: Path) -> pa.Table:
    """Return flows of CIC-IDS2017 under netsift's names, with labels, benign and attack flows mixed."""
    parts = []
    for name, attack in CIC_FILES.items():
        table = pa.csv.read_csv(folder / f"{name}.csv.gz").select(list(CIC_COLUMNS)).rename_columns(CIC_COLUMNS)
        labels = pa.array(["malicious" if attack else "benign"] * table.num_rows)
        kinds = pa.array([attack] * table.num_rows, pa.string())
        parts.append(table.append_column("label", labels).append_column("attack", kinds))
    mixed = pa.concat_tables(parts, promote_options="permissive")
    return mixed.take(np.random.default_rng(0).permutation(mixed.num_rows))


def test_real_flows_of_another_unit_are_caught(tmp_path: Path) -> None:
    table = cic_flows(shared_data() / "cicids2017-corrected" / "rnd_5000")
    half = table.num_rows // 2
    for number in range(2):
        part = table.slice(number * half // 2, half // 2)
        pa.parquet.write_table(part, tmp_path / f"{number}.parquet")
    inputs = [LabelledInput(tmp_path / f"{number}.parquet") for number in range(2)]
    dataset = read_dataset(inputs, tuple(CIC_COLUMNS.values()), Sampling(), silent)
    bundle = train(dataset, RandomForest(ForestSettings(trees=20, depth=10, seed=0)), 2, silent).bundle
    rest = table.slice(half)
    assert judged(bundle, rest).verdict is Verdict.FITS
    for names in ((), ("duration_us",)):
        found = judged(bundle, in_seconds(rest, *names))
        assert found.verdict is Verdict.DO_NOT_TRUST
        assert found.columns[0].name.endswith("_us")
        assert found.columns[0].alien
