"""Rows as activities: what becomes of each, and where it stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.decoding import parse_activity
from models.errors import Rejected
from models.records import Activity, encode
from streams.files.plain import plain_line
from streams.files.rows import Batch, Row

Mapped = Callable[[Row], Sequence[Activity]]  # a mapping over one row; raises Rejected


@dataclass(slots=True)
class Entry:
    """One activity of a file, or one row that is none.

    Attributes:
        file: Its name.
        number: Of the row in it.
        line: The activity as JSON; a row that cannot be used as it stands, as far as it is text.
        activity: None when there is none.
        rejected: Why there is none.
    """

    file: str
    number: int
    line: bytes
    activity: Activity | None = None
    rejected: Rejected | None = None

    @property
    def blank(self) -> bool:
        """A blank line: it counts for nothing."""
        return self.activity is None and not self.line.strip()


def entries(batch: Batch, mapped: Mapped | None = None) -> list[Entry]:
    """The activities of a batch in order, blank lines left out.

    Args:
        batch: Of any file.
        mapped: How rows become activities; None when they are plain activities as they stand.
    """
    found: list[Entry] = []
    for number, row in zip(batch.numbers, batch.rows, strict=True):
        if isinstance(row, bytes) and not row.strip():
            continue
        line = b""
        try:
            if isinstance(row, Rejected):
                raise row
            line = row if isinstance(row, bytes) else b""
            if mapped is None:
                line = line or plain_line(row)  # type: ignore[arg-type]
                found.append(Entry(batch.file, number, line, parse_activity(line)))
                continue
            line = line or encode(row)
            for activity in mapped(row):
                found.append(Entry(batch.file, number, encode(activity), activity))
        except Rejected as error:
            found.append(Entry(batch.file, number, line, rejected=error))
    return found
