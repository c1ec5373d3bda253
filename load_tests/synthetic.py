"""Activities with vectors made by hand: any number of interests, of users, of either."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.engine.params import DAY_MS
from models.records import Activity

START_MS = 19_600 * DAY_MS
WEEKLY = 5  # activities of one interest in a week, as of somebody who cares
NEARNESS = 0.75  # cosine of a title to the centre of its interest; of two titles, its square
WORDS = 40  # per interest; a title has four of them


class Titles(NamedTuple):
    """Titles of some interests, with their vectors.

    Attributes:
        titles: Text.
        vectors: Unit rows, float32, shape (titles, dimensions).
    """

    titles: list[str]
    vectors: NDArray[np.float32]


def titles(interests: int, count: int, dimensions: int, seed: int = 7) -> Titles:
    """Titles spread evenly over interests, in random order."""
    random = np.random.default_rng(seed)
    centres = _unit(random.standard_normal((interests, dimensions)))
    about = random.permutation(np.arange(count) % interests)
    noise = _unit(random.standard_normal((count, dimensions)))
    vectors = _unit(NEARNESS * centres[about] + (1 - NEARNESS**2) ** 0.5 * noise)
    words = random.integers(WORDS, size=(count, 4))
    texts = [
        " ".join(f"word{interest}x{word}" for word in row)
        for interest, row in zip(about.tolist(), words.tolist(), strict=True)
    ]
    return Titles(texts, vectors.astype(np.float32))


def step_ms(interests: int) -> int:
    """Time between two activities of a user with so many interests."""
    return 7 * DAY_MS // (WEEKLY * interests)


def life(user_id: str, known: Titles, step: int, first: int = 0) -> Iterator[tuple[Activity, int]]:
    """One user's activities without end, `step` ms apart, each with the row of its vector."""
    number, count = first, len(known.titles)
    while True:
        row = number % count
        yield (
            Activity(f"e{number}", user_id, f"i{row}", known.titles[row], START_MS + number * step),
            row,
        )
        number += 1


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    unit: NDArray[np.float64] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
