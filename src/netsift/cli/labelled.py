"""What the commands that read labelled traffic share: naming networks, choosing columns, saying what was read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from netsift.cli.progress import counted
from netsift.errors import InputError, UsageError

if TYPE_CHECKING:
    from netsift.models.dataset import Dataset
    from netsift.models.labelled import LabelledInput

_MOST_BYTES: Final = 1 << 20
_MOST_NETWORKS: Final = 12

Benign = Annotated[
    list[str] | None,
    typer.Option(metavar="[NAME=]PATH", help="A capture, folder or flow file whose every flow is benign; repeatable."),
]
Attack = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]PATH", help="A capture, folder or flow file whose every flow is an attack; repeatable."
    ),
]


def labelled_inputs(
    labelled: Sequence[str] | None, benign: Sequence[str] | None, attack: Sequence[str] | None
) -> list[LabelledInput]:
    """Return the inputs of a command line: those that bring labels, those that are all benign, those all attacks.

    Raises:
        UsageError: there is none, or one is neither ``PATH`` nor ``NAME=PATH``.
    """
    inputs = [named_input(argument) for argument in labelled or ()]
    inputs += [named_input(argument, "benign") for argument in benign or ()]
    inputs += [named_input(argument, "attack") for argument in attack or ()]
    if not inputs:
        raise UsageError("there is nothing to read: name labelled flow files or captures, or use --benign and --attack")
    return inputs


def named_input(argument: str, label: str | None = None) -> LabelledInput:
    """Return the input of ``PATH`` or ``NAME=PATH``, where the name is the network that the traffic is of.

    A path that exists as it stands is one, whatever signs it holds.

    Raises:
        UsageError: the name or the path is empty.
    """
    from netsift.models.labelled import LabelledInput

    name, sign, path = argument.partition("=")
    if not sign or Path(argument).exists():
        return LabelledInput(Path(argument), label)
    if not name or not path:
        raise UsageError(f"{argument!r} must be PATH or NAME=PATH")
    return LabelledInput(Path(path), label, name)


def common_columns(inputs: Sequence[LabelledInput], path: Path | None) -> list[str]:
    """Return the features that all inputs have, or those of them that a file names, one a line; say what is left out.

    Raises:
        InputError: an input or the file cannot be read, the inputs have no feature in common, or the file names nothing
            or what not all of them have.
    """
    from netsift.models.choice import choose_features

    common = choose_features(inputs)
    if path is None:
        for sentence in common.sentences():
            typer.echo(sentence, err=True)
        return list(common.names)
    asked, every = _words(path), (*common.names, *common.artefacts)
    unknown = sorted(asked - set(every))
    if unknown:
        raise InputError(f"{path}: {unknown[0][:80]!r} is not a column that a model may use and all inputs have")
    if not asked:
        raise InputError(f"{path}: the list of columns is empty")
    return [name for name in every if name in asked]


def _words(path: Path) -> set[str]:
    try:
        with path.open(encoding="utf-8") as file:
            return set(file.read(_MOST_BYTES).split())
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file") from error
    except OSError as error:
        raise InputError(f"{path}: the list of columns cannot be read: {error.strerror or error}") from error


def grouped_notes(notes: Sequence[str]) -> list[str]:
    """Return notes of the form ``file: text`` with those of one text as one."""
    files: dict[str, list[str]] = {}
    for note in notes:
        name, _, text = note.partition(": ")
        files.setdefault(text, []).append(name)
    return [
        f"{names[0]}{f' and {len(names) - 1:,} more' if len(names) > 1 else ''}: {text}"
        for text, names in files.items()
    ]


def say_what_was_read(dataset: Dataset) -> None:
    """Say on standard error how many flows of which classes there are, and what was left out."""
    from netsift.models.dataset import describe_classes, rows_of_network

    for note in grouped_notes(dataset.notes):
        typer.echo(note, err=True)
    rows = len(dataset.classes)
    read = f"{counted(rows, 'labelled flow')} from {counted(len(dataset.inputs), 'input')}"
    typer.echo(f"{read}: {describe_classes(dataset)}", err=True)
    networks = rows_of_network(dataset)
    if len(dataset.inputs) > len(networks) > 1 or dataset.sampled_out:
        listed = [f"{name} {count:,}" for name, count in networks.items()]
        more = f" and {len(listed) - _MOST_NETWORKS:,} more" if len(listed) > _MOST_NETWORKS else ""
        typer.echo(f"flows of each network: {', '.join(listed[:_MOST_NETWORKS])}{more}", err=True)
    for problem in dataset.problems:
        typer.echo(f"netsift: {problem}", err=True)
    if dataset.unlabelled:
        typer.echo(f"{dataset.unlabelled:,} flows have no label and were left out", err=True)
    if dataset.sampled_out:
        typer.echo(
            f"{dataset.sampled_out:,} flows were left out at random, because of --max-rows, --max-rows-per-file or "
            "--max-rows-per-network",
            err=True,
        )
