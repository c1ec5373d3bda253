"""A copy of topics on this machine, in SQLite: rows, and how far each partition was read.

Rows and offsets are one transaction, so they always agree. A copy may be lost: the topics have it
all.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Final, NamedTuple

from models.errors import SnapshotError
from streams.settings import Settings

_BUSY_MS: Final = 30_000  # another process writes a batch

_PROGRESS: Final = """
CREATE TABLE progress (
    topic TEXT, partition INTEGER, topic_id TEXT, next INTEGER, read_at REAL,
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID
"""


@contextmanager
def folder_of(settings: Settings) -> Iterator[Path]:
    """Where copies lie; those in memory are files that go with the process."""
    if settings.store == "memory":
        with TemporaryDirectory(prefix="journeys-") as folder:
            yield Path(folder)
    else:
        yield settings.data_dir


class Position(NamedTuple):
    """How far one partition of a topic was read.

    Attributes:
        topic_id: The topic's, as the broker gave it; another after it was made anew.
        next: Offset of the next record.
        read_at: When it was read last, seconds since the epoch.
    """

    topic_id: str
    next: int
    read_at: float


class Copy:
    """The file. From any thread.

    Args:
        path: Made if it is not there.

    Attributes:
        FORM: Of the tables: a file of another one is dropped.
        TABLES: The statements that make them; `progress` comes by itself.

    Raises:
        SnapshotError: It cannot be opened or written; from every method.
    """

    FORM: ClassVar[int]
    TABLES: ClassVar[str]

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.local()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._create()
        except (OSError, sqlite3.Error) as error:
            raise SnapshotError(f"{path} cannot be opened: {error}") from None

    def ask(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """The rows of a query. From any thread.

        Raises:
            SnapshotError: The file fails.
        """
        try:
            return self._connection().execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise SnapshotError(f"{self._path} cannot be read: {error}") from None

    def positions(self, topic: str) -> dict[int, Position]:
        """How far a topic was read, by partition."""
        query = "SELECT partition, topic_id, next, read_at FROM progress WHERE topic = ?"
        return {row[0]: Position(*row[1:]) for row in self.ask(query, [topic])}

    def forget(self) -> None:
        """Empty all tables: the topics are read anew."""
        with self._writing() as connection:
            for table in _tables(connection):
                connection.execute(f"DELETE FROM {table}")

    def close(self) -> None:
        """Close this thread's connection."""
        if (connection := getattr(self._threads, "connection", None)) is not None:
            connection.close()
            del self._threads.connection

    def _create(self) -> None:
        connection = self._connection()
        form = connection.execute("PRAGMA user_version").fetchone()[0]
        if form == self.FORM:
            return
        with self._writing():
            for table in _tables(connection):
                connection.execute(f"DROP TABLE {table}")
            for statement in (_PROGRESS, *self.TABLES.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {self.FORM}")

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            connection.execute("PRAGMA secure_delete = ON")  # who is erased is not in the file
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes is read anew
            self._threads.connection = connection
        return connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise SnapshotError(f"{self._path} cannot be written: {error}") from None


def advance(connection: sqlite3.Connection, topic: str, read: dict[int, Position]) -> None:
    """Say how far a topic was read; part of the transaction that writes what was read."""
    now = time.time()
    connection.executemany(
        "INSERT INTO progress (topic, partition, topic_id, next, read_at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (topic, partition) DO UPDATE SET topic_id = excluded.topic_id, "
        "next = max(next, excluded.next), read_at = excluded.read_at",
        [(topic, number, at.topic_id, at.next, now) for number, at in read.items()],
    )


def _tables(connection: sqlite3.Connection) -> list[str]:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return [name for (name,) in names.fetchall()]
