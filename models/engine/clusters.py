"""One user's clusters in numbers, with stable ids: one pass, one look at each vector.

Each vector is put to the cluster that it most likely belongs to, or opens one (`kernel.py` has the
model); clusters that turn out to be one interest are merged. River's clusterers renumber their
labels as they recluster, so ids are kept here: a number is given once and
never again.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from models.engine import kernel
from models.engine.kernel import JOURNEY, MASS, N_COLUMNS, SQUARE, STEP, TOUCHED, WEIGHT
from models.engine.params import EngineParams
from models.vectors import Doubles, Levels, Vector

_FIRST_ROWS: Final = 8  # most users have fewer clusters; the arrays double when they have more
LEAST_WEIGHT: Final = 1e-200  # below it, a weight that has faded might have no digits left


class Clusters:
    """A user's clusters, a row each: mean vector, mass, weight, when it was active last.

    Every activity has a mass of 1, whatever its weight. The model takes masses for counts: by how
    many activities a mean is known, how far those of one interest scatter. Were they weighed, the
    unit that a producer chose for its weights would decide how fine the user's interests are. So a
    weight moves no mean and opens no cluster. It says how much an activity counts against the
    user's others, and that is what `strength` says of the clusters, in units of the user's own mean
    weight.

    Means lie on a grid of 8 bits a part (`grid.py`). What is stored is thus what is computed with,
    and a worker that restarts goes on bit for bit as if it had not.

    Attributes:
        dimensions: Of the vectors.
        size: Rows in use.
        mass: Number of activities of each row, decayed to `touched`.
        weight: Sum of their weights, decayed likewise.
        touched: Event time of each row's latest activity, epoch ms.
    """

    __slots__ = ("_columns", "_levels", "_table", "dimensions", "mass", "size", "touched", "weight")

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.size = 0
        self._levels = np.zeros((_FIRST_ROWS, dimensions), np.int16)
        self._table = np.zeros((_FIRST_ROWS, _FIRST_ROWS), np.int32)
        self._name(np.zeros((N_COLUMNS, _FIRST_ROWS)))

    def _name(self, columns: Doubles) -> None:
        self._columns = columns
        self.mass, self.weight, self.touched = columns[MASS], columns[WEIGHT], columns[TOUCHED]

    def nearest(
        self, params: EngineParams, vector: Vector, moment: int
    ) -> tuple[int, float, float]:
        """Row, score (above 0: it belongs there) and cosine of the likeliest cluster.

        Args:
            params: The model's scale.
            vector: Unit vector, shape (dimensions,).
            moment: Its time, epoch ms.
        """
        nearest: tuple[int, float, float] = kernel.nearest(
            params.kernel,
            self._levels,
            self._table,
            self._columns,
            self.size,
            vector,
            float(moment),
        )
        return nearest

    def take(
        self, params: EngineParams, vector: Vector, moment: int, weight: float
    ) -> tuple[int, float, float]:
        """Put an activity to the likeliest cluster, if it belongs there: as `nearest`, and learned.

        Args:
            params: The model's scale and how activities fade.
            vector: Unit vector, shape (dimensions,).
            moment: Its time, epoch ms; it may lie before the row's own.
            weight: See above.
        """
        taken: tuple[int, float, float] = kernel.take(
            params.kernel,
            self._levels,
            self._table,
            self._columns,
            self.size,
            vector,
            max(weight, LEAST_WEIGHT),
            float(moment),
            float(params.half_life_ms),
        )
        return taken

    def absorb(self, kept: int, gone: int, half_life: float) -> None:
        """Put all the activities of a row to another; the row stays until it is removed."""
        kernel.absorb(
            self._levels, self._table, self._columns, self.size, kept, gone, float(half_life)
        )

    def most_alike(self, params: EngineParams, row: int) -> tuple[int, float]:
        """The other row that is likeliest the same interest as `row`, and the score of that."""
        other: tuple[int, float] = kernel.most_alike(
            params.kernel, self._table, self._columns, self.size, row
        )
        return other

    def standing(self, row: int, half_life: float) -> tuple[float, int]:
        """How strong a journey's row is, and its place among them by strength and diversity."""
        standing: tuple[float, int] = kernel.standing(
            self._table, self._columns, self.size, row, float(half_life)
        )
        return standing

    def append(self, mean: Vector, mass: float, moment: float, weight: float | None = None) -> int:
        """Open a row and return its number.

        Args:
            mean: Mean of the activities' unit vectors, shape (dimensions,).
            mass: How many they are, decayed to `moment`.
            moment: Their time, epoch ms.
            weight: Sum of their weights, decayed likewise; None: as the mass.
        """
        row = self._add()
        weight = mass if weight is None else max(weight, LEAST_WEIGHT)
        kernel.open_row(
            self._levels,
            self._table,
            self._columns,
            self.size,
            mean,
            float(mass),
            float(weight),
            float(moment),
        )
        return row

    def restore(
        self,
        levels: Levels,
        steps: Doubles,
        masses: ArrayLike,
        moments: ArrayLike,
        weights: ArrayLike,
    ) -> None:
        """Open rows as they were.

        Args:
            levels: Of their means, shape (rows, dimensions).
            steps: What their levels count, shape (rows,).
            masses: What stood in their columns, shape (rows,), and so the others.
            moments: When each was active last, epoch ms.
            weights: See above.
        """
        first = self.size
        self._make_room(first + len(levels))
        self.size += len(levels)
        rows = slice(first, self.size)
        self._levels[rows] = levels
        self._columns[:, rows] = 0.0
        self._columns[STEP, rows] = steps
        self.mass[rows], self.weight[rows], self.touched[rows] = masses, weights, moments
        kernel.restore(self._levels, self._table, self._columns, first, self.size)

    def _add(self) -> int:
        self._make_room(self.size + 1)
        self.size += 1
        return self.size - 1

    def _make_room(self, wanted: int) -> None:
        room = self._columns.shape[1]
        if wanted <= room:
            return
        while room < wanted:
            room *= 2
        size, levels, table, columns = self.size, self._levels, self._table, self._columns
        self._levels = np.zeros((room, self.dimensions), np.int16)
        self._levels[:size] = levels[:size]
        self._table = np.zeros((room, room), np.int32)
        self._table[:size, :size] = table[:size, :size]
        self._name(np.zeros((N_COLUMNS, room)))
        self._columns[:, :size] = columns[:, :size]

    def promote(self, row: int) -> None:
        """Say that a row is a journey."""
        self._columns[JOURNEY, row] = 1.0

    def remove(self, row: int) -> None:
        """Take a row out; the rows behind it move up by one."""
        last = self.size - 1
        self._levels[row:last] = self._levels[row + 1 : self.size]
        self._columns[:, row:last] = self._columns[:, row + 1 : self.size]
        self._table[row:last] = self._table[row + 1 : self.size]
        self._table[:, row:last] = self._table[:, row + 1 : self.size]
        self.size = last

    @property
    def levels(self) -> Levels:
        """The means as whole numbers up to 127, each in a step of its own, a row each."""
        return self._levels[: self.size]

    @property
    def steps(self) -> Doubles:
        """What the levels of each mean count, shape (rows,)."""
        return self._columns[STEP, : self.size]

    def step(self, row: int) -> float:
        """What the levels of a row's mean count, a power of two."""
        return float(self._columns[STEP, row])

    def mean(self, row: int) -> Vector:
        """A row's mean, shape (dimensions,)."""
        mean: Vector = self._levels[row] * np.float32(self._columns[STEP, row])
        return mean

    def square(self, row: int) -> float:
        """Squared norm of a row's mean."""
        return float(self._columns[SQUARE, row])

    def direction(self, row: int) -> Vector:
        """A row's mean as a unit vector, shape (dimensions,)."""
        unit: Vector = self.mean(row) / np.float32(math.sqrt(self.square(row)) or 1.0)
        return unit
