"""The keyword name that a journey has from its first moment: a phrase of its own titles.

Candidates are the runs of up to four words that stand in the titles. A good one is in many titles
and in few of other people: its score is the pointwise Kullback-Leibler divergence of the journey's
titles from the background (Tomokiyo and Hurst 2003, section 3). One phrase is the name when it is
about most of the titles, else two.

Vectors have no say: encoding candidates is not the engine's to do, and the titles are already those
nearest to the journey's centre (models/engine/exemplars.py).
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import regex

from models.text.background import idf, is_common
from models.text.languages import english, foreign, talk
from models.text.spelled import Spellings, groups
from models.text.words import Word, is_wordlike, plain, words

MOST_WORDS: Final = 4
REPEATED: Final = 2  # titles that must hold a phrase: one may be chance
COVERED: Final = 0.5  # share of the titles that a single phrase must be about
LONE: Final = 0.35  # the same, where a second phrase would be weak
WEAK: Final = 0.5  # share of the first one's titles that a second phrase must be about
# Chosen on names/ and people, the even halves:
FLOOR: Final = 5.0  # nats that a word has to be rarer than all words to say something
FURTHER: Final = 0.8  # what each further word of a phrase says, as a share of the one before it
BREADTH: Final = 0.6  # how much more titles are worth: less than as many times
SCATTERED: Final = 0.6  # what a title counts that has the words, but not side by side
AGAIN: Final = 0.3  # what a title counts that a first phrase is about
CONTRAST: Final = 1.5  # what a nat counts by which the user's other activities have a word less
UNKNOWN: Final = 50  # activities that a user is taken to have had besides, without the word
PROPER: Final = 3.9  # the same, where it has a capital: "in New York"
EDGE: Final = 6.0  # nats from which a common word may begin a phrase: "open source"
ENOUGH: Final = 3.5  # nats that a phrase must say to be a name alone: "yoga", not "server"
SHORT: Final = 2  # words of a phrase that only one title holds
KIN: Final = 4  # letters that words share of which one is enough
TITLE_NAME_CHARS: Final = 48  # of a title that must serve as a name
INSIDE: Final = frozenset(("and", "of", "the"))

_JOINTS: Final = frozenset(("", " ", "-", "'", "’", " & ", "&"))
_ASIDE: Final = regex.compile(r"[(\[（［【][^)\]）］】]*[)\]）］】]?")  # "[Meta]", "(PDF)"
_BROKEN: Final = regex.compile(r"[a-z0-9]+(?:-[a-z0-9]+){2,}")  # "karpenter-provider-aws"
_CUT: Final = regex.compile(r"\S+(?:…|\.\.\.)$")  # a word that may have been cut off
_CLAUSE: Final = regex.compile(r"\s*(?:[:：|–—。！？、，]|[.!?,;](?=\s|$)|\s-\s).*$", regex.DOTALL)


@dataclass(frozen=True, slots=True)
class Counted:
    """How often terms were counted in a journey's activities, and how many activities it has."""

    counts: Mapping[str, float]
    activities: int


def keyword_name(
    own: Counted,
    titles: Sequence[str],
    taken: Collection[str] = (),
    others: Iterable[Counted] = (),
) -> str:
    """A name of one phrase, or of two: "Discord bots", "Sourdough bread, oven".

    Args:
        own: The journey's terms.
        titles: Its exemplars, best first; without a phrase that they share, the first one is the
            name. At least one.
        taken: Names that the user's other journeys have; a further phrase tells them apart.
        others: The user's other clusters.
    """
    read = _Titles(titles, own, others)
    name = ""
    for name in _names(read):
        if name not in taken:
            return name
    name = name or titles[0].strip()
    numbered = (f"{name} ({n})" for n in count(2))
    return name if name not in taken else next(each for each in numbered if each not in taken)


