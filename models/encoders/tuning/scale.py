"""The engine's parameters for a space: what finds the journeys of people on titles held out.

People are invented on titles whose classes are known and of which the map has seen none; the scale
is what does best on them, found by trying changes of a few parameters at a time.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final

import numpy as np

from models.datasets import invented
from models.datasets.people import Life, Person
from models.engine.params import DAY_MS, SCALE, EngineParams, Scale
from models.evaluation.extraction import engine
from models.evaluation.extraction.judge import Score, score
from models.vectors import Vectors

LEAST_CLASSES: Final = 12  # to invent people on
# Over which a class's titles are spread, so that some of it are journeys.
LEAST_DAYS, MOST_DAYS, DAYS_A_TITLE = 120, 780, 3

# How far one try moves a parameter, as a factor's standard deviation.
_STEPS: Final = {
    "between": 0.15,
    "usual": 0.05,
    "gain": 0.3,
    "dimensions": 0.25,
    "spread": 0.4,
    "match": 0.3,
    "merge": 0.3,
    "eager": 0.3,
    "choices": 0.4,
    "crowd": 0.3,
    "recency": 0.3,
    "shrink": 0.5,
    "trust": 0.5,
}
COOLING: Final = 0.7  # how much smaller the changes are in the end
_MOST_TRUST: Final = 500.0  # activities: more would deafen the engine to what a user is like

Tick = Callable[[int, float], None]  # given the tries done and the best value so far


def lives(titles: Mapping[str, Sequence[str]], number: int, seed: str) -> dict[str, Life]:
    """People who live on classes of titles, at invented times.

    Args:
        titles: By class.
        number: Of people.
        seed: Another one gives other people.
    """
    random = Random(seed)

    def at(titles: int) -> int:
        days = min(MOST_DAYS, max(LEAST_DAYS, DAYS_A_TITLE * titles))
        return invented.START_MS + random.randrange(days * DAY_MS)

    posts = {label: sorted((at(len(own)), title) for title in own) for label, own in titles.items()}
    return invented.lives(random, posts, [list(posts)], number)


def value(found: Score) -> float:
    """What is made as large as can be: journeys found, clusters pure, and soon."""
    return found.f1 + 0.3 * found.v_measure - 0.012 * (found.delay or 0.0)


def judge(people: Sequence[Person], scale: Scale) -> Score:
    """How well the engine finds the journeys of people by this scale."""
    params = EngineParams(scale=scale)
    return score(people, [engine.run(person, params) for person in people], params)


def within(vectors: Vectors, labels: Sequence[str]) -> float:
    """Mean cosine of two titles of one class."""
    of = np.unique(np.asarray(labels), return_inverse=True)[1]
    counts = np.bincount(of)
    sums = np.zeros((len(counts), vectors.shape[1]))
    np.add.at(sums, of, vectors)
    several = counts > 1
    pairs = counts[several] * (counts[several] - 1)
    return float((((sums[several] ** 2).sum(1) - counts[several]) / pairs).mean())


def start(vectors: Vectors, labels: Sequence[str]) -> Scale:
    """The scale that goes by how alike titles of one class are; the rest as it is elsewhere."""
    return SCALE._replace(between=min(0.6, max(0.05, within(vectors, labels))))


def fit(people: Sequence[Person], first: Scale, tries: int, tick: Tick) -> tuple[Scale, Score]:
    """Try changes of a scale, and keep what does better.

    Args:
        people: On whom.
        first: Where to begin.
        tries: How many changes.
        tick: Told of the progress.

    Returns:
        The best scale, and what it finds in these people.
    """
    random = Random(3)
    best, found = first, judge(people, first)
    for done in range(tries):
        tick(done, value(found))
        width = 1.0 - COOLING * done / tries
        names = random.sample(sorted(_STEPS), random.choice([1, 2, 3]))
        changed = {
            name: round(getattr(best, name) * math.exp(random.gauss(0, width * _STEPS[name])), 3)
            for name in names
        }
        if changed.get("usual", 0.5) > 0.97 or changed.get("trust", 0.0) > _MOST_TRUST:
            continue
        candidate = best._replace(**changed)
        judged = judge(people, candidate)
        if value(judged) > value(found):
            best, found = candidate, judged
    tick(tries, value(found))
    return best, found
