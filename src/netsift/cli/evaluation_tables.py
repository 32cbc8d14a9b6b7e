"""The tables that ``netsift evaluate`` prints."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netsift.evaluation.card import percent
from netsift.evaluation.metrics import HEADLINE_RATE, InUse, f1_of_flagging_all, in_use, thresholds_from

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from netsift.evaluation.leakage import Finding
    from netsift.evaluation.running import Evaluation
    from netsift.evaluation.serving import Promise
    from netsift.evaluation.transfer import Transfer
    from netsift.models.manifest import ProtocolResult

_WIDTH_OF_A_PIPE: Final = 180
_UNKNOWN: Final = "–"
_SHOWN_IN_PARTS: Final = ("leave-one-attack-out", "leave-one-network-out", "cross-network")


@dataclass(frozen=True, slots=True)
class Use:
    """The network on which a model is to be used: share of attacks among its flows, flows a day."""

    base_rate: float
    flows_per_day: float

    def of(self, result: ProtocolResult) -> list[InUse]:
        """Return what each operating point of a result means there."""
        return [in_use(point, self.base_rate, self.flows_per_day) for point in result.operating_points]


def print_audit(findings: Sequence[Finding]) -> None:
    """Print what the audit found, one finding a line with what to do below it."""
    from rich.text import Text

    console = _console()
    if not findings:
        console.print("Audit: nothing was found that flatters.")
        return
    console.print(f"Audit: {len(findings)} findings", style="bold")
    styles = {"error": "bold red", "warning": "yellow", "note": "dim"}
    for finding in findings:
        severity = str(finding.severity)
        console.print(
            Text.assemble((f"  {severity:8}", styles[severity]), (f"{finding.check}: ", "bold"), finding.what)
        )
        console.print(Text(f"          → {finding.advice}", style="dim"))
    console.print()


def print_evaluation(evaluation: Evaluation, use: Use) -> None:
    """Print protocols side by side, what the headline means in use, its classes, and every kind left out."""
    console = _console()
    headline = evaluation.headline
    console.print(_protocol_table(evaluation.results))
    for result in evaluation.results:
        console.print(f"{result.protocol}: {result.meaning}.", highlight=False)
    for name, reason in evaluation.refused.items():
        console.print(f"{name}: not measured, because {reason}.", highlight=False, style="dim")
    _say_what_is_not_known(console, headline)
    console.print()
    console.print(f"Headline: {_headline_words(headline)}", style="bold", highlight=False)
    console.print()
    console.print(_use_table(headline, use))
    console.print(class_table(thresholds_from(evaluation.results)))
    for result in evaluation.results:
        if len(result.parts) > 1 and (result is headline or result.protocol in _SHOWN_IN_PARTS):
            console.print(_part_table(result))


def print_promises(kept: Sequence[Promise]) -> None:
    """Print what the thresholds of a model promised beside what they did."""
    table = _table(
        "What the model promised", "benign flows to flag", "flag from score", "benign flows flagged", "recall"
    )
    for one in kept:
        table.add_row(percent(one.promised), f"{one.threshold:.4f}", f"{one.measured:.3%}", f"{one.recall:.1%}")
    _console().print(table)


def print_transfer(found: Transfer) -> None:
    """Print the columns, those first that help most inside a network and hurt most across."""
    console = _console()
    columns = ("column", "inside", "across", "worst pair", "verdict")
    table = _table(f"ROC AUC lost when a column is shuffled: {', '.join(found.networks)}", *columns)
    for one in found.columns:
        table.add_row(
            one.column, f"{one.inside:+.4f}", f"{one.across:+.4f}", f"{one.worst_across:+.4f}", str(one.verdict)
        )
    console.print(table)
    areas = found.everything
    console.print(f"All columns: ROC AUC {areas.inside:.4f} inside, {areas.across:.4f} across.", highlight=False)
    if found.selected is not None:
        console.print(
            f"The {len(found.travelling)} that travel: {found.selected.inside:.4f} inside, "
            f"{found.selected.across:.4f} across (chosen on these networks; let another one decide).",
            highlight=False,
        )


def _console() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE)


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for place, name in enumerate(columns):
        table.add_column(name, justify="right" if place else "left")
    return table


def _protocol_table(results: Sequence[ProtocolResult]) -> Table:
    rates = [point.false_positive_rate for point in results[0].operating_points]
    table = _table(
        "How good it is: quote the first row",
        "protocol",
        "ROC AUC (95 %)",
        "average precision",
        "F1 (flagging all)",
        "balanced accuracy",
        *(f"recall at {percent(rate)} FP" for rate in rates),
    )
    for result in results:
        table.add_row(
            result.protocol,
            _with_interval(result, "roc_auc", result.roc_auc),
            _figure(result.average_precision),
            f"{_figure(result.f1)} ({_figure(f1_of_flagging_all(result))})",
            _figure(result.balanced_accuracy),
            *(_figure(point.recall) for point in result.operating_points),
        )
    return table


def _with_interval(result: ProtocolResult, name: str, value: float) -> str:
    interval = result.intervals.get(name)
    return _figure(value) if interval is None else f"{value:.4f} ({interval.low:.4f}–{interval.high:.4f})"


def _figure(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.4f}"


def _share(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.1%}"


def _headline_words(result: ProtocolResult) -> str:
    recall = next(point.recall for point in result.operating_points if point.false_positive_rate == HEADLINE_RATE)
    found = f", {recall:.1%} of the attacks found at 1 % false positives" if recall is not None else ""
    flattering = " It flatters: nothing honest could be measured." if result.honest is False else ""
    unit = f"; intervals by {result.interval_unit}" if result.interval_unit else ""
    return f"{result.protocol}, ROC AUC {result.roc_auc:.4f}{found}{unit}.{flattering}"


def _say_what_is_not_known(console: Console, result: ProtocolResult) -> None:
    for point in result.operating_points:
        if point.recall is None:
            console.print(
                f"Recall at {percent(point.false_positive_rate)} false positives cannot be told: it needs "
                f"{point.benign_rows_needed:,} tested benign flows.",
                highlight=False,
                style="dim",
            )


def _use_table(result: ProtocolResult, use: Use) -> Table:
    table = _table(
        f"In use, {use.flows_per_day:,.0f} flows a day of which {use.base_rate:.4%} are attacks ({result.protocol})",
        "false-positive rate",
        "recall",
        "precision",
        "alerts a day",
        "of them false",
    )
    for one in use.of(result):
        table.add_row(
            percent(one.false_positive_rate),
            _share(one.recall),
            _share(one.precision),
            _UNKNOWN if one.recall is None else f"{one.alerts_per_day:,.0f}",
            f"{one.false_alerts_per_day:,.0f}",
        )
    return table


def class_table(result: ProtocolResult) -> Table:
    """Return the classes of a result: how many of each were flagged, and how many named right."""
    table = _table(
        f"Every class ({result.protocol})", "class", "flows", "flagged as attack", "named right", "precision"
    )
    for entry in result.classes:
        table.add_row(
            entry.name, f"{entry.rows:,}", _share(entry.flagged), _share(entry.recall), _share(entry.precision)
        )
    return table


def _part_table(result: ProtocolResult) -> Table:
    table = _table(
        f"Part by part ({result.protocol})",
        "part",
        "flows",
        "attacks",
        "ROC AUC",
        "recall at 1.0% FP",
        "attacks flagged",
        "benign flagged",
    )
    for part in result.parts:
        table.add_row(
            part.name,
            f"{part.rows:,}",
            f"{part.attack_rows:,}",
            _figure(part.roc_auc),
            _share(part.recall),
            _share(part.flagged_attacks),
            _share(part.flagged_benign),
        )
    return table
