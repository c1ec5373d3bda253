"""What could be used of each file, and what is said of one of which nothing could."""

from collections import Counter

from models.errors import JourneysError, Rejected
from models.printable import printable
from streams.files.inputs import InputFile

_SAMPLE = 160  # characters of a row that are shown


class Tally:
    """Counts rows used and rejected, file by file.

    Args:
        hint: What to do about a file of which nothing could be used.

    Attributes:
        rejected: Rows of all files that could not be used, by reason.
        used: Rows of all files that could.
        skipped: Events of all files that do not count, by a mapping's conditions.
    """

    def __init__(self, hint: str = "give --input") -> None:
        self.rejected: Counter[str] = Counter()
        self.used = 0
        self.skipped = 0
        self._hint = hint
        self._skipped_here = 0
        self._here: Counter[str] = Counter()
        self._used_here = 0
        self._first = ""
        self._unusable: list[str] = []

    def use(self, rows: int = 1) -> None:
        """So many rows could be used."""
        self._used_here += rows

    def skip(self) -> None:
        """One row is an event that does not count."""
        self._skipped_here += 1

    def reject(self, number: int, error: Rejected, row: bytes) -> None:
        """One row could not."""
        if not self._here:
            text = printable(row[:_SAMPLE].decode("utf-8", "replace"))
            self._first = f"first {number}: {printable(error.detail)}" + (
                f": {text}" if text else ""
            )
        self._here[error.reason] += 1

    def end(self, file: InputFile) -> None:
        """The file has no more rows."""
        if not self._used_here:
            self._unusable.append(self._complaint(file))
        self.used += self._used_here
        self.rejected += self._here
        self.skipped += self._skipped_here
        self._here, self._used_here, self._first = Counter(), 0, ""
        self._skipped_here = 0

    def check(self) -> None:
        """Complain of files of which nothing could be used.

        Raises:
            JourneysError: There are some; one line.
        """
        if self._unusable:
            raise JourneysError("; ".join(self._unusable))

    def _complaint(self, file: InputFile) -> str:
        looks = file.looks()
        said = f"{file.name}: nothing in it could be used: it looks like {looks}"
        if self._skipped_here:
            skipped = f"{self._skipped_here:,} of its events do not count, by the conditions"
            rejected = f" ({reasons(self._here)}; {self._first})" if self._here else ""
            return f"{file.name}: nothing in it could be used: {skipped}{rejected}"
        if not self._here:
            return f"{file.name}: nothing in it could be used: it is {looks}"
        with_names = " with " in looks
        return (
            f"{said}{f': {self._hint}' if with_names and self._hint else ''} "
            f"({reasons(self._here)}; {self._first})"
        )


def reasons(counts: Counter[str]) -> str:
    """Reasons with their counts, the most frequent first."""
    return ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common())
