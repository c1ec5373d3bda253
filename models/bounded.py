"""Answers of HTTP servers, bounded in bytes and time: who asks does not know what will come.

For clients of httpx that read whole answers: `httpx.Client(event_hooks=hooks())`.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx

MOST_BYTES: Final = 4 << 20  # tokens have some kB, schemas with all their references some hundreds
MOST_SECONDS: Final = 60.0  # for all of an answer; a client's own timeout is for each read of it
PLAIN: Final = "identity"  # nothing compressed: 3 MB may unpack to 4 GB


class UnboundedAnswerError(httpx.TransportError):
    """An answer is larger than any that makes sense, compressed, or does not end."""


class _Bounded(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        read, until = 0, time.monotonic() + MOST_SECONDS
        for chunk in self._stream:
            read += len(chunk)
            if read > MOST_BYTES:
                raise UnboundedAnswerError(f"an answer of more than {MOST_BYTES >> 20} MiB")
            if time.monotonic() > until:
                raise UnboundedAnswerError(f"an answer that takes more than {MOST_SECONDS:.0f} s")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def hooks() -> dict[str, list[Callable[..., Any]]]:
    """What a client of httpx is given as `event_hooks`."""
    return {"request": [_ask_plainly], "response": [_bound]}


def _ask_plainly(request: httpx.Request) -> None:
    request.headers["Accept-Encoding"] = PLAIN


def _bound(response: httpx.Response) -> None:
    """Called before the body is read.

    Raises:
        UnboundedAnswerError: It is compressed.
    """
    if response.headers.get("content-encoding", PLAIN) != PLAIN:
        raise UnboundedAnswerError("a compressed answer, which nobody asked for")
    if isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _Bounded(response.stream)
