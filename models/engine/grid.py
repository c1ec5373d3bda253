"""Vectors and means as whole numbers, so that their products are exact in whatever order.

A vector lies on multiples of 2^-15 (16 bits a part; less apart than two runtimes of one encoder
are), a mean on a grid of its own: whole levels up to 127 of a step that is a power of two.
"""

import math
from typing import Final

import numpy as np

from models.engine.arithmetic import compiled
from models.vectors import Levels, Table, Vector

VECTOR_STEP: Final = 2.0**-15
_MOST: Final = 32_767.0

# The least power of two for a step is there for a mean of nothing but zeros; that of any other lies
# far above it.
LEVELS: Final = 128
LEAST_EXPONENT: Final = -60

# How the rounding turns from part to part and from time to time: multiples of these, modulo 1,
# spread evenly (the inverses of the golden ratio and of the plastic number).
_BY_PART: Final = 0.6180339887498949
_BY_TIME: Final = 0.7548776662466927
_UNDER_ONE: Final = 1.0 - 2.0**-30  # what lies on the grid is never rounded up


@compiled
def quantised(vector: Vector) -> Levels:
    """A unit vector in multiples of `VECTOR_STEP`."""
    levels = np.empty(vector.shape[0], np.int16)
    for j in range(vector.shape[0]):
        level = math.floor(vector[j] / VECTOR_STEP + 0.5)
        levels[j] = np.int16(min(max(level, -_MOST), _MOST))
    return levels


@compiled
def product(left: Levels, right: Levels) -> int:
    """Dot product of two rows of levels: exact, for vectors of unit length up to any size."""
    total = np.int32(0)
    for j in range(left.shape[0]):
        total += np.int32(left[j]) * np.int32(right[j])
    return int(total)


@compiled
def settle(
    levels: Levels, step: float, target: Levels, unit: float, share: float, turn: float
) -> float:
    """Move a mean towards a vector or another mean by a share, onto the grid.

    Steps of a large cluster's mean are smaller than the grid's. So that they are not lost, numbers
    are rounded up as often as their place between two grid points says (dithering), by turns that
    follow from the state alone. What lies on the grid stays where it is.

    Args:
        levels: The mean's, changed in place; all zeros when new.
        step: Of its grid.
        target: Where to, in multiples of `unit`.
        unit: See there.
        share: How far, 0 to 1.
        turn: Another number each time.

    Returns:
        The step of its new grid.
    """
    size = levels.shape[0]
    moved = np.empty(size)
    largest = 0.0
    for j in range(size):
        before = levels[j] * step
        moved[j] = before + share * (target[j] * unit - before)
        largest = max(largest, abs(moved[j]))
    exponent = max(math.frexp(largest / LEVELS)[1], LEAST_EXPONENT)
    inverse, phase = math.ldexp(1.0, -exponent), turn * _BY_TIME
    for j in range(size):
        up = phase + j * _BY_PART
        up = (up - math.floor(up)) * _UNDER_ONE
        level = math.floor(moved[j] * inverse + up)
        # -LEVELS would have another exponent.
        levels[j] = np.int16(min(max(level, 1.0 - LEVELS), LEVELS - 1.0))
    return math.ldexp(1.0, exponent)


@compiled
def tabulate(levels: Levels, table: Table, size: int, row: int) -> None:
    """Enter the products of a row's mean with all of the user's into their table."""
    for other in range(size):
        table[row, other] = table[other, row] = product(levels[row], levels[other])
