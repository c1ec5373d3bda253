"""Names that are known to be bad: an evaluation that is of use tells them from good ones."""

import random
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from models.evaluation.naming.scores import Named
from models.evaluation.naming.unseen import competing
from models.text.keywords import salient
from models.text.spelled import spellings

WORDS: Final = 3  # of a name of single words

Whole: TypeAlias = Sequence[Named]


def three_words(whole: Whole) -> list[str]:
    """The three best words of each journey, which need not belong together."""
    names = []
    for named in whole:
        spelled = spellings(named.case.group.titles)
        best = list(salient(named.case.group.counts))[:WORDS]
        names.append(", ".join(spelled.get(word, word) for word in best) or named.name)
    return names


def shuffled(whole: Whole) -> list[str]:
    """The words of each name in another order, where it has several."""
    names = []
    for named in whole:
        words = named.name.split()
        order = list(words)
        for seed in range(10):
            random.Random(f"{named.case.group.group_id} {seed}").shuffle(order)
            if order != words:
                break
        names.append(" ".join(order))
    return names


def broad(whole: Whole) -> list[str]:
    """What the journey and many others belong to: the list's title, the kind of subreddit."""
    return [named.case.group.theme or named.case.group.source for named in whole]


def neighbours(whole: Whole) -> list[str]:
    """The name of the journey that lies nearest among those that each is judged with."""
    names = []
    for place, *rivals in competing([named.case for named in whole]):
        centre = whole[place].case.centre
        nearest = max(
            rivals, key=lambda rival: float(whole[rival].case.centre @ centre), default=place
        )
        names.append(whole[nearest].name)
    return names


# What each makes of the names of which technique.
CONTROLS: Final[dict[str, tuple[str, Callable[[Whole], list[str]]]]] = {
    "three best words": ("keywords", three_words),
    "human, shuffled": ("human", shuffled),
    "broad": ("human", broad),
    "human of a neighbour": ("human", neighbours),
    "keywords of a neighbour": ("keywords", neighbours),
}


def controls(technique: str, users: Sequence[Whole]) -> dict[str, list[list[Named]]]:
    """The bad names that are made of a technique's."""
    whole = [named for user in users for named in user]
    made = {}
    for control, (of, make) in CONTROLS.items():
        if of == technique:
            names = iter(make(whole))
            made[control] = [[named._replace(name=next(names)) for named in user] for user in users]
    return made
