"""One JSON array: read as a whole, because its elements have no ends that could be looked for."""

from collections.abc import Iterator
from typing import Final

import msgspec

from models.errors import JourneysError
from streams.files.bytestreams import CHUNK, ByteStream
from streams.files.rows import TABLE_ROWS, Batch

MOST_BYTES: Final = 256 << 20

_decoder = msgspec.json.Decoder(list[msgspec.Raw])


def elements(name: str, stream: ByteStream) -> list[msgspec.Raw]:
    """The array's elements, each as it stands.

    Raises:
        JourneysError: It is too large, or no JSON array.
    """
    whole = bytearray()
    while chunk := stream.read1(CHUNK):
        whole += chunk
        if len(whole) > MOST_BYTES:
            raise JourneysError(
                f"{name}: a JSON array of more than {MOST_BYTES >> 20} MiB is not read as one: "
                f"make JSON lines of it (`jq -c '.[]'`)"
            )
    try:
        return _decoder.decode(bytes(whole))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise JourneysError(f"{name}: it begins like a JSON array: {error}") from None


def batches(name: str, found: list[msgspec.Raw]) -> Iterator[Batch]:
    """The elements in batches."""
    for start in range(0, len(found), TABLE_ROWS):
        part = [bytes(element) for element in found[start : start + TABLE_ROWS]]
        yield Batch(name, range(start + 1, start + 1 + len(part)), part)
