"""One user's clusters as unit centroids: a one-pass leader with stable ids.

The leader (Hartigan 1975, Clustering Algorithms, chapter 3) puts each vector to its nearest
centroid when it is near enough, else opens a cluster: one matrix–vector product an activity.
River's clusterers renumber their labels as they recluster (STYLE.md, section 1), so ids are kept
here: a number is given once and never again.
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from river import base

Vector = NDArray[np.float32]

NO_CLUSTER: Final = -1
_FIRST_ROWS: Final = 8  # most users have fewer clusters; the matrix doubles when they have more


class Centroids:
    """The centroids of one user's clusters, a row each.

    A centroid is a unit vector whose parts are exactly representable in float16 after every
    update. What is stored (2 bytes a part) is thus what is computed with, and a worker that
    restarts goes on bit for bit as if it had not.
    """

    __slots__ = ("_matrix", "dimensions", "size")

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.size = 0
        self._matrix = np.zeros((_FIRST_ROWS, dimensions), np.float32)

    def __getitem__(self, row: int) -> Vector:
        centroid: Vector = self._matrix[row]
        return centroid

    def similarities(self, vector: Vector) -> Vector:
        """Cosine of `vector`, shape (dimensions,), to every centroid: shape (size,)."""
        found: Vector = self._matrix[: self.size] @ vector
        return found

    def append(self, vector: Vector) -> int:
        """Open a row at `vector` and return its number."""
        if self.size == len(self._matrix):
            self._matrix = np.concatenate([self._matrix, np.zeros_like(self._matrix)])
        self.size += 1
        self._matrix[self.size - 1] = vector.astype(np.float16)
        return self.size - 1

    def pull(self, row: int, vector: Vector, share: float) -> None:
        """Move a centroid towards `vector`: `share` of the new one, 1 − share of the old."""
        moved = self._matrix[row] * np.float32(1.0 - share) + vector * np.float32(share)
        norm = math.sqrt(float(moved @ moved))
        if norm > 0.0:  # opposite vectors of equal weight cancel out: stay
            self._matrix[row] = (moved / np.float32(norm)).astype(np.float16)

    def remove(self, row: int) -> None:
        """Take a row out; the rows behind it move up by one."""
        self._matrix[row : self.size - 1] = self._matrix[row + 1 : self.size]
        self.size -= 1


class JourneyClusterer(base.Clusterer):
    """The engine's clustering as a River estimator, for pipelines, comparison and checks.

    Labels are stable: a cluster keeps its number for life and no number is given twice.
    Before anything was learned, `predict_one` says `NO_CLUSTER` (−1).

    Args:
        threshold: Least cosine at which a vector joins a cluster.
        max_clusters: Clusters kept; beyond it the one with the least mass goes.

    Examples:
        >>> clusterer = JourneyClusterer(threshold=0.5)
        >>> clusterer.predict_one({"jazz": 1.0})
        -1
        >>> for x in ({"jazz": 1.0}, {"jazz": 1.0, "live": 0.4}, {"bread": 1.0}):
        ...     clusterer.learn_one(x)
        >>> clusterer.predict_one({"jazz": 0.9}), clusterer.predict_one({"bread": 1.0})
        (1, 2)
    """

    def __init__(self, threshold: float = 0.4, max_clusters: int = 64) -> None:
        self.threshold = threshold
        self.max_clusters = max_clusters
        self._columns: dict[Any, int] = {}
        self._centroids = Centroids(0)
        self._numbers: list[int] = []
        self._masses: list[float] = []
        self._given = 0

    def _vector(self, x: dict[Any, Any], *, learn: bool) -> Vector:
        """Features as a unit vector; unknown ones get a column when learning."""
        if learn and not x.keys() <= self._columns.keys():
            for name in x:
                self._columns.setdefault(name, len(self._columns))
            wider = Centroids(len(self._columns))
            for row in range(self._centroids.size):
                padding = wider.dimensions - self._centroids.dimensions
                wider.append(np.pad(self._centroids[row], (0, padding)))
            self._centroids = wider
        vector = np.zeros(len(self._columns), np.float32)
        for name, value in x.items():
            if name in self._columns:
                vector[self._columns[name]] = float(value)
        norm = float(np.linalg.norm(vector))
        return vector / np.float32(norm) if 0.0 < norm < math.inf else np.zeros_like(vector)

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Put `x` to its nearest cluster, or open one for it."""
        vector = self._vector(x, learn=True)
        if self._numbers:
            similarities = self._centroids.similarities(vector)
            row = int(similarities.argmax())
            if similarities[row] >= self.threshold:
                self._masses[row] += 1.0
                self._centroids.pull(row, vector, 1.0 / self._masses[row])
                return
            if len(self._numbers) >= self.max_clusters:
                weakest = self._masses.index(min(self._masses))
                self._centroids.remove(weakest)
                del self._numbers[weakest], self._masses[weakest]
        self._given += 1
        self._centroids.append(vector)
        self._numbers.append(self._given)
        self._masses.append(1.0)

    def predict_one(self, x: dict[Any, Any]) -> int:
        """Number of the nearest cluster, or `NO_CLUSTER` before anything was learned."""
        if not self._numbers:
            return NO_CLUSTER
        vector = self._vector(x, learn=False)
        return self._numbers[int(self._centroids.similarities(vector).argmax())]
