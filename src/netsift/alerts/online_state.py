"""What a baseline that learns on has learned, kept over restarts: after one it goes on as if there had been none.

The file is a line of JSON and behind it the baseline as it is now (:mod:`netsift.detectors.novelty.file`) and plain
arrays, whose types, shapes and hash the line says; nothing in it is executed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from netsift.alerts.online import OnlineLearning
from netsift.detectors.novelty.baseline import Baseline
from netsift.detectors.novelty.file import baseline_bytes, parse_baseline
from netsift.errors import InputError
from netsift.files import whole_file
from netsift.models.archive import MAX_FILE_BYTES

FORMAT: Final = 1
_MOST_LINE_BYTES: Final = 64 << 20
_MOST_BYTES: Final = MAX_FILE_BYTES + (1 << 30)

_Array = npt.NDArray[Any]
_TYPES: Final = {"float32", "float64", "int64"}


def save_learning(online: OnlineLearning, origin: Baseline, path: Path) -> None:
    """Write what was learned since ``origin``, whole or not at all. Raises OutputError where it cannot be written."""
    baseline = baseline_bytes(online.baseline)
    arrays = _arrays(online)
    blob = b"".join([baseline, *(array.tobytes() for array in arrays.values())])
    line = json.dumps(
        {
            "format": FORMAT, "origin": _identity(origin), "half_life_days": online.half_life_days, "seed": online.seed,
            "counts": [online.learned, online.refused, online.relearned], "next_ns": online._next_ns,
            "origin_ns": online._origin_ns, "random": online._random.bit_generator.state,
            "baseline_bytes": len(baseline), "sha256": hashlib.sha256(blob).hexdigest(),
            "arrays": [[name, array.dtype.name, list(array.shape)] for name, array in arrays.items()],
        }
    )  # fmt: skip
    with whole_file(path) as temporary, temporary.open("wb") as file:
        file.write(line.encode() + b"\n")
        file.write(blob)


def load_learning(online: OnlineLearning, origin: Baseline, path: Path) -> None:
    """Let ``online``, which has learned nothing since ``origin``, go on from what was saved.

    Raises:
        InputError: the file cannot be read, is none, or is of another baseline or half-life; nothing is changed.
    """
    try:
        with path.open("rb") as file:
            line = file.readline(_MOST_LINE_BYTES)
            blob = file.read(_MOST_BYTES)
        said: dict[str, Any] = json.loads(line)
        if said["format"] != FORMAT or hashlib.sha256(blob).hexdigest() != said["sha256"]:
            raise InputError(f"{path}: is not whole, or of another version")
        if [said["origin"], said["half_life_days"], said["seed"]] != [
            _identity(origin), online.half_life_days, online.seed,
        ]:  # fmt: skip
            raise InputError(f"{path}: was learned with another baseline or half-life")
        _restore(online, said, blob)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        raise InputError(f"{path}: does not hold what a baseline has learned") from None


def _identity(origin: Baseline) -> str:
    return hashlib.sha256(baseline_bytes(origin)).hexdigest()


def _arrays(online: OnlineLearning) -> dict[str, _Array]:
    """Return everything that is many numbers."""
    room = [(hour, host, left) for (hour, host), left in online._room.items()]
    columns = online.baseline.memory.values.shape[1]
    values = [values for values, _ in online._waiting]
    marks = [marks for _, marks in online._waiting]
    width = marks[0].shape[1] if marks else 0
    return {
        "priority": online._priority,
        "room": np.array(room, np.int64).reshape(len(room), 3),
        "allowed.hosts": np.array(list(online._allowed), np.int64),
        "allowed.flows": np.array(list(online._allowed.values()), np.float64),
        "waiting.values": np.concatenate([np.empty((0, columns), np.float32), *values]).astype(np.float32),
        "waiting.marks": np.concatenate(marks) if marks else np.empty((0, width), np.int64),
    }


def _restore(online: OnlineLearning, said: dict[str, Any], blob: bytes) -> None:
    place = int(said["baseline_bytes"])
    baseline = parse_baseline(blob[:place])
    arrays: dict[str, _Array] = {}
    for name, kind, shape in said["arrays"]:
        if kind not in _TYPES:
            raise ValueError(kind)
        count = int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(blob, kind, count, place).reshape(shape).copy()
        place += arrays[name].nbytes
    if len(arrays["priority"]) != len(baseline.memory.start_ns):
        raise ValueError("priority")
    random = np.random.default_rng()
    random.bit_generator.state = said["random"]
    waiting = [(arrays["waiting.values"], arrays["waiting.marks"])] if len(arrays["waiting.marks"]) else []
    online.learned, online.refused, online.relearned = (int(one) for one in said["counts"])
    online._next_ns = None if said["next_ns"] is None else int(said["next_ns"])
    online._origin_ns, online._random, online._priority = int(said["origin_ns"]), random, arrays["priority"]
    online._room = {(hour, host): left for hour, host, left in arrays["room"].tolist()}
    online._allowed = dict(zip(arrays["allowed.hosts"].tolist(), arrays["allowed.flows"].tolist(), strict=True))
    online._waiting = waiting
    online.baseline = baseline
