"""The few titles that stand for a cluster: close to its centre, and not all from long ago.

A score is fixed when an item comes (forward decay, Cormode et al. 2009): log2 of its similarity
plus its time in half-lives. Fresh items thus overtake old ones without any pass over the old.
"""

import math
from typing import Final

import msgspec

KEPT: Final = 5  # bounds the state of a cluster; few-shot prompts get worse, not better, with more
TITLE_CHARS: Final = 80  # what is kept of a title: enough to be recognised and named
LEAST_SIMILARITY: Final = 0.05  # a floor, so that the logarithm exists


class Exemplar(msgspec.Struct, array_like=True, gc=False):
    """An item kept for its cluster."""

    item_id: str
    title: str
    occurred_at: int
    score: float


def score_of(similarity: float, occurred_at: int, half_life: float) -> float:
    """How well an item stands for its cluster; times in ms, comparable within one cluster."""
    return math.log2(max(similarity, LEAST_SIMILARITY)) + occurred_at / half_life


def offer(kept: list[Exemplar], newcomer: Exemplar) -> bool:
    """Keep the newcomer if it belongs to the best `KEPT`; an item is kept once.

    So as many are kept as there were different items, up to `KEPT`.

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
    worst = min(range(KEPT), key=lambda place: kept[place].score)
    if newcomer.score <= kept[worst].score:
        return False
    kept[worst] = newcomer
    return True


def shorten(title: str, most: int = TITLE_CHARS) -> str:
    """A title of at most so many characters; a longer one ends in an ellipsis."""
    return title if len(title) <= most else title[: most - 1].rstrip() + "…"
