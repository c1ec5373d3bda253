"""Which activities of a user were counted: a repeated event id counts once.

Ids are kept at least as long as the windows that an activity may still fall into, as hashes, in
chunks in the order that they came; a chunk goes as a whole. Only the one that is not full yet
changes with an activity; the others are stored once.
"""

from hashlib import blake2b
from typing import Final

# 40 bits: of a user with a hundred ids kept, one new activity in ten billion is taken for a repeat;
# of one with the most, one in 270 million.
ID_BYTES: Final = 5
CHUNK_BYTES: Final = 8 * ID_BYTES  # eight: of few, more must be loaded; of many, more rewritten
MOST_CHUNKS: Final = 512  # bounds a user's state: what lies 4,096 activities back is forgotten


def short(event_id: str) -> bytes:
    """An event id's hash, `ID_BYTES` long."""
    return blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=ID_BYTES).digest()


class CountedIds:
    """Hashes of the event ids of one user's kept windows.

    Attributes:
        first: Number of the oldest chunk that is kept; chunks are numbered from 0.
        stored: Chunks below that number were dumped.
        dropped: Numbers of the stored chunks that went since the last dump.
    """

    __slots__ = ("_hashes", "_windows", "dropped", "first", "stored")

    def __init__(self) -> None:
        self.first = self.stored = 0
        self.dropped: list[int] = []
        self._hashes = bytearray()
        self._windows: list[int] = []  # of each full chunk, the latest that it may have ids of

    def __contains__(self, hashed: bytes) -> bool:
        place = self._hashes.find(hashed)
        while place % ID_BYTES and place >= 0:  # it spans two
            place = self._hashes.find(hashed, place + 1)
        return place >= 0

    def add(self, hashed: bytes, window: int) -> None:
        """Take a new id while the user's latest activity lies in that window."""
        self._hashes += hashed
        if len(self._hashes) == (len(self._windows) + 1) * CHUNK_BYTES:
            self._windows.append(window)
            if len(self._windows) > MOST_CHUNKS:
                self._drop()

    def forget(self, oldest: int, latest: int) -> None:
        """Forget what no activity may repeat any more.

        Args:
            oldest: The last window that is no longer kept.
            latest: Window of the user's latest activity so far.
        """
        while self._windows and self._windows[0] <= oldest:
            self._drop()
        if latest <= oldest:
            self._hashes.clear()

    def chunks(self) -> range:
        """Numbers of the full chunks."""
        return range(self.first, self.first + len(self._windows))

    def chunk(self, number: int) -> tuple[int, bytes]:
        """Window and hashes of a full chunk."""
        place = number - self.first
        start = place * CHUNK_BYTES
        return self._windows[place], bytes(self._hashes[start : start + CHUNK_BYTES])

    def rest(self) -> bytes:
        """The hashes that fill no chunk yet."""
        return bytes(self._hashes[len(self._windows) * CHUNK_BYTES :])

    def restore(self, first: int, chunks: list[tuple[int, bytes]], rest: bytes) -> None:
        """Become what was dumped."""
        self.first, self.stored = first, first + len(chunks)
        self._windows = [window for window, _ in chunks]
        self._hashes = bytearray(b"".join(hashes for _, hashes in chunks) + rest)

    def _drop(self) -> None:
        del self._windows[0], self._hashes[:CHUNK_BYTES]
        if self.first < self.stored:
            self.dropped.append(self.first)
        self.first += 1
        self.stored = max(self.stored, self.first)
