"""A bounded cache of items' vectors: the same item is encoded once."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

from models.encoders.encoder import Encoder
from models.vectors import Vector


class VectorCache:
    """The vectors of items, by item id and title; the least recently used go first.

    May be filled in a worker thread while the event loop reads it.

    Args:
        encoder: Encodes what is missing.
        size: Vectors kept, each of `encoder.dimensions` x 4 bytes.
    """

    def __init__(self, encoder: Encoder, size: int) -> None:
        self.encoder = encoder
        self._size = size
        self._vectors: OrderedDict[tuple[str, str], Vector] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._vectors)

    def lookup(self, items: Sequence[tuple[str, str]]) -> list[Vector | None]:
        """The vectors that are here, None for the others; never blocks on the encoder."""
        with self._lock:
            for item in items:
                if item in self._vectors:
                    self._vectors.move_to_end(item)
            return [self._vectors.get(item) for item in items]

    def fill(self, items: Sequence[tuple[str, str]]) -> list[Vector]:
        """Encode what is missing and keep it; blocking, call it off the event loop.

        Returns:
            The vectors of all items in order, also those for which the cache has no room.

        Raises:
            ModelError: The model fails.
        """
        vectors = dict(zip(items, self.lookup(items), strict=True))
        missing = [item for item, vector in vectors.items() if vector is None]
        if missing:
            rows = self.encoder.encode([title for _, title in missing])
            # A copy each: a view would keep the whole batch in memory for as long as one row.
            fresh = {item: row.copy() for item, row in zip(missing, rows, strict=True)}
            vectors |= fresh
            with self._lock:
                self._vectors |= fresh
                while len(self._vectors) > self._size:
                    self._vectors.popitem(last=False)
        return [vector for item in items if (vector := vectors[item]) is not None]
