"""What of `journeys` goes into rows, and what of them is known to stand on `user-journeys`.

A file belongs to one process. `journeys` has the lines by user, `rows` the latest row of each
that is known: its digest (NULL for none) and its offset on the user's partition.
"""

import fcntl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

import msgspec

from models.errors import SnapshotError
from models.records import UserJourney, encode
from models.user_journeys import row_of
from streams.kafka.partitioning import partition_of
from streams.query.copy import Copy, Position, advance, folder_of
from streams.settings import Settings

_HASHES: Final = 1 << 31  # as if a topic had so many partitions: the hash by which they are chosen
_lines = msgspec.json.Decoder(UserJourney)

_TABLES: Final = """
CREATE TABLE journeys (
    user_id TEXT, journey_id TEXT, updated_at INTEGER, line BLOB, PRIMARY KEY (user_id, journey_id)
) WITHOUT ROWID;
CREATE TABLE rows (
    user_id TEXT PRIMARY KEY, hash INTEGER, offset INTEGER, digest BLOB
) WITHOUT ROWID
"""

_SEEN: Final = """
INSERT INTO rows VALUES (?, ?, ?, ?) ON CONFLICT (user_id) DO UPDATE
SET offset = excluded.offset, digest = excluded.digest WHERE excluded.offset >= offset
"""
_CLEAN: Final = """
DELETE FROM rows WHERE user_id = ? AND digest IS NULL
AND NOT EXISTS (SELECT 1 FROM journeys WHERE journeys.user_id = rows.user_id)
"""


class Latest(NamedTuple):
    """What the latest record of a journey brings to its user's row; `line` None takes it out."""

    user_id: str
    journey_id: str
    updated_at: int = 0
    line: UserJourney | None = None


class Standing(NamedTuple):
    """A row as it stands on the topic: on which offset, and its bytes' digest, None for no row."""

    user_id: str
    offset: int
    digest: bytes | None


class Rows(Copy):
    """The file.

    Args:
        path: Made if it is not there.

    Raises:
        SnapshotError: It cannot be opened or written; from every method.
    """

    FORM: ClassVar[int] = 1
    TABLES: ClassVar[str] = _TABLES

    def add(self, latest: Iterable[Latest], topic: str, read: dict[int, Position]) -> None:
        """Take over records of `journeys`, in order, and how far they were read."""
        with self._writing() as connection:
            for one in latest:
                if one.line is None:
                    connection.execute(
                        "DELETE FROM journeys WHERE user_id = ? AND journey_id = ?", one[:2]
                    )
                else:
                    values = (*one[:3], encode(one.line))
                    connection.execute("REPLACE INTO journeys VALUES (?, ?, ?, ?)", values)
                    known = (one.user_id, _hash(one.user_id), -1, None)
                    connection.execute("INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?)", known)
            advance(connection, topic, read)

    def wanted(self, user_id: str) -> bytes | None:
        """The row that a user is to have; None for none."""
        query = "SELECT updated_at, line FROM journeys WHERE user_id = ?"
        lines = [(moment, _lines.decode(line)) for moment, line in self.ask(query, [user_id])]
        row = row_of(user_id, lines)
        return None if row is None else encode(row)

    def standing(self, user_id: str) -> bytes | None:
        """The digest of the row that a user has on the topic; None for none."""
        found = self.ask("SELECT digest FROM rows WHERE user_id = ?", [user_id])
        return found[0]["digest"] if found else None

    def users(self, partition: int, partitions: int, after: str, limit: int) -> list[str]:
        """Users of a partition of the topic that have a row or are to have one, by id."""
        query = "SELECT user_id FROM rows WHERE user_id > ? AND hash % ? = ? ORDER BY 1 LIMIT ?"
        return [row[0] for row in self.ask(query, [after, partitions, partition, limit])]

    def unlearn(self, partition: int, partitions: int) -> None:
        """Forget how the rows of a partition stand: they are read back."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE rows SET offset = -1, digest = NULL WHERE hash % ? = ?",
                [partitions, partition],
            )

    def written(self, rows: Iterable[Standing]) -> None:
        """Take over how rows stand that were written and acknowledged."""
        with self._writing() as connection:
            connection.executemany(_SEEN, map(_values, rows))

    def read_back(self, rows: Sequence[Standing]) -> None:
        """Take over how rows stand that were read, in order; what is known to be later stays."""
        with self._writing() as connection:
            connection.executemany(_SEEN, map(_values, rows))
            connection.executemany(_CLEAN, [[row.user_id] for row in rows if row.digest is None])


def digest_of(value: bytes | None) -> bytes | None:
    """By which two rows are told from each other."""
    return None if value is None else blake2b(value, digest_size=16).digest()


@contextmanager
def opened(settings: Settings) -> Iterator[Rows]:
    """A file that no other process has open; one in memory is a file that goes with the process.

    Raises:
        SnapshotError: It cannot be opened or written.
    """
    name = f"{settings.topic_prefix}user-journeys"
    with folder_of(settings) as folder, _locked(folder, name) as path, closing(Rows(path)) as store:
        yield store


@contextmanager
def _locked(folder: Path, name: str) -> Iterator[Path]:
    """The first file of a name that is free; it is ours in this block."""
    for number in count():
        path = folder / f"{name}-{number}.sqlite"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = path.with_suffix(".lock").open("w")
        except OSError as error:
            raise SnapshotError(f"{path} cannot be opened: {error}") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield path
            return


def _values(row: Standing) -> tuple[str, int, int, bytes | None]:
    return row.user_id, _hash(row.user_id), row.offset, row.digest


def _hash(user_id: str) -> int:
    return partition_of(user_id.encode(), _HASHES)
