"""Phrases of a journey's titles, and what each is worth as its name.

Candidates are the runs of up to four words that stand in the titles. A good one is in many titles
and in few others: its score is in the manner of the pointwise Kullback-Leibler divergence of the
journey's titles from the background (Tomokiyo and Hurst 2003, section 3), the background being
titles of all kinds and those of the user's other clusters.

Vectors have no say: encoding candidates is not the engine's to do, and the titles are already those
nearest to the journey's centre (models/engine/exemplars.py).
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import regex

from models.text.background import idf, is_common
from models.text.languages import english, foreign, talk
from models.text.spelled import Spellings, groups
from models.text.words import Word, is_wordlike, words

MOST_WORDS: Final = 4
SHORT: Final = 2  # words of a phrase that only one title holds
REPEATED: Final = 2  # titles that must hold a phrase: one may be chance

# Chosen on the even halves of names/, reddit_users/ and stars/.
FLOOR: Final = 5.0  # nats of rarity that say nothing yet
FURTHER: Final = 0.8  # what each further word of a phrase says, as a share of the one before it
BREADTH: Final = 0.6  # power of the share of titles: twice as many are worth less than twice
SCATTERED: Final = 0.6  # what a title counts that has the words, but not side by side
WHOLE: Final = 0.6  # how much all activities count beside the exemplars
CONTRAST: Final = 1.5  # what a nat counts by which the user's other activities have a word less
UNKNOWN: Final = 50  # activities that a user is taken to have had besides, without the word
EDGE: Final = 6.0  # nats from which a function word may begin a phrase: "open source"
PROPER: Final = 3.9  # the same, where it has a capital: "in New York"
KIN: Final = 4  # letters that words share of which one is enough: "format", "formatter"

_JOINTS: Final = frozenset(("", " ", "-", "'", "’", " & ", "&"))
_INSIDE: Final = frozenset(("and", "of", "the"))  # "League of Legends"
_ASIDE: Final = regex.compile(r"[(\[（［【][^)\]）］】]*[)\]）］】]?")  # "[Meta]", "(PDF)"
_SLUG: Final = regex.compile(r"[a-z0-9]+(?:-[a-z0-9]+){2,}")  # "karpenter-provider-aws"
_CUT: Final = regex.compile(r"\S+(?:…|\.\.\.)$")  # a word that may have been cut off


@dataclass(frozen=True, slots=True)
class Counted:
    """How often terms were counted in a cluster's activities, and how many activities it has."""

    counts: Mapping[str, float]
    activities: int


@dataclass(slots=True)
class Phrase:
    """A candidate.

    Attributes:
        keys: Of its words: what stands for all their forms.
        content: Those that say something by themselves.
        runs: How it stands in the titles.
        exact: Places of the titles that hold it.
        about: Places of the titles that hold its words, side by side or not.
        whole: Whether it is no piece of one: "York" is where "New" is always before it.
        score: How good it is.
    """

    keys: tuple[str, ...]
    content: frozenset[str]
    runs: list[tuple[Word, ...]] = field(default_factory=list)
    exact: set[int] = field(default_factory=set)
    about: set[int] = field(default_factory=set)
    whole: bool = False
    score: float = 0.0

    def repeats(self, other: "Phrase") -> bool:
        """Whether it has one of the other's words, or a kin of one."""
        return any(
            own == key or (own[:KIN] == key[:KIN] and min(len(own), len(key)) >= KIN)
            for own in self.content
            for key in other.content
        )


