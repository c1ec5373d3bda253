"""The test by unseen titles: whether they find their name among those of twenty journeys.

All names are by the same technique, so that its way with words (long or short, in the words of
titles or not) favours none of them.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

from models.evaluation.naming.cases import Case
from models.naming.holding import TextEncoder
from models.vectors import Vectors

AMONG: Final = 20  # journeys of one kind whose names compete, the own one among them
EQUAL: Final = 1e-6  # difference of cosines under which two names are equally near


class Fit(NamedTuple):
    """How a name fits the unseen titles of its journey, and of the others of its kind.

    Attributes:
        found: Share of the journey's unseen titles that are nearer to its name than to the others.
            Names that are equally near share a title.
        fits: Journeys that the name fits at least as well as its own, by the mean cosine of their
            unseen titles; 1: only its own.
        margin: Mean cosine of the own unseen titles less that of the next best journey.
    """

    found: float
    fits: int
    margin: float


class Unseen:
    """Judges names by unseen titles; keeps what it has encoded.

    Args:
        encoder: The judge. It must not be the encoder that chose the names.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder = encoder
        self._titles: dict[str, Vectors] = {}

    def fits(self, cases: Sequence[Case], names: Sequence[str]) -> list[Fit]:
        """How each name fits; blocking.

        Args:
            cases: The journeys that were named.
            names: What each is called, all by one technique.
        """
        named = self.encoder.encode(names)
        return [
            self._fit([cases[place] for place in places], named[places])
            for places in competing(cases)
        ]

    def _fit(self, cases: Sequence[Case], names: Vectors) -> Fit:
        """The fit of the first name to the first journey."""
        near = self._encoded(cases[0]) @ names.T
        best = near.max(axis=1, keepdims=True) - EQUAL <= near
        means = [float((self._encoded(case) @ names[0]).mean()) for case in cases]
        return Fit(
            found=float((best[:, 0] / best.sum(axis=1)).mean()),
            fits=sum(mean >= means[0] for mean in means),
            margin=means[0] - max(means[1:], default=0.0),
        )

    def _encoded(self, case: Case) -> Vectors:
        known = self._titles.get(case.group.group_id)
        if known is None:
            known = self._titles[case.group.group_id] = self.encoder.encode(case.unseen)
        return known


def competing(cases: Sequence[Case]) -> list[list[int]]:
    """For each journey the places of those of its kind that its name competes with, drawn once.

    Its own comes first.
    """
    of_kind: defaultdict[str, list[int]] = defaultdict(list)
    for place, case in enumerate(cases):
        of_kind[case.group.kind].append(place)
    found = []
    for place, case in enumerate(cases):
        others = [other for other in of_kind[case.group.kind] if other != place]
        drawn = random.Random(case.group.group_id).sample(others, min(AMONG - 1, len(others)))
        found.append([place, *drawn])
    return found
