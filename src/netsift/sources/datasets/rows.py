"""Raw rows of a data set: text or numbers as the file has them, read as the dialect asks."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Numbers = npt.NDArray[np.float64]
"""Shape (rows,), NaN where there is no value."""

_NO_VALUE: Final = pa.array(
    ["", "-", "(empty)", "na", "n/a", "nan", "null", "none", "inf", "-inf", "infinity", "-infinity"]
)
_NUMBER: Final = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


class Rows:
    """One raw batch; ``broken`` (rows,) marks the rows in which a number was asked for and something else stood."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        """Take a batch whose column names are the cleaned header."""
        self._batch = batch
        self.count: int = batch.num_rows
        self.broken: npt.NDArray[np.bool_] = np.zeros(self.count, dtype=np.bool_)

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        names: list[str] = self._batch.schema.names
        return names

    def text(self, name: str) -> pa.Array:
        """Return a column as text without surrounding space, null where it is empty."""
        trimmed = pc.utf8_trim_whitespace(pc.cast(self._batch.column(name), pa.string()))
        return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)

    def number(self, name: str, *, lenient: bool = False) -> Numbers:
        """Return a column as numbers, NaN for no value and for infinities.

        What is neither a number nor a word for no value marks its row as broken, or is no value where ``lenient``.
        """
        column = self._batch.column(name)
        if pa.types.is_dictionary(column.type):
            column = pc.cast(column, column.type.value_type)
        try:
            numbers = pc.cast(column, pa.float64(), safe=False)
        except pa.ArrowInvalid:
            numbers = self._numbers_of_text(column, lenient=lenient)
        values: Numbers = numbers.to_numpy(zero_copy_only=False).astype(np.float64)
        return np.where(np.isfinite(values), values, np.nan)

    def numbers(self, name: str) -> Numbers:
        """Return a column as numbers; NaN everywhere when the file does not have it."""
        return self.number(name) if name in self.names else np.full(self.count, np.nan)

    def _numbers_of_text(self, column: pa.Array, *, lenient: bool) -> pa.Array:
        texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
        is_number = pc.fill_null(pc.match_substring_regex(texts, _NUMBER), fill_value=False)
        if not lenient:
            missing = pc.or_(pc.is_null(texts), pc.is_in(pc.utf8_lower(texts), value_set=_NO_VALUE))
            self.broken |= ~pc.or_(is_number, missing).to_numpy(zero_copy_only=False)
        return pc.cast(pc.if_else(is_number, texts, pa.scalar(None, pa.string())), pa.float64())
