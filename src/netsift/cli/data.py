"""``netsift data``: the public data sets, where they come from, and whether what is here is right."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsift.cli.options import Quiet
from netsift.errors import ExitStatus

if TYPE_CHECKING:
    from netsift.sources.catalogue import DataFile, DataSet
    from netsift.sources.download import Progress

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="A name that netsift data list shows.")]
Folder = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", show_default=False, help="Where data sets are kept. Default: ~/.local/share/netsift/data."
    ),
]


def register(application: typer.Typer) -> None:
    """Add the commands to the program."""
    commands = typer.Typer(name="data", help="List, fetch and check the public data sets.", no_args_is_help=True)
    commands.command(name="list")(show)
    commands.command(name="fetch")(fetch)
    commands.command(name="verify")(verify)
    application.add_typer(commands)


def show(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", show_default=False, help="Say all about one.")] = None,
    folder: Folder = None,
) -> None:
    """Name the data sets, or say all about one: publisher, terms, citation, files and what to do by hand."""
    from netsift.sources.catalogue import CATALOGUE
    from netsift.sources.collection import default_folder, find

    place = folder or default_folder()
    if name is not None:
        _print_one(find(name), place)
        return
    for data_set in CATALOGUE.values():
        count = len(data_set.files)
        how = f"{count} file{'s' if count > 1 else ''}" if count else "by hand"
        here = ", in the folder" if (place / data_set.name).is_dir() else ""
        typer.echo(f"{data_set.name:26}{data_set.title} ({how}{here})")
    typer.echo(f"folder: {place}")


def _print_one(data_set: DataSet, place: Path) -> None:
    for what in ("name", "title", "publisher", "page", "terms", "citation"):
        typer.echo(f"{what}: {getattr(data_set, what)}")
    typer.echo(f"folder: {place / data_set.name}")
    for file in data_set.files:
        size = "size not published" if file.size_bytes is None else f"{file.size_bytes:,} bytes"
        digest = f", SHA-256 {file.sha256}" if file.sha256 else ""
        typer.echo(f"file: {file.name} ({size}{digest})\n  {file.address}")
    if data_set.by_hand:
        typer.echo(f"by hand: {data_set.by_hand}")


def fetch(
    name: Name,
    folder: Folder = None,
    file: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", show_default=False, help="Only files of this name, * and ?; repeatable."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Fetch a data set from its publisher; what broke off goes on, and a file that is not the right one is refused.

    Archives are not unpacked.
    """
    from netsift.sources import collection

    data_set = collection.find(name)
    files = collection.selected(data_set, file or [])
    place = folder or collection.default_folder()
    with _bars(quiet=quiet) as progress:
        for verdict in collection.fetch(data_set, place, files, progress):
            typer.echo(f"{verdict.name}: {verdict.sentence}")
    if not quiet:
        typer.echo(f"{place / data_set.name}; terms: {data_set.terms}; citation: {data_set.citation}", err=True)
        if data_set.by_hand:
            typer.echo(f"by hand: {data_set.by_hand}", err=True)


def verify(name: Name, folder: Folder = None) -> None:
    """Check the files of a data set: size and SHA-256 where known, and that their rows can be read."""
    from netsift.sources import collection
    from netsift.sources.collection import State

    verdicts = collection.verify(collection.find(name), folder or collection.default_folder())
    for verdict in verdicts:
        typer.echo(f"{verdict.name}: {verdict.state.value}: {verdict.sentence}")
    states = {verdict.state for verdict in verdicts}
    usable = states & {State.GOOD, State.ARCHIVE} and State.WRONG not in states
    raise typer.Exit(ExitStatus.OK if usable else ExitStatus.NOTHING_READ)


@contextlib.contextmanager
def _bars(*, quiet: bool) -> Iterator[Callable[[DataFile], Progress]]:
    """Yield what makes a progress bar for a file, with rate and time left; silent in a pipe."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bars(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bars:

        def bar(file: DataFile) -> Progress:
            task = bars.add_task(file.name, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield bar
