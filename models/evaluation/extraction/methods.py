"""The methods that are compared, each with the choices it is given.

A baseline's threshold, radius or number of clusters is the one that is best on the very people it
is judged on: no method in use could know it. The engine runs with its defaults.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from models.datasets.people import Person
from models.engine.params import EngineParams
from models.evaluation.extraction import baselines, engine, river_clusterers
from models.evaluation.extraction.judge import Found, by_rule

Tick: TypeAlias = Callable[[int], None]  # given how many activities are done
Find: TypeAlias = Callable[[Sequence[Person], float, EngineParams, Tick], list[Found]]


@dataclass(frozen=True)
class Method:
    """A way to find journeys.

    Attributes:
        name: As the table says it.
        kind: one pass, batch, global (not personalised), or ceiling.
        find: What it finds in each person at a choice.
        choices: Thresholds, radii or numbers of clusters to choose from.
        slow: It gets few people.
    """

    name: str
    kind: str
    find: Find
    choices: Sequence[float] = (0.0,)
    slow: bool = False


def _engine(
    people: Sequence[Person], _choice: float, params: EngineParams, tick: Tick
) -> list[Found]:
    findings = []
    for person in people:
        findings.append(engine.run(person, params))
        tick(len(person.activities))
    return findings


def _each(cluster: Callable[[Person, float], list[int]]) -> Find:
    """A method that clusters one person after the other."""

    def find(
        people: Sequence[Person], choice: float, params: EngineParams, tick: Tick
    ) -> list[Found]:
        findings = []
        for person in people:
            findings.append(by_rule(person, cluster(person, choice), params))
            tick(len(person.activities))
        return findings

    return find


def _together(cluster: Callable[[Sequence[Person], float], list[list[int]]]) -> Find:
    """A method that clusters everybody's activities at once."""

    def find(
        people: Sequence[Person], choice: float, params: EngineParams, tick: Tick
    ) -> list[Found]:
        clusters = cluster(people, choice)
        tick(sum(map(len, clusters)))
        return [by_rule(person, own, params) for person, own in zip(people, clusters, strict=True)]

    return find


def _steps(first: float, last: float, step: float) -> list[float]:
    return [round(float(choice), 2) for choice in np.arange(first, last + step / 2, step)]


_RADII: Final = (0.8, 0.95, 1.1, 1.25)  # as cosines .68, .55, .40 and .22
_SIZES: Final = (25, 50, 100, 200, 400)

ENGINE: Final = Method("engine", "one pass", _engine)
COOCCURRENCE: Final = Method(
    "co-occurrence", "global", _together(baselines.cooccurrence_clusters), _SIZES
)
METHODS: Final = (
    ENGINE,
    Method("leader", "one pass", _each(baselines.leader), _steps(0.1, 0.7, 0.05)),
    Method("DBSTREAM", "one pass", _each(river_clusterers.dbstream), _RADII),
    Method("DenStream", "one pass", _each(river_clusterers.denstream), _RADII),
    Method("TextClust", "one pass", _each(river_clusterers.textclust), (0.8, 0.9, 0.95), slow=True),
    Method("average link", "batch", _each(baselines.average_link), _steps(0.3, 0.9, 0.05)),
    Method("Ward", "batch", _each(baselines.ward), _steps(0.8, 4.0, 0.2)),
    Method("k-means of all", "global", _together(baselines.content_clusters), _SIZES),
    COOCCURRENCE,
    Method("true centroids", "ceiling", _each(baselines.true_centroids)),
)
