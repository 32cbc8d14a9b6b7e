"""``netsift train``: labelled flows in, a model and an honest account of it out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsift.cli.labelled import Attack, Benign, common_columns, labelled_inputs, say_what_was_read
from netsift.cli.options import Depth, LearnerName, Trees, Tune, keep_apart, reads_captures
from netsift.cli.progress import announce_compilation, stages

if TYPE_CHECKING:
    from rich.table import Table

    from netsift.evaluation.training import Trained
    from netsift.models.manifest import Manifest
    from netsift.sources.captures import CaptureSettings

HELP = """
Train a model on labelled flows, evaluate it honestly, and write it as one model file.

It is tested in every way that the data allows (netsift evaluate says more), and the worst honest figure is the one to quote.

[bold]Examples[/bold]

  netsift train office.parquet lab.pcap -o model.netsift

  netsift train office=monday.parquet home=capture.pcap --trees 200 --seed 7

  netsift train --benign quiet.pcap --attack scans/ -o scans.netsift --plots plots

  netsift train lab=CIC-IDS2017/ home=flows.parquet simulated.pcap --max-rows-per-network 20000

  netsift train Friday-WorkingHours.pcap_ISCX.csv --max-rows 100000

Exit status: 0 the model was written, 1 nothing could be read or written, 2 wrong arguments.
"""  # noqa: E501 - paragraphs, wrapped by the terminal

Columns = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Learn only from the columns that this file names, as netsift evaluate --columns-out writes them.",
    ),
]
Protocols = Annotated[
    str, typer.Option(help="Evaluate only by these protocols, separated by commas; all that the data allows.")
]


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    application.command(name="train", help=HELP)(reads_captures(train))


def train(
    settings: CaptureSettings,
    labelled: Annotated[
        list[str] | None,
        typer.Argument(
            help="Public data sets as they are, flow files with a [b]label[/b] column, or captures with a label file "
            "beside them (x.labels.csv); NAME=PATH names the network that the traffic is of."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The model file to write.")] = Path("model.netsift"),
    benign: Benign = None,
    attack: Attack = None,
    folds: Annotated[int, typer.Option(min=2, max=20, help="Folds of the cross-validation.")] = 5,
    learner: LearnerName = "guarded-forest",
    trees: Trees = None,
    depth: Depth = None,
    tune: Tune = 0,
    max_rows: Annotated[int, typer.Option(min=100, help="Flows kept for training; a random sample of more.")] = 500_000,
    max_rows_per_file: Annotated[
        int, typer.Option(min=1, help="Flows kept of one file, so that no single flood fills the sample.")
    ] = 500_000,
    max_rows_per_network: Annotated[
        int, typer.Option(min=1, help="Flows kept of one network, so that the largest does not outweigh the others.")
    ] = 500_000,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of everything random.")] = 0,
    columns: Columns = None,
    protocols: Protocols = "",
    plots: Annotated[
        Path | None,
        typer.Option(help="Folder for the plots; MODEL-plots beside the model unless given.", show_default=False),
    ] = None,
) -> None:
    """Train as :data:`HELP` says."""
    from netsift.cli.evaluation_tables import print_audit
    from netsift.evaluation.leakage import audit, with_audit
    from netsift.evaluation.protocols import chosen
    from netsift.evaluation.training import train as train_model
    from netsift.models.bundle import save_bundle
    from netsift.models.dataset import Sampling, read_dataset
    from netsift.models.learners import make_learner
    from netsift.sources.flows import is_flow_table

    inputs = labelled_inputs(labelled, benign, attack)
    keep_apart([source.path for source in inputs], (output,))
    asked = chosen([name for name in protocols.split(",") if name.strip()])
    chosen_learner = make_learner(learner, seed, trees=trees, depth=depth)
    if not all(is_flow_table(str(source.path)) for source in inputs):
        announce_compilation(quiet=False)
    with stages() as progress:
        sampling = Sampling(max_rows, max_rows_per_file, seed, max_rows_per_network)
        dataset = read_dataset(inputs, common_columns(inputs, columns), sampling, progress, settings)
        say_what_was_read(dataset)
        progress("auditing", 0, 1)
        findings = audit(dataset, seed)
        trained = train_model(dataset, chosen_learner, folds, progress, asked, trials=tune)
    bundle = with_audit(trained.bundle, findings)
    save_bundle(bundle, output)
    print_audit(findings)
    _print_results(trained)
    typer.echo(f"model: {output}")
    _draw(bundle.manifest, plots or output.with_name(f"{output.stem}-plots"))


def _print_results(trained: Trained) -> None:
    from rich.console import Console

    from netsift.cli.evaluation_tables import class_table
    from netsift.evaluation.metrics import thresholds_from

    manifest = trained.bundle.manifest
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(_protocol_table(manifest))
    for result in manifest.evaluation:
        console.print(f"{result.protocol}: {result.meaning}.", highlight=False)
    for name, reason in trained.refused.items():
        console.print(f"{name}: not measured, because {reason}.", highlight=False, style="dim")
    console.print(class_table(thresholds_from(manifest.evaluation)))
    console.print(f"Learner: {manifest.learner.sentence}.", highlight=False)
    leading = ", ".join(entry.feature for entry in manifest.importance[:8])
    console.print(f"Columns that matter most: {leading}.", highlight=False)


def _protocol_table(manifest: Manifest) -> Table:
    from rich.table import Table

    from netsift.evaluation.card import percent

    table = Table(title="How good it is: quote the first row, the worst", title_justify="left")
    table.add_column("protocol")
    rates = [point.false_positive_rate for point in manifest.headline_result.operating_points]
    for name in (
        "accuracy",
        "F1",
        "ROC AUC",
        "average precision",
        *(f"recall at {percent(rate)} FP" for rate in rates),
    ):
        table.add_column(name, justify="right")
    for result in manifest.evaluation:
        figures: list[float | None] = [result.accuracy, result.f1, result.roc_auc, result.average_precision]
        figures += [point.recall for point in result.operating_points]
        table.add_row(result.protocol, *("–" if figure is None else f"{figure:.4f}" for figure in figures))
    return table


def _draw(manifest: Manifest, folder: Path) -> None:
    from netsift.evaluation.plots import draw_plots, plots_available

    if not plots_available():
        typer.echo("no plots were drawn: they need matplotlib and seaborn: pip install 'netsift[plots]'", err=True)
        return
    draw_plots(folder, manifest)
    typer.echo(f"plots: {folder}/")
