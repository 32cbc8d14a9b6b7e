"""The report is whole, needs no network, and trusts nothing that a bundle says."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest

from netsift.cli.detect import default_model
from netsift.evaluation.leakage import audit, with_audit
from netsift.evaluation.report import MOST_ROWS, Use, precision_of, report_page
from netsift.models.bundle import load_bundle
from netsift.models.manifest import AuditEntry, CurvePoints, Manifest, ProtocolResult, TrainingInput
from tests.models.fitted import small_bundle, small_dataset

VOID: Final = frozenset({"meta", "br", "path", "circle", "rect"})
SECTIONS: Final = ["protocols", "data", "classes", "curves", "importance", "thresholds", "calibration", "model"]
HOSTILE: Final = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;"
STORED: Final = Path(__file__).resolve().parent.parent / "models" / "stored" / "version-1.netsift"


class Page(HTMLParser):
    """Reads a page: every element with its attributes, all text, and whether each element that opens also closes."""

    def __init__(self, text: str) -> None:
        """Read the page at once."""
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element without content."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Gather text."""
        self.text += data


def read(text: str) -> Page:
    """Return the page of a text whose every element closes."""
    page = Page(text)
    assert page.open == []
    return page


@cache
def manifest() -> Manifest:
    """Return the manifest of a small model with what the audit of its data found."""
    return with_audit(small_bundle(), audit(small_dataset())).manifest


def test_the_page_has_every_section_and_its_figures() -> None:
    page = read(report_page(manifest(), Use()))
    assert [attributes["id"] for tag, attributes in page.elements if tag == "section"] == SECTIONS
    assert [attributes["href"] for tag, attributes in page.elements if tag == "a"] == [f"#{name}" for name in SECTIONS]
    assert "does not hold" not in page.text
    for result in manifest().evaluation:
        assert f"{result.roc_auc:.4f}" in page.text
        assert result.protocol in page.text
    for entry in manifest().audit or []:
        assert entry.what in page.text
    charts = [attributes for tag, attributes in page.elements if tag == "svg" and attributes.get("role") == "img"]
    assert len(charts) == 6
    assert all(chart["aria-label"] for chart in charts)


def test_nothing_comes_from_elsewhere_and_nothing_runs() -> None:
    text = report_page(manifest(), Use())
    page = read(text)
    assert "default-src 'none'" in text
    assert {tag for tag, _ in page.elements} <= {
        "html", "head", "meta", "title", "style", "body", "header", "main", "nav", "section", "h1", "h2", "h3", "p",
        "a", "ul", "li", "b", "i", "br", "span", "div", "table", "thead", "tbody", "tr", "th", "td", "figure",
        "figcaption", "svg", "path", "circle", "rect", "text",
    }  # fmt: skip
    assert not re.search(r"://|url\(|@import|<script|\bon\w+=|src=", text)


def test_it_is_readable_in_the_dark_and_in_print() -> None:
    text = report_page(manifest(), Use())
    assert "prefers-color-scheme:dark" in text
    assert "@media print" in text
    used = set(re.findall(r"var\((--\w+)", text)) - {"--share"}
    for block in re.findall(r":root\{(.*?)\}", text, re.DOTALL):
        assert used <= set(re.findall(r"(--\w+):", block))
    assert len(re.findall(r":root\{", text)) == 3


def hostile_result(result: ProtocolResult) -> ProtocolResult:
    """Return a result whose every word is hostile."""
    classes = [entry.model_copy(update={"name": HOSTILE}) for entry in result.classes]
    parts = [part.model_copy(update={"name": HOSTILE}) for part in result.parts]
    words = {"protocol": HOSTILE, "meaning": HOSTILE, "interval_unit": HOSTILE}
    return result.model_copy(update={**words, "classes": classes, "parts": parts})


def test_hostile_names_are_text() -> None:
    good = manifest()
    bad = good.model_copy(
        update={
            "headline": HOSTILE,
            "netsift_version": HOSTILE,
            "evaluation": [hostile_result(result) for result in good.evaluation],
            "classes": [HOSTILE] * len(good.classes),
            "techniques": {HOSTILE: [HOSTILE]},
            "importance": [one.model_copy(update={"feature": HOSTILE, "group": HOSTILE}) for one in good.importance],
            "training": [one.model_copy(update={"name": HOSTILE}) for one in good.training],
            "learner": good.learner.model_copy(update={"name": HOSTILE}),
            "libraries": {HOSTILE: HOSTILE},
            "features": [one.model_copy(update={"name": HOSTILE, "unit": HOSTILE}) for one in good.features],
            "audit": [AuditEntry(check=HOSTILE, severity="error", what=HOSTILE, advice=HOSTILE)],
        }
    )
    text = report_page(bad, Use())
    page = read(text)
    assert "<script" not in text
    assert "<img" not in text
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert page.text.count(HOSTILE) > 50


@pytest.mark.parametrize("path", [STORED, default_model()], ids=["version 1", "default"])
def test_an_older_bundle_says_what_it_does_not_hold(path: Path) -> None:
    older = load_bundle(path).manifest
    older = older.model_copy(
        update={
            "audit": None,
            "evaluation": [one.model_copy(update={"curve": None, "confusion": []}) for one in older.evaluation],
        }
    )
    page = read(report_page(older, Use()))
    assert [attributes["id"] for tag, attributes in page.elements if tag == "section"] == SECTIONS
    for what in ("audit of the training data found", "classes were confused", "points of its curves", "alerts per day"):
        assert f"{what}: an older netsift wrote it" in page.text


def test_long_lists_are_cut_and_counted() -> None:
    good = manifest()
    many = good.model_copy(update={"training": good.training[:1] * (MOST_ROWS + 7)})
    page = read(report_page(many, Use()))
    assert "and 7 more" in page.text
    assert page.text.count(good.training[0].name) == MOST_ROWS


def test_alerts_follow_the_network_of_the_reader() -> None:
    page = read(report_page(manifest(), Use(flows_per_day=40_000, base_rate=0.25)))
    assert "40,000 flows a day of which 25.000% are attacks" in page.text
    assert "1,500" in page.text  # 5 % of the 30,000 benign ones


def test_a_result_of_no_rows_has_no_figures_but_a_page() -> None:
    good = manifest()
    empty = [one.model_copy(update={"rows": 0, "attack_rows": 0, "parts": []}) for one in good.evaluation]
    nothing = good.model_copy(update={"evaluation": empty, "importance": [], "training": [], "audit": []})
    page = read(report_page(nothing, Use(flows_per_day=1, base_rate=1)))
    assert "found nothing that flatters" in page.text


def test_figures_that_no_data_has_are_refused() -> None:
    with pytest.raises(ValueError, match="less than"):
        TrainingInput(name="x", rows=2**63, sha256="0" * 64)


def test_precision_is_that_of_the_tested_rows() -> None:
    result = manifest().evaluation[0].model_copy(update={"rows": 100, "attack_rows": 20})
    points = CurvePoints(score=[0.9, 0.5, 0.0], false_positive_rate=[0, 0.25, 1], recall=[0.5, 1, 1])
    assert precision_of(result, points) == [1.0, 0.5, 0.2]


def test_a_curve_that_goes_backwards_is_refused() -> None:
    with pytest.raises(ValueError, match="goes backwards"):
        CurvePoints(score=[0.9, 0.5], false_positive_rate=[0.5, 0.25], recall=[0.5, 1])
    with pytest.raises(ValueError, match="differ in length"):
        CurvePoints(score=[0.9], false_positive_rate=[0.5, 0.75], recall=[0.5, 1])
