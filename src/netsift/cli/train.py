"""``netsift train``: labelled flows in, a model and an honest account of it out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsift.cli.progress import announce_compilation
from netsift.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from netsift.evaluation.training import Progress, Trained
    from netsift.models.dataset import Dataset
    from netsift.models.manifest import Manifest


def register(application: typer.Typer) -> None:
    """Add the command to the program."""
    application.command(name="train")(train)


def train(
    labelled: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Public data sets as they are, flow files with a [b]label[/b] column, or captures with a label file "
            "beside them (x.labels.csv)."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The model file to write.")] = Path("model.netsift"),
    benign: Annotated[
        list[Path] | None, typer.Option(help="A capture, folder or flow file whose every flow is benign; repeatable.")
    ] = None,
    attack: Annotated[
        list[Path] | None,
        typer.Option(help="A capture, folder or flow file whose every flow is an attack; repeatable."),
    ] = None,
    folds: Annotated[int, typer.Option(min=2, max=20, help="Folds of the cross-validation.")] = 5,
    trees: Annotated[int, typer.Option(min=1, max=2000, help="Trees of the forest.")] = 100,
    depth: Annotated[int, typer.Option(min=1, max=40, help="Greatest depth of a tree.")] = 14,
    max_rows: Annotated[int, typer.Option(min=100, help="Flows kept for training; a random sample of more.")] = 500_000,
    max_rows_per_file: Annotated[
        int, typer.Option(min=1, help="Flows kept of one file, so that no single flood fills the sample.")
    ] = 500_000,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of everything random.")] = 0,
    plots: Annotated[
        Path | None,
        typer.Option(help="Folder for the plots; MODEL-plots beside the model unless given.", show_default=False),
    ] = None,
) -> None:
    """Train a random forest on labelled flows, evaluate it honestly, and write it as one model file.

    With two or more files the model is also tested on files that it did not learn from, and the worse of the figures
    is the one to quote.
    """
    from netsift.evaluation.training import train as train_model
    from netsift.models.bundle import save_bundle
    from netsift.models.choice import choose_features
    from netsift.models.dataset import Sampling, read_dataset
    from netsift.models.forest import ForestSettings
    from netsift.models.labelled import LabelledInput
    from netsift.sources.flows import is_flow_table

    inputs = [LabelledInput(path) for path in labelled or ()]
    inputs += [LabelledInput(path, "benign") for path in benign or ()]
    inputs += [LabelledInput(path, "attack") for path in attack or ()]
    if not inputs:
        raise UsageError("nothing to learn from: name labelled flow files or captures, or use --benign and --attack")
    settings = ForestSettings(trees=trees, depth=depth, seed=seed)
    if not all(is_flow_table(str(source.path)) for source in inputs):
        announce_compilation(quiet=False)
    with _progress() as progress:
        sampling = Sampling(max_rows=max_rows, max_rows_per_file=max_rows_per_file, seed=seed)
        chosen = choose_features(inputs)
        dataset = read_dataset(inputs, chosen.names, sampling, progress)
        for sentence in chosen.sentences():
            typer.echo(sentence, err=True)
        _say_what_was_read(dataset)
        trained = train_model(dataset, settings, folds, progress)
    save_bundle(trained.bundle, output)
    _print_results(trained)
    typer.echo(f"model: {output}")
    _draw(trained, dataset, plots or output.with_name(f"{output.stem}-plots"))


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show progress on a terminal; be silent in a pipe."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None  # noqa: ARG005 - the signature of progress
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("starting", total=1)
        yield lambda stage, done, total: bars.update(task, description=stage, completed=done, total=total)


def _say_what_was_read(dataset: Dataset) -> None:
    from netsift.models.dataset import describe_classes

    for note in _grouped(dataset.notes):
        typer.echo(note, err=True)
    rows = len(dataset.classes)
    typer.echo(f"{rows:,} labelled flows from {len(dataset.inputs)} inputs: {describe_classes(dataset)}", err=True)
    for problem in dataset.problems:
        typer.echo(f"netsift: {problem}", err=True)
    if dataset.unlabelled:
        typer.echo(f"{dataset.unlabelled:,} flows have no label and were left out", err=True)
    if dataset.sampled_out:
        typer.echo(
            f"{dataset.sampled_out:,} flows were left out at random, because of --max-rows or --max-rows-per-file",
            err=True,
        )


def _grouped(notes: Sequence[str]) -> list[str]:
    """Return notes of the form ``file: text`` with those of one text as one."""
    files: dict[str, list[str]] = {}
    for note in notes:
        name, _, text = note.partition(": ")
        files.setdefault(text, []).append(name)
    return [
        f"{names[0]}{f' and {len(names) - 1:,} more' if len(names) > 1 else ''}: {text}"
        for text, names in files.items()
    ]


def _print_results(trained: Trained) -> None:
    from rich.console import Console

    manifest = trained.bundle.manifest
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(_protocol_table(manifest))
    for result in manifest.evaluation:
        console.print(f"{result.protocol}: {result.meaning}.", highlight=False)
    if trained.not_asked:
        console.print(f"Only a random split was made: {trained.not_asked}.", highlight=False)
    console.print(_class_table(manifest))
    leading = ", ".join(entry.feature for entry in manifest.importance[:8])
    console.print(f"Columns that matter most: {leading}.", highlight=False)


def _protocol_table(manifest: Manifest) -> Table:
    from rich.table import Table

    table = Table(title="How good it is: quote the first row, the worst", title_justify="left")
    table.add_column("protocol")
    rates = [point.false_positive_rate for point in manifest.headline_result.operating_points]
    for name in ("accuracy", "F1", "ROC AUC", "average precision", *(f"recall at {rate:.1%} FP" for rate in rates)):
        table.add_column(name, justify="right")
    for result in manifest.evaluation:
        figures = [result.accuracy, result.f1, result.roc_auc, result.average_precision]
        figures += [point.recall for point in result.operating_points]
        table.add_row(result.protocol, *(f"{figure:.4f}" for figure in figures))
    return table


def _class_table(manifest: Manifest) -> Table:
    from rich.table import Table

    table = Table(title=f"Every class ({manifest.headline})", title_justify="left")
    table.add_column("class")
    for name in ("flows", "precision", "recall"):
        table.add_column(name, justify="right")
    for entry in manifest.headline_result.classes:
        table.add_row(entry.name, f"{entry.rows:,}", f"{entry.precision:.3f}", f"{entry.recall:.3f}")
    return table


def _draw(trained: Trained, dataset: Dataset, folder: Path) -> None:
    from netsift.evaluation.plots import draw_plots, plots_available

    if not plots_available():
        typer.echo("no plots were drawn, because matplotlib is not installed: pip install 'netsift[plots]'", err=True)
        return
    truth_and_predicted = (trained.truth, trained.predicted)
    draw_plots(folder, trained.curves, dataset.names, truth_and_predicted, trained.bundle.manifest.importance)
    typer.echo(f"plots: {folder}/")