class Titles:
    """A journey's titles as words.

    Args:
        titles: Its exemplars, at least one.
        own: The journey's terms.
        others: Those of the user's other clusters.
    """

    def __init__(self, titles: Sequence[str], own: Counted, others: Iterable[Counted]) -> None:
        self._read = [_said(title) for title in titles]
        every = [word for title in self._read for word in title]
        self._idle = foreign(word.lower for word in every)
        self._key = groups([*(word.folded for word in every), *own.counts], bool(self._idle))
        self._usual = {self._key[word.folded] for word in every if word.lower in english()}
        self._rare: dict[str, float] = {}
        for word in every:
            key = self._key[word.folded]
            self._rare[key] = min(idf(word.folded) - FLOOR, self._rare.get(key, math.inf))
        self._held = [
            {self._key[word.folded] for word in title if self._says(word)} for title in self._read
        ]
        self._spelled = Spellings(titles)
        self._activities = max(own.activities, len(titles))
        self._counted = self._by_key([own])
        others = list(others)
        self._elsewhere = self._by_key(others)
        self._beside = UNKNOWN + sum(other.activities for other in others)

    def phrases(self, once: bool = False) -> list[Phrase]:
        """The candidates that several titles hold, or else those that only one does, best first."""
        found: dict[tuple[str, ...], Phrase] = {}
        for place, run, before in self._runs():
            keys = tuple(self._key[word.folded] for word in run)
            content = frozenset(self._key[word.folded] for word in run if self._says(word))
            phrase = found.setdefault(keys, Phrase(keys, content))
            phrase.runs.append(run)
            phrase.exact.add(place)
            phrase.whole |= before is None or not self._opens(before, run[0])
        fits = self._is_single if once else self._is_repeated
        kept = []
        for phrase in found.values():
            holding = (place for place, held in enumerate(self._held) if phrase.content <= held)
            phrase.about = phrase.exact.union(holding)
            if phrase.whole and fits(phrase):
                phrase.score = self._score(phrase)
                kept.append(phrase)
        return sorted(kept, key=lambda phrase: (-phrase.score, -len(phrase.keys), phrase.keys))

    def said(self, phrase: Phrase) -> float:
        """How much a phrase says, nats."""
        rarest = sorted(map(self._rarity, phrase.keys), reverse=True)
        return sum(nats * FURTHER**place for place, nats in enumerate(rarest))

    def share(self, phrase: Phrase) -> float:
        """Share of the journey's activities that a phrase may be about, at most."""
        return min(map(self._share, phrase.content))

    def spell(self, phrase: Phrase) -> str:
        """A phrase as the titles spell it."""
        return self._spelled.phrase(phrase.runs)

    def _by_key(self, clusters: Iterable[Counted]) -> dict[str, float]:
        """How often the titles' words were counted in clusters, all forms together."""
        counted: dict[str, float] = {}
        for cluster in clusters:
            for term, times in cluster.counts.items():
                if (key := self._key.get(term)) is not None:
                    counted[key] = counted.get(key, 0.0) + times
        return counted

    def _runs(self) -> Iterator[tuple[int, tuple[Word, ...], Word | None]]:
        """The runs of words that may be a phrase: their title's place, and the word before them."""
        for place, title in enumerate(self._read):
            for start in filter(lambda start: self._may_begin(title[start]), range(len(title))):
                before = title[start - 1] if start else None
                for stop in range(start + 1, min(start + MOST_WORDS, len(title)) + 1):
                    run, last = title[start:stop], title[stop - 1]
                    if len(run) > 1 and last.before not in _JOINTS:
                        break
                    if self._may_end(last) and any(map(self._says, run)):
                        yield place, run, before
                    elif last.lower in english() and last.lower not in _INSIDE and len(run) > 1:
                        break

    def _says(self, word: Word) -> bool:
        """Whether a word says something by itself."""
        return (
            is_wordlike(word.folded)
            and not is_common(word.folded)
            and word.lower not in self._idle
            and word.lower not in talk()
        )

    def _may_begin(self, word: Word) -> bool:
        """Letters and numbers may: "R programming", "3D printing"; function words seldom."""
        named = word.text[0].isupper() and idf(word.folded) >= PROPER
        usual = word.lower in english() and idf(word.folded) < EDGE
        return word.lower not in self._idle and (named or not usual)

    def _may_end(self, word: Word) -> bool:
        return word.lower not in self._idle and word.lower not in english()

    def _opens(self, word: Word, following: Word) -> bool:
        """Whether a function word belongs to the one behind it: "open source", "New York"."""
        joined = following.before in _JOINTS
        return joined and word.lower in english() and self._may_begin(word)

    def _is_repeated(self, phrase: Phrase) -> bool:
        exact = len(phrase.exact)
        first, *others = phrase.keys
        if others and first in self._usual and self._rare[first] < EDGE - FLOOR:
            # "New York" is a name only where it never is York alone.
            return REPEATED <= exact == sum(others[0] in held for held in self._held)
        if not others:
            return max(exact, self._counted.get(first, 0.0)) >= REPEATED
        # Both say something, in a language whose words have few forms that may be taken for one.
        pair = len(phrase.keys) == len(phrase.content) == SHORT and not self._idle
        return exact >= REPEATED or (pair and len(phrase.about) >= REPEATED)

    def _is_single(self, phrase: Phrase) -> bool:
        short = len(phrase.keys) <= SHORT and phrase.keys[0] not in self._usual
        return short and len(phrase.about) < REPEATED

    def _score(self, phrase: Phrase) -> float:
        exact, about = len(phrase.exact), len(phrase.about)
        shown = exact + SCATTERED * (about - exact)
        share = (shown / len(self._read) + self.share(phrase) * shown / about) / 2
        return float(share**BREADTH) * self.said(phrase)

    def _share(self, key: str) -> float:
        """Share of the journey's activities that have a word: of all, and of the exemplars."""
        held = sum(key in held for held in self._held) / len(self._held)
        counted = min(self._counted.get(key, 0.0) / self._activities, 1.0)
        return WHOLE * counted + (1 - WHOLE) * held

    def _rarity(self, key: str) -> float:
        """How much rarer a word is elsewhere, nats: in all titles, and in the user's other ones."""
        nats = self._rare[key]
        if times := self._elsewhere.get(key):
            theirs = times / self._beside
            nats = min(nats, CONTRAST * math.log(max(self._share(key), theirs) / theirs))
        return max(nats, 0.0)


def _said(title: str) -> tuple[Word, ...]:
    """The words of a title without asides, nor those that were cut off; slugs taken apart."""
    whole = _ASIDE.sub(" | ", _CUT.sub("", title))
    return words(_SLUG.sub(lambda slug: slug[0].replace("-", " | "), whole)) or words(title)
