"""Function words of many languages, and which of them a text has.

The lists are those of stopwords-iso (MIT). One word alone says little: "die" and "van" are English
nouns too. So the words of a text vote for its language, and its function words alone are left out.
"""

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Final, NamedTuple

from stopwordsiso import stopwords

from models.text.background import idf, is_common, is_known

# Languages of stopwords-iso with more than a handful of readers online. Lists of smaller ones are
# long, or take many words from their neighbours, and would win votes on titles of those.
LANGUAGES: Final = (
    *("ar", "bg", "bn", "ca", "cs", "da", "de", "el", "es", "et", "fa", "fi", "fr", "gu", "he"),
    *("hi", "hr", "hu", "hy", "id", "it", "ja", "ko", "lt", "lv", "mr", "ms", "nl", "no", "pl"),
    *("pt", "ro", "ru", "sk", "sl", "sv", "sw", "th", "tl", "tr", "uk", "ur", "vi", "zh"),
)
TALK: Final = 8.5  # nats
AMBIGUOUS: Final = 0.5  # the vote of a word that English titles use, too


@cache
def english() -> frozenset[str]:
    """English function words, in lower case: what cannot begin or end a phrase."""
    return frozenset(word for word in stopwords("en") if is_common(word))


@cache
def talk() -> frozenset[str]:
    """English words that say nothing alone, in lower case: "interested", "site".

    The list has content words, too ("novel", "AI"), but those are rarer.
    """
    return frozenset(word for word in stopwords("en") if len(word) > 2 and idf(word) <= TALK)


def foreign(words: Iterable[str]) -> frozenset[str]:
    """The function words of the language that a text is in, if that is not English.

    Args:
        words: Of the text, in lower case; one that comes twice has two votes.

    Returns:
        Words in lower case. Where languages have as many votes, those of all of them.
    """
    languages = spoken(words)
    return _listed(languages) if languages else frozenset()


def spoken(words: Iterable[str]) -> tuple[str, ...]:
    """The languages that most of a text's function words speak for; none: English, or not told.

    Args:
        words: Of the text, in lower case; one that comes twice has two votes.
    """
    usual, listed = 0, []
    for word in words:
        vote = _vote(word)
        usual += vote.usual
        if vote.languages:
            listed.append(vote)
    least = max(usual, AMBIGUOUS)
    if len(listed) <= least:
        return ()
    votes: dict[str, float] = {}
    for vote in listed:
        for language in vote.languages:
            votes[language] = votes.get(language, 0.0) + vote.counts
    most = max(votes.values())
    if most <= least:
        return ()
    return tuple(language for language in LANGUAGES if votes.get(language) == most)


def is_telling(word: str) -> bool:
    """Whether a word in lower case is a function word of English, and of no other language."""
    return word in english() and not _vote(word).languages


class _Vote(NamedTuple):
    """Whether a word is usual in English, the languages that it speaks for, and how much."""

    usual: bool
    languages: tuple[str, ...]
    counts: float


@lru_cache(maxsize=65_536)
def _vote(word: str) -> _Vote:
    counts = AMBIGUOUS if is_known(word) else 1.0
    return _Vote(is_common(word), _languages().get(word, ()), counts)


@cache
def _languages() -> dict[str, tuple[str, ...]]:
    """For each function word the languages that have it."""
    languages: dict[str, list[str]] = {}
    for language in LANGUAGES:
        for word in stopwords(language):
            languages.setdefault(word.lower(), []).append(language)
    return {word: tuple(having) for word, having in languages.items()}


@cache
def _listed(languages: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word for language in languages for word in map(str.lower, stopwords(language)))
