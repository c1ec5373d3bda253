"""Salient terms of titles: the words that a cluster's titles use often and others seldom.

A term's score is its count in the cluster times its inverse document frequency in the background.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from models.text.background import idf, is_common
from models.text.languages import foreign
from models.text.words import fold, is_wordlike, pieces, plain

# How often each term was counted; no whole number where it came with scores. Whole ones stay int,
# which takes a byte where a float takes nine.
Counts: TypeAlias = dict[str, int | float]

# Terms counted per cluster: enough for a name and its rivals. Many are let in before the few are
# kept, which is cheaper than to make room for each and gives newcomers a while to come back.
KEPT_TERMS: Final = 16
MOST_TERMS: Final = 28


@lru_cache(maxsize=65_536)
def terms_of(title: str) -> tuple[str, ...]:
    """The distinct terms of a title that say something, in the order they stand there."""
    said = pieces(plain(title))
    idle = foreign(map(str.lower, said))
    if idle:
        said = [word for word in said if word.lower() not in idle]
    terms = dict.fromkeys(map(_term, said))
    terms.pop("", None)
    return tuple(terms)


@lru_cache(maxsize=65_536)
def _term(word: str) -> str:
    """The term that a word stands for, empty for letters, numbers, function words and talk."""
    term = fold(word)
    return term if is_wordlike(term) and not is_common(term) else ""


def count_terms(kept: Counts, terms: Iterable[str]) -> None:
    """Count terms into a bounded table.

    Counts are lower bounds: a term that was pushed out starts again. What a third of the titles
    share comes back before it is pushed out and so stays.
    """
    for term in terms:
        kept[term] = kept.get(term, 0) + 1
    if len(kept) > MOST_TERMS:
        _prune(kept)


def relative(scores: Mapping[str, float]) -> Counts:
    """What each of an activity's terms counts: 1 the best, the others as their scores to its.

    Only the activity's own scores are compared, so their unit makes no difference. A score of 0
    says that the term says nothing: it is left out.
    """
    best = max(scores.values(), default=0.0)
    return {
        term: 1 if score == best else score / best for term, score in scores.items() if score > 0.0
    }


def add_counts(kept: Counts, more: Mapping[str, float]) -> None:
    """Add one table of counts to another."""
    for term, times in more.items():
        kept[term] = kept.get(term, 0) + times
    if len(kept) > MOST_TERMS:
        _prune(kept)


def _prune(kept: Counts) -> None:
    """Keep the most counted terms, of equals the latest."""
    latest = list(kept)[::-1]
    for term in sorted(latest, key=kept.__getitem__, reverse=True)[KEPT_TERMS:]:
        del kept[term]


def salient(counts: Mapping[str, float]) -> dict[str, float]:
    """Terms with their scores (count times idf), best first; ties by the term itself."""
    scores = [(_score(times, term), term) for term, times in counts.items()]
    return {term: -score for score, term in sorted(scores)}


@lru_cache(maxsize=65_536)
def _score(times: float, term: str) -> float:
    """The score of a term, negative: the best sorts first."""
    return -round(times * idf(term), 2)
