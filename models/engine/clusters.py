"""One user's clusters in numbers, with stable ids: one pass, one look at each vector.

Each vector is put to the cluster that it most likely belongs to, or opens one (`kernel.py` has the
model); clusters that turn out to be one interest are merged. River's clusterers renumber their
labels as they recluster, so ids are kept here: a number is given once and
never again.
"""

import math
from typing import Final

import numpy as np

from models.engine import kernel
from models.engine.params import EngineParams
from models.vectors import Doubles, Vector

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

    After every update the means lie on a grid of 8 bits a part. What is stored is thus what is
    computed with, and a worker that restarts goes on bit for bit as if it had not.

    Attributes:
        dimensions: Of the vectors.
        size: Rows in use.
        mass: Number of activities of each row, decayed to `touched`.
        weight: Sum of their weights, decayed likewise.
        touched: Event time of each row's latest activity, epoch ms.
    """

    __slots__ = ("_square", "dimensions", "mass", "means", "size", "touched", "weight")

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.size = 0
        self.means = np.zeros((_FIRST_ROWS, dimensions), np.float32)
        self.mass = np.zeros(_FIRST_ROWS)
        self.weight = np.zeros(_FIRST_ROWS)
        self.touched = np.zeros(_FIRST_ROWS)
        self._square = np.zeros(_FIRST_ROWS)

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
            self.means,
            self.mass,
            self._square,
            self.touched,
            self.size,
            vector,
            float(moment),
        )
        return nearest

    def most_alike(self, params: EngineParams, row: int) -> tuple[int, float]:
        """The other row that is likeliest the same interest as `row`, and the score of that."""
        other: tuple[int, float] = kernel.most_alike(
            params.kernel, self.means, self.mass, self._square, self.size, row
        )
        return other

    def strength(self, moment: float, half_life: float) -> Doubles:
        """Activities of each row at a moment, each as many as its weight is mean weights.

        In a user whose weights are all the same, it is the faded mass. The digits that differ by
        the unit of the weights are rounded away.

        Args:
            moment: Epoch ms.
            half_life: After it, an activity counts half, ms.

        Returns:
            Shape (size,).
        """
        silent = np.maximum(0.0, moment - self.touched[: self.size])
        fading = 0.5 ** (silent / half_life)
        mass, weight = self.mass[: self.size] * fading, self.weight[: self.size] * fading
        strength: Doubles = (weight * (mass.sum() / weight.sum())).astype(np.float32)
        return strength.astype(np.float64)

    def rank(self, strength: Doubles, rows: list[int], row: int) -> int:
        """Place of `row` among `rows` by strength and diversity; the first is 1."""
        place: int = kernel.rank(
            self.means[rows], self._square[rows], strength[rows], rows.index(row)
        )
        return place

    def append(self, mean: Vector, mass: float, moment: float, weight: float | None = None) -> int:
        """Open a row and return its number; the weight is the mass where none is given."""
        if self.size == len(self.mass):
            self.means = np.concatenate([self.means, np.zeros_like(self.means)])
            self.mass = np.concatenate([self.mass, np.zeros_like(self.mass)])
            self.weight = np.concatenate([self.weight, np.zeros_like(self.weight)])
            self.touched = np.concatenate([self.touched, np.zeros_like(self.touched)])
            self._square = np.concatenate([self._square, np.zeros_like(self._square)])
        row = self.size
        self.size += 1
        self.means[row] = 0.0
        kernel.learn(self.means, self._square, row, mean, 1.0, mass)
        self.mass[row] = mass
        self.weight[row] = mass if weight is None else max(weight, LEAST_WEIGHT)
        self.touched[row] = moment
        return row

    def learn(
        self,
        row: int,
        mean: Vector,
        mass: float,
        moment: float,
        half_life: float,
        weight: float | None = None,
    ) -> None:
        """Put `mass` activities with a mean vector into a row; what is older counts less.

        Args:
            row: Which cluster.
            mean: Mean of the unit vectors, shape (dimensions,).
            mass: How many activities, decayed to `moment`.
            moment: Their time, epoch ms; it may lie before the row's own.
            half_life: After it, an activity counts half, ms.
            weight: Sum of their weights, decayed likewise; None: as the mass.
        """
        weight = mass if weight is None else max(weight, LEAST_WEIGHT)
        apart = moment - self.touched[row]
        if apart >= 0:
            fading = 0.5 ** (apart / half_life)
            self.mass[row] *= fading
            self.weight[row] *= fading
            self.touched[row] = moment
        else:
            fading = 0.5 ** (-apart / half_life)
            mass *= fading
            weight *= fading
        self.mass[row] += mass
        self.weight[row] += weight
        total = float(self.mass[row])
        kernel.learn(self.means, self._square, row, mean, mass / total, total)

    def remove(self, row: int) -> None:
        """Take a row out; the rows behind it move up by one."""
        for column in (self.means, self.mass, self.weight, self.touched, self._square):
            column[row : self.size - 1] = column[row + 1 : self.size]
        self.size -= 1

    def direction(self, row: int) -> Vector:
        """A row's mean as a unit vector, shape (dimensions,)."""
        unit: Vector = self.means[row] / np.float32(math.sqrt(self._square[row]) or 1.0)
        return unit
