"""``netsift drift``: does this traffic look like what the model learned from?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from netsift.cli.options import Inputs, ModelKey, reads_captures
from netsift.cli.progress import announce_compilation, report_statistics, with_progress

if TYPE_CHECKING:
    from rich.table import Table

    from netsift.evaluation.distributions import ColumnDrift
    from netsift.evaluation.drift import Drift, Mix
    from netsift.sources.captures import CaptureSettings

_WIDTH_OF_A_PIPE: Final = 160
_NAMED_IN_LINE: Final = 2
_TELLING_RATIO: Final = 1.5
"""Medians closer than this do not show how a column moved."""


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    application.command(name="drift")(reads_captures(drift))


def drift(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The model file.", show_default=False)],
    inputs: Inputs,
    settings: CaptureSettings,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Columns shown in the table.")] = 15,
    key: ModelKey = None,
) -> None:
    """Compare traffic with what a model learned from: fits, doubtful, or do not trust.

    Population stability index and Kolmogorov-Smirnov distance of every column and of the score, on a random sample of
    the flows, against training flows in the same mix of services: another mix is told, and is no harm by itself. The
    columns that moved most, weighted by what they matter to the model, come first.
    """
    from netsift.detectors.model import ModelDetector
    from netsift.evaluation.drift import DriftWatch
    from netsift.kernels.jit import mark_compiled
    from netsift.models.bundle import load_bundle
    from netsift.models.context import with_needed_context
    from netsift.sources.flows import is_flow_table, read_flows
    from netsift.sources.statistics import ReadStatistics

    bundle = load_bundle(model, key)
    statistics = ReadStatistics()
    if not all(is_flow_table(name) for name in inputs):
        announce_compilation(quiet=False)
    detector, watch = ModelDetector(bundle), DriftWatch(bundle)
    flows = with_progress(read_flows(inputs, settings, statistics), statistics, quiet=False)
    for batch in with_needed_context(flows, detector.feature_names):
        watch.observe(detector.score(batch))
    if statistics.packets_metered:
        mark_compiled()
    report_statistics(statistics, None, quiet=True)
    found = watch.judge()
    if as_json:
        typer.echo(json.dumps(found.as_json(), ensure_ascii=False, indent=2))
    else:
        _print(found, limit)
    raise typer.Exit(statistics.exit_status())


def drift_line(found: Drift) -> str:
    """Return the verdict in one line, with the columns that moved most."""
    from netsift.alerts.phrases import phrase

    moved = [column for column in found.columns if column.alien] or [one for one in found.columns if one.shifted]
    named = "; ".join(f"{phrase(one.name)} {_change(one)}" for one in moved[:_NAMED_IN_LINE])
    return f"drift: {found.verdict}: {found.reason}" + (f" ({named})" if named else "")


def _change(column: ColumnDrift) -> str:
    was, now = _was_and_now(column)
    return f"was {was}, now {now}"


def _was_and_now(column: ColumnDrift) -> tuple[str, str]:
    """Return what was and is usual; where that is much the same, how many flows there are where they differ most."""
    was, now = _value(column.was, column.unit), _value(column.now, column.unit)
    if was is not None and now is not None and was != now and _far_apart(column.was, column.now):
        return was, now
    most = column.most
    place = _value(most.at, column.unit)
    told = "without a value" if place is None else place if isinstance(most.at, str) else f"up to {place}"
    return f"{most.was:.0%} {told}", f"{most.now:.0%} {told}"


def _far_apart(was: float | str | None, now: float | str | None) -> bool:
    if not (isinstance(was, float) and isinstance(now, float)):
        return True
    return max(was, now) >= _TELLING_RATIO * min(was, now)


def _value(value: float | str | None, unit: str) -> str | None:
    from netsift.alerts.explain import format_value

    return value if value is None or isinstance(value, str) else format_value(value, unit)


def _print(found: Drift, limit: int) -> None:
    from rich.console import Console

    typer.echo(drift_line(found))
    typer.echo(
        f"{found.compared:,} of {found.rows:,} flows compared; the model takes {found.suspicious_share:.1%} for attacks"
    )
    if not found.columns:
        return
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE, highlight=False, markup=False)
    if found.mix is not None:
        typer.echo(found.mix.sentence or "the mix of services is much as in training")
        console.print(_service_table(found.mix))
    console.print(_table(found, limit))
    hidden = len(found.moved) - limit
    if hidden > 0:
        typer.echo(f"{hidden} more columns moved: --limit or --json shows them")


def _service_table(mix: Mix) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("service")
    for name in ("was", "now", "importance in shifted columns"):
        table.add_column(name, justify="right")
    for one in mix.services:
        if one.now > 0:
            few = "hardly in training" if one.new else "few flows"
            share = few if one.shifted_share is None else f"{one.shifted_share:.0%}"
            table.add_row(one.words, f"{one.was:.1%}", f"{one.now:.1%}", share)
    return table


def _table(found: Drift, limit: int) -> Table:
    from rich.table import Table

    from netsift.alerts.phrases import phrase

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("column")
    for name in ("stability index", "KS distance", "importance", "was", "now"):
        table.add_column(name, justify="right")
    for column in (*([found.score] if found.score else []), *found.moved[:limit]):
        table.add_row(
            phrase(column.name),
            f"{column.stability:.2f}",
            "" if column.distance is None else f"{column.distance:.2f}",
            f"{column.importance:.1%}",
            *_was_and_now(column),
        )
    return table
