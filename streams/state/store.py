"""Where a partition's state parts lie on this worker: in memory, or in RocksDB.

Both are copies of the changelog up to `offset` and may be lost: the changelog is the truth. A
changelog has an id for as long as it lives (its topic's, from the broker); parts that are a copy of
another one are worth nothing. Neither are damaged ones: from the first damage that is met on,
nothing more is read of them, since what still can be read need not be all, and their files go when
they are closed.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from mode import get_logger
from rocksdict import (
    BlockBasedOptions,
    Cache,
    DbClosedError,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
)

from models.engine.snapshot import Part, is_header
from models.errors import DamagedError, LockedError, SnapshotError, StoreError

_log = get_logger(__name__)

# A partition's share of a worker's memory: many partitions may be open at once.
WRITE_BUFFER_BYTES: Final = 16 << 20
BLOCK_CACHE_BYTES: Final = 64 << 20  # for all partitions together

_CORRUPT: Final = "Corruption:"  # and of damage
_LOCKED: Final = ("lock hold by", "While lock file")  # what RocksDB says of one that is open

# No user's keys: those begin with a byte of UTF-8.
_OFFSET: Final = b"\xffoffset"
_CHANGELOG: Final = b"\xffchangelog"


class Parts(Protocol):
    """The state parts of one partition.

    Attributes:
        offset: Changelog offset up to which they are complete; None when nothing was written.
        changelog: Id of the changelog that they are a copy of; None while nobody has said it.
        damage: What is broken in them, one line; empty while nothing is known to be.
    """

    offset: int | None
    changelog: str | None
    damage: str

    def get(self, key: bytes) -> bytes | None:
        """The value under a key, None when there is none.

        Raises:
            DamagedError: It cannot be read.
        """

    def write(self, parts: Iterable[Part], offset: int) -> None:
        """Apply a stretch of the changelog that ends at `offset`, all or none.

        Raises:
            StoreError: There is no room, or no right to write.
            DamagedError: What is there is damaged.
        """

    def headers(self) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of each user's header; nothing may be written meanwhile.

        Raises:
            DamagedError: Not all can be read.
        """

    def of_user(self, user: bytes) -> list[bytes]:
        """The keys of all parts of a user, of those that count for nothing, too.

        Raises:
            DamagedError: Not all can be read.
        """

    def bind(self, changelog: str) -> None:
        """Say of which changelog they are a copy."""

    def clear(self) -> None:
        """Forget everything, the changelog's id too."""

    def close(self) -> None:
        """Let go of the files; those of damaged parts go."""


class MemoryParts:
    """Parts in a dict; gone with the process."""

    damage = ""

    def __init__(self) -> None:
        self.offset: int | None = None
        self.changelog: str | None = None
        self._parts: dict[bytes, bytes] = {}
        self.get = self._parts.get

    def write(self, parts: Iterable[Part], offset: int) -> None:
        """See `Parts`."""
        for key, value in parts:
            if value is None:
                self._parts.pop(key, None)
            else:
                self._parts[key] = value
        self.offset = offset

    def headers(self) -> Iterator[tuple[bytes, bytes]]:
        """See `Parts`."""
        return ((key, value) for key, value in self._parts.items() if is_header(key))

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """All keys and values."""
        return self._parts.items()

    def of_user(self, user: bytes) -> list[bytes]:
        """See `Parts`."""
        return [key for key in self._parts if key == user or key.startswith(user + b"\xff")]

    def bind(self, changelog: str) -> None:
        """See `Parts`."""
        self.changelog = changelog

    def clear(self) -> None:
        """See `Parts`."""
        self._parts.clear()
        self.offset = self.changelog = None

    def close(self) -> None:
        """See `Parts`."""
        self._parts.clear()


