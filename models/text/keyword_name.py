"""The keyword name that a journey has from its first moment.

One phrase of its own titles when that is about most of them, else two: "Discord bots",
"Sourdough bread, oven". It is made when a name is asked for, of what the state holds anyway.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from itertools import count
from typing import Final

import regex

from models.text.phrases import MOST_WORDS, Counted, Phrase, Titles
from models.text.words import plain, words

# Chosen as the numbers of phrases.py.
COVERED: Final = 0.55  # share of the activities that a single phrase must be about
LONE: Final = 0.35  # the same, where a second phrase would be weak
WEAK: Final = 0.5  # of the first one's share: what a second phrase must be about
ENOUGH: Final = 3.5  # nats that a phrase must say to be a name alone: "yoga", not "server"
AGAIN: Final = 0.3  # what a title counts that a first phrase is about
TITLE_NAME_CHARS: Final = 48  # of a title that must serve as a name

# From where a title goes on to its next clause.
_NEXT: Final = regex.compile(r"\s*(?:[:：|–—。！？、，]|[.!?,;](?=\s|$)|\s-\s).*$", regex.DOTALL)


def keyword_name(
    own: Counted, titles: Sequence[str], taken: Collection[str] = (), others: Iterable[Counted] = ()
) -> str:
    """A name in the words of the titles.

    Args:
        own: The journey's terms.
        titles: Its exemplars, best first; at least one. Where they share nothing, the first one is
            the name if it is short, else phrases of single ones are.
        taken: Names that the user's other journeys have; a further phrase tells them apart.
        others: Terms of the user's other clusters.
    """
    name = ""
    for name in _names(Titles(titles, own, others), titles[0]):
        if name not in taken:
            return name
    name = name or " ".join(plain(titles[0]).split())[:TITLE_NAME_CHARS] or titles[0]
    numbered = (f"{name} ({n})" for n in count(2))
    return name if name not in taken else next(each for each in numbered if each not in taken)


def _names(titles: Titles, first: str) -> Iterator[str]:
    """Names, best first, each with a phrase more."""
    chosen: list[Phrase] = []
    covered: set[int] = set()
    for once in (False, True):
        left = titles.phrases(once)
        if once and not chosen and (short := _short(first)):
            yield short
        while left:
            best = max(left, key=lambda phrase: phrase.score * _fresh(phrase, covered))
            if len(chosen) == 1 and _is_weak(titles, best, chosen[0]):
                yield _joined(titles, chosen)
            chosen.append(best)
            covered |= best.about
            if len(chosen) > 1 or _is_enough(titles, best):
                yield _joined(titles, chosen)
            left = [phrase for phrase in left if not phrase.repeats(best)]
        if len(chosen) == 1:
            yield _joined(titles, chosen)


def _is_enough(titles: Titles, phrase: Phrase) -> bool:
    """Whether a phrase is a name alone."""
    return titles.share(phrase) >= COVERED and titles.said(phrase) >= ENOUGH


def _is_weak(titles: Titles, phrase: Phrase, first: Phrase) -> bool:
    """Whether a phrase adds too little to a first one that may stand alone."""
    share = titles.share(first)
    lone = share >= LONE and titles.said(first) >= ENOUGH
    return lone and (titles.share(phrase) < WEAK * share or titles.said(phrase) < ENOUGH)


def _fresh(phrase: Phrase, covered: Set[int]) -> float:
    """Share of a phrase's titles that no phrase before it is about; the others count little."""
    known = len(phrase.about & covered)
    return (len(phrase.about) - known + AGAIN * known) / len(phrase.about)


def _joined(titles: Titles, phrases: Iterable[Phrase]) -> str:
    """Phrases as one name, the broadest first."""
    broadest = sorted(phrases, key=titles.share, reverse=True)
    name = ", ".join(map(titles.spell, broadest))
    return name[:1].upper() + name[1:] if name.split()[0].islower() else name  # "iOS" stays


def _short(title: str) -> str:
    """A title's first clause if it is short enough for a name, else nothing."""
    text = _NEXT.sub("", " ".join(plain(title).split()))
    short = len(text) <= TITLE_NAME_CHARS and 0 < len(words(text)) <= MOST_WORDS
    return text[:1].upper() + text[1:] if short else ""
