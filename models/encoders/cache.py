"""The vectors of items: each is encoded once, then found in memory, or in a store that outlives us.

Where a vector comes from makes no difference: it has the same bits.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from models.encoders.encoder import Encoder
from models.vectors import Vector

Item: TypeAlias = tuple[str, str]  # id, and what is encoded: the title, and text behind it


class VectorStore(Protocol):
    """Vectors that outlive the process; thread-safe, and never an error: what is lost is lost."""

    def get(self, items: Sequence[Item]) -> list[Vector | None]:
        """The vectors as they were put, bit for bit; None for those that are not here."""

    def put(self, items: Sequence[Item], vectors: Sequence[Vector]) -> None:
        """Keep vectors."""

    def close(self) -> None:
        """Let go of the files; nothing is found or kept from here on."""


@dataclass(slots=True)
class Counts:
    """Where vectors came from.

    Attributes:
        memory: Found in memory.
        stored: Read from the store.
        encoded: In neither.
        seconds: That encoding those took, of all threads together.
    """

    memory: int = 0
    stored: int = 0
    encoded: int = 0
    seconds: float = 0.0


class VectorCache:
    """The vectors of items, by item id and what is encoded; the least recently used go first.

    May be filled in other threads while the event loop reads it.

    Args:
        encoder: Encodes what is missing.
        size: Vectors kept in memory, each of `encoder.dimensions` x 4 bytes.
        store: Where else they are looked for, and kept; None for memory only.

    Attributes:
        encoder: The same.
        counts: Where vectors came from so far.
    """

    def __init__(self, encoder: Encoder, size: int, store: VectorStore | None = None) -> None:
        self.encoder = encoder
        self.counts = Counts()
        self._size = size
        self._store = store
        self._vectors: OrderedDict[Item, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._vectors)

    def lookup(self, items: Sequence[Item]) -> list[Vector | None]:
        """The vectors that are in memory, None for the others; never blocks for long."""
        with self._lock:
            for item in items:
                if item in self._vectors:
                    self._vectors.move_to_end(item)
            found = [self._vectors.get(item) for item in items]
            self.counts.memory += sum(vector is not None for vector in found)
        return found

    def fill(self, items: Sequence[Item]) -> list[Vector]:
        """Read or encode what is missing and keep it; blocking, call it off the event loop.

        Returns:
            The vectors of all items in order, also those for which the cache has no room.

        Raises:
            ModelError: The model fails.
        """
        unique = list(dict.fromkeys(items))
        vectors = dict(zip(unique, self.lookup(unique), strict=True))
        missing = [item for item, vector in vectors.items() if vector is None]
        if missing:
            read = self._read(missing)
            encoded = self._encode([item for item in missing if item not in read])
            vectors |= read | encoded
            with self._lock:
                self.counts.stored += len(read)
                self.counts.encoded += len(encoded)
                self._vectors |= read | encoded
                while len(self._vectors) > self._size:
                    self._vectors.popitem(last=False)
        return [vector for item in items if (vector := vectors[item]) is not None]

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()

    def _read(self, items: Sequence[Item]) -> dict[Item, Vector]:
        if self._store is None:
            return {}
        found = zip(items, self._store.get(items), strict=True)
        return {item: vector for item, vector in found if vector is not None}

    def _encode(self, items: Sequence[Item]) -> dict[Item, Vector]:
        if not items:
            return {}
        began = time.perf_counter()
        rows = self.encoder.encode([content for _, content in items])
        # A copy each: a view would keep the whole batch in memory for as long as one row.
        encoded = {item: row.copy() for item, row in zip(items, rows, strict=True)}
        with self._lock:
            self.counts.seconds += time.perf_counter() - began
        if self._store is not None:
            self._store.put(items, list(encoded.values()))
        return encoded
