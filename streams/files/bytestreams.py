"""Files and pipes as UTF-8 bytes: what they are compressed and encoded with, their bytes say."""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import zstandard

from models.errors import JourneysError

CHUNK: Final = 1 << 18  # bytes read at once: some 1,500 activities, one batch for the encoder
_ZSTD_CHUNK: Final = 1 << 14  # compressed bytes decoded at once: repetitive ones grow very much

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + i]) + b"\x2a\x4d\x18" for i in range(16)))
_MARKS: Final = (  # UTF-32's begin with UTF-16's, so they come first
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class ByteStream(Protocol):
    """What is read from."""

    def read1(self, size: int, /) -> bytes:
        """At least one byte and about `size` at most, what is there now; none at the end."""
        ...


class Headed:
    """A stream whose next bytes can be looked at without being read."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._head = b""
        self._ended = False

    def more(self) -> bool:
        """Wait for more bytes in `head`; False when there are no more."""
        if not self._ended:
            chunk = self._stream.read1(CHUNK)
            self._head += chunk
            self._ended = not chunk
        return not self._ended

    def head(self, size: int = 0) -> bytes:
        """The next bytes, `size` of them at least unless the stream ends before."""
        while len(self._head) < size and self.more():
            pass
        return self._head

    def drop(self, size: int) -> None:
        """Skip bytes that `head` has shown."""
        self._head = self._head[size:]

    def read1(self, size: int, /) -> bytes:
        """As every stream; what `head` has shown comes first."""
        if not self._head:
            return b"" if self._ended else self._stream.read1(size)
        head, self._head = self._head, b""
        return head


class _Zstd:
    """Frames of zstd, one after the other; the library's own reader takes a cut one for whole."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._frame = self._new()
        self._fed = False

    def _new(self) -> "zstandard.ZstdDecompressionObj":
        return zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()

    def read1(self, size: int, /) -> bytes:
        while True:
            rest = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame, self._fed = self._new(), False
            rest = rest or self._stream.read1(_ZSTD_CHUNK)
            if not rest:
                if self._fed:
                    raise EOFError("it ends within a frame")
                return b""
            self._fed = True
            if data := self._frame.decompress(rest):
                return data


class _Transcoded:
    """Text in another encoding as UTF-8; what is no text in it becomes U+FFFD."""

    def __init__(self, stream: ByteStream, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def read1(self, size: int, /) -> bytes:
        while chunk := self._stream.read1(size):
            if text := self._decoder.decode(chunk):
                return text.encode()
        return self._decoder.decode(b"", final=True).encode()


@contextmanager
def decompressed(raw: ByteStream, name: str) -> Iterator[Headed]:
    """Read a file or a pipe, compressed with gzip or zstd or not at all.

    Raises:
        JourneysError: The compressed data is broken (when it is met, so inside the block).
    """
    stream = Headed(raw)
    head = stream.head(4)
    try:
        if head.startswith(_GZIP):
            yield Headed(gzip.GzipFile(fileobj=_File(stream), mode="rb"))
        elif head.startswith(_ZSTD):
            yield Headed(_Zstd(stream))
        else:
            yield stream
    except (gzip.BadGzipFile, zlib.error, zstandard.ZstdError, EOFError) as error:
        kind = "gzip" if head.startswith(_GZIP) else "zstd"
        raise JourneysError(f"{name}: broken {kind} data: {error}") from None


def as_utf8(stream: Headed) -> tuple[Headed, str | None]:
    """The text of a stream that may begin with a byte order mark, without it.

    Returns:
        The stream, and the encoding that the mark says; None without one.
    """
    head = stream.head(4)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            stream.drop(len(mark))
            if encoding == "utf-8":
                return stream, encoding
            return Headed(_Transcoded(stream, encoding)), encoding
    return stream, None


class _File:
    """A stream as the file that gzip wants."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._rest = b""

    def seek(self, _: int, /) -> None:
        raise OSError("a stream has no way back")

    def read(self, size: int, /) -> bytes:
        # A header's few bytes must come whole, wherever the chunks of a pipe end.
        while len(self._rest) < min(size, 16) and (chunk := self._stream.read1(CHUNK)):
            self._rest += chunk
        data, self._rest = self._rest[:size], self._rest[size:]
        return data
