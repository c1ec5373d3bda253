"""Vectors in few bytes: a cluster's mean as it is stored, and a rough one to compare with later."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.vectors import Doubles, Levels, Vector

_STEPS = np.float32(7)  # to either side of 0: 15 levels fit into 4 bits
_TINY = np.float32(1e-9)
# Two parts behind each byte, as one number: it is looked up faster than two.
_PAIRS = (
    (np.array([(pair >> 4, pair & 15) for pair in range(256)], np.float32) - _STEPS)
    .view(np.complex64)
    .ravel()
)


def packed(levels: Levels, step: float) -> bytes:
    """A mean in 8 bits a part, after their step's exponent: exact, since means are levels."""
    exponent = math.frexp(step)[1] - 1
    return exponent.to_bytes(1, "big", signed=True) + levels.astype(np.int8).tobytes()


def unpacked(raws: Sequence[bytes]) -> tuple[Levels, Doubles]:
    """Levels and steps behind `packed`, of means of one size.

    Args:
        raws: One or more, as `packed` made them.

    Returns:
        Levels, shape (means, dimensions), and steps, shape (means,).
    """
    read = np.frombuffer(b"".join(raws), np.int8).reshape(len(raws), -1)
    return read[:, 1:].astype(np.int16), np.ldexp(1.0, read[:, 0])


def sketched(vector: Vector) -> bytes:
    """A vector in 4 bits a part, after its step: off by about 2 % of its squared length."""
    step = np.float32(np.abs(vector).max(initial=_TINY) / _STEPS)
    levels = (np.rint(vector / step) + _STEPS).astype(np.uint8)
    high, low = levels[::2], levels[1::2]
    pairs: NDArray[np.uint8] = high << 4 | np.resize(low, high.shape)  # an odd one goes with any
    return step.tobytes() + pairs.tobytes()


def unsketched(raw: bytes, dimensions: int) -> Vector:
    """The vector behind `sketched`, near to what it was."""
    step = np.frombuffer(raw, np.float32, 1)
    pairs = _PAIRS[np.frombuffer(raw, np.uint8, offset=4)]
    vector: Vector = pairs.view(np.float32)[:dimensions] * step
    return vector
