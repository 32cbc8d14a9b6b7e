"""A model's report: one HTML page with everything its bundle says about itself, and nothing from anywhere else.

The page has no script and fetches nothing, which its content policy also forbids. Whatever comes from the bundle is
text from a stranger: it is escaped, and how much of it is shown is bounded. What an older bundle does not hold is named
where it would stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final

from netsift.evaluation.card import importance_groups, percent
from netsift.evaluation.charts import SHARES, Axis, Line, Measure, bar_rows, dot_rows, line_chart
from netsift.evaluation.metrics import (
    HEADLINE_RATE,
    benign_rows_needed,
    f1_of_flagging_all,
    in_use,
    recall_at,
    recall_name,
    thresholds_from,
)
from netsift.evaluation.report_style import STYLE
from netsift.models.manifest import CurvePoints, Manifest, Period, ProtocolResult

MOST_ROWS: Final = 40
"""Rows of a table, lines of a list, classes of a matrix."""

MOST_LINES: Final = 8
"""Protocols in one chart."""

MOST_FEATURES: Final = 25
LOWEST_RATE: Final = 1e-4
"""False-positive rate where logarithmic axes begin."""

_UNKNOWN: Final = "–"
_NS_PER_S: Final = 1_000_000_000
_LAST_SECOND: Final = 253_402_300_799
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_RATES: Final = tuple((10.0**power, f"{10.0 ** (power + 2):g} %") for power in range(-4, 1))


@dataclass(frozen=True, slots=True)
class Use:
    """The network of the reader: flows a day, and the share of them that are attacks."""

    flows_per_day: float = 1_000_000
    base_rate: float = 0.001


def report_page(manifest: Manifest, use: Use) -> str:
    """Return the page; the same manifest gives the same text."""
    sections = [
        ("protocols", "How good it is", _protocols(manifest)),
        ("data", "Data and its audit", _data(manifest)),
        ("classes", "Kinds of attack", _classes(manifest)),
        ("curves", "Curves", _curves(manifest)),
        ("importance", "Columns that matter", _importance(manifest)),
        ("thresholds", "Thresholds and alerts per day", _thresholds(manifest, use)),
        ("calibration", "Calibration", _calibration(manifest)),
        ("model", "The model", _model(manifest)),
    ]
    links = "".join(f'<a href="#{name}">{title}</a>' for name, title, _ in sections)
    body = "\n".join(
        f'<section id="{name}"><h2>{title}</h2>\n{"".join(text)}</section>' for name, title, text in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Model report</title><style>{STYLE}</style></head>\n<body><header><h1>Model report</h1>"
        f"{''.join(_headline(manifest))}<nav>{links}</nav></header>\n<main>{body}</main></body></html>\n"
    )


def _headline(manifest: Manifest) -> Iterator[str]:
    learner, result = manifest.learner, manifest.headline_result
    yield _soft(
        f"{learner.name}, {len(manifest.features)} columns, "
        f"{len(manifest.classes) - 1} kinds of attack, {sum(manifest.training_rows.values()):,} training flows, "
        f"netsift {manifest.netsift_version}"
    )
    words = {
        True: "the worst honest figure: quote this one",
        False: "nothing honest could be measured: this flatters",
        None: "the worst figure measured",
    }[result.honest]
    yield f'<div class="headline"><p><b>{escape(result.protocol)}</b> — {words}.</p><ul class="figures">'
    recall = recall_at(result, HEADLINE_RATE)
    for figure, meaning in (
        (_figure(result.roc_auc), "ROC AUC"),
        (_share(recall), "of attack flows found at 1 % false positives"),
        (_figure(result.average_precision), "average precision"),
        (_figure(result.f1), "F1 at a threshold chosen in training"),
    ):
        yield f"<li><b>{figure}</b><span>{meaning}</span></li>"
    yield f"</ul><p class=soft>{escape(result.meaning)}; {result.rows:,} flows.</p></div>"


def _protocols(manifest: Manifest) -> Iterator[str]:
    results = manifest.evaluation[:MOST_ROWS]
    yield "<p>Every way of testing that the data allowed, the worst honest one first; what flatters is in italics.</p>"
    rates = [point.false_positive_rate for point in results[0].operating_points]
    rows = [
        [
            result.protocol,
            _figure(result.roc_auc),
            _figure(result.average_precision),
            _figure(result.f1),
            _figure(f1_of_flagging_all(result)),
            _figure(result.balanced_accuracy),
            *(_share(recall_at(result, rate)) for rate in rates),
        ]
        for result in results
    ]
    header = ["protocol", "ROC AUC", "average precision", "F1", "F1 of flagging all", "balanced accuracy"]
    marks = ["flatters" if result.honest is False else "" for result in results]
    marks[0] = marks[0] or "first"
    yield _table([*header, *(f"recall at {percent(rate)} FP" for rate in rates)], rows, marks)
    drawn = [(one.protocol, [_measure(one, "roc_auc", one.roc_auc), _recall_measure(one)]) for one in results]
    names = ["ROC AUC", "recall at 1 % false positives"]
    unit = next((result.interval_unit for result in results if result.interval_unit), "")
    caption = f"Whiskers: the middle 95 % when the tested flows are drawn again by {unit}." if unit else ""
    yield _picture(dot_rows(drawn, names, "ROC AUC and recall of every protocol"), caption)
    meanings = (f"<li><b>{escape(one.protocol)}</b>: {escape(one.meaning)}.</li>" for one in results)
    yield f"<ul>{''.join(meanings)}</ul>"
    yield from _parts(manifest.headline_result)


def _measure(result: ProtocolResult, name: str, value: float | None) -> Measure:
    interval = result.intervals.get(name)
    return Measure(value, interval.low, interval.high) if interval else Measure(value)


def _recall_measure(result: ProtocolResult) -> Measure:
    return _measure(result, recall_name(HEADLINE_RATE), recall_at(result, HEADLINE_RATE))


def _parts(result: ProtocolResult) -> Iterator[str]:
    if len(result.parts) < 2:
        return
    yield f"<h3>Part by part ({escape(result.protocol)})</h3>"
    rows = [
        [
            part.name,
            f"{part.rows:,}",
            f"{part.attack_rows:,}",
            _figure(part.roc_auc),
            _share(part.recall),
            _share(part.flagged_attacks),
            _share(part.flagged_benign),
        ]
        for part in result.parts
    ]
    yield _table(["part", "flows", "attacks", "ROC AUC", "recall at 1 % FP", "attacks flagged", "benign flagged"], rows)


def _data(manifest: Manifest) -> Iterator[str]:
    rows = [[one.name, f"{one.rows:,}", _period(one.period), one.sha256[:16] + "…"] for one in manifest.training]
    yield _table(["input", "flows", "period (UTC)", "SHA-256"], rows)
    yield "<h3>Audit</h3>"
    if manifest.audit is None:
        yield _absent("what an audit of the training data found")
        return
    if not manifest.audit:
        yield "<p>The audit of the training data found nothing that flatters.</p>"
        return
    yield "<p>What would make every figure on this page look too good, the gravest first.</p><ul class=findings>"
    for entry in manifest.audit[:MOST_ROWS]:
        yield (
            f"<li class={entry.severity}><b>{entry.severity}: {escape(entry.check)}</b> {escape(entry.what)}"
            f"<br><span class=soft>{escape(entry.advice)}</span></li>"
        )
    yield f"</ul>{_and_more(len(manifest.audit))}"


def _classes(manifest: Manifest) -> Iterator[str]:
    result = thresholds_from(manifest.evaluation)
    yield (
        f"<p>By <b>{escape(result.protocol)}</b>, whose models learn every kind. <i>Flagged</i>: called an attack of "
        "whatever kind. <i>Named right</i>: its likeliest class is the labelled one.</p>"
    )
    rows = [
        [
            entry.name,
            ", ".join(manifest.techniques.get(entry.name, [])) or _UNKNOWN,
            f"{manifest.training_rows.get(entry.name, 0):,}",
            f"{entry.rows:,}",
            _share(entry.flagged),
            _share(entry.recall),
            _share(entry.precision),
        ]
        for entry in result.classes
    ]
    yield _table(["class", "ATT&CK", "training flows", "tested flows", "flagged", "named right", "precision"], rows)
    yield "<h3>Confusion matrix</h3>"
    if not confusion_is_whole(manifest, result):
        yield _absent("how classes were confused")
        return
    yield "<p>Tested flows by label (down) and by likeliest class (across). Shade: share of the row.</p>"
    yield _heat(manifest.classes[:MOST_ROWS], [row[:MOST_ROWS] for row in result.confusion[:MOST_ROWS]])
    yield _and_more(len(manifest.classes))


def confusion_is_whole(manifest: Manifest, result: ProtocolResult) -> bool:
    """Return whether a result counts every class against every class."""
    return [len(row) for row in result.confusion] == [len(manifest.classes)] * len(manifest.classes)


def _heat(names: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in ("", *names))
    rows = []
    for name, row in zip(names, counts, strict=True):
        total = sum(row) or 1
        cells = "".join(
            f'<td style="--share:{count / total:.3f}">{f"{count:,}" if count else ""}</td>' for count in row
        )
        rows.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    return (
        f"<div class=wide><table class=heat><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _curves(manifest: Manifest) -> Iterator[str]:
    curves = drawn_curves(manifest)
    if not curves:
        yield _absent("the points of its curves")
        return
    yield "<h3>ROC</h3>"
    rate = Axis("false-positive rate (logarithmic)", LOWEST_RATE, 1, _RATES, logarithmic=True)
    lines = [
        Line(one.protocol, [LOWEST_RATE, *at.false_positive_rate], [0, *at.recall], steps=True) for one, at in curves
    ]
    chart = line_chart(lines, rate, Axis("attack flows found", 0, 1, SHARES), "ROC curves by protocol")
    yield _picture(
        chart, f"How much is found for how many false alarms; the left end is where a sensor lives.{_pooled(curves)}"
    )
    yield "<h3>Precision and recall</h3>"
    lines = [Line(one.protocol, at.recall, precision_of(one, at)) for one, at in curves]
    chart = line_chart(
        lines, Axis("attack flows found (recall)", 0, 1, SHARES), Axis("precision", 0, 1, SHARES), "Precision by recall"
    )
    shares = "; ".join(f"{one.protocol} {(one.attack_rows or 0) / max(one.rows, 1):.1%}" for one, _ in curves)
    yield _picture(chart, f"Precision depends on the share of attacks among the tested flows: {shares}.")


def _pooled(curves: Sequence[tuple[ProtocolResult, CurvePoints]]) -> str:
    """Return why a curve and the table do not agree, where there is such a one."""
    names = ", ".join(result.protocol for result, _ in curves if result.averaged)
    return (
        f" Figures of {names} are means over its parts, curves are of all its tested flows together." if names else ""
    )


def drawn_curves(manifest: Manifest) -> list[tuple[ProtocolResult, CurvePoints]]:
    """Return the results that hold a curve, with it, as many as one chart shows."""
    return [(one, one.curve) for one in manifest.evaluation if one.curve and one.curve.score][:MOST_LINES]


def precision_of(result: ProtocolResult, points: CurvePoints) -> list[float]:
    """Return the share of flagged rows that are attacks at each point of a curve."""
    attacks = result.attack_rows or 0
    benign = max(result.rows - attacks, 0)
    found = [
        (attacks * recall, benign * rate)
        for recall, rate in zip(points.recall, points.false_positive_rate, strict=True)
    ]
    return [right / (right + wrong) if right + wrong else 1.0 for right, wrong in found]


def _importance(manifest: Manifest) -> Iterator[str]:
    entries = manifest.importance[:MOST_FEATURES]
    names = ["ROC AUC lost when shuffled", "share of impurity removed"]
    rows = [(entry.feature, (entry.permutation, entry.impurity)) for entry in entries]
    yield _picture(
        bar_rows(rows, names, "Importance of columns"),
        "Shuffling shows what the model would miss; impurity also counts what a column did in training alone, and "
        "overrates columns of many values. Bars are relative to the greatest of their kind.",
    )
    yield "<h3>Columns that stand in for each other</h3>"
    groups = importance_groups(manifest)
    if not groups:
        yield "<p>No two columns have a rank correlation of 0.9 or more, or the model does not say so.</p>"
        return
    yield (
        "<p>When one of them is shuffled the others still tell, so that each seems to matter little. Rank correlation "
        "of 0.9 or more between every two.</p>"
    )
    listed = [
        [
            ", ".join(entry.feature for entry in group),
            _figure(group[0].group_permutation),
            _figure(group[0].permutation),
        ]
        for group in groups.values()
    ]
    yield _table(["columns", "lost when all are shuffled together", "the first alone"], listed)


def _thresholds(manifest: Manifest, use: Use) -> Iterator[str]:
    result = thresholds_from(manifest.evaluation)
    yield (
        f"<p>On a network of {use.flows_per_day:,.0f} flows a day of which {use.base_rate:.3%} are attacks, by "
        f"<b>{escape(result.protocol)}</b>. The false-positive rate is taken as promised.</p>"
    )
    flag_from = {one.false_positive_rate: one.threshold for one in manifest.thresholds}
    rows = []
    for point in result.operating_points:
        used = in_use(point, use.base_rate, use.flows_per_day)
        threshold = flag_from.get(point.false_positive_rate, point.threshold)
        rows.append(
            [
                percent(point.false_positive_rate),
                f"{threshold:.4f}",
                _share(point.recall),
                _share(used.precision),
                _UNKNOWN if point.recall is None else f"{used.alerts_per_day:,.0f}",
                f"{used.false_alerts_per_day:,.0f}",
            ]
        )
    yield _table(
        ["false-positive rate", "flag from score", "recall", "precision", "flagged a day", "of them benign"], rows
    )
    if manifest.calibration is not None:
        yield (
            f"<p>The scores are those calibrated on {manifest.calibration.flows:,} flows of one network; recall and "
            "precision are those of the thresholds of training, and not known for the calibrated ones.</p>"
        )
    if result.curve is None or not result.curve.score:
        yield _absent("recall against alerts per day")
        return
    yield _picture(_alerts_chart(result, result.curve, use), _alerts_caption(result))


def _alerts_chart(result: ProtocolResult, points: CurvePoints, use: Use) -> str:
    benign, attacks = use.flows_per_day * (1 - use.base_rate), use.flows_per_day * use.base_rate
    flagged = [
        benign * rate + attacks * found for rate, found in zip(points.false_positive_rate, points.recall, strict=True)
    ]
    low = max(use.flows_per_day * LOWEST_RATE / 10, 1e-9)
    marks = tuple((low * 10**power, _count(low * 10**power)) for power in range(6))
    days = Axis("flows flagged a day (logarithmic)", low, use.flows_per_day, marks, logarithmic=True)
    lines = [Line("attack flows found", flagged, points.recall), Line("score to flag from", flagged, points.score)]
    share = Axis("recall, score", 0, 1, SHARES)
    return line_chart(lines, days, share, f"Recall and score by flagged flows a day, {result.protocol}")


def _alerts_caption(result: ProtocolResult) -> str:
    benign = result.rows - (result.attack_rows or 0)
    known = [
        point.false_positive_rate
        for point in result.operating_points
        if benign >= benign_rows_needed(point.false_positive_rate)
    ]
    limit = (
        f" {benign:,} benign flows were tested, too few to tell below a rate of {percent(min(known))}." if known else ""
    )
    return f"Pick how many flows a day somebody can look at; findings group them, so that alerts are fewer.{limit}"


def _calibration(manifest: Manifest) -> Iterator[str]:
    drawn = [result for result in manifest.evaluation if result.reliability][:MOST_LINES]
    if not drawn:
        yield _absent("how its scores are calibrated")
        return
    lines = [
        Line(
            one.protocol,
            [part.score for part in one.reliability],
            [part.attacks for part in one.reliability],
            dots=True,
        )
        for one in drawn
    ]
    axes = Axis("mean score", 0, 1, SHARES), Axis("share of attacks", 0, 1, SHARES)
    chart = line_chart(lines, *axes, "Reliability by protocol", diagonal=True)
    yield _picture(
        chart,
        "On the dotted line a score of 0.8 is right four times in five; below it scores promise too much. It depends "
        "on the share of attacks among the tested flows.",
    )
    rows = [[one.protocol, _figure(one.brier), _figure(one.calibration_error)] for one in drawn]
    yield _table(["protocol", "Brier score", "calibration error"], rows)


def _model(manifest: Manifest) -> Iterator[str]:
    learner = manifest.learner
    yield (
        f"<p>{escape(learner.sentence)}. Flow columns of version {manifest.flow_schema_version}. It sees no addresses, "
        "no exact ports and no times.</p>"
    )
    versions = ", ".join(f"{name} {number}" for name, number in sorted(manifest.libraries.items())[:MOST_ROWS])
    yield _soft(f"Made by netsift {manifest.netsift_version} with {versions}.")
    columns = ", ".join(
        f"{one.name} ({one.unit})" if one.unit else one.name for one in manifest.features[: 10 * MOST_ROWS]
    )
    yield f"<h3>Columns</h3>{_soft(columns)}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], marks: Sequence[str] = ()) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = []
    for number, row in enumerate(rows[:MOST_ROWS]):
        mark = f' class="{marks[number]}"' if marks and marks[number] else ""
        body.append(f"<tr{mark}>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>")
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    return f"<div class=wide>{table}</div>{_and_more(len(rows))}"


def _and_more(count: int) -> str:
    return _soft(f"and {count - MOST_ROWS:,} more") if count > MOST_ROWS else ""


def _picture(chart: str, caption: str) -> str:
    said = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{chart}{said}</figure>"


def _soft(text: str) -> str:
    return f"<p class=soft>{escape(text)}</p>"


def _absent(what: str) -> str:
    return _soft(f"This model file does not hold {what}: an older netsift wrote it. Train it again to see it here.")


def _figure(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{round(value, 4) + 0.0:.4f}"  # no minus before 0.0000


def _count(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:.1g}"


def _share(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.1%}"


def _period(period: Period | None) -> str:
    if period is None:
        return _UNKNOWN
    return " to ".join(_moments((period.start_ns, period.end_ns)))


def _moments(times_ns: Iterable[int]) -> Iterator[str]:
    for time_ns in times_ns:
        moment = datetime.fromtimestamp(min(time_ns // _NS_PER_S, _LAST_SECOND), UTC)
        yield f"{moment:%Y-%m-%d %H:%M}"
