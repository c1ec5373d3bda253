"""Words without their endings: what two texts have in common, however it is spelled."""

from functools import lru_cache
from typing import Final

from models.text.keywords import terms_of
from models.text.words import is_wordlike
from models.text.words import words as words_in

_JOINING: Final = frozenset(
    (
        "a",
        "about",
        "an",
        "and",
        "are",
        "as",
        "at",
        "by",
        "for",
        "from",
        "how",
        "in",
        "into",
        "is",
        "it",
        "its",
        "more",
        "of",
        "on",
        "or",
        "over",
        "than",
        "that",
        "the",
        "their",
        "this",
        "through",
        "to",
        "under",
        "up",
        "with",
        "without",
        "you",
        "your",
    )
)
_ENDINGS: Final = (
    "ography",
    "ographer",
    "ings",
    "ing",
    "ers",
    "er",
    "ed",
    "ies",
    "ians",
    "ian",
    "istic",
    "ists",
    "ist",
    "ism",
    "ions",
    "ion",
    "al",
    "ly",
    "es",
    "s",
    "y",
    "e",
)


@lru_cache(maxsize=16_384)
def stems(text: str) -> frozenset[str]:
    """The words of a text that say something, without their endings."""
    return frozenset(map(stem, terms_of(text)))


def words(*texts: str) -> frozenset[str]:
    """All words of texts without their endings, also common ones, but none that only join others.

    Common words ("buy", "now") say nothing of a journey and much in an order.
    """
    folded = (word.folded for text in texts for word in words_in(text))
    return frozenset(stem(word) for word in folded if word not in _JOINING and is_wordlike(word))


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """A folded English word without its ending."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            root = word.removesuffix(ending)
            return root[:-1] if len(root) > 3 and root[-1] == root[-2] else root
    return word
