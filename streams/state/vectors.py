"""Vectors of items on disk, so that a restart need not encode them again.

The store is a convenience and never an error: what is damaged is dropped, and where another process
has it open, this one keeps its vectors in memory only; either is said once. What is read back has
the bits that were encoded, whatever has become of the encoder since: a vector is found under what
the encoder makes of a few texts *now*, so another model, onnxruntime or processor with other bits
finds nothing of the old.
"""

import hashlib
import logging
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from rocksdict import (
    BlockBasedOptions,
    DBCompactionStyle,
    DBCompressionType,
    FifoCompactOptions,
    Options,
    Rdict,
    WriteBatch,
)

from models.encoders.cache import Item
from models.encoders.encoder import Encoder
from models.errors import LockedError, SnapshotError
from models.vectors import Vector
from streams.settings import Settings
from streams.state.store import open_rocks

logger = logging.getLogger(__name__)

# Of several lengths and scripts: encoders that differ do so on some of these.
PROBES: Final = (
    "bread",
    "Repairing a 1970s road bike: which bottom bracket fits?",
    "Растения для тёмной комнаты",
    "初めての登山に必要な装備と、その選び方を教えてください",
    "x" * 300,
    "the first title of a long evening of tennis, baking, chess openings and late trains " * 3,
)
MB: Final = 1_000_000
# Files are dropped whole, the oldest first: they must be small beside the whole.
BUFFER_SHARE: Final = 16
BUFFER_BYTES: Final = 32 * MB


class RocksVectors:
    """Vectors in RocksDB, of bounded size: the oldest go. A `VectorStore`.

    Args:
        path: Its folder.
        encoder: Whose vectors are kept and found.
        size: Bytes on disk, about.

    Raises:
        LockedError: Another process has it open.
        SnapshotError: It cannot be opened and not be made anew either.
        ModelError: The encoder fails.
    """

    def __init__(self, path: Path, encoder: Encoder, size: int) -> None:
        self._path = path
        self._size = size
        self._dimensions = encoder.dimensions
        self._encoder = hashlib.blake2b(
            encoder.name.encode() + b"\0" + encoder.encode(PROBES).tobytes(), digest_size=16
        ).digest()
        self._lock = threading.Lock()
        self._failed = False
        self._db: Rdict | None
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = self._open()
        except LockedError:
            raise
        except SnapshotError as error:
            self._db = None
            self._drop(error)

    def get(self, items: Sequence[Item]) -> list[Vector | None]:
        """See `VectorStore`."""
        keys: list[Any] = [self._key(item) for item in items]
        with self._lock:
            try:
                values: Any = self._db.get(keys) if self._db is not None else [None] * len(items)
                return [None if value is None else self._vector(value) for value in values]
            except Exception as error:  # rocksdict raises nothing narrower
                self._drop(error)
                return [None] * len(items)

    def put(self, items: Sequence[Item], vectors: Sequence[Vector]) -> None:
        """See `VectorStore`."""
        batch = WriteBatch(raw_mode=True)
        for item, vector in zip(items, vectors, strict=True):
            batch.put(self._key(item), vector.astype("<f4", copy=False).tobytes())
        with self._lock:
            try:
                if self._db is not None:
                    self._db.write(batch)
            except Exception as error:
                self._drop(error)

    def close(self) -> None:
        """See `VectorStore`."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._db is not None:
            with suppress(Exception):  # what fails to be written now is encoded again
                self._db.close()
        self._db = None

    def _key(self, item: Item) -> bytes:
        item_id, content = (text.encode("utf-8", "surrogatepass") for text in item)
        whole = hashlib.blake2b(b"%d\0" % len(item_id), key=self._encoder, digest_size=16)
        whole.update(item_id)
        whole.update(content)
        return whole.digest()

    def _vector(self, value: bytes) -> Vector:
        if len(value) != 4 * self._dimensions:
            raise SnapshotError(f"a vector of {len(value)} bytes")
        return np.frombuffer(value, "<f4").astype(np.float32)

    def _drop(self, error: Exception) -> None:
        """Begin anew after a first failure, without a store after a second."""
        why = " ".join(str(error).split())
        self._close()
        shutil.rmtree(self._path, ignore_errors=True)
        if self._failed:
            logger.warning("vectors are kept in memory only, not in %s: %s", self._path, why)
            return
        self._failed = True
        logger.warning("the vectors kept in %s were damaged and are dropped: %s", self._path, why)
        try:
            self._db = self._open()
        except SnapshotError as again:
            logger.warning("vectors are kept in memory only: %s", again)

    def _open(self) -> Rdict:
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_compression_type(DBCompressionType.none())  # nothing is saved on vectors
        options.set_write_buffer_size(min(BUFFER_BYTES, self._size // BUFFER_SHARE))
        options.set_compaction_style(DBCompactionStyle.fifo())
        bound = FifoCompactOptions()
        bound.max_table_files_size = self._size
        options.set_fifo_compaction_options(bound)
        blocks = BlockBasedOptions()
        blocks.set_bloom_filter(10, block_based=False)
        options.set_block_based_table_factory(blocks)
        return open_rocks(self._path, options)


def stored_vectors(settings: Settings, encoder: Encoder) -> RocksVectors | None:
    """The vectors that are kept in the data folder; None where none are to be, or can be.

    Raises:
        ModelError: The encoder fails.
    """
    if not settings.stored_vectors_mb:
        return None
    path = settings.data_dir / "vectors"
    try:
        return RocksVectors(path, encoder, settings.stored_vectors_mb * MB)
    except LockedError:
        logger.warning(
            "the vectors kept in %s are open in another process: here they are kept in memory only",
            path,
        )
    except (SnapshotError, OSError) as error:
        logger.warning("vectors are kept in memory only: %s", error)
    return None
