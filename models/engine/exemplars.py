"""The few titles that stand for a cluster: close to its centre, not all from long ago, each once.

A score is fixed when an item comes (forward decay, Cormode et al. 2009): log2 of its similarity,
weighed, plus its time in half-lives. Fresh items thus overtake old ones without any pass over the
old. A few more are kept than are shown, so that repeats and what other journeys hold with more
right can be left out. Vectors in 1 bit a part, kept with each title to look at its similarity
anew, did not choose better than the similarity it came with.
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from models.text.words import fold, pieces, plain

KEPT: Final = 7  # bounds the state of a cluster
SHOWN: Final = 5  # few-shot prompts get worse, not better, with more
TITLE_CHARS: Final = 80  # what is kept of a title: enough to be recognised and named
LEAST_SIMILARITY: Final = 0.05  # a floor, so that the logarithm exists
# Of the first item of a cluster, until there is another to be similar to: about what two titles of
# one interest have.
FIRST_SIMILARITY: Final = 0.3
# Half-lives for which twice the similarity makes up. Of 60 people's exemplars (reddit_users, the
# even half) .939 are about the journey's interest at 1, .941 at 2, .948 at 3, and they are 31, 36
# and 40 days old. More would keep what a journey that has shifted was about.
CLOSENESS: Final = 2.0
ALIKE: Final = 0.7  # share of words that two titles have in common from which they are one


class Exemplar(msgspec.Struct, array_like=True, gc=False):
    """An item kept for its cluster."""

    item_id: str
    title: str
    occurred_at: int
    score: float


def score_of(similarity: float, occurred_at: int, half_life: float) -> float:
    """How well an item stands for its cluster; times in ms, comparable within one cluster."""
    closeness = CLOSENESS * math.log2(max(similarity, LEAST_SIMILARITY))
    return closeness + occurred_at / half_life


def offer(kept: list[Exemplar], newcomer: Exemplar) -> bool:
    """Keep the newcomer if it belongs to the best `KEPT`; an item is kept once.

    So as many are kept as there were different items, up to `KEPT`. From then on, one that repeats
    another takes its place or none.

    Returns:
        Whether anything changed.
    """
    for place, known in enumerate(kept):
        if known.item_id == newcomer.item_id:
            if newcomer.score <= known.score:
                return False
            kept[place] = newcomer
            return True
    if len(kept) < KEPT:
        kept.append(newcomer)
        return True
    worst, least = 0, newcomer.score
    for place, known in enumerate(kept):
        if known.score < least:
            worst, least = place, known.score
    if least == newcomer.score:
        return False
    for place, known in enumerate(kept):
        if are_alike(known.title, newcomer.title):
            if newcomer.score <= known.score:
                return False
            worst = place
    kept[worst] = newcomer
    return True


def standing(
    kept: Iterable[Exemplar], elsewhere: Sequence[Exemplar] = (), most: int = KEPT
) -> list[Exemplar]:
    """The exemplars that stand for their cluster, best first.

    Args:
        kept: All that the cluster has, at least one.
        elsewhere: Those of the user's other journeys. What one of them holds with a better score
            is left out, as long as anything is left.
        most: So many of them, at most.
    """
    ranked = sorted(kept, key=lambda item: (-item.score, item.item_id))
    best: dict[str, float] = {}
    for item in reversed(ranked):
        best[item.item_id] = best[item.title] = item.score
    theirs: set[str] = set()
    for item in elsewhere:
        if item.item_id in best and item.score > best[item.item_id]:
            theirs.add(item.item_id)
        if item.title in best and item.score > best[item.title]:
            theirs.add(item.title)
    own = ranked
    if theirs:
        own = [item for item in ranked if theirs.isdisjoint((item.item_id, item.title))] or ranked
    chosen: list[Exemplar] = []
    for item in own:
        if len(chosen) == most:
            break
        if not any(are_alike(item.title, other.title) for other in chosen):
            chosen.append(item)
    return chosen


def are_alike(title: str, other: str) -> bool:
    """Whether a reader would take two titles for one: reposts, forks, other capitals or marks."""
    ours, theirs = _words(title), _words(other)
    own, more = len(ours), len(theirs)
    if not own or not more:
        return not own and not more and title == other
    if own < ALIKE * more or more < ALIKE * own or ours.isdisjoint(theirs):
        return False
    common = len(ours & theirs)
    return common >= ALIKE * (own + more - common)


def shorten(title: str, most: int = TITLE_CHARS) -> str:
    """A title of at most so many characters, a longer one in whole words with an ellipsis."""
    if len(title) <= most:
        return title
    cut = title[: most - 1]
    whole = cut if title[most - 1].isspace() else cut.rpartition(" ")[0]
    return (whole if len(whole) > most // 2 else cut).rstrip() + "…"


@lru_cache(maxsize=16_384)
def _words(title: str) -> frozenset[str]:
    return frozenset(map(fold, pieces(plain(title))))
