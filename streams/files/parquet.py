"""Parquet: columns, streamed by row groups (pyarrow, the extra `parquet`)."""

import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from importlib.util import find_spec
from typing import IO, Any, Final

from models.errors import JourneysError
from streams.files.rows import TABLE_ROWS, Batch

MAGIC: Final = b"PAR1"
_AS_THEY_ARE: Final = (str, int, bool, type(None))


class Columns:
    """A Parquet file.

    Args:
        name: Of the file.
        file: Can be sought in.

    Attributes:
        columns: Their names.

    Raises:
        JourneysError: It is broken, or pyarrow is not installed.
    """

    def __init__(self, name: str, file: IO[bytes]) -> None:
        if find_spec("pyarrow") is None:
            raise JourneysError(f"{name}: to read Parquet, install pyarrow (the extra `parquet`)")
        from pyarrow import ArrowException, parquet

        self._name = name
        self._broken = (ArrowException, OSError, ValueError)
        try:
            self._file = parquet.ParquetFile(file)
        except self._broken as error:
            raise self._error(error) from None
        self.columns: list[str] = self._file.schema_arrow.names

    def batches(self) -> Iterator[Batch]:
        """Rows as dicts by column: times as RFC 3339 text, NaN as None, bytes as text."""
        number = 1
        found = self._file.iter_batches(batch_size=TABLE_ROWS)
        while True:
            try:
                batch = next(found, None)
                rows = [] if batch is None else _to_microseconds(batch).to_pylist()
            except self._broken as error:
                raise self._error(error) from None
            if batch is None:
                return
            yield Batch(self._name, range(number, number + len(rows)), [_json(row) for row in rows])
            number += len(rows)

    def _error(self, error: Exception) -> JourneysError:
        return JourneysError(f"{self._name}: broken Parquet: {' '.join(str(error).split())[:300]}")


def _to_microseconds(batch: Any) -> Any:
    """Nanoseconds are cut off: Python's times have none."""
    import pyarrow as pa

    for place, field in enumerate(batch.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            column = batch.column(place).cast(pa.timestamp("us", field.type.tz), safe=False)
            batch = batch.set_column(place, field.name, column)
    return batch


def _json(value: Any) -> Any:
    """A value as JSON could have it."""
    if isinstance(value, _AS_THEY_ARE):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, dict):
        return {str(key): _json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(pair, tuple) for pair in value):  # Arrow's maps
            return {str(key): _json(inner) for key, inner in value}
        return [_json(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)
