"""Bundles of every older format version, stored as they were written, load and score as they did then."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from netsift.cli.detect import default_model
from netsift.detectors.model import ModelDetector
from netsift.models.bundle import bundle_bytes, load_bundle, parse_bundle
from netsift.models.manifest import FORMAT_VERSION

STORED = Path(__file__).resolve().parent / "stored"


def test_every_older_version_is_stored() -> None:
    assert [path.name for path in sorted(STORED.glob("*.netsift"))] == [
        f"version-{number}.netsift" for number in range(1, FORMAT_VERSION)
    ]


@pytest.mark.parametrize("path", sorted(STORED.glob("*.netsift")), ids=lambda path: path.stem)
def test_an_older_version_scores_the_same(path: Path) -> None:
    bundle = load_bundle(path)
    expected = json.loads(path.with_suffix(".json").read_text())
    scores = ModelDetector(bundle).score_matrix(np.array(expected["rows"], dtype=np.float32))
    assert scores.score.tolist() == pytest.approx(expected["scores"], abs=1e-6)
    assert len(set(expected["scores"])) > 3


@pytest.mark.parametrize("path", [*sorted(STORED.glob("*.netsift")), default_model()], ids=lambda path: path.stem)
def test_an_older_version_becomes_a_present_one(path: Path) -> None:
    bundle = load_bundle(path)
    assert bundle.manifest.format_version == FORMAT_VERSION
    again = parse_bundle(bundle_bytes(bundle))
    assert again == bundle
    assert again.explanation.base == bundle.explanation.base


def test_version_1_gets_the_techniques_of_its_classes() -> None:
    manifest = load_bundle(STORED / "version-1.netsift").manifest
    assert manifest.techniques == {"flood": ["T1498", "T1499"], "scan": ["T1046", "T1595", "T1018"]}
    assert all(source.period is None for source in manifest.training)
