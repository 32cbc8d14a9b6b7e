"""The whole job on traffic that nobody here made: train on public captures, find in others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from netsift.cli.detect import default_model
from netsift.cli.main import application
from netsift.detectors.model import ModelDetector
from netsift.models.bundle import load_bundle
from netsift.models.calibration import TrafficSample, conformal_threshold
from netsift.models.dataset import sha256_of
from netsift.sources.flows import read_flows
from tests.conftest import shared_data

LEARNED_ATTACKS = ("chrissanders/synscan.pcapng", "zeek-traces/sshguess.pcap")
BENIGN = ("ndpi/webex.pcap", "iot-sentinel/HueBridge__Setup-A-1-STA.pcap")


def netsift(*arguments: object) -> Result:
    """Run the program, which must not fail."""
    result = CliRunner().invoke(application, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result


def folder(target: Path, names: tuple[str, ...], kind: str) -> Path:
    """Return a folder with links to these captures."""
    target.mkdir()
    for name in names:
        source = shared_data() / kind / name
        assert source.exists(), source
        shutil.copy(source, target / source.name)
    return target


@pytest.fixture(scope="module")
def scan_findings(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """Return what is found in a real port scan."""
    output = tmp_path_factory.mktemp("scan") / "findings.jsonl"
    netsift("detect", shared_data() / "pcap-attack" / "chrissanders/synscan.pcapng", "-o", output)
    return [json.loads(line) for line in output.read_text().splitlines()]


def test_a_real_scan_is_named_with_its_hosts_and_reasons(
    scan_findings: list[dict[str, object]],
) -> None:
    first = scan_findings[0]
    assert first["kind"] == "incident"
    assert first["category"] == "scan"
    for name in ("sources", "targets", "evidence", "flows"):
        assert first[name]


def test_a_model_trained_on_real_captures_says_how_it_does_by_capture(tmp_path: Path) -> None:
    model = tmp_path / "model.netsift"
    attacks = folder(tmp_path / "attacks", LEARNED_ATTACKS, "pcap-attack")
    benign = folder(tmp_path / "benign", BENIGN, "pcap-benign")
    result = netsift("train", "--attack", attacks, "--benign", benign, "-o", model, "--trees", 10, "--folds", 2)
    assert "by input" in result.stdout
    assert "random split" in result.stdout
    found = netsift("detect", attacks / "synscan.pcapng", "--model", model, "-o", "-")
    assert json.loads(found.stdout.splitlines()[0])["flows"] > 100


def test_calibrated_thresholds_keep_to_the_rate_on_real_hosts_that_were_not_calibrated_on() -> None:
    bundle = load_bundle(default_model())
    learned = {source.sha256 for source in bundle.manifest.training}
    found = sorted(path for path in (shared_data() / "pcap-benign" / "ndpi").iterdir() if "pcap" in path.name)
    detector, sample = ModelDetector(bundle), TrafficSample()
    for batch in read_flows([path for path in found if sha256_of(path) not in learned]):
        sample.add(batch, detector.score(batch).score)
    traffic = sample.traffic()
    shares = []
    for seed in range(20):
        pairs = np.unique(traffic.host_pair)
        chosen = np.random.default_rng(seed).random(len(pairs)) < 0.5
        known = np.isin(traffic.host_pair, pairs[chosen])
        threshold = conformal_threshold(traffic.part(known), 0.05, 2.0, 0.0).threshold
        assert threshold is not None
        shares.append((traffic.score[~known] >= threshold).mean())
    assert (traffic.score >= bundle.threshold(0.05)).mean() > 0.1
    assert 0.01 <= np.mean(shares) <= 0.075
