"""The engine's clustering as one of River's estimators.

For pipelines, comparison and River's own checks; no service loads it, and so none loads River.
"""

import math
from typing import Any, Final

import numpy as np
from river import base

from models.engine.clusters import Clusters
from models.engine.params import EngineParams
from models.vectors import Vector

NO_CLUSTER: Final = -1


class JourneyClusterer(base.Clusterer):
    """The engine's clustering as a River estimator, for pipelines, comparison and checks.

    Labels are stable: a cluster keeps its number for life and no number is given twice. Before
    anything was learned, `predict_one` says `NO_CLUSTER` (−1). An example is one step of time.

    Args:
        params: The engine's parameters; None for the defaults.

    Examples:
        >>> clusterer = JourneyClusterer()
        >>> clusterer.predict_one({"jazz": 1.0})
        -1
        >>> for x in ({"jazz": 1.0}, {"jazz": 1.0, "live": 0.4}, {"bread": 1.0}):
        ...     clusterer.learn_one(x)
        >>> clusterer.predict_one({"jazz": 0.9}), clusterer.predict_one({"bread": 1.0})
        (1, 2)
    """

    def __init__(self, params: EngineParams | None = None) -> None:
        self.params = params
        self._using = params or EngineParams()
        self._columns: dict[Any, int] = {}
        self._clusters = Clusters(0)
        self._numbers: list[int] = []
        self._given = 0

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Put `x` to its cluster, or open one for it."""
        vector = self._vector(x, learn=True)
        clusters, params = self._clusters, self._using
        if self._numbers:
            _, score, _ = clusters.take(params, vector, 0, 1.0)
            if score > 0.0:
                return
            if clusters.size >= params.max_clusters:
                weakest = int(clusters.mass[: clusters.size].argmin())
                clusters.remove(weakest)
                del self._numbers[weakest]
        self._given += 1
        clusters.append(vector, 1.0, 0)
        self._numbers.append(self._given)

    def predict_one(self, x: dict[Any, Any]) -> int:
        """Number of the likeliest cluster, or `NO_CLUSTER` before anything was learned."""
        if not self._numbers:
            return NO_CLUSTER
        row, _, _ = self._clusters.nearest(self._using, self._vector(x, learn=False), 0)
        return self._numbers[row]

    def _vector(self, x: dict[Any, Any], *, learn: bool) -> Vector:
        """Features as a unit vector; unknown ones get a column when learning."""
        if learn and not x.keys() <= self._columns.keys():
            for name in x:
                self._columns.setdefault(name, len(self._columns))
            known, wider = self._clusters, Clusters(len(self._columns))
            rows = slice(known.size)
            wider.restore(
                np.pad(known.levels, ((0, 0), (0, wider.dimensions - known.dimensions))),
                known.steps,
                known.mass[rows],
                known.touched[rows],
                known.weight[rows],
            )
            self._clusters = wider
        vector = np.zeros(len(self._columns), np.float32)
        for name, value in x.items():
            if name in self._columns:
                vector[self._columns[name]] = float(value)
        norm = float(np.linalg.norm(vector))
        return vector / np.float32(norm) if 0.0 < norm < math.inf else np.zeros_like(vector)
