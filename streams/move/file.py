"""The file that state travels in: JSON lines, a header, what was found, an end with counts.

It holds all that is known of people, so only its owner may read it. Bytes are in base64.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from models.engine.snapshot import Part
from models.errors import SnapshotError
from streams.state.lives import Erased
from streams.state.partition import Mark

FORMAT: Final = 1


class Source(NamedTuple):
    """One partition that state came from: how far activities and erasures had come."""

    mark: Mark
    erased: Erased


class Header(msgspec.Struct, tag="header", tag_field="kind"):
    """What all of the file has in common.

    Attributes:
        format: Of the file.
        encoder: `name@version`.
        window_ms: Length of a window.
        group: Whose state.
        broker: Where it was.
        activities: The topic of its activities.
        topic_id: That topic's id; empty where the broker gives none.
        sources: Its partitions, by number.
        left: Records of activities and erasures that were not applied yet.
    """

    format: int
    encoder: str
    window_ms: int
    group: str
    broker: str
    activities: str
    topic_id: str
    sources: list[Source]
    left: int


class User(msgspec.Struct, tag="user", tag_field="kind"):
    """A user: the partition that they were on, and all parts."""

    user_id: str
    partition: int
    parts: list[Part]


class Lived(msgspec.Struct, tag="life", tag_field="kind"):
    """What is kept of somebody who was erased, and its key: the id is not known any more."""

    key: bytes
    began_at: int


class Shown(msgspec.Struct, tag="journey", tag_field="kind"):
    """A record of `journeys`."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class End(msgspec.Struct, tag="end", tag_field="kind"):
    """The last line: how many lines there are before it. Without it, the file is not whole."""

    lines: int


Line = Header | User | Lived | Shown | End
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


def write(path: Path, lines: Iterable[Line]) -> None:
    """Write a whole file, or none."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        count = 0
        for line in lines:
            file.write(_encode(line) + b"\n")
            count += 1
        file.write(_encode(End(count)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def header_of(path: Path) -> Header:
    """The header of a file, all of which was looked through.

    Raises:
        SnapshotError: It cannot be read, or is not whole.
    """
    header, ended = None, False
    for count, line in enumerate(read(path)):
        ended = isinstance(line, End) and line.lines == count
        if count == 0 and isinstance(line, Header):
            header = line
    if header is None:
        raise SnapshotError(f"{path} is no file of `journeys state export`")
    if not ended:
        raise SnapshotError(f"{path} is not whole: export it again")
    return header


def read(path: Path) -> Iterator[Line]:
    """The lines of a file.

    Raises:
        SnapshotError: One cannot be read, or is of another format.
    """
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                line = _decode(raw)
            except msgspec.DecodeError as error:
                raise SnapshotError(f"{path}, line {number}: {error}") from None
            if isinstance(line, Header) and line.format != FORMAT:
                raise SnapshotError(f"{path} has format {line.format}, known: {FORMAT}")
            yield line