class RocksParts:
    """Parts in a RocksDB of their own; the offset is written with them, so they always agree.

    Raises:
        LockedError: Another process has it open.
        SnapshotError: It cannot be opened.
    """

    _cache = Cache(BLOCK_CACHE_BYTES)

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        try:
            self._take(self._open(path))
        except LockedError:
            raise
        except SnapshotError as error:
            _log.warning("the local state is damaged, dropped and read back: %s", error)
            with suppress(AttributeError):
                self._close()
            shutil.rmtree(path, ignore_errors=True)
            self._take(self._open(path))

    def _take(self, db: Rdict) -> None:
        self._db = db
        self.damage = ""
        offset, changelog = self.get(_OFFSET), self.get(_CHANGELOG)
        self.offset = None if offset is None else int(offset)
        self.changelog = None if changelog is None else changelog.decode()

    def _open(self, path: Path) -> Rdict:
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_write_buffer_size(WRITE_BUFFER_BYTES)
        options.set_compression_type(DBCompressionType.lz4())
        blocks = BlockBasedOptions()
        blocks.set_bloom_filter(10, block_based=False)
        blocks.set_block_cache(self._cache)
        options.set_block_based_table_factory(blocks)
        return open_rocks(path, options)

    def get(self, key: bytes) -> bytes | None:
        """See `Parts`."""
        self._check()
        try:
            found: bytes | None = self._db.get(key)
        except DbClosedError:
            raise  # its partition went elsewhere
        except Exception as error:  # rocksdict raises nothing narrower
            raise self._damaged(error) from None
        return found

    def write(self, parts: Iterable[Part], offset: int) -> None:
        """See `Parts`."""
        self._check()
        batch = WriteBatch(raw_mode=True)
        for key, value in parts:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_OFFSET, str(offset).encode())
        try:
            self._db.write(batch)
        except DbClosedError:
            raise
        except Exception as error:
            if _CORRUPT in str(error):
                raise self._damaged(error) from None
            raise StoreError(f"{self._path} cannot be written: {error}") from None
        self.offset = offset

    def headers(self) -> Iterator[tuple[bytes, bytes]]:
        """See `Parts`."""
        self._check()
        place = self._db.iter()
        place.seek_to_first()
        while place.valid():
            key = place.key()
            if is_header(key):
                yield key, place.value()
                place.next()
            else:  # a cluster: over to the next user
                place.seek(key[: key.index(b"\xff") + 1] + b"\xff" * 8)
        self._check_end(place)

    def of_user(self, user: bytes) -> list[bytes]:
        """See `Parts`."""
        found = [] if self.get(user) is None else [user]
        place = self._db.iter()
        place.seek(user + b"\xff")
        while place.valid() and (key := place.key()).startswith(user + b"\xff"):
            found.append(key)
            place.next()
        self._check_end(place)
        return found

    def bind(self, changelog: str) -> None:
        """See `Parts`."""
        self._db.put(_CHANGELOG, changelog.encode())
        self.changelog = changelog

    def clear(self) -> None:
        """See `Parts`."""
        self._close()
        shutil.rmtree(self._path)
        self._take(self._open(self._path))

    def close(self) -> None:
        """See `Parts`."""
        self._close()
        if self.damage:
            _log.warning("files are dropped, to be read back when they are opened: %s", self.damage)
            shutil.rmtree(self._path, ignore_errors=True)

    def _close(self) -> None:
        with suppress(Exception):  # what cannot be written now is on the changelog
            self._db.close()

    def _check_end(self, place: Any) -> None:
        try:
            place.status()  # one that meets damage looks as if it had come to the end
        except Exception as error:
            raise self._damaged(error) from None

    def _check(self) -> None:
        if self.damage:
            raise DamagedError(self.damage)

    def _damaged(self, error: Exception) -> DamagedError:
        self.damage = f"{self._path} cannot be read: {error}"
        return DamagedError(self.damage)


def open_rocks(path: Path, options: Options) -> Rdict:
    """Open a RocksDB.

    Raises:
        LockedError: Another process has it open.
        SnapshotError: It cannot be opened.
    """
    try:
        return Rdict(str(path), options)
    except Exception as error:  # rocksdict raises nothing narrower
        if any(words in str(error) for words in _LOCKED):
            raise LockedError(f"{path} is open in another process") from None
        raise SnapshotError(f"{path} cannot be opened: {error}") from None
