"""Themes: the few subjects that a user's journeys are under, two levels in all.

A journey is given a theme when it starts, that of the nearest journeys if they are near enough,
else a new one, and keeps it. Only a shift, after which it is about something else, can move it.
A theme is known by its number, which is given once per user and never again; nothing else is stored
of it but what its journeys hold. It has a name as long as there are two journeys to tell of.

A theme must not tell what a sensitive journey is about, whatever is withheld now and later: such
journeys lend it no words, by any policy (models/engine/publishable.py hides which theme is theirs).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Final, TypeAlias

import numpy as np

from models.engine.exemplars import SHOWN
from models.engine.users import Cluster, Journey, UserState
from models.guard.injection import talks_to_a_model
from models.guard.policy import DEFAULT
from models.text.keyword_name import keyword_name
from models.text.keywords import Counts, salient
from models.text.phrases import Counted
from models.vectors import Doubles

Member: TypeAlias = tuple[Cluster, Journey]

# Cosine of a journey's mean to that of a theme's activities from which it is under it. Chosen on
# the even half of reddit_users and of invented people: see models/evaluation/README.md.
NEAR: Final = 0.16
LEAST_LENGTH: Final = 1e-9  # of a sum of vectors that cancel each other out
MOST_TITLES: Final = 20  # that a theme is named from: more take longer and tell no more
SEVERAL: Final = 2  # journeys that a theme's name tells of; one is told by its own


def settle(user: UserState, cluster: Cluster, journey: Journey) -> None:
    """Put a journey under a theme that has started, or left its own by being about something else.

    Journeys of state that was written before there were themes are given theirs first.
    """
    for known, older in user.journeys():
        if not older.theme:
            _put(user, known, older, _nearness(user, known))
    near = _nearness(user, cluster)
    strayed = near.get(journey.theme, -1.0) < NEAR
    if strayed and (journey.theme in near or max(near.values(), default=-1.0) >= NEAR):
        _put(user, cluster, journey, near)


def name_themes(user: UserState, numbers: Iterable[int]) -> list[Member]:
    """Name themes anew whose journeys have changed.

    Returns:
        The journeys whose theme goes by another name than before.
    """
    renamed = []
    for number in numbers:
        members = user.theme(number)
        name = _name(user, members)
        for cluster, journey in members:
            if journey.theme_name != name:
                journey.theme_name = name
                user.dirty.add(cluster.number)
                renamed.append((cluster, journey))
    return renamed


def _put(user: UserState, cluster: Cluster, journey: Journey, near: Mapping[int, float]) -> None:
    """Put a journey under the nearest theme of the others, or a new one."""
    nearest = max(near, key=near.__getitem__, default=0)
    if near.get(nearest, -1.0) < NEAR:
        user.themes += 1
        nearest = user.themes
    journey.theme = nearest
    user.dirty.add(cluster.number)


def _nearness(user: UserState, cluster: Cluster) -> dict[int, float]:
    """Cosine of a journey's mean to that of each theme's activities without its own, by number."""
    numbers, place = user.numbers, user.row_of(cluster.number)
    sums: dict[int, Doubles] = defaultdict(lambda: np.zeros(numbers.dimensions))
    for row, known in enumerate(user.clusters):
        if row != place and known.journey is not None and known.journey.theme:
            sums[known.journey.theme] += numbers.mass[row] * numbers.mean(row).astype(np.float64)
    own = numbers.direction(place).astype(np.float64)
    return {
        number: float(own @ total) / max(float(np.linalg.norm(total)), LEAST_LENGTH)
        for number, total in sums.items()
    }


def _name(user: UserState, members: Sequence[Member]) -> str:
    """A name in the words of the journeys that may be told of, each with an equal voice."""
    if len(members) < SEVERAL:
        return ""
    telling, told = [], []
    for cluster, journey in members:
        if titles := _titles(user, cluster, journey):
            telling.append(cluster)
            told.append(titles)
    if len(telling) < SEVERAL:
        return ""
    numbers = {cluster.number for cluster, _ in members}
    rounds = zip_longest(*told)
    return keyword_name(
        _together(telling),
        list(filter(None, chain.from_iterable(rounds)))[:MOST_TITLES],
        # Its journeys' names, too: it is to tell of more than one of them.
        taken={journey.theme_name for _, journey in user.journeys()}.difference(
            journey.theme_name for _, journey in members
        ).union(journey.keywords for _, journey in members),
        others=[
            Counted(known.terms, known.count)
            for known in user.clusters
            if known.number not in numbers
        ],
    )


def _titles(user: UserState, cluster: Cluster, journey: Journey) -> list[str]:
    """A journey's titles that may be told, best first; none of a sensitive one."""
    titles = [item.title for item in user.standing(cluster, SHOWN)]
    if DEFAULT.subject((journey.keywords,), titles, salient(cluster.terms)) is not None:
        return []
    return [title for title in titles if not (talks_to_a_model(title) or DEFAULT.category(title))]


def _together(clusters: Sequence[Cluster]) -> Counted:
    """The terms of clusters as if each had as many activities."""
    activities = sum(cluster.count for cluster in clusters)
    counts: Counts = {}
    for cluster in clusters:
        for term, times in cluster.terms.items():
            share = times / cluster.count
            counts[term] = counts.get(term, 0) + share * activities / len(clusters)
    return Counted(counts, activities)
