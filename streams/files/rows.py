"""What every reader gives: rows in batches, and where in which file each stands."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from models.errors import Rejected

Row = bytes | dict[str, Any] | Rejected  # JSON as it stands, the cells of a table, or no row at all

LONGEST: Final = 8 << 20  # bytes of a line that are kept; far past any record that could be used
TABLE_ROWS: Final = 1_000  # rows of a table handed on at once


class Batch(NamedTuple):
    """Rows of one file, in order.

    Attributes:
        file: Its name.
        numbers: Of the rows: of their (last) line in a text, from 1; of the element or row, from 1,
            in a JSON array or Parquet.
        rows: As many.
    """

    file: str
    numbers: Sequence[int]
    rows: Sequence[Row]
