"""The file of a baseline: a zip archive of a manifest and one block of arrays, and nothing that is executed on opening.

============== =====================================================================================================
member         content
============== =====================================================================================================
manifest.json  columns, groups, what was learned from, and name, type, shape and place of every array
arrays.bin     all arrays one behind the other, little-endian; the manifest has its SHA-256
============== =====================================================================================================

Opening checks, in this order: size, members, compression ratios and unpacked sizes, as for a model
(:mod:`netsift.models.archive`); the manifest's version and types; the hash of the block; that the arrays cover it
exactly; that columns and learners are ones of this netsift; and of every array its type, its shape, that its numbers
are finite and that those which point somewhere point inside. Only then is anything scored with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from netsift.detectors.novelty import LEARNERS
from netsift.detectors.novelty.base import floats, integers, taken
from netsift.detectors.novelty.baseline import Baseline, Group, Learned, Memory, Source
from netsift.detectors.novelty.budget import AlertCurve
from netsift.detectors.novelty.columns import CONTEXT, FLOW_COLUMNS, NoveltyColumns, Scales, most_words
from netsift.detectors.novelty.conformal import Calibration
from netsift.detectors.novelty.fitting import MOST_REMEMBERED
from netsift.detectors.novelty.known_pairs import KEY_BYTES, MOST_PAIRS
from netsift.detectors.novelty.roles import ROLES
from netsift.errors import InputError
from netsift.files import whole_file
from netsift.models.archive import MANIFEST, MAX_FILE_BYTES, packed, unpacked

FORMAT_VERSION: Final = 1
ARRAYS: Final = "arrays.bin"
LIMITS: Final[dict[str, int]] = {MANIFEST: 4 << 20, ARRAYS: 256 << 20}
"""The members of a baseline and the greatest unpacked size of each, in bytes."""

_TYPES: Final = {"float32": np.float32, "float64": np.float64, "int32": np.int32, "int64": np.int64}
_LARGEST: Final = 2**28

Kind = TypeVar("Kind", bound=np.generic)
Count = Annotated[int, Field(ge=0, lt=2**63)]
Named = dict[str, npt.NDArray[np.generic]]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ArrayEntry(_Strict):
    """One array: its name, NumPy type and shape."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    type: Literal["float32", "float64", "int32", "int64"]
    shape: Annotated[list[Annotated[int, Field(ge=0, le=_LARGEST)]], Field(min_length=1, max_length=3)]


