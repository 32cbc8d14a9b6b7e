"""The model in the package is the one that its script makes: of the same columns."""

from __future__ import annotations

from netsift.cli.detect import default_model
from netsift.models.artefacts import artefact
from netsift.models.bundle import load_bundle
from netsift.models.features import CONTEXT_FEATURES, FEATURES, FLOW_FEATURES
from tools import quality


def test_the_shipped_model_has_the_columns_that_its_script_and_the_quality_page_train_on() -> None:
    columns = tuple(feature.name for feature in FLOW_FEATURES if not artefact(feature.name))
    assert load_bundle(default_model()).manifest.feature_names == columns == quality.COLUMNS


def test_features_are_those_of_the_flow_and_of_its_context() -> None:
    assert set(FEATURES) == {*FLOW_FEATURES, *CONTEXT_FEATURES}
    assert len(FEATURES) == len(FLOW_FEATURES) + len(CONTEXT_FEATURES)
