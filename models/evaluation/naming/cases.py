"""What naming is judged on: held-out groups of titles as the journeys of made-up users."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.datasets.named_groups import Group
from models.datasets.people import Encode
from models.engine.exemplars import KEPT, shorten
from models.vectors import Vectors

JOURNEYS: Final = 4  # of one user, of mixed kinds: what a name must be distinct among
AMONG: Final = 20  # journeys that a name has to pick its own from


@dataclass(frozen=True, eq=False)
class Case:
    """A journey to be named.

    Attributes:
        group: Its titles, and what a human calls them.
        titles: The group's titles, nearest to its centre first, shortened as the engine does.
        among: Centres of `AMONG` groups of its kind, its own first; unit rows.
    """

    group: Group
    titles: Sequence[str]
    among: Vectors

    def exemplars(self, depth: int = KEPT) -> list[str]:
        """What a naming request shows."""
        return list(self.titles[:depth])


def users(groups: Sequence[Group], each: int, encode: Encode) -> list[list[Case]]:
    """Users with journeys, the same ones every time.

    Args:
        groups: All that may be used.
        each: Journeys of each kind at most, as even over the lists as they allow.
        encode: Titles to unit vectors.
    """
    vectors = _vectors(groups, encode)
    centres = {group.group_id: _centre(vectors[group.group_id]) for group in groups}
    cases = []
    for kind in ("list", "subreddit"):
        of_kind = [group for group in groups if group.kind == kind]
        for group in _spread(of_kind)[:each]:
            draw = random.Random(group.group_id)
            others = [other for other in of_kind if other is not group]
            others = draw.sample(others, min(AMONG - 1, len(others)))
            among = np.stack([centres[one.group_id] for one in (group, *others)])
            nearness = vectors[group.group_id] @ among[0]
            titles = [shorten(group.titles[place]) for place in np.argsort(-nearness)]
            cases.append(Case(group, titles, among))
    random.Random(0).shuffle(cases)
    return [cases[start : start + JOURNEYS] for start in range(0, len(cases), JOURNEYS)]


def _vectors(groups: Sequence[Group], encode: Encode) -> dict[str, Vectors]:
    whole = encode([title for group in groups for title in group.titles])
    ends = np.cumsum([len(group.titles) for group in groups])[:-1]
    return {group.group_id: part for group, part in zip(groups, np.split(whole, ends), strict=True)}


def _centre(rows: Vectors) -> Vectors:
    mean: Vectors = rows.mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-6)


def _spread(groups: Sequence[Group]) -> list[Group]:
    """One of each source, then a second of each, …, in an order drawn once."""
    by_source: defaultdict[str, list[Group]] = defaultdict(list)
    for group in random.Random(0).sample(groups, len(groups)):
        by_source[group.source].append(group)
    ranks = [(rank, group) for of_one in by_source.values() for rank, group in enumerate(of_one)]
    return [group for _, group in sorted(ranks, key=lambda entry: entry[0])]