class GroupEntry(_Strict):
    """One group: its name and how many flows it learned from and held back."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    learned: Count
    held_back: Count


class SourceEntry(_Strict):
    """An input that was learned from."""

    name: Annotated[str, Field(max_length=1000)]
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]


class LearnedEntry(_Strict):
    """What was learned from, as :class:`netsift.detectors.novelty.baseline.Learned`."""

    sources: Annotated[list[SourceEntry], Field(max_length=100_000)]
    flows: Count
    used: Count
    flagged: Count
    start_ns: Annotated[int, Field(ge=-(2**63), lt=2**63)]
    end_ns: Annotated[int, Field(ge=-(2**63), lt=2**63)]
    trim: Annotated[float, Field(ge=0, lt=1)]
    seed: Count
    pairs_forgotten: Count


class BaselineManifest(_Strict):
    """Everything of a baseline that is no array of numbers."""

    format_version: Literal[1]
    columns: list[str]
    context: list[str]
    detectors: Annotated[list[str], Field(min_length=1)]
    groups: Annotated[list[GroupEntry], Field(min_length=1, max_length=ROLES + 1)]
    days: Annotated[float, Field(gt=0, le=1e6)]
    pair_key: Annotated[str, Field(pattern=rf"^[0-9a-f]{{{2 * KEY_BYTES}}}$")]
    learned: LearnedEntry
    flows_per_hour: Annotated[float, Field(gt=0, le=1e15)]
    arrays: Annotated[list[ArrayEntry], Field(max_length=100_000)]
    arrays_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def baseline_bytes(baseline: Baseline) -> bytes:
    """Return the baseline as the bytes of its file; the same baseline gives the same bytes."""
    named = _arrays(baseline)
    block = b"".join(
        np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes() for array in named.values()
    )
    learned = baseline.learned
    manifest = BaselineManifest(
        format_version=FORMAT_VERSION,
        columns=list(baseline.scales.columns.flow),
        context=list(baseline.scales.columns.context),
        detectors=list(baseline.detectors),
        groups=[GroupEntry(name=one.name, learned=one.learned, held_back=one.held_back) for one in baseline.groups],
        days=baseline.curve.days,
        pair_key=baseline.key.hex(),
        learned=LearnedEntry(
            sources=[SourceEntry(name=one.name, sha256=one.sha256) for one in learned.sources],
            flows=learned.flows, used=learned.used, flagged=learned.flagged, start_ns=learned.start_ns,
            end_ns=learned.end_ns, trim=learned.trim, seed=learned.seed, pairs_forgotten=learned.pairs_forgotten,
        ),
        flows_per_hour=baseline.memory.per_hour,
        arrays=[
            ArrayEntry(name=name, type=array.dtype.name, shape=list(array.shape))  # type: ignore[arg-type]
            for name, array in named.items()
        ],
        arrays_sha256=hashlib.sha256(block).hexdigest(),
    )  # fmt: skip
    text = json.dumps(manifest.model_dump(), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return packed({MANIFEST: text.encode(), ARRAYS: block}, LIMITS)


def save_baseline(baseline: Baseline, path: Path) -> None:
    """Write the baseline to a temporary file beside ``path`` and rename it. Raises OutputError where it cannot be."""
    with whole_file(path) as temporary:
        temporary.write_bytes(baseline_bytes(baseline))


def load_baseline(path: Path) -> Baseline:
    """Read and check a baseline; executes nothing.

    Raises:
        InputError: the file cannot be read, or is no baseline that this netsift trusts; the sentence says why.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: the baseline cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_FILE_BYTES:
        raise InputError(f"{path}: has more bytes than a baseline may have ({MAX_FILE_BYTES:,})")
    try:
        return parse_baseline(content)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def parse_baseline(content: bytes) -> Baseline:
    """Check the bytes of a baseline and return it. Raises InputError as :func:`load_baseline` does."""
    members = unpacked(content, LIMITS, "baseline")
    manifest = _manifest(members[MANIFEST])
    if hashlib.sha256(members[ARRAYS]).hexdigest() != manifest.arrays_sha256:
        raise InputError(f"the baseline's {ARRAYS} is not what its manifest says")
    named = _named(manifest.arrays, members[ARRAYS])
    columns = _columns(manifest)
    groups = tuple(
        _group(entry, manifest.detectors, _below(named, f"group{number}."), len(columns.names))
        for number, entry in enumerate(manifest.groups)
    )
    shape = len(columns.words()), most_words() + 1
    known: npt.NDArray[np.int64] = _taken_any(named, "known", np.int64, MOST_PAIRS)
    if (np.diff(known) <= 0).any():
        raise InputError("the baseline's array known is not in order")
    return Baseline(
        scales=Scales(columns, floats(named, "rarity", shape) if shape[0] else np.zeros(shape, np.float32)),
        groups=groups,
        group_of_role=integers(named, "group_of_role", (ROLES,), 0, len(groups) - 1),
        curve=_curve(named, manifest.days),
        known=known,
        key=bytes.fromhex(manifest.pair_key),
        learned=Learned(
            tuple(Source(one.name, one.sha256) for one in manifest.learned.sources),
            **manifest.learned.model_dump(exclude={"sources"}),
        ),
        memory=_memory(named, len(columns.names), manifest.flows_per_hour),
    )


def _arrays(baseline: Baseline) -> Named:
    named: Named = {
        "rarity": baseline.scales.rarity, "group_of_role": baseline.group_of_role, "known": baseline.known,
        "curve.levels": baseline.curve.levels, "curve.alerts": baseline.curve.alerts,
        "memory.values": baseline.memory.values, "memory.start_ns": baseline.memory.start_ns,
        "memory.source": baseline.memory.source, "memory.role": baseline.memory.role,
    }  # fmt: skip
    for number, group in enumerate(baseline.groups):
        named[f"group{number}.examples"] = group.examples
        for name, model in group.models.items():
            place = f"group{number}.{name}"
            named[f"{place}.scores"] = group.calibrations[name].scores
            named[f"{place}.scale"] = np.array([group.calibrations[name].scale])
            named |= {f"{place}.model.{key}": array for key, array in model.arrays().items()}
    return named


