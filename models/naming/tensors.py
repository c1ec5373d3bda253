"""Tensors in files, without torch: rows of a safetensors file, and what `torch.load` reads."""

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.vectors import Floats

_KINDS: Final[dict[str, Any]] = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}
INDEX: Final = "model.safetensors.index.json"
WHOLE: Final = "model.safetensors"


class _Entry(msgspec.Struct):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


class Table:
    """A two-dimensional tensor in a safetensors file; only the rows asked for are read.

    Raises:
        ModelError: The file cannot be read or has no such tensor.
    """

    def __init__(self, path: Path, name: str) -> None:
        header, start = _header(path)
        try:
            entry = msgspec.convert(header[name], _Entry)
            self._brain = entry.dtype == "BF16"
            self._rows = np.memmap(
                path, _KINDS[entry.dtype], "r", start + entry.data_offsets[0], tuple(entry.shape)
            )
        except (OSError, KeyError, ValueError) as error:
            raise ModelError(f"{path}: no table {name!r} that can be read: {error}") from None

    def __getitem__(self, ids: Sequence[int] | slice) -> Floats:
        """Rows, shape (n, width)."""
        rows = np.asarray(self._rows[ids])
        if self._brain:  # the upper half of a 32-bit number
            return (rows.astype(np.uint32) << 16).view(np.float32)
        return rows.astype(np.float32)


def names_in(path: Path) -> list[str]:
    """The tensors of a safetensors file."""
    return [name for name in _header(path)[0] if name != "__metadata__"]


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """What a safetensors file says of its tensors, and where the first one begins."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            return msgspec.json.decode(file.read(length), type=dict[str, Any]), 8 + length
    except (OSError, ValueError, OverflowError, MemoryError, struct.error) as error:
        raise ModelError(f"{path}: no safetensors file: {error}") from None


def write_safetensors(path: Path, tensors: Mapping[str, Floats]) -> None:
    """Write 32-bit tensors."""
    header, at = {}, 0
    for name, tensor in tensors.items():
        header[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [at, at + tensor.nbytes],
        }
        at += tensor.nbytes
    head = msgspec.json.encode(header)
    head += b" " * (-len(head) % 8)
    body = b"".join(np.ascontiguousarray(tensor, "<f4").tobytes() for tensor in tensors.values())
    path.write_bytes(struct.pack("<Q", len(head)) + head + body)


def torch_bytes(rows: NDArray[np.float16]) -> bytes:
    """A tensor as `torch.save` writes it, of shape (n, width) and 16 bits.

    A pickle that names torch's own functions, so it is put together from opcodes: torch itself,
    some gigabytes, is not needed to ask a server that has it.
    """
    count, width = rows.shape

    def plain(value: object) -> bytes:
        return pickle.dumps(value, protocol=2)[2:-1]  # without its head and its end

    storage = (
        b"("
        + plain("storage")
        + b"ctorch\nHalfStorage\n"
        + plain("0")
        + plain("cpu")
        + plain(count * width)
        + b"tQ"
    )
    tensor = (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + plain(0)
        + plain((count, width))
        + plain((width, 1))
        + b"\x89ccollections\nOrderedDict\n)RtR."
    )
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("archive/data.pkl", tensor)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/data/0", np.ascontiguousarray(rows, "<f2").tobytes())
        archive.writestr("archive/version", "3\n")
    return whole.getvalue()
