"""How common words are in titles of all kinds: a fixed table of 112,000 of them.

Fixed, because one that is learned on the fly would make a user's changes depend on their
neighbours. `build_background.py` makes it.
"""

from functools import cache, lru_cache
from pathlib import Path

import msgspec


class _Background(msgspec.Struct, frozen=True):
    """The table: idf by folded word, of words not in it, and of words too common to say much."""

    idf: dict[str, float]
    unseen: float
    common: float


@cache
def _background() -> _Background:
    path = Path(__file__).parent / "background.json"
    return msgspec.json.decode(path.read_bytes(), type=_Background)


@lru_cache(maxsize=262_144)
def idf(term: str) -> float:
    """Inverse document frequency of a term (Spärck Jones 1972), nats."""
    background = _background()
    return background.idf.get(term, background.unseen)


def is_known(term: str) -> bool:
    """Whether a term is in the background: a word, not something made up."""
    return term in _background().idf


def is_common(term: str) -> bool:
    """Whether titles of all kinds use it, so that it says nothing by itself: "how", "new"."""
    return idf(term) <= _background().common
