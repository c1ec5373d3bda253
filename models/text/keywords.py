"""Salient terms of titles and the keyword name that a journey has from its first moment.

A term is salient when the user's titles use it often and other people's titles seldom: its count
in the cluster times its inverse document frequency (Spärck Jones 1972) in a fixed background of
112,000 titles (`background.json`, made by `build_background.py`). A fixed background, because one
that is learned on the fly would make a user's changes depend on their neighbours.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import count, pairwise
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

# How often each term was counted; no whole number where it came with scores. Whole ones stay int,
# which takes a byte where a float takes nine.
Counts: TypeAlias = dict[str, int | float]

# Terms counted per cluster: enough for a name of three and their rivals. Many are let in before
# the few are kept, which is cheaper than to make room for each and gives newcomers a while to
# come back.
KEPT_TERMS: Final = 16
MOST_TERMS: Final = 28
NAME_TERMS: Final = 3
REPEATED: Final = 2  # a term seen once, or a pair of them, may be chance
TITLE_NAME_CHARS: Final = 48  # of a title that must serve as a name

WORD: Final = re.compile(r"[^\W\d_][\w'’+#-]*[\w+#]", re.UNICODE)


class _Background(msgspec.Struct, frozen=True):
    """The table: idf by folded word, of words not in it, and of words too common to say much."""

    idf: dict[str, float]
    unseen: float
    common: float


@cache
def _background() -> _Background:
    path = Path(__file__).parent / "background.json"
    return msgspec.json.decode(path.read_bytes(), type=_Background)


def idf(term: str) -> float:
    """Inverse document frequency of a term."""
    background = _background()
    return background.idf.get(term, background.unseen)


def is_known(term: str) -> bool:
    """Whether a term is in the background: a word, not something made up."""
    return term in _background().idf


def fold(word: str) -> str:
    """Lower case, possessive and plural endings off: what counts as the same word."""
    word = word.lower().replace("’", "'").removesuffix("'s")
    if len(word) > 3 and word.endswith("s") and word[-2] not in "sui":
        return word[:-1]
    return word


@lru_cache(maxsize=65_536)
def _term(word: str) -> str:
    """The term that a word stands for, empty for one letter, function words and talk."""
    term = fold(word)
    return term if len(term) > 1 and idf(term) > _background().common else ""


@lru_cache(maxsize=65_536)
def terms_of(title: str) -> tuple[str, ...]:
    """The distinct terms of a title that say something, in the order they stand there."""
    terms = dict.fromkeys(map(_term, WORD.findall(title)))
    terms.pop("", None)
    return tuple(terms)


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
    idf, unseen = _background().idf, _background().unseen
    scores = [(-round(times * idf.get(term, unseen), 2), term) for term, times in counts.items()]
    return {term: -score for score, term in sorted(scores)}


def keyword_name(
    counts: Mapping[str, float], titles: Sequence[str], taken: Collection[str] = ()
) -> str:
    """A name from the best terms, spelled as the titles spell them: "Sourdough bread, starter".

    Args:
        counts: The cluster's terms.
        titles: Its exemplars, best first; without terms the first one is the name. At least one.
        taken: Names that the user's other journeys have; a further term tells them apart.
    """
    ranked = list(
        salient({term: times for term, times in counts.items() if times >= REPEATED} or counts)
    )
    spelling = spellings(titles)
    name = titles[0][:TITLE_NAME_CHARS].strip()
    for length in range(NAME_TERMS, max(len(ranked), NAME_TERMS) + 1):
        if ranked:
            phrases = _phrases(ranked[:length], titles)
            spelled = (" ".join(spelling.get(word, word) for word in phrase) for phrase in phrases)
            name = ", ".join(spelled)
            name = name[:1].upper() + name[1:]
        if name not in taken:
            return name
    return next(f"{name} ({n})" for n in count(2) if f"{name} ({n})" not in taken)


def _phrases(terms: Sequence[str], titles: Iterable[str]) -> list[list[str]]:
    """The terms, those that stand side by side in several titles joined to pairs."""
    pairs = _pairs(titles)
    phrases: list[list[str]] = []
    left = list(terms)
    while left:
        term = left.pop(0)
        pair = next(
            (
                pair
                for other in left
                for pair in ((term, other), (other, term))
                if pairs[pair] >= REPEATED
            ),
            (term,),
        )
        phrases.append(list(pair))
        left = [other for other in left if other not in pair]
    return phrases


def spellings(titles: Iterable[str]) -> dict[str, str]:
    """How a folded word is spelled in the titles, lower case unless never so."""
    spelling: dict[str, str] = {}
    for title in titles:
        for term, plain, _ in _words(title):
            if term not in spelling or (plain.islower() and not spelling[term].islower()):
                spelling[term] = plain
    return spelling


def _pairs(titles: Iterable[str]) -> Counter[tuple[str, str]]:
    """In how many titles one folded word follows another, side by side."""
    beside_each_other: Counter[tuple[str, str]] = Counter()
    for title in titles:
        beside_each_other.update(
            {
                (left, right)
                for (left, _, beside), (right, _, _) in pairwise(_words(title))
                if beside
            }
        )
    return beside_each_other


@lru_cache(maxsize=65_536)
def _words(title: str) -> tuple[tuple[str, str, bool], ...]:
    """The words of a title: folded, as spelled without a possessive, one blank before the next."""
    return tuple(
        (
            fold(word.group()),
            re.sub(r"['’]s$", "", word.group()),
            WORD.match(title, word.end() + 1) is not None and title[word.end()] == " ",
        )
        for word in WORD.finditer(title)
    )
