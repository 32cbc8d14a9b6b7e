"""Inputs that differ are trained on together by what they have in common."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from netsift.errors import InputError
from netsift.models.artefacts import artefact
from netsift.models.choice import choose_features
from netsift.models.features import available_features
from netsift.models.labelled import LabelledInput
from tests.models.fitted import FEATURE_NAMES
from tests.models.traffic import random_batch
from tests.sources.datasets.public import CIC_IOT2023, line, text

OWN = [name for name in FEATURE_NAMES if not artefact(name)]


def parquet(path: Path, batch: pa.RecordBatch) -> LabelledInput:
    """Write a flow file."""
    pa.parquet.write_table(pa.Table.from_batches([batch]), path)
    return LabelledInput(path)


def test_features_in_all_inputs_are_kept_in_order_and_the_others_named(tmp_path: Path) -> None:
    batch, _ = random_batch(10, 1)
    whole = parquet(tmp_path / "whole.parquet", batch)
    foreign = batch.drop_columns(["src_port", "packets"]).append_column("argus.x", pa.array([1.0] * 10))
    parts = [parquet(tmp_path / f"{name}.parquet", foreign) for name in "ab"]
    chosen = choose_features([whole, *parts])
    assert chosen.names == tuple(name for name in OWN if name not in ("packets", "service"))
    *lacking, artefacts = chosen.sentences()
    assert lacking == [
        "whole.parquet lacks features that are therefore not used: argus.x",
        "a.parquet and 1 more file lack features that are therefore not used: packets, service",
    ]
    assert artefacts.startswith("not used, because they tell hosts and meters rather than behaviour: ip_version, ")
    assert choose_features(parts).names == (*(name for name in OWN if name not in ("packets", "service")), "argus.x")


def test_a_capture_has_all_of_netsifts_features_and_is_not_read_for_that(tmp_path: Path) -> None:
    capture = tmp_path / "x.pcap"
    capture.write_bytes(b"\xd4\xc3\xb2\xa1")
    assert choose_features([LabelledInput(capture, "benign")]).names == tuple(OWN)


def test_what_tells_hosts_is_left_out_also_under_another_tools_name(tmp_path: Path) -> None:
    batch = random_batch(10, 1)[0].append_column("unsw_nb15.sttl", pa.array([64.0] * 10))
    chosen = choose_features([parquet(tmp_path / "x.parquet", batch)])
    assert {"unsw_nb15.sttl", "ttl_fwd_min", "window_fwd_initial"} <= set(chosen.artefacts)
    assert not set(chosen.artefacts) & set(chosen.names)


def test_inputs_without_a_common_feature_are_refused(tmp_path: Path) -> None:
    own = parquet(tmp_path / "own.parquet", random_batch(10, 1)[0])
    other = tmp_path / "iot.csv"
    other.write_text(text(CIC_IOT2023, line(CIC_IOT2023, {"label": "BenignTraffic"})))
    with pytest.raises(InputError, match="no feature in common"):
        choose_features([own, LabelledInput(other)])


def test_labels_and_identities_are_no_features() -> None:
    names = [
        "label",
        "attack",
        "src_ip",
        "start_time",
        "src_port",
        "dst_port",
        "duration_us",
        "a.b",
        "A.b",
        "a.b.c",
        "a.",
    ]
    assert available_features(names) == ["duration_us", "service", "a.b"]
