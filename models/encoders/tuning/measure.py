"""How well a space tells titles apart, by labels or by classes that are guessed."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.cluster.vq import kmeans2

from models.encoders.tuning.space import unit
from models.vectors import Vectors

PAIRS: Final = 20_000
GUESSED: Final = 25.0  # titles of a class that is guessed


def told_apart(vectors: Vectors, labels: Sequence[str]) -> float:
    """Chance that two titles of one class are more alike than two of different ones.

    Args:
        vectors: Unit rows, shape (n, d).
        labels: Their classes, of at least two.
    """
    random = np.random.default_rng(0)
    of = np.unique(np.asarray(labels), return_inverse=True)[1]
    members = [np.flatnonzero(of == one) for one in range(int(of.max()) + 1)]
    drawn = [own for one in random.integers(0, len(of), PAIRS) if len(own := members[of[one]]) > 1]
    first, second = np.array([random.choice(own, 2, replace=False) for own in drawn]).T
    left, right = random.integers(0, len(of), (2, PAIRS))
    apart = of[left] != of[right]
    alike = (vectors[first] * vectors[second]).sum(1)
    others = np.sort((vectors[left[apart]] * vectors[right[apart]]).sum(1))
    return float(np.searchsorted(others, alike).mean() / len(others))


def guessed(vectors: Vectors) -> list[str]:
    """Classes that stand in for labels: k-means of what is left without the common mean.

    They go by the encoder as it is, so what they say of a map is said rather in favour of none.

    Args:
        vectors: Unit rows of the encoder as it is, shape (n, d).
    """
    number = max(2, int(len(vectors) / GUESSED))
    centred = unit(vectors - vectors.mean(0)).astype(np.float64)
    return [str(one) for one in kmeans2(centred, number, minit="++", rng=0)[1]]