def _manifest(content: bytes) -> BaselineManifest:
    try:
        loaded: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the baseline's {MANIFEST} is not valid JSON") from error
    version = loaded.get("format_version") if isinstance(loaded, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise InputError(
            f"the baseline has format version {version}; this netsift reads up to {FORMAT_VERSION}: update netsift"
        )
    try:
        return BaselineManifest.model_validate(loaded)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "its top level"
        raise InputError(f"the baseline's {MANIFEST} is wrong at {place}: {first['msg'].lower()}") from error


def _named(entries: list[ArrayEntry], block: bytes) -> Named:
    """Return the arrays in the block, which must cover it exactly."""
    named: Named = {}
    offset = 0
    for entry in entries:
        kind = np.dtype(_TYPES[entry.type]).newbyteorder("<")
        length = kind.itemsize
        for size in entry.shape:
            length *= size
        if entry.name in named or offset + length > len(block):
            raise InputError(f"the baseline's array {entry.name} stands twice, or beyond the end of {ARRAYS}")
        flat = np.frombuffer(block, kind, length // kind.itemsize, offset)
        named[entry.name] = flat.reshape(entry.shape).astype(_TYPES[entry.type])
        offset += length
    if offset != len(block):
        raise InputError(f"the baseline's {ARRAYS} holds more than its arrays")
    return named


def _columns(manifest: BaselineManifest) -> NoveltyColumns:
    unknown = sorted({*manifest.columns, *manifest.context} - {*FLOW_COLUMNS, *CONTEXT})
    if unknown:
        raise InputError(f"the baseline has columns that this netsift does not know: {', '.join(unknown[:5])[:200]}")
    columns = tuple(name for name in FLOW_COLUMNS if name in manifest.columns)
    context = tuple(name for name in CONTEXT if name in manifest.context)
    if list(columns) != manifest.columns or list(context) != manifest.context or not columns:
        raise InputError("the baseline's columns stand twice or in another order")
    if set(manifest.detectors) != set(LEARNERS) or len(manifest.detectors) != len(LEARNERS):
        raise InputError("the baseline's detectors are not those of this netsift")
    return NoveltyColumns(columns, context)


def _below(named: Named, prefix: str) -> Named:
    return {name.removeprefix(prefix): array for name, array in named.items() if name.startswith(prefix)}


def _group(entry: GroupEntry, detectors: list[str], named: Named, columns: int) -> Group:
    models, calibrations = {}, {}
    for name in detectors:
        own = _below(named, f"{name}.")
        scores: npt.NDArray[np.float64] = taken(own, "scores", np.float64, (None,))  # type: ignore[assignment]
        scale = float(taken(own, "scale", np.float64, (1,))[0])
        if (np.diff(scores) < 0).any() or scale <= 0:
            raise InputError(f"the baseline's calibration of {name} is not in order, or has no scale")
        calibrations[name] = Calibration(scores, scale)
        models[name] = LEARNERS[name].load(_below(own, "model."), columns)
    examples = floats(named, "examples", (None, columns))
    return Group(entry.name, models, calibrations, examples, entry.learned, entry.held_back)


def _memory(named: Named, columns: int, per_hour: float) -> Memory:
    values = floats(named, "memory.values", (None, columns))
    start_ns, source, role = (
        _taken_any(named, f"memory.{name}", np.int64, len(values)) for name in ("start_ns", "source", "role")
    )
    if not len(values) == len(start_ns) == len(source) == len(role) or len(values) > MOST_REMEMBERED:
        raise InputError("the baseline's memory has arrays of different or too great length")
    if (np.diff(start_ns) < 0).any() or (role < 0).any() or (role >= ROLES).any():
        raise InputError("the baseline's memory is not in order, or has roles that there are not")
    return Memory(values, start_ns, source, role, per_hour)


def _curve(named: Mapping[str, npt.NDArray[np.generic]], days: float) -> AlertCurve:
    levels: npt.NDArray[np.float64] = _taken_any(named, "curve.levels", np.float64, _LARGEST)
    alerts: npt.NDArray[np.float64] = _taken_any(named, "curve.alerts", np.float64, _LARGEST)
    if len(levels) != len(alerts) or (np.diff(levels) >= 0).any() or (np.diff(alerts) < 0).any():
        raise InputError("the baseline's alert curve is not in order")
    if len(alerts) and float(alerts[0]) < 0:
        raise InputError("the baseline's alert curve has numbers below 0")
    return AlertCurve(levels, alerts, days)


def _taken_any(
    named: Mapping[str, npt.NDArray[np.generic]], name: str, kind: type[Kind], most: int
) -> npt.NDArray[Kind]:
    """Return a checked array of one dimension that may be empty. Raises InputError as :func:`taken` does."""
    length = len(named[name]) if name in named and named[name].ndim else 0
    if length > most:
        raise InputError(f"the baseline's array {name} is too long: {length:,} of at most {most:,}")
    return taken(named, name, kind, (length,))  # type: ignore[return-value]
