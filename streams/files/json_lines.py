"""JSON lines: one object a line."""

from collections.abc import Iterator

from streams.files.bytestreams import CHUNK, ByteStream
from streams.files.rows import LONGEST, Batch


def batches(name: str, stream: ByteStream) -> Iterator[Batch]:
    """Whole lines, as they stand, in batches of what is there now: a slow pipe is not waited for.

    Yields:
        Lines without their ends; a line past LONGEST is cut there, too long for a record anyway.
    """
    number = 1
    for found in lines(stream):
        yield Batch(name, range(number, number + len(found)), found)
        number += len(found)


def lines(stream: ByteStream) -> Iterator[list[bytes]]:
    """The lines of a text, in the same batches."""
    rest: list[bytes] = []  # pieces of the last line
    kept = 0
    while chunk := stream.read1(CHUNK):
        *whole, last = chunk.split(b"\n")
        if whole:
            whole[0] = (b"".join(rest) + whole[0])[:LONGEST]
            rest, kept = [], 0
            yield whole
        if kept < LONGEST and last:
            rest.append(last)
            kept += len(last)
    if rest:
        yield [b"".join(rest)[:LONGEST]]
