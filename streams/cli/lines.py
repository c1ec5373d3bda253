"""Activities from files and pipes: JSON lines, plain or gzipped, as many as are there."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import Final

from models.errors import JourneysError

CHUNK: Final = 1 << 18  # bytes read at once: some 1,500 activities, one batch for the encoder
LONGEST: Final = 8 << 20  # bytes of a line that are kept; far past any record that could be used
_GZIP: Final = b"\x1f\x8b"


@contextmanager
def opened(raw: BufferedReader) -> Iterator[BufferedReader | gzip.GzipFile]:
    """Read a file or a pipe, gzipped or not: its first bytes say so, not its name.

    Raises:
        JourneysError: The gzip data is broken (when it is met, so inside the block).
    """
    try:
        yield gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP else raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise JourneysError(f"{raw.name}: broken gzip data: {error}") from None


def batches(stream: BufferedReader | gzip.GzipFile) -> Iterator[list[bytes]]:
    """Whole lines in batches of what is there now: a slow pipe is not waited for.

    Yields:
        Lines without their ends; a line past LONGEST is cut there, too long for a record anyway.
    """
    rest = b""
    while chunk := stream.read1(CHUNK):
        *lines, last = chunk.split(b"\n")
        if lines:
            lines[0] = (rest + lines[0])[:LONGEST]
            rest = b""
            yield lines
        rest = (rest + last)[:LONGEST]
    if rest:
        yield [rest]
