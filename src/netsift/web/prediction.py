"""Single flows given by hand or by a program: values by column in, class, probability and reasons out."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final

import numpy as np
import pyarrow as pa

from netsift.alerts.explain import explain
from netsift.alerts.finding import Evidence
from netsift.detectors.model import ModelDetector
from netsift.models.bundle import Bundle
from netsift.models.features import MISSING, Feature, FeatureMatrix, feature_named
from netsift.models.manifest import ClassReference, FeatureReference
from netsift.web.errors import FieldError, Refusal

MOST_ROWS: Final = 10_000
"""Rows of one request."""
MOST_EXPLAINED: Final = 100
"""Rows of one request that are explained, the first ones; a reason takes some ten times as long as a score."""
GREATEST: Final = float(np.finfo(np.float32).max)
_MOST_ERRORS: Final = 20
_LONGEST_NAME: Final = 80
_NUMBER: Final = re.compile(
    r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?|[+-]?(nan|inf|infinity)", re.IGNORECASE
)
_MEDIAN: Final = 0.5
_NUMERIC: Final = frozenset({int, float, type(None)})
_WORDS: Final = frozenset({str, type(None)})


class Predictor:
    """Scores rows with one model, and knows which values its columns take."""

    def __init__(self, bundle: Bundle) -> None:
        """Take a checked model."""
        self.bundle = bundle
        self.detector = ModelDetector(bundle)
        self.features = tuple(feature_named(name) for name in bundle.manifest.feature_names)
        self.names = tuple(feature.name for feature in self.features)
        self._places = {name: place for place, name in enumerate(self.names)}
        self._worded = tuple(place for place, feature in enumerate(self.features) if feature.categories)
        self._numbers = tuple(place for place, feature in enumerate(self.features) if not feature.categories)
        self._codes = {
            place: {word: float(code) for code, word in enumerate(self.features[place].categories)}
            for place in self._worded
        }

    def matrix_of_rows(self, rows: Sequence[Any]) -> FeatureMatrix:
        """Return the feature matrix of rows, each a value by column; null is no value.

        Raises:
            Refusal: a row lacks columns, has others, or holds text, a negative number or one that is not finite; the
                fields are named.
        """
        if set(map(type, rows)) == {dict} and set(map(len, rows)) == {len(self.names)}:
            # As many columns as the model has, and each of them is there: so there are no others.
            with contextlib.suppress(KeyError):
                return self._matrix(_Picked(rows, self.names), "rows.{row}.{name}")
        raise _refused(self._wrong_columns(rows))

    def matrix_of_lists(self, columns: Sequence[str], rows: Sequence[Any]) -> FeatureMatrix:
        """Return the feature matrix of rows that are lists of values in the order of ``columns``.

        Raises:
            Refusal: as :meth:`matrix_of_rows` does.
        """
        if len(columns) != len(self.names) or set(columns) != self._places.keys():
            raise _refused(self._wrong_columns([dict.fromkeys(columns)], "columns{place}"))
        for number, row in enumerate(rows):
            if type(row) is not list or len(row) != len(columns):
                sentence = f"not a list of {len(columns)} values"
                raise _refused([FieldError(field=f"rows.{number}", message=sentence)])
        place_of = {name: place for place, name in enumerate(columns)}
        return self._matrix(_Picked(rows, [place_of[name] for name in self.names]), "rows.{row}.{name}")

    def matrix_of_text(self, text: str) -> FeatureMatrix:
        """Return the feature matrix, one row, of values with commas between, in the model's order; nothing is no value.

        Raises:
            Refusal: there are more or fewer values than columns, or one is no number; the fields are named.
        """
        parts = [part.strip() for part in text.split(",")]
        if len(parts) != len(self.names):
            raise _refused(
                [FieldError(field="features", message=f"{len(parts):,} values where the model takes {len(self.names)}")]
            )
        values = [self._parsed(part, place) for place, part in enumerate(parts)]
        return self._matrix(_Picked([values], range(len(values))), "features.{place} ({name})")

    def _parsed(self, part: str, place: int) -> Any:
        if not part:
            return None
        if part in self._codes.get(place, ()):
            return part
        return float(part) if _NUMBER.fullmatch(part) else part

    def _wrong_columns(self, rows: Sequence[Any], where: str = "rows.{row}{place}") -> list[FieldError]:
        errors: list[FieldError] = []
        for number, row in enumerate(rows):
            if not isinstance(row, dict):
                field = where.format(row=number, place="")
                errors.append(FieldError(field=field, message="not an object of values by column"))
                continue
            wrong = [(str(name)[:_LONGEST_NAME], "unknown column") for name in row if name not in self._places]
            wrong += [(name, "missing column") for name in self.names if name not in row]
            errors += [
                FieldError(field=where.format(row=number, place=f".{name}"), message=message) for name, message in wrong
            ]
            if len(errors) >= _MOST_ERRORS:
                break
        return errors[:_MOST_ERRORS] or [FieldError(field="columns", message="a column stands there twice")]

    def _matrix(self, picked: _Picked, place_name: str) -> FeatureMatrix:
        shape = (len(picked.rows), len(self._numbers))
        matrix = np.empty((len(picked.rows), len(self.names)), dtype=np.float32)
        try:
            given = _as_floats(list(chain.from_iterable(picked.values(self._numbers))))
            numbers = given.fill_null(MISSING).to_numpy()
            # With a NaN among them the greatest is NaN; a negative one that was given is one too many.
            if not numbers.max(initial=0.0) <= GREATEST or np.count_nonzero(numbers < 0) != given.null_count:
                raise ValueError
            matrix[:, self._numbers] = numbers.reshape(shape)
            for place in self._worded:
                matrix[:, place] = self._coded([value for (value,) in picked.values((place,))], place)
        except (ValueError, OverflowError):
            raise _refused(self._wrong_values(picked.values(range(len(self.names))), place_name)) from None
        return matrix

    def _coded(self, words: Sequence[Any], place: int) -> list[float]:
        """Return the numbers of words; ValueError where one is none."""
        codes = self._codes[place]
        if set(map(type, words)) <= _WORDS and set(words) <= codes.keys() | {None}:
            return [MISSING if word is None else codes[word] for word in words]
        return [self._code(word, place) for word in words]

    def _code(self, value: Any, place: int) -> float:
        """Return the number of a word, or the number itself where it is one of a word; ValueError for anything else."""
        if value is None:
            return MISSING
        if type(value) in (int, float) and value in range(len(self.features[place].categories)):
            return float(value)
        code = self._codes[place].get(value) if isinstance(value, str) else None
        if code is None:
            raise ValueError
        return code

    def _wrong_values(self, rows: Sequence[Sequence[Any]], place_name: str) -> list[FieldError]:
        errors: list[FieldError] = []
        for number, row in enumerate(rows):
            for place, value in enumerate(row):
                message = self._objection(value, place)
                if message:
                    field = place_name.format(row=number, place=place + 1, name=self.names[place])
                    errors.append(FieldError(field=field, message=message))
            if len(errors) >= _MOST_ERRORS:
                break
        return errors[:_MOST_ERRORS]

    def _objection(self, value: Any, place: int) -> str:
        words = self.features[place].categories
        if words:
            try:
                self._code(value, place)
            except ValueError:
                return f"none of {', '.join(words)}"
            return ""
        if type(value) not in _NUMERIC:
            return "text where a number must be" if isinstance(value, str) else "not a number"
        if value is None:
            return ""
        if isinstance(value, float) and not math.isfinite(value):
            return "not a finite number"
        if value < 0:
            return "below zero; leave out what has no value"
        return "too large" if value > GREATEST else ""

    def probabilities(self, matrix: FeatureMatrix) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the probability of every class, shape (rows, classes), benign first."""
        return self.detector.probabilities(matrix).astype(np.float64)

    def explanations(self, matrix: FeatureMatrix) -> list[tuple[Evidence, ...]]:
        """Return for each row the columns that raised its score most (:func:`netsift.alerts.explain.explain`)."""
        return explain(self.detector, self.bundle.reference, matrix)

    def example(self, name: str) -> dict[str, float | str | None]:
        """Return a middling flow of a class of the training traffic: the median or commonest value of every column.

        Raises:
            KeyError: the model has no reference of such a class.
        """
        reference: ClassReference = self.bundle.reference
        if name != self.bundle.manifest.classes[0]:
            reference = self.bundle.reference.classes[name]
        probabilities = self.bundle.reference.probabilities
        return {
            feature.name: _middle(feature, reference.features[feature.name], probabilities) for feature in self.features
        }

    def row_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of one row."""
        return {
            "type": "object",
            "properties": {feature.name: _schema_of(feature) for feature in self.features},
            "required": list(self.names),
            "additionalProperties": False,
        }

    def text_pattern(self) -> str:
        """Return the regular expression (ECMA 262) of values with commas between."""
        number = "[0-9]{1,30}(\\.[0-9]{1,30})?([eE]-[0-9]{1,3})?"
        parts = [
            f"({'|'.join(map(re.escape, feature.categories))})?" if feature.categories else f"({number})?"
            for feature in self.features
        ]
        return f"^{','.join(f' *{part} *' for part in parts)}$"


class _Picked:
    """Rows of which columns are taken by their keys: names, or places in a list."""

    def __init__(self, rows: Sequence[Any], keys: Sequence[Any]) -> None:
        self.rows, self._keys = rows, keys

    def values(self, places: Sequence[int]) -> list[tuple[Any, ...]]:
        """Return the values of some columns, a tuple per row."""
        keys = [self._keys[place] for place in places]
        if len(keys) == 1:
            return [(row[keys[0]],) for row in self.rows]
        return list(map(itemgetter(*keys), self.rows)) if keys else [() for _ in self.rows]


def _as_floats(values: list[Any]) -> pa.DoubleArray:
    """Return numbers and None. Raises ValueError for what is neither, OverflowError beyond float64."""
    if not set(map(type, values)) <= _NUMERIC:
        raise ValueError
    try:
        return pa.array(values, pa.float64())
    except pa.ArrowInvalid:  # a whole number that a float64 only comes near to
        return pa.array([None if value is None else float(value) for value in values], pa.float64())


def _refused(errors: list[FieldError]) -> Refusal:
    first = errors[0]
    return Refusal(422, f"{first.field}: {first.message}", errors)


def _schema_of(feature: Feature) -> dict[str, Any]:
    if feature.categories:
        return {"enum": [*feature.categories, None]}
    return {"type": ["number", "null"], "minimum": 0, "maximum": GREATEST, "description": feature.unit}


def _middle(feature: Feature, reference: FeatureReference, probabilities: Sequence[float]) -> float | str | None:
    if reference.present < _MEDIAN:
        return None
    if feature.categories:
        shares: Mapping[str, float] = reference.categories or {}
        return max(shares, key=lambda word: shares[word]) if shares else None
    return reference.quantiles[probabilities.index(_MEDIAN)] if reference.quantiles else None
