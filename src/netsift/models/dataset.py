"""The training rows in memory: one matrix of bounded size, whatever the inputs hold."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netsift.errors import InputError
from netsift.models.features import FeatureMatrix, feature_matrix
from netsift.models.labelled import BENIGN, LabelledInput, expand_labelled, labelled_batches
from netsift.models.manifest import Period, TrainingInput
from netsift.models.taxonomy import OTHER, classify
from netsift.sources.captures import CaptureSettings
from netsift.sources.statistics import ReadStatistics

DEFAULT_MAX_ROWS: Final = 500_000
"""Rows kept for training; with every feature about 230 MB."""

_MOST_LABELS: Final = 20
_LABEL_LETTERS: Final = 60
_HASH_BLOCK: Final = 1 << 20
_MIXER: Final = np.uint64(0x9E3779B97F4A7C15)
"""2⁶⁴ divided by the golden ratio (Knuth, "The art of computer programming", volume 3, section 6.4)."""


UNKNOWN: Final = -1
"""Stands for an address, a port or a time that an input does not have."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """When and between whom each row's flow was: arrays of int64 with shape (rows,), :data:`UNKNOWN` where not known.

    ``start_ns`` is nanoseconds since 1970; addresses are 63-bit digests, the same for the same text in every input.
    """

    start_ns: npt.NDArray[np.int64]
    source: npt.NDArray[np.int64]
    destination: npt.NDArray[np.int64]
    destination_port: npt.NDArray[np.int64]

    @property
    def host_pair(self) -> npt.NDArray[np.int64]:
        """One number per unordered pair of hosts, UNKNOWN where one of them is."""
        lower, higher = np.minimum(self.source, self.destination), np.maximum(self.source, self.destination)
        mixed = (lower.astype(np.uint64) * _MIXER + higher.astype(np.uint64)) >> np.uint64(1)
        return np.where(lower == UNKNOWN, UNKNOWN, mixed.astype(np.int64))


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled rows.

    ``matrix`` has shape (rows, features); ``classes`` (rows,) are indices into ``names``, whose first is benign;
    ``groups`` (rows,) are indices into ``inputs`` and ``networks``, which says for each input whose traffic it is.
    ``circumstances`` are what protocols and audits cut by and no model sees. ``unlabelled`` flows had no label,
    ``sampled_out`` rows no room; ``problems`` are what was damaged in the inputs, ``notes`` what they turned out to be.
    """

    matrix: FeatureMatrix
    classes: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]
    circumstances: Circumstances
    networks: tuple[str, ...]
    names: tuple[str, ...]
    feature_names: tuple[str, ...]
    inputs: tuple[TrainingInput, ...]
    unlabelled: int
    sampled_out: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def rows_of_class(self) -> dict[str, int]:
        """Number of rows of every class."""
        counts = np.bincount(self.classes, minlength=len(self.names))
        return dict(zip(self.names, counts.tolist(), strict=True))


def training_inputs(dataset: Dataset) -> list[TrainingInput]:
    """Return the inputs, each with the period of its rows where their times are known."""
    start_ns = dataset.circumstances.start_ns
    timed = [start_ns[(dataset.groups == number) & (start_ns != UNKNOWN)] for number in range(len(dataset.inputs))]
    return [
        source.model_copy(update={"period": Period(start_ns=int(times.min()), end_ns=int(times.max()))})
        if len(times)
        else source
        for source, times in zip(dataset.inputs, timed, strict=True)
    ]


