"""CSV: a row of column names, then a row of cells each; the delimiter is found out."""

import csv
from collections import deque
from collections.abc import Iterator
from typing import Final

from models.errors import JourneysError, Reason, Rejected
from streams.files.bytestreams import ByteStream
from streams.files.json_lines import lines
from streams.files.rows import LONGEST, TABLE_ROWS, Batch, Row

DELIMITERS: Final = ",;\t|"
_SAMPLE: Final = 20  # rows that are to agree with the header on a delimiter


class Table:
    """The rows of a CSV file, as they come.

    Args:
        name: Of the file.
        stream: Its text.
        delimiter: Between cells.

    Attributes:
        columns: Their names, as the header has them.
    """

    def __init__(self, name: str, stream: ByteStream, delimiter: str) -> None:
        csv.field_size_limit(LONGEST)
        self._name = name
        self._lines = _Lines(stream)
        self._reader = csv.reader(self._lines, delimiter=delimiter, strict=True)
        header = self._next()
        while isinstance(header, list) and (not header or header[0].lower() == "sep="):
            header = self._next()
        if not isinstance(header, list):
            raise JourneysError(f"{name}:1: no row of column names: {header or 'only blank lines'}")
        self.columns = [column.strip() for column in header]
        named = [column for column in self.columns if column]
        if twice := sorted({column for column in named if named.count(column) > 1}):
            raise JourneysError(f"{name}:1: several columns are called {', '.join(twice)}")

    def batches(self) -> Iterator[Batch]:
        """Rows as dicts of text by column; empty cells are None, blank lines left out."""
        numbers: list[int] = []
        rows: list[Row] = []
        while (cells := self._next()) is not None:
            if cells != []:
                numbers.append(self._reader.line_num)
                rows.append(cells if isinstance(cells, Rejected) else self._row(cells))
            if rows and (len(rows) >= TABLE_ROWS or not self._lines.waiting):
                yield Batch(self._name, numbers, rows)
                numbers, rows = [], []
        if rows:
            yield Batch(self._name, numbers, rows)

    def _next(self) -> list[str] | Rejected | None:
        try:
            return next(self._reader, None)
        except csv.Error as error:  # the reader goes on with the next line
            return Rejected(Reason.INVALID, f"no row of CSV: {error}")

    def _row(self, cells: list[str]) -> Row:
        if len(cells) != len(self.columns):
            return Rejected(
                Reason.INVALID, f"{len(cells)} cells, but {len(self.columns)} columns have names"
            )
        try:
            "".join(cells).encode()
        except UnicodeEncodeError:
            return Rejected(Reason.INVALID, "not UTF-8; `iconv -t UTF-8` makes it so")
        named = zip(self.columns, cells, strict=True)
        return {column: cell or None for column, cell in named if column}


class _Lines:
    """Lines as the CSV reader wants them, and whether one is there without waiting."""

    def __init__(self, stream: ByteStream) -> None:
        self._batches = lines(stream)
        self.waiting: deque[bytes] = deque()

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        while not self.waiting:
            self.waiting.extend(next(self._batches))
        # Bytes that are no UTF-8 survive as surrogates: they make one row unusable, not the file.
        return self.waiting.popleft().decode("utf-8", "surrogateescape") + "\n"


def find_delimiter(head: str, *, whole: bool) -> str | None:
    """The delimiter with which the first rows have the most cells, all the same number.

    Args:
        head: The beginning of the text.
        whole: It is all of the text, so that its last line is not cut.

    Returns:
        None when with no delimiter at least two rows of at least two cells agree.
    """
    if head[:5].lower().startswith("sep=") and head[4:5] in DELIMITERS and head[5:6] in "\r\n":
        return head[4]  # what spreadsheets write for each other
    found = head.splitlines(keepends=True)
    if not whole and not head.endswith(("\n", "\r")):
        found = found[:-1]  # cut
    best: tuple[int, str] | None = None
    for delimiter in DELIMITERS:
        try:
            rows = [row for row in csv.reader(found, delimiter=delimiter) if row][:_SAMPLE]
        except csv.Error:
            continue
        # A last row may be cut within quotes; a stray row is not to spoil the rest.
        agree = sum(len(row) == len(rows[0]) for row in rows)
        if len(rows) > 1 and len(rows[0]) > 1 and agree > max(1, 0.7 * len(rows)):
            best = max(best or (0, ""), (len(rows[0]), delimiter))
    return best[1] if best else None