@dataclass(slots=True)
class _Phrase:
    """A candidate.

    Attributes:
        keys: Of its words.
        content: Those that say something.
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

    def repeats(self, keys: Sequence[str]) -> bool:
        """Whether it has one of the words, or a kin of one: "format", "formatter"."""
        return any(
            own == key or (own[:KIN] == key[:KIN] and min(len(own), len(key)) >= KIN)
            for own in self.content
            for key in keys
        )


class _Titles:
    """A journey's titles as words, and what these are worth."""

    def __init__(self, titles: Sequence[str], own: Counted, others: Iterable[Counted]) -> None:
        self.first = titles[0]
        self.read = [
            words(_BROKEN.sub(lambda found: found[0].replace("-", " | "), _ASIDE.sub(" | ", title)))
            or words(title)
            for title in (_CUT.sub("", title) or title for title in titles)
        ]
        folded = [word.folded for title in self.read for word in title]
        self.idle = foreign(folded)
        self.spelled = Spellings(titles)
        self.key = groups([*folded, *own.counts], inflected=bool(self.idle))
        self.usual = {self.key[word] for word in folded if word in english()}
        self.rarity: dict[str, float] = {}
        for word in folded:
            key = self.key[word]
            self.rarity[key] = min(idf(word) - FLOOR, self.rarity.get(key, math.inf))
        self.held = [
            {self.key[word.folded] for word in title if self.says(word)} for title in self.read
        ]
        self.counted: dict[str, float] = {}
        for term, times in own.counts.items():
            key = self.key[term]
            self.counted[key] = self.counted.get(key, 0.0) + times
        self.activities = max(own.activities, len(titles))
        others = list(others)
        self.elsewhere: dict[str, float] = {}
        for other in others:
            for term, times in other.counts.items():
                if term in self.key:
                    key = self.key[term]
                    self.elsewhere[key] = self.elsewhere.get(key, 0.0) + times
        self.beside = sum(other.activities for other in others)

    def says(self, word: Word) -> bool:
        """Whether a word says something by itself."""
        folded = word.folded
        return (
            is_wordlike(folded)
            and not is_common(folded)
            and folded not in self.idle
            and folded not in talk()
        )

    def runs(self) -> Iterator[tuple[int, tuple[Word, ...], Word | None]]:
        """The runs of words that may be a phrase: their title's place, and the word before them."""
        for place, title in enumerate(self.read):
            for start, first in enumerate(title):
                for stop in range(start + 1, min(start + MOST_WORDS, len(title)) + 1):
                    last = title[stop - 1]
                    if stop > start + 1 and last.before not in _JOINTS or not self._may_begin(first):
                        break
                    if self._may_end(last) and any(map(self.says, title[start:stop])):
                        yield place, title[start:stop], title[start - 1] if start else None
                    elif not self._may_stand_inside(last):
                        break

    def phrases(self, once: bool = False) -> list[_Phrase]:
        """The candidates, best first; `once`: also what only one title holds, of two words."""
        found: dict[tuple[str, ...], _Phrase] = {}
        for place, run, before in self.runs():
            keys = tuple(self.key[word.folded] for word in run)
            content = frozenset(self.key[word.folded] for word in run if self.says(word))
            phrase = found.setdefault(keys, _Phrase(keys, content))
            phrase.runs.append(run)
            phrase.whole |= before is None or not self._opens(before, run[0])
            phrase.exact.add(place)
        for phrase in found.values():
            phrase.about = {
                place for place, held in enumerate(self.held) if phrase.content <= held
            } | phrase.exact
            phrase.score = self._score(phrase)
        kept = [
            phrase
            for phrase in found.values()
            if phrase.whole
            and (self._is_single(phrase) if once else self._is_repeated(phrase))
        ]
        return sorted(kept, key=lambda phrase: (-phrase.score, -len(phrase.keys), phrase.keys))

    def _is_single(self, phrase: _Phrase) -> bool:
        usual = phrase.keys[0] in self.usual
        return len(phrase.about) < REPEATED and len(phrase.keys) <= SHORT and not usual

    def _is_repeated(self, phrase: _Phrase) -> bool:
        first, *others = phrase.keys
        if self.rarity[first] < EDGE - FLOOR and first in self.usual:  # "New York" if it never is York alone
            return len(phrase.exact) >= REPEATED and len(phrase.exact) == sum(
                others[0] in held for held in self.held
            )
        if len(phrase.keys) == 1:
            return max(len(phrase.exact), self.counted.get(phrase.keys[0], 0.0)) >= REPEATED
        pair = len(phrase.keys) == len(phrase.content) == 2  # both say something
        return len(phrase.exact) >= REPEATED or (pair and len(phrase.about) >= REPEATED)

    def _score(self, phrase: _Phrase) -> float:
        titles = len(self.read)
        scattered = len(phrase.about) - len(phrase.exact)
        shown = (len(phrase.exact) + SCATTERED * scattered) / titles
        share = (shown + self._whole(phrase) * shown * titles / len(phrase.about)) / 2
        return share**BREADTH * self.said(phrase)

    def name(self, phrases: Iterable[_Phrase]) -> str:
        """Phrases as one name, the broadest first."""
        broadest = sorted(phrases, key=lambda phrase: -self._whole(phrase))
        name = ", ".join(self.spelled.phrase(phrase.runs) for phrase in broadest)
        return name[:1].upper() + name[1:]

    def is_enough(self, phrase: _Phrase) -> bool:
        """Whether a phrase is a name alone."""
        return self._whole(phrase) >= COVERED and self.said(phrase) >= ENOUGH

    def is_weak(self, phrase: _Phrase, first: _Phrase) -> bool:
        """Whether a phrase says too little to stand beside a first one."""
        return (
            self.said(first) >= ENOUGH
            and self._whole(first) >= LONE
            and (
                self._whole(phrase) < WEAK * self._whole(first) or self.said(phrase) < ENOUGH
            )
        )

    def said(self, phrase: _Phrase) -> float:
        """How much a phrase says, nats."""
        rarest = sorted(map(self._rarity, phrase.keys), reverse=True)
        return sum(nats * FURTHER**place for place, nats in enumerate(rarest))

    def _whole(self, phrase: _Phrase) -> float:
        """Share of all activities that a phrase may be about, at most."""
        return min(map(self._share, phrase.content))

    def _share(self, key: str) -> float:
        """Share of the journey's activities that have a word: of all, and of the exemplars."""
        held = sum(key in held for held in self.held) / len(self.held)
        return (min(self.counted.get(key, 0.0) / self.activities, 1.0) + held) / 2

    def _rarity(self, key: str) -> float:
        """How much rarer a word is elsewhere, nats: in all titles, and in the user's other ones."""
        nats = self.rarity[key]
        if times := self.elsewhere.get(key):
            theirs = times / (self.beside + UNKNOWN)
            nats = min(nats, CONTRAST * math.log(max(self._share(key), 1e-9) / theirs))
        return max(nats, 0.0)

    def _may_begin(self, word: Word) -> bool:
        """Letters and numbers may, too: "R programming", "3D printing"; function words may not."""
        folded = word.folded
        named = word.before is not None and word.text[0].isupper() and idf(folded) >= PROPER
        return folded not in self.idle and (
            folded not in english() or named or idf(folded) >= EDGE
        )

    def _opens(self, word: Word, following: Word) -> bool:
        """Whether a common word belongs to the one behind it: "open source", "New York"."""
        joined = following.before in _JOINTS
        return joined and word.folded in english() and self._may_begin(word)

    def _may_stand_inside(self, word: Word) -> bool:
        """English phrases are held together by few function words: "Game of Thrones"."""
        return word.folded not in english() or word.folded in INSIDE

    def _may_end(self, word: Word) -> bool:
        folded = word.folded
        return folded not in self.idle and folded not in english()


