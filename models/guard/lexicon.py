"""Which sensitive subjects the words of a text touch.

A list speaks for its language alone: French "pain" is bread. So a text that is English by its
function words is looked up in the English list, and a text in another language in the lists that
its function words vote for. Where that says little, as in names, every list is asked for the words
that are long and not English.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from models.guard.lists import (
    ENGLISH,
    MOST_WORDS,
    Categories,
    Entries,
    entries,
    stem,
    stems,
    unspaced,
)
from models.text.background import is_known
from models.text.languages import is_telling, spoken
from models.text.words import Word, is_unspaced, pieces, plain, words

# Languages that write several words as one, "Brustkrebs": an entry may be one end of it.
_COMPOUNDING: Final = frozenset(("da", "de", "nl", "no", "sv"))
_PART: Final = 5  # letters that it must have then
_LONG: Final = 6  # letters of a word that is hardly another word in another language
_NONE: Final[Categories] = frozenset()


@lru_cache(maxsize=65_536)
def touched(text: str) -> Categories:
    """The categories of which a text has a word or phrase."""
    read = words(text)
    lower = [word.lower for word in read]
    voted = spoken(lower)
    english = not voted and any(map(is_telling, lower))
    found: set[str] = set()
    for language in voted or (ENGLISH,):
        found |= _listed(language, read)
    if not english:
        for word in filter(_is_long, read):
            for language, categories in _anywhere(word.text):
                if language not in voted:
                    found |= categories
    shown = plain(text)
    if not shown.isascii() and any(map(is_unspaced, pieces(shown))):
        found |= {category for category, pattern in unspaced().items() if pattern.search(shown)}
    return frozenset(found)


def _listed(language: str, read: Sequence[Word]) -> set[str]:
    """The categories of a language's words and phrases."""
    known = entries().get(language, {})
    found: set[str] = set()
    stemmed = [stem(language, word.text) for word in read]
    for start in range(len(stemmed)):
        for stop in range(start + 1, min(start + MOST_WORDS, len(stemmed)) + 1):
            found |= known.get(tuple(stemmed[start:stop]), _NONE)
        if language in _COMPOUNDING:
            found |= _ends(known, stemmed[start])
    return found


@lru_cache(maxsize=65_536)
def _anywhere(word: str) -> tuple[tuple[str, Categories], ...]:
    """The languages but English in which a word alone touches a subject, with the categories."""
    return tuple(
        (language, categories)
        for language, stemmed in stems(word)
        if len(stemmed) >= _LONG or not word.isascii()
        if (categories := entries()[language].get((stemmed,)))
    )


def _is_long(word: Word) -> bool:
    """Whether a word may be looked for in lists of which nobody says that they are its own."""
    return len(word.text) >= _LONG and not (word.text.isascii() and is_known(word.folded))


def _ends(known: Entries, word: str) -> Categories:
    """The categories of entries that a compound begins or ends with."""
    cuts = range(_PART, len(word) - 1)
    parts = [word[:cut] for cut in cuts] + [word[-cut:] for cut in cuts]
    return frozenset().union(*(known.get((part,), _NONE) for part in parts))
