"""The files that commands read: what each is, found out by its content first, then by its name."""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Final, cast

import msgspec

from models.errors import JourneysError
from models.printable import printable
from streams.files import json_array, json_lines
from streams.files.bytestreams import ByteStream, Headed, as_utf8, decompressed
from streams.files.delimited import Table, find_delimiter
from streams.files.parquet import MAGIC, Columns
from streams.files.rows import Batch

STDIN: Final = "-"
_HEAD: Final = 1 << 16  # bytes of text from which is told what it is
_SHOWN: Final = 30  # names of columns or fields that are told

_TABLES: Final = (".csv", ".tsv", ".tab", ".psv")
_COMPRESSED: Final = (".gz", ".gzip", ".zst", ".zstd")
_ARRAY: Final = re.compile(rb"\s*\[\s*([\[{\]]|\Z)")
_BINARY: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "a zip archive"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"Obj\x01", "Avro"),
    (b"ORC", "ORC"),
    (b"SQLite format 3", "SQLite"),
)


class InputFile:
    """One file that is open.

    Attributes:
        name: As it was given; `<stdin>` for standard input.
        size: Of what is on the disk, bytes; None for a pipe.
    """

    def __init__(self, name: str, raw: BufferedReader, stream: Headed) -> None:
        self.name = name
        self._raw = raw
        self._stream = stream
        self._looks = ""
        is_file = raw is not sys.stdin.buffer and Path(name).is_file()
        self.size = Path(name).stat().st_size if is_file else None

    def batches(self) -> Iterator[Batch]:
        """Its rows: JSON as it stands, of tables one dict each.

        Raises:
            JourneysError: The file is of no kind that is read, or it is broken.
        """
        head = self._stream.head(4)
        if head.startswith(MAGIC):
            yield from self._parquet()
            return
        text, encoding = as_utf8(self._stream)
        head = text.head(4)
        if what := _binary(head, marked=encoding is not None):
            raise JourneysError(f"{self.name}: nothing in it could be used: it is {what}")
        while not head.strip() and text.more():
            head = text.head()
        marked = "" if encoding in (None, "utf-8") else f", {str(encoding).upper()}"
        if _ARRAY.match(text.head(16) if head.lstrip().startswith(b"[") else head):
            found = json_array.elements(self.name, text)
            fields = _fields(bytes(found[0])) if found else ""
            self._looks = f"a JSON array of {len(found):,} values{marked}{fields}"
            yield from json_array.batches(self.name, found)
            return
        if delimiter := self._delimiter(text):
            table = Table(self.name, text, delimiter)
            self._looks = f"CSV{marked} with columns {_shown(table.columns)}"
            yield from table.batches()
            return
        self._looks = f"{_text(text.head())}{marked}"
        yield from json_lines.batches(self.name, text)

    def looks(self) -> str:
        """What the file looks like, once its first batch was asked for."""
        return self._looks or "empty"

    def read(self) -> int:
        """How many bytes of what is on the disk were read."""
        return 0 if self.size is None else self._raw.tell()

    def _parquet(self) -> Iterator[Batch]:
        with tempfile.TemporaryFile() as whole:  # a file that can be sought in
            shutil.copyfileobj(cast(BufferedReader, _Reader(self._stream)), whole)
            table = Columns(self.name, whole)
            self._looks = f"Parquet with columns {_shown(table.columns)}"
            yield from table.batches()

    def _delimiter(self, text: Headed) -> str | None:
        head, ended = text.head(), False
        if not head.strip() or head.lstrip()[:1] in b"{[":
            return None  # JSON, or not; a first line is not waited for
        while len(head) < _HEAD and not ended:
            if head.count(b"\n") > 1 and self._raw is sys.stdin.buffer:
                break  # a slow pipe
            ended = not text.more()
            head = text.head()
        if b"\n{" in head:
            return None  # JSON lines after a stray line
        sample = head.decode("utf-8", "replace")
        suffixes = [suffix.lower() for suffix in Path(self.name).suffixes]
        kind = next((one for one in reversed(suffixes) if one not in _COMPRESSED), "")
        delimiter = find_delimiter(sample, whole=ended)
        if delimiter is None and kind in _TABLES:
            first = sample.splitlines()[0]
            return max(",;\t|", key=first.count) if len(first) > 1 else ","
        return delimiter


class _Reader:
    """A stream as the file that `shutil` wants."""

    def __init__(self, stream: ByteStream) -> None:
        self.read = stream.read1


@contextmanager
def opened(name: str) -> Iterator[InputFile]:
    """Open one file; `-` is standard input.

    Raises:
        JourneysError: It is compressed, and broken (when that is met, so inside the block).
        OSError: It cannot be opened or read.
    """
    if name == STDIN:
        raw = cast(BufferedReader, sys.stdin.buffer)
        with decompressed(raw, "<stdin>") as stream:
            yield InputFile("<stdin>", raw, stream)
        return
    with Path(name).open("rb") as file, decompressed(file, name) as stream:
        yield InputFile(name, file, stream)


def all_batches(names: Iterable[str]) -> Iterator[tuple[InputFile, Batch | None]]:
    """The rows of several files, one after the other.

    Yields:
        A batch and its file; a file's end without a batch.
    """
    for name in names:
        with opened(name) as file:
            for batch in file.batches():
                yield file, batch
            yield file, None


def _binary(head: bytes, *, marked: bool) -> str | None:
    for magic, what in _BINARY:
        if head.startswith(magic):
            return f"binary: {what}"
    if b"\x00" not in head:
        return None
    if not marked and len(head) >= 4 and (head[1], head[3]) == (0, 0):
        return "UTF-16 without a byte order mark (`iconv -f UTF-16LE -t UTF-8`)"
    if not marked and len(head) >= 4 and (head[0], head[2]) == (0, 0):
        return "UTF-16 without a byte order mark (`iconv -f UTF-16BE -t UTF-8`)"
    return "binary"


def _text(head: bytes) -> str:
    """What JSON lines, or what only looks like them, look like."""
    found = head.strip()
    if not found:
        return "only blank lines" if head else ""
    first = found.split(b"\n", 1)[0].strip()
    if fields := _fields(first):
        return f"JSON lines{fields}"
    if found.startswith(b"{") and b"\n" in found and not first.endswith(b"}"):
        return "JSON objects over several lines each (`jq -c .` makes lines of them)"
    text = first[:60].decode("utf-8", "backslashreplace")
    return f"text: {printable(text)!r}"


def _fields(value: bytes) -> str:
    try:
        found = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""
    return f" with fields {_shown(list(found))}" if isinstance(found, dict) and found else ""


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(printable(name) for name in names[:_SHOWN]) + more