def _names(titles: _Titles) -> Iterator[str]:
    """Names, best first, each with a phrase more: of what titles share, then of single ones."""
    chosen, covered = list[_Phrase](), set[int]()
    for once in (False, True):
        left = titles.phrases(once)
        if not left and not chosen and (short := _title_name(titles.first)):
            yield short
        while left:
            best = max(left, key=lambda phrase: phrase.score * _fresh(phrase, covered))
            if len(chosen) == 1 and titles.is_weak(best, chosen[0]):
                break
            chosen.append(best)
            covered |= best.about
            if len(chosen) > 1 or titles.is_enough(best):
                yield titles.name(chosen)
            known = [key for phrase in chosen for key in phrase.content]
            left = [phrase for phrase in left if not phrase.repeats(known)]
        if len(chosen) == 1:
            yield titles.name(chosen)


def _fresh(phrase: _Phrase, covered: Collection[int]) -> float:
    """Share of a phrase's titles that no phrase before it is about; the others count little."""
    known = len(phrase.about.intersection(covered))
    return (len(phrase.about) - known + AGAIN * known) / len(phrase.about)


def _title_name(title: str) -> str:
    """A title's first clause if that is short enough for a name, else nothing."""
    text = _CLAUSE.sub("", " ".join(plain(title).split()))
    return text if len(text) <= TITLE_NAME_CHARS and len(words(text)) <= MOST_WORDS else ""
