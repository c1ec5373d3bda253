"""What turns an encoder's vectors into a space in which interests lie apart.

Vectors of a general encoder share most of their length, so that everything is near to everything.
Centring takes out what all have in common; whitening makes directions equal in which members of
one class differ; what is kept are directions in which classes differ (linear discriminants).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from models.vectors import Doubles, Floats, Vectors

SHRINK: Final = 0.1  # share of the mean variance in each covariance: few titles say it roughly
DIMENSIONS: Final = 256  # kept of the map's output
SHRINK_TOTAL: Final = 0.5


class Space(NamedTuple):
    """An affine map of unit vectors; what comes out is scaled to unit length again.

    Attributes:
        mean: Taken off first, shape (inputs,).
        directions: Multiplied with what is left, shape (inputs, outputs).
    """

    mean: Floats
    directions: Floats

    def apply(self, vectors: Vectors) -> Vectors:
        """Unit rows in this space, shape (n, outputs)."""
        mapped = (vectors - self.mean) @ self.directions
        return unit(mapped.astype(np.float32))


def unit(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1."""
    rows: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return rows


def between_classes(
    vectors: Vectors, labels: Sequence[str], dimensions: int = DIMENSIONS, shrink: float = SHRINK
) -> Space:
    """The space in which classes lie apart: centring, whitening within classes, best directions.

    Args:
        vectors: Unit rows, shape (n, inputs).
        labels: The class of each row, of at least two classes.
        dimensions: Most directions kept; never more than the inputs.
        shrink: Share of the mean variance in the covariance within classes.
    """
    names, of = np.unique(np.asarray(labels), return_inverse=True)
    mean = vectors.mean(0, dtype=np.float64)
    centred = vectors - mean
    counts = np.bincount(of).astype(np.float64)
    means = np.zeros((len(names), vectors.shape[1]))
    np.add.at(means, of, centred)
    means /= counts[:, None]
    whitening = _whitening(centred - means[of], shrink)
    weighted = (means @ whitening) * np.sqrt(counts / counts.sum())[:, None]
    directions = np.linalg.eigh(weighted.T @ weighted)[1][:, ::-1][:, :dimensions]
    return Space(mean.astype(np.float32), (whitening @ directions).astype(np.float32))


def whitened(vectors: Vectors, shrink: float = SHRINK_TOTAL) -> Space:
    """The space for titles without labels: centring, whitening of all that varies.

    Args:
        vectors: Unit rows, shape (n, inputs).
        shrink: Share of the mean variance in the covariance. It is larger than within classes:
            much of what varies is what interests differ in.
    """
    mean = vectors.mean(0, dtype=np.float64)
    whitening = _whitening(vectors - mean, shrink)
    return Space(mean.astype(np.float32), whitening.astype(np.float32))


def _whitening(deviations: Doubles, shrink: float) -> Doubles:
    """The matrix after which these deviations vary alike in all directions, shape (d, d)."""
    covariance = deviations.T @ deviations / len(deviations)
    size = len(covariance)
    covariance = (1 - shrink) * covariance + shrink * np.trace(covariance) / size * np.eye(size)
    values, axes = np.linalg.eigh(covariance)
    whitening: Doubles = axes / np.sqrt(values)
    return whitening
