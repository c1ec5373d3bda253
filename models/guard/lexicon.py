"""Which sensitive subjects the words of a text touch.

A list speaks for its language alone: French "pain" is bread. So a text is looked up in the lists of
the languages that its function words vote for, or in the English one. Where there are no function
words, as in names, the words that English titles do not use are looked for in all lists.
"""

from functools import lru_cache
from typing import Final

from models.guard.lists import ENGLISH, MOST_WORDS, Categories, Entries, entries, stem, unspaced
from models.text.background import is_known
from models.text.languages import english, spoken
from models.text.words import Word, is_unspaced, pieces, plain, words

# Languages that write several words as one: "Brustkrebs". An entry may be the end of it.
_COMPOUNDING: Final = frozenset(("da", "de", "nl", "no", "sv"))
_ENDING: Final = 5  # letters that it must have then
_LONE: Final = 6  # letters of a stem that is looked for where the language is not known
_NONE: Final[Categories] = frozenset()


@lru_cache(maxsize=65_536)
def touched(text: str) -> Categories:
    """The categories of which a text has a word or phrase."""
    read = words(text)
    lower = [word.lower for word in read]
    voted = spoken(lower)
    told = bool(voted) or not english().isdisjoint(lower)
    found: set[str] = set()
    for language in voted or ((ENGLISH,) if told else entries()):
        known = entries().get(language, {})
        stems = [stem(language, word.text) for word in read]
        for start, word in enumerate(read):
            if not told and language != ENGLISH and _is_ambiguous(word, stems[start]):
                continue
            for stop in range(start + 1, min(start + MOST_WORDS, len(stems)) + 1):
                found |= known.get(tuple(stems[start:stop]), _NONE)
            if told and language in _COMPOUNDING:
                found |= _ending(known, stems[start])
    shown = plain(text)
    if any(map(is_unspaced, pieces(shown))):
        found |= {category for category, pattern in unspaced().items() if pattern.search(shown)}
    return frozenset(found)


def _is_ambiguous(word: Word, stemmed: str) -> bool:
    """Whether a word of which nobody says the language may be of several."""
    return word.text.isascii() and (is_known(word.folded) or len(stemmed) < _LONE)


def _ending(known: Entries, word: str) -> Categories:
    """The categories of entries that are the end of a compound."""
    ends = (word[start:] for start in range(1, len(word) - _ENDING + 1))
    return frozenset().union(*(known.get((end,), _NONE) for end in ends))