@dataclass(slots=True)
class Reservoir:
    """A uniform random sample of at most ``size`` rows out of a stream of any length.

    Every row draws a random number, and the rows with the smallest are kept (Efraimidis and Spirakis, "Weighted random
    sampling with a reservoir", 2006, with equal weights). Holds at most twice ``size`` rows and one batch.
    """

    size: int
    seed: int
    _parts: list[tuple[npt.NDArray[np.float64], FeatureMatrix, npt.NDArray[np.int64]]] = field(default_factory=list)
    _held: int = 0
    _bar: float = np.inf
    seen: int = 0

    def __post_init__(self) -> None:
        """Start the random numbers."""
        self._random = np.random.default_rng(self.seed)

    _random: np.random.Generator = field(init=False)

    def add(self, matrix: FeatureMatrix, marks: npt.NDArray[np.int64]) -> None:
        """Offer rows (rows, features) with marks (rows, any number of integers)."""
        self.offer(len(matrix), lambda rows: (matrix[rows], marks[rows]))

    def offer(
        self, count: int, take: Callable[[npt.NDArray[np.int64]], tuple[FeatureMatrix, npt.NDArray[np.int64]]]
    ) -> None:
        """Offer ``count`` rows; ``take`` returns those that are asked for, with their marks."""
        drawn = self._random.random(count)
        rows = np.flatnonzero(drawn <= self._bar)
        self._parts.append((drawn[rows], *take(rows)))
        self._held += len(rows)
        self.seen += count
        if self._held > 2 * self.size:
            self._shrink()

    def rows(self) -> tuple[FeatureMatrix, npt.NDArray[np.int64]]:
        """Return the sample in the order in which it came."""
        self._shrink()
        _, matrix, marks = self._parts[0]
        return matrix, marks

    def _shrink(self) -> None:
        drawn, matrix, marks = (np.concatenate(arrays) for arrays in zip(*self._parts, strict=True))
        if len(drawn) > self.size:
            kept = np.sort(np.argpartition(drawn, self.size)[: self.size])
            drawn, matrix, marks = drawn[kept], matrix[kept], marks[kept]
            self._bar = float(drawn.max(initial=0.0))
        self._parts = [(drawn, matrix, marks)]
        self._held = len(drawn)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many rows are kept: in all, of each file, so that no single flood fills the sample, and of each network.

    Networks that all have ``max_rows_per_network`` rows weigh the same in what is learned.
    """

    max_rows: int = DEFAULT_MAX_ROWS
    max_rows_per_file: int = DEFAULT_MAX_ROWS
    seed: int = 0
    max_rows_per_network: int = DEFAULT_MAX_ROWS


def read_dataset(
    inputs: Sequence[LabelledInput],
    feature_names: Sequence[str],
    sampling: Sampling,
    progress: Callable[[str, int, int], None],
    settings: CaptureSettings | None = None,
) -> Dataset:
    """Read and label every input, keeping a random sample of bounded size; each file is a group.

    ``settings`` say how captures are read and metered. The files of a network are read one after another, wherever they
    stand among the inputs.

    Raises:
        InputError: an input cannot be read, or benign or attack flows are missing altogether.
    """
    reader = _Reader(tuple(feature_names), sampling, settings)
    networks: dict[str, list[LabelledInput]] = {}
    for file in (file for source in inputs for file in expand_labelled(source)):
        networks.setdefault(file.network, []).append(file)
    files = sum(map(len, networks.values()))
    for of_network in networks.values():
        for file in of_network:
            progress(f"reading {file.path.name}", reader.files_read, files)
            reader.read(file)
        reader.end_network()
    return reader.dataset()


class _Reader:
    """Labels and samples one file after another."""

    def __init__(self, feature_names: tuple[str, ...], sampling: Sampling, settings: CaptureSettings | None) -> None:
        self._feature_names = feature_names
        self._settings = settings
        self._sampling = sampling
        self._reservoir = Reservoir(sampling.max_rows, sampling.seed)
        self._of_network = Reservoir(sampling.max_rows_per_network, sampling.seed)
        self._codes = {BENIGN: 0}
        self._inputs: list[TrainingInput] = []
        self._networks: list[str] = []
        self._problems: list[str] = []
        self._notes: list[str] = []
        self._strange_labels: Counter[str] = Counter()
        self._unlabelled = 0

    @property
    def files_read(self) -> int:
        return len(self._inputs)

    def end_network(self) -> None:
        """Take over the sample of the network whose files were read last."""
        if self._of_network.seen:
            self._reservoir.add(*self._of_network.rows())
        sampling = self._sampling
        self._of_network = Reservoir(sampling.max_rows_per_network, sampling.seed + len(self._inputs))

    def read(self, file: LabelledInput) -> None:
        group = len(self._inputs)
        sample = Reservoir(self._sampling.max_rows_per_file, self._sampling.seed + group)
        statistics = ReadStatistics()
        for labelled in labelled_batches(file, statistics, self._settings, self._feature_names):
            codes = [-1 if name is None else self._code(name) for name in labelled.classes]
            self._strange_labels.update(text for text in labelled.labels if text and not classify(text).known)
            marks = np.column_stack([codes, np.full(len(codes), group), *circumstances_of(labelled.batch)])
            has_label = marks[:, 0] >= 0
            self._unlabelled += int((~has_label).sum())
            sample.add(feature_matrix(labelled.batch, self._feature_names)[has_label], marks[has_label])
        if sample.seen:
            self._of_network.add(*sample.rows())
        self._problems += statistics.capture.problems
        self._notes += statistics.notes
        self._inputs.append(TrainingInput(name=file.path.name, rows=sample.seen, sha256=sha256_of(file.path)))
        self._networks.append(file.network)

    def _code(self, name: str) -> int:
        return self._codes.setdefault(name, len(self._codes))

    def dataset(self) -> Dataset:
        if not self._reservoir.seen:
            raise InputError("the inputs hold no labelled flow")
        matrix, marks = self._reservoir.rows()
        names, classes = _renumbered(self._codes, marks[:, 0])
        return Dataset(
            matrix=matrix,
            classes=classes,
            groups=marks[:, 1],
            circumstances=Circumstances(*np.ascontiguousarray(marks[:, 2:].T)),
            networks=tuple(self._networks),
            names=names,
            feature_names=self._feature_names,
            inputs=tuple(self._inputs),
            unlabelled=self._unlabelled,
            sampled_out=sum(one.rows for one in self._inputs) - len(matrix),
            problems=tuple(self._problems),
            notes=(*self._notes, *_strange_label_note(self._strange_labels)),
        )


def _strange_label_note(labels: Counter[str]) -> list[str]:
    if not labels:
        return []
    shown = ", ".join(
        f"{text[:_LABEL_LETTERS]!r} ({rows:,} {'flow' if rows == 1 else 'flows'})"
        for text, rows in labels.most_common(_MOST_LABELS)
    )
    return [f"labels that the taxonomy does not know, counted as {OTHER}: {shown}"]


def circumstances_of(batch: pa.RecordBatch) -> list[npt.NDArray[np.int64]]:
    """Return the columns of :class:`Circumstances` for a flow batch."""
    present = batch.schema.names
    unknown = np.full(batch.num_rows, UNKNOWN)
    return [
        _integers(batch.column("start_time")) if "start_time" in present else unknown,
        *(address_digests(batch.column(name)) if name in present else unknown for name in ("src_ip", "dst_ip")),
        _integers(batch.column("dst_port")) if "dst_port" in present else unknown,
    ]


def _integers(column: pa.Array) -> npt.NDArray[np.int64]:
    values: npt.NDArray[np.int64] = (
        pc.fill_null(pc.cast(column, pa.int64()), UNKNOWN).to_numpy(zero_copy_only=False).astype(np.int64)
    )
    return values


def address_digests(column: pa.Array) -> npt.NDArray[np.int64]:
    """Return 63-bit digests of texts, the same for the same text, UNKNOWN for null."""
    encoded = column.dictionary_encode()
    digests = [
        UNKNOWN if text is None else int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1
        for text in encoded.dictionary.to_pylist()
    ]
    codes = pc.fill_null(encoded.indices, len(digests)).to_numpy(zero_copy_only=False)
    values: npt.NDArray[np.int64] = np.array([*digests, UNKNOWN], dtype=np.int64)[codes]
    return values


def _renumbered(codes: dict[str, int], classes: npt.NDArray[np.int64]) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Number the classes that have rows: benign first, the others by name, whatever the order of the inputs."""
    present = set(classes.tolist())
    if 0 not in present:
        raise InputError("the training data holds no benign flow; a model needs benign and attack flows")
    if present == {0}:
        raise InputError("the training data holds no attack flow; a model needs benign and attack flows")
    names = (BENIGN, *sorted(name for name, code in codes.items() if code in present and name != BENIGN))
    number = np.zeros(len(codes), dtype=np.int64)
    for position, name in enumerate(names):
        number[codes[name]] = position
    return names, number[classes]


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def describe_classes(dataset: Dataset) -> str:
    """Return the classes with their rows, the most frequent first, as one line."""
    return ", ".join(f"{name} {rows:,}" for name, rows in Counter(dataset.rows_of_class).most_common())


def rows_of_network(dataset: Dataset) -> dict[str, int]:
    """Return the number of rows of every network, by name in order."""
    counts: Counter[str] = Counter()
    for name, rows in zip(
        dataset.networks, np.bincount(dataset.groups, minlength=len(dataset.networks)).tolist(), strict=True
    ):
        counts[name] += rows
    return dict(sorted(counts.items()))
