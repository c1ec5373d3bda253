"""Activities by event time, as many as a disk holds; and whether a file runs backwards."""

import heapq
import struct
import tempfile
from collections.abc import Iterator
from typing import IO, Final

MEMORY: Final = 256 << 20  # bytes held until they are written to the disk, sorted
_OVERHEAD: Final = 200  # bytes that an item costs besides its own
_HEAD: Final = struct.Struct("<qqI")

_Item = tuple[int, int, bytes]


class TimeSorter:
    """Takes items in any order, gives them by time; of one time, as they came.

    Args:
        memory: Bytes held at once; more of them wait in temporary files.
    """

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory = memory
        self._held: list[_Item] = []
        self._bytes = 0
        self._added = 0
        self._runs: list[IO[bytes]] = []

    def __len__(self) -> int:
        return self._added

    def add(self, time: int, item: bytes) -> None:
        """Take an item of this time, epoch ms."""
        self._held.append((time, self._added, item))
        self._added += 1
        self._bytes += len(item) + _OVERHEAD
        if self._bytes >= self._memory:
            self._write()

    def items(self) -> Iterator[tuple[int, bytes]]:
        """Times and items, once; the sorter is empty then."""
        self._held.sort()
        held, self._held = self._held, []
        runs = [_read(file) for file in self._runs]
        for time, _, item in heapq.merge(*runs, held):
            yield time, item
        self.close()

    def close(self) -> None:
        """Give the disk back."""
        for file in self._runs:
            file.close()
        self._runs, self._held = [], []

    def _write(self) -> None:
        self._held.sort()
        file = tempfile.TemporaryFile()  # noqa: SIM115 (it lives until it is read)
        for time, number, item in self._held:
            file.write(_HEAD.pack(time, number, len(item)))
            file.write(item)
        file.seek(0)
        self._runs.append(file)
        self._held, self._bytes = [], 0


class Direction:
    """Whether times rise or fall from row to row."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._rises = self._falls = 0

    def add(self, time: int) -> None:
        """The next row's time, epoch ms."""
        if self._last is not None:
            self._rises += time > self._last
            self._falls += time < self._last
        self._last = time

    @property
    def falls(self) -> bool:
        """True for a file that has its newest row first, by and large."""
        return self._falls > 2 * self._rises and self._falls > 1


def _read(file: IO[bytes]) -> Iterator[_Item]:
    while head := file.read(_HEAD.size):
        time, number, size = _HEAD.unpack(head)
        yield time, number, file.read(size)
