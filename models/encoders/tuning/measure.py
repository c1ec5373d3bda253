"""How well a space tells titles apart, without labels and, where there are some, with them."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from models.vectors import Vectors

LEAST_WORDS: Final = 4  # of a title that is cut in two
MOST_TITLES: Final = 2_000  # that are looked at: all pairs of them are compared
MOST_PAIRS: Final = 200_000


def halves(titles: Sequence[str]) -> tuple[list[str], list[str]]:
    """Titles of enough words cut in two: every other word, and the rest."""
    words = [parts for title in titles if len(parts := title.split()) >= LEAST_WORDS]
    return (
        [" ".join(parts[0::2]) for parts in words[:MOST_TITLES]],
        [" ".join(parts[1::2]) for parts in words[:MOST_TITLES]],
    )


def found(first: Vectors, second: Vectors) -> float:
    """How high a half ranks its own other half among all others: mean reciprocal rank, 0 to 1.

    Args:
        first: Unit rows of the one halves, shape (n, d).
        second: Of the other ones, in the same order.
    """
    cosines = first @ second.T
    own = cosines.diagonal()[:, None]
    return float((1.0 / (cosines >= own).sum(1)).mean())


def told_apart(vectors: Vectors, labels: Sequence[str]) -> float:
    """Chance that two titles of one class are more alike than two of different ones, 0.5 to 1.

    Args:
        vectors: Unit rows, shape (n, d).
        labels: Their classes.
    """
    random = np.random.default_rng(0)
    of = np.unique(np.asarray(labels), return_inverse=True)[1]
    left, right = random.integers(0, len(of), (2, MOST_PAIRS))
    members = [np.flatnonzero(of == one) for one in range(int(of.max()) + 1)]
    drawn = [members[one] for one in of[random.integers(0, len(of), MOST_PAIRS // 10)]]
    pairs = [random.choice(one, 2, replace=False) for one in drawn if len(one) > 1]
    if not pairs:
        return 0.5
    first, second = np.array(pairs).T
    alike = (vectors[first] * vectors[second]).sum(1)
    apart = of[left] != of[right]
    others = np.sort((vectors[left[apart]] * vectors[right[apart]]).sum(1))
    return float(np.searchsorted(others, alike).mean() / max(len(others), 1))
