"""What arrays of numbers are called where they are handed on."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]

Vector: TypeAlias = Floats  # one vector, shape (dimensions,)
Vectors: TypeAlias = Floats  # a row each, shape (n, dimensions)

Levels: TypeAlias = NDArray[np.int16]  # vectors in whole steps of a grid
Table: TypeAlias = NDArray[np.int32]  # the dot products of such rows, shape (n, n)
