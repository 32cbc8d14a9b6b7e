"""``netsift report``: a model file in, a page that says how good it is and on what out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsift.cli.options import ModelKey, keep_apart
from netsift.errors import UsageError
from netsift.files import whole_file


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    application.command(name="report")(report)


def report(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The model file.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")] = Path("report.html"),
    plots: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Draw PNG pictures into this folder as well.", show_default=False)
    ] = None,
    flows_per_day: Annotated[float, typer.Option(min=1, max=1e15, help="Flows a day on your network.")] = 1_000_000,
    base_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of flows that are attacks.")] = 0.001,
    key: ModelKey = None,
) -> None:
    """Write what a model says about itself as one HTML page that needs no network: figures, data, audit and pictures.

    Nothing is scored and nothing is learned; the page holds what the model file holds.
    """
    from netsift.evaluation.plots import draw_plots, plots_available
    from netsift.evaluation.report import Use, report_page
    from netsift.models.bundle import load_bundle

    if plots and not plots_available():
        raise UsageError("--plots needs matplotlib and seaborn: pip install 'netsift[plots]'")
    keep_apart([model], (output,))
    manifest = load_bundle(model, key).manifest
    with whole_file(output) as temporary:
        temporary.write_text(report_page(manifest, Use(flows_per_day, base_rate)), encoding="utf-8")
    typer.echo(f"report: {output}")
    if plots:
        drawn = draw_plots(plots, manifest)
        typer.echo(f"plots: {', '.join(path.name for path in drawn)} in {plots}/")
