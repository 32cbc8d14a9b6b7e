"""Every column has a phrase that a person understands."""

from __future__ import annotations

import re

import pytest

from netsift.alerts.phrases import phrase
from netsift.flows.schema import COLUMNS
from netsift.models.features import FEATURES

NAMES = sorted({column.name for column in COLUMNS} | {feature.name for feature in FEATURES})


@pytest.mark.parametrize("name", NAMES)
def test_every_column_has_a_phrase_without_unit_or_jargon(name: str) -> None:
    text = phrase(name)
    assert re.fullmatch(r"[A-Za-z][\w ,;.-]*[\w]", text), text
    assert "_" not in text
    assert "µs" not in text
    assert text.split()[0].islower() or text.split()[0].isupper()


def test_no_two_columns_have_the_same_phrase() -> None:
    assert len({phrase(name) for name in NAMES}) == len(NAMES)


def test_phrases_are_short_forms_of_the_definitions() -> None:
    assert phrase("iat_bwd_mean_us") == "mean time between backward packets"
    assert phrase("rate_packets_fwd_s") == "forward packets per second"
    assert phrase("subflow_fwd_packets_mean") == "forward packets per subflow"
    assert phrase("icmp_type") == "ICMP type of the first packet"


def test_the_column_of_another_tool_keeps_its_name() -> None:
    assert phrase("cic.fwd_iat_mean") == "cic.fwd_iat_mean"
