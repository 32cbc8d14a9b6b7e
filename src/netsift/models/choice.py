"""Which features several inputs have in common: a model can be trained on no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from netsift.errors import InputError
from netsift.flows.schema import COLUMNS
from netsift.models.artefacts import artefact
from netsift.models.features import available_features
from netsift.models.labelled import LabelledInput, expand_labelled
from netsift.sources.flows import is_flow_table, read_flows


@dataclass(frozen=True, slots=True)
class ChosenFeatures:
    """The features that every input has, in the order of the schema: ``names`` and, not among them, ``artefacts``.

    ``dropped`` holds pairs of files' names and the features that other files have and these have not.
    """

    names: tuple[str, ...]
    artefacts: tuple[str, ...]
    dropped: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]

    def sentences(self) -> list[str]:
        """Return what is not used and why: a line for all files that lack the same, and one for artefacts."""
        sentences = [
            f"{_these_lack(files)} features that are therefore not used: {', '.join(lacking)}"
            for files, lacking in self.dropped
        ]
        if self.artefacts:
            sentences.append(
                f"not used, because they tell hosts and meters rather than behaviour: {', '.join(self.artefacts)}"
            )
        return sentences


def _these_lack(files: Sequence[str]) -> str:
    more = len(files) - 1
    return f"{files[0]} and {more:,} more {'file' if more == 1 else 'files'} lack" if more else f"{files[0]} lacks"


def choose_features(inputs: Sequence[LabelledInput]) -> ChosenFeatures:
    """Return the features that all inputs have, by the first flows of each; a capture has all of netsift's own.

    Raises:
        InputError: an input cannot be read, or the inputs have no feature in common.
    """
    files = [file.path for source in inputs for file in expand_labelled(source)]
    features_of = [features_of_file(path) for path in files]
    common = set(features_of[0]).intersection(*features_of[1:])
    if all(map(artefact, common)):
        raise InputError("the inputs have no feature in common, so no model can be trained on them together")
    order = dict.fromkeys(name for names in features_of for name in names)
    lacking: dict[tuple[str, ...], list[str]] = {}
    for path, names in zip(files, features_of, strict=True):
        lacking.setdefault(tuple(name for name in order if name not in set(names)), []).append(path.name)
    return ChosenFeatures(
        names=tuple(name for name in order if name in common and not artefact(name)),
        artefacts=tuple(name for name in order if name in common and artefact(name)),
        dropped=tuple((tuple(names), features) for features, names in lacking.items() if features),
    )


def features_of_file(path: Path) -> list[str]:
    """Return the features that a file's first flows have. Raises InputError when it cannot be read.

    A capture offers those of its flows alone; context becomes a feature where flows were written with it.
    """
    first = next(read_flows([path]), None) if is_flow_table(str(path)) else None
    return available_features([column.name for column in COLUMNS] if first is None else first.schema.names)
