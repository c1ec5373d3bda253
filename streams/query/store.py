"""The copy of `journeys` and `journey-changes` on this machine, in SQLite.

SQLite and not a column store: what is asked is one user's rows, and rows come one by one. A row
says where it lay on its topic and never replaces a later one, so several processes may keep one
file up to date.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import blake2b
from typing import ClassVar, Final, NamedTuple

from models.engine.lives import prefix_of, salt_of
from streams.query.copy import Copy, Position, advance, folder_of
from streams.settings import Settings

_CHUNK: Final = 500  # values in one statement

_TABLES: Final = """
CREATE TABLE journeys (
    journey_id TEXT PRIMARY KEY, partition INTEGER, offset INTEGER, user_id TEXT, stage TEXT,
    name TEXT, strength REAL, updated_at INTEGER, record BLOB, vector BLOB, encoder TEXT
) WITHOUT ROWID;
CREATE INDEX journeys_of_user ON journeys (user_id, stage, updated_at);
CREATE INDEX journeys_by_strength ON journeys (stage, strength);
CREATE TABLE users (
    user_id TEXT PRIMARY KEY, journeys INTEGER, active INTEGER, updated_at INTEGER
) WITHOUT ROWID;
CREATE INDEX users_by_time ON users (updated_at, user_id);
CREATE TABLE changes (
    partition INTEGER, offset INTEGER, appeared_at INTEGER, id TEXT UNIQUE, user_id TEXT,
    journey_id TEXT, kind TEXT, occurred_at INTEGER, name TEXT, record BLOB,
    PRIMARY KEY (partition, offset)
) WITHOUT ROWID;
CREATE INDEX changes_of_user ON changes (user_id, occurred_at);
CREATE INDEX changes_of_journey ON changes (journey_id, occurred_at);
CREATE TABLE erased (
    user BLOB, partition INTEGER, offset INTEGER, at INTEGER, prefix TEXT,
    PRIMARY KEY (user, partition)
) WITHOUT ROWID;
"""

_COUNT: Final = """
INSERT INTO users
SELECT user_id, count(*), sum(stage = 'active'), max(updated_at)
FROM journeys WHERE user_id IN ({}) GROUP BY user_id
"""


@contextmanager
def opened(settings: Settings) -> Iterator["Store"]:
    """The store that these settings name; one in memory is a file that goes with the process.

    Raises:
        SnapshotError: It cannot be opened or written.
    """
    with (
        folder_of(settings) as folder,
        closing(Store(folder / f"{settings.topic_prefix}journeys.sqlite")) as store,
    ):
        yield store


class JourneyRow(NamedTuple):
    """A record of `journeys`.

    Attributes:
        journey_id: Whose latest record this is.
        partition: Where it lies on the topic.
        offset: Where it lies there.
        user_id: Whose journey.
        stage: As in the record.
        name: What it goes by.
        strength: As in the record.
        updated_at: Event time, epoch ms.
        record: Without its vector, as JSON.
        vector: Unit, little-endian float32, shape (dimensions,).
        encoder: `name@version` of the space that the vector lies in; "" if the record says none.
    """

    journey_id: str
    partition: int
    offset: int
    user_id: str
    stage: str
    name: str
    strength: float
    updated_at: int
    record: bytes
    vector: bytes
    encoder: str


class Tombstone(NamedTuple):
    """A journey that was erased."""

    journey_id: str
    partition: int
    offset: int


class ChangeRow(NamedTuple):
    """A record of `journey-changes`.

    Attributes:
        partition: Where it lies on the topic.
        offset: Where it lies there.
        appeared_at: The record's time, epoch ms.
        id: Of the change; the same again is the same change.
        user_id: Whose.
        journey_id: Which journey.
        kind: What happened.
        occurred_at: Event time, epoch ms.
        name: The new name, of `named`.
        record: The change's data without the vector, as JSON.
    """

    partition: int
    offset: int
    appeared_at: int
    id: str
    user_id: str
    journey_id: str
    kind: str
    occurred_at: int
    name: str | None
    record: bytes


class ErasureRow(NamedTuple):
    """A record of `user-erasures`.

    Attributes:
        partition: Where it lies: the user who lives there is meant.
        offset: Where it lies there.
        time: The record's, epoch ms.
        user_id: Who.
    """

    partition: int
    offset: int
    time: int
    user_id: str


class Store(Copy):
    """The file.

    Args:
        path: Made if it is not there.

    Raises:
        SnapshotError: It cannot be opened or written.
    """

    FORM: ClassVar[int] = 2
    TABLES: ClassVar[str] = _TABLES

    def add_journeys(
        self,
        rows: Sequence[JourneyRow],
        gone: Iterable[Tombstone],
        topic: str,
        read: dict[int, Position],
    ) -> None:
        """Take over records of `journeys`, and how far they were read.

        Args:
            rows: In the order of their partition; the last one of a journey counts.
            gone: Journeys without a later record. Their changes go, too.
            topic: The topic's full name.
            read: How far, by partition.
        """
        with self._writing() as connection:
            users = {row.user_id for row in rows}
            for one in gone:
                known = connection.execute(
                    "DELETE FROM journeys WHERE journey_id = ? AND offset < ? RETURNING user_id",
                    [one.journey_id, one.offset],
                )
                users.update(row[0] for row in known.fetchall())
                connection.execute("DELETE FROM changes WHERE journey_id = ?", [one.journey_id])
            columns = ", ".join(JourneyRow._fields)
            news = ", ".join(f"{name} = excluded.{name}" for name in JourneyRow._fields[1:])
            connection.executemany(
                f"INSERT INTO journeys ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                f"ON CONFLICT (journey_id) DO UPDATE SET {news} WHERE excluded.offset >= offset",
                rows,
            )
            _count(connection, sorted(users))
            advance(connection, topic, read)

    def add_changes(self, rows: Iterable[ChangeRow], topic: str, read: dict[int, Position]) -> None:
        """Take over records of `journey-changes`, and how far they were read; repeats are dropped.

        Args:
            rows: Changes.
            topic: The topic's full name.
            read: How far, by partition.
        """
        columns = ", ".join(ChangeRow._fields)
        with self._writing() as connection:
            connection.executemany(
                f"INSERT OR IGNORE INTO changes ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                _of_now(connection, rows),
            )
            advance(connection, topic, read)

    def add_erasures(
        self, rows: Iterable[ErasureRow], topic: str, read: dict[int, Position]
    ) -> None:
        """Take over records of `user-erasures`, and how far they were read.

        What is known of these users goes, and changes of an earlier life that come later are not
        taken: their topic keeps them for long. Of the users themselves a hash is kept.

        Args:
            rows: In the order of their partition.
            topic: The topic's full name.
            read: How far, by partition.
        """
        with self._writing() as connection:
            users = set()
            for row in rows:
                user = _hashed(row.user_id)
                known = connection.execute(
                    "SELECT offset, at FROM erased WHERE user = ? AND partition = ?",
                    [user, row.partition],
                ).fetchone()
                if known and known["offset"] >= row.offset:
                    continue
                at = max(row.time, known["at"] + 1 if known else 1)
                prefix = prefix_of(row.user_id, salt_of(at, row.partition))
                connection.execute(
                    "INSERT OR REPLACE INTO erased VALUES (?, ?, ?, ?, ?)",
                    [user, row.partition, row.offset, at, prefix],
                )
                users.add(row.user_id)
            for user_id in sorted(users):
                for table in ("journeys", "changes"):
                    connection.execute(
                        f"DELETE FROM {table} WHERE user_id = ? AND substr(journey_id, 2, 16) "
                        "NOT IN (SELECT prefix FROM erased WHERE user = ?)",
                        [user_id, _hashed(user_id)],
                    )
            _count(connection, sorted(users))
            advance(connection, topic, read)


def _of_now(connection: sqlite3.Connection, rows: Iterable[ChangeRow]) -> Iterator[ChangeRow]:
    """Changes without those of a life that was erased."""
    lives: dict[str, set[str]] = {}
    for row in rows:
        if row.user_id not in lives:
            query = "SELECT prefix FROM erased WHERE user = ?"
            found = connection.execute(query, [_hashed(row.user_id)]).fetchall()
            lives[row.user_id] = {prefix for (prefix,) in found}
        known = lives[row.user_id]
        if not known or row.journey_id[1:17] in known:
            yield row


def _hashed(user_id: str) -> bytes:
    return blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _count(connection: sqlite3.Connection, users: Sequence[str]) -> None:
    for first in range(0, len(users), _CHUNK):
        some = users[first : first + _CHUNK]
        marks = ", ".join("?" * len(some))
        connection.execute(f"DELETE FROM users WHERE user_id IN ({marks})", some)
        connection.execute(_COUNT.format(marks), some)
