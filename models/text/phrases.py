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
from functools import lru_cache
from typing import Final, NamedTuple

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
        key = groups([*(word.folded for word in every), *own.counts], bool(self._idle))
        self._key = key
        self._keys = [tuple(key[word.folded] for word in title) for title in self._read]
        self._traits = [[self._trait(word) for word in title] for title in self._read]
        self._usual: set[str] = set()
        self._rare: dict[str, float] = {}
        self._holding: dict[str, set[int]] = {}
        for place, (keys, traits) in enumerate(zip(self._keys, self._traits, strict=True)):
            for each, trait in zip(keys, traits, strict=True):
                self._rare[each] = min(trait.rare, self._rare.get(each, math.inf))
                if trait.usual:
                    self._usual.add(each)
                if trait.says:
                    self._holding.setdefault(each, set()).add(place)
        self._spelled = Spellings(titles)
        self._activities = max(own.activities, len(titles))
        self._counted = self._by_key([own])
        others = list(others)
        self._elsewhere = self._by_key(others)
        self._beside = UNKNOWN + sum(other.activities for other in others)
        self._shares: dict[str, float] = {}
        self._rarities: dict[str, float] = {}

    def phrases(self, once: bool = False) -> list[Phrase]:
        """The candidates that several titles hold, or else those that only one does, best first."""
        found: dict[tuple[str, ...], Phrase] = {}
        for place, start, stop in self._runs(once):
            keys = self._keys[place][start:stop]
            phrase = found.get(keys)
            if phrase is None:
                traits = self._traits[place][start:stop]
                said = (key for key, trait in zip(keys, traits, strict=True) if trait.says)
                phrase = found[keys] = Phrase(keys, frozenset(said))
            phrase.runs.append(self._read[place][start:stop])
            phrase.exact.add(place)
            phrase.whole = phrase.whole or not self._is_piece(place, start)
        fits = self._is_single if once else self._is_repeated
        kept = []
        for phrase in found.values():
            if phrase.whole:
                holding = set.intersection(*(self._holding[key] for key in phrase.content))
                phrase.about = phrase.exact | holding
                if fits(phrase):
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

    def _runs(self, once: bool) -> Iterator[tuple[int, int, int]]:
        """The runs of words that may be a phrase: their title's place, where they begin and end.

        Most of those that `_is_repeated` and `_is_single` have no use for are not even told.
        """
        most = SHORT if once else MOST_WORDS
        for place, title in enumerate(self._read):
            keys, traits = self._keys[place], self._traits[place]
            for start, first in enumerate(traits):
                if not first.begins:
                    continue
                says = lone = False
                for at in range(start, min(start + MOST_WORDS, len(title))):
                    word, last = title[at], traits[at]
                    further = at > start
                    if further and word.before not in _JOINTS:
                        break
                    if last.says:
                        says = True
                        lone = lone or len(self._holding[keys[at]]) < REPEATED
                    if further and lone and not once:
                        break
                    if last.ends and says:
                        if at - start < most:
                            yield place, start, at + 1
                    elif last.usual and word.lower not in _INSIDE and further:
                        break

    def _is_piece(self, place: int, start: int) -> bool:
        """Whether the word before belongs to it: "open source", "New York"."""
        if not start or self._read[place][start].before not in _JOINTS:
            return False
        before = self._traits[place][start - 1]
        return before.usual and before.begins

    def _trait(self, word: Word) -> "_Trait":
        trait = _trait(word.folded, word.lower, word.text[0].isupper())
        if word.lower in self._idle:
            return trait._replace(says=False, begins=False, ends=False)
        return trait

    def _is_repeated(self, phrase: Phrase) -> bool:
        exact = len(phrase.exact)
        first, *others = phrase.keys
        if others and first in self._usual and self._rare[first] < EDGE - FLOOR:
            # "New York" is a name only where it never is York alone.
            return REPEATED <= exact == len(self._holding.get(others[0], ()))
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
        share = self._shares.get(key)
        if share is None:
            held = len(self._holding.get(key, ())) / len(self._read)
            counted = min(self._counted.get(key, 0.0) / self._activities, 1.0)
            share = self._shares[key] = WHOLE * counted + (1 - WHOLE) * held
        return share

    def _rarity(self, key: str) -> float:
        """How much rarer a word is elsewhere, nats: in all titles, and in the user's other ones."""
        rarity = self._rarities.get(key)
        if rarity is None:
            nats = self._rare[key]
            if times := self._elsewhere.get(key):
                theirs = times / self._beside
                nats = min(nats, CONTRAST * math.log(max(self._share(key), theirs) / theirs))
            rarity = self._rarities[key] = max(nats, 0.0)
        return rarity


class _Trait(NamedTuple):
    """What is asked of a word, in whatever title it stands.

    Attributes:
        rare: How rare it is in titles of all kinds, nats above what says nothing yet.
        usual: Whether it is an English function word.
        says: Whether it says something by itself.
        begins: Whether a phrase may begin with it. Letters and numbers may: "R programming", "3D
            printing"; function words seldom.
        ends: Whether a phrase may end with it.
    """

    rare: float
    usual: bool
    says: bool
    begins: bool
    ends: bool


@lru_cache(maxsize=65_536)
def _trait(folded: str, lower: str, capital: bool) -> _Trait:
    usual, nats = lower in english(), idf(folded)
    named = capital and nats >= PROPER
    return _Trait(
        rare=nats - FLOOR,
        usual=usual,
        says=is_wordlike(folded) and not is_common(folded) and lower not in talk(),
        begins=named or not usual or nats >= EDGE,
        ends=not usual,
    )


@lru_cache(maxsize=16_384)
def _said(title: str) -> tuple[Word, ...]:
    """The words of a title without asides, nor those that were cut off; slugs taken apart."""
    whole = _ASIDE.sub(" | ", _CUT.sub("", title))
    return words(_SLUG.sub(lambda slug: slug[0].replace("-", " | "), whole)) or words(title)
