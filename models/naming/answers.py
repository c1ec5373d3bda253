"""Which of a model's answers may be published as a journey's name, and why the others may not.

A name is checked as text (form, contact data, sensitive words), against the user's other names, and
against the titles: it is in their language, made of whole words and no piece of one of them, and
most of them must be about it, so that neither a model that rambles nor a few titles that give
orders decide what a journey is called. What vectors say of that is measured in holding.py.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from itertools import permutations
from typing import Final, NamedTuple

from models.guard.lexicon import touched
from models.guard.policy import PROFANITY, SUBJECTS
from models.naming.language import is_of_their_language, shares
from models.naming.spelling import is_glued, respelled
from models.naming.titles import Evidence, clean, numbered
from models.text.background import idf
from models.text.stems import stems, words
from models.text.words import words as words_in


class Refusal(StrEnum):
    """Why an answer is not published; counted under this name."""

    FORM = "form"  # more than 6 words, a word twice, too long, cut off, a sentence, odd signs
    CONTACT = "contact"  # an id, url, e-mail address, handle or phone number
    PROFANE = "profane"
    SENSITIVE = "sensitive"
    EMPTY_WORDS = "empty_words"  # says nothing ("Various topics", "Work"), talks about the task
    LANGUAGE = "language"  # not in the language of the titles
    BROKEN = "broken"  # has a word that is none
    FRAGMENT = "fragment"  # is a piece of one title, which no other bears out
    COPIED = "copied"  # is one of the titles
    TAKEN = "taken"  # another journey of the user has this name
    HIDDEN_ORDER = "hidden_order"  # has words of a title that gives the model orders
    UNGROUNDED = "ungrounded"  # the titles are not about it
    NARROW = "narrow"  # only a few of them are
    STRAY = "stray"  # has a word that they have nothing to do with
    BROAD = "broad"  # strangers' interests are as near to it


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be published.

    Attributes:
        sensitive: Categories that no name may touch, of `SUBJECTS`. Profanity never passes.
        words: Least and most words.
        chars: Most characters.
        similarity: Least cosine between a name and the titles without the one nearest to it, for
            a name that shares no words with them. 0.25: of names of other groups of titles 6 in
            100 come that near, of the titles' own such names 82 in 100 (encoder 2.0.0).
    """

    sensitive: frozenset[str] = SUBJECTS
    words: tuple[int, int] = (1, 6)
    chars: int = 60
    similarity: float = 0.25


class Verdict(NamedTuple):
    """A name that may be published (`refusal` is None), or an answer and why it may not."""

    name: str
    refusal: Refusal | None = None


KIN: Final = 5  # letters that two forms of one word share
ALONE: Final = 8.5  # nats that a word must say to be a name by itself
WIDE: Final = "\u2e80"  # from here on come scripts of East Asia, whose signs say more
WIDTH: Final = 3  # characters that one of their signs counts

_WRAPPING: Final = " \t\"'“”‘’«»`*_.,;:!-–—"
_SIGNS: Final = frozenset(" '’&+#./-–")
_WORD: Final = re.compile(r"[^\W_][^\s]*")
_CONTACT: Final = re.compile(
    r"://|\bwww\.|\S@\S|(?:^|\s)[@#][a-z]\w{2,}|"
    # a host; "Node.js" and "ASP.NET" are none
    r"\b[\w-]+\.(?:com|org|io|co|info|biz|ru|cn|de|uk|fr|xyz|app|dev|tv|me|ly|gg|to|example|"
    r"(?<!asp\.)net)\b|"
    r"\w/\w+/|\w\.\w+/|(?:^|\s)/[ru]/\w|"
    r"\+?\d(?:[ ().-]{0,2}\d){5,}|"  # a phone number, or an id of digits
    r"\b(?=\w*\d\w*\d\w*\d)(?=\w*[a-z])\w{8,}\b|\b(?=\w*\d)(?=\w*[a-f])[\da-f]{7,}\b|"
    r"\b[\da-f]{8}-[\da-f]{4}\b|\bt[35]_\w+\b",
    re.IGNORECASE,
)
_AGAIN: Final = frozenset(
    ("a", "and", "for", "in", "n", "of", "on", "the", "to", "with")
)  # words that a name may have twice
# Words of sentences and of talk ("She's a chicken", "Vim is a powerful tool"), unless titles call
# it so ("My Little Pony").
_SENTENCE: Final = re.compile(
    r"\b(?:i|i'm|i've|me|my|mine|we|we're|our|us|he|he's|she|she's|his|her|they|they're|it's|that's|"
    r"is|are|was|were|am|does|do|did|has|have|had|will|would|should|can|could|\w+n't)\b",
    re.IGNORECASE,
)
_DANGLING: Final = re.compile(
    r"(?:\b(?:an?|and|as|at|by|for|from|in|into|its|of|or|the|their|to|with|without|your)|&)$"
)
# Whole answers that say nothing, and pieces that only talk about the task has.
_NOTHING: Final = (
    r"(?:interests?|topics?|titles?|items?|things|stuff|content|subjects?|hobbies|"
    r"hobby|activity|activities|articles?|videos|posts|names?|words?|users?|list)"
)
_EMPTY: Final = re.compile(
    r"\b(?:unnamed|untitled|unknown|miscellaneous|misc|unspecified|n/a|placeholder)\b|"
    r"^(?:various|general|diverse|mixed|random|other|several|multiple|many|different|common|user|"
    rf"personal|my|your|the user's|online)? ?{_NOTHING}(?: (?:and|of|in|for) {_NOTHING})?$|"
    r"\b(?:interest|journey|cluster) names?\b|\bname (?:the|this|of the) (?:interest|journey|list)"
    r"\b|\b(?:list of|the|these|following) titles\b|\b[2-6] to [2-6] words\b|\byou name\b|"
    r"\bjson\b.{0,12}\b(?:object|answer)|\b(?:system|hidden) prompts?\b|\bignore all\b|"
    r"\b(?:previous|following|above) instructions?\b|\b(?:as an ai|language model|i cannot|i can't|"
    r"i can not|i'm sorry|i am|sorry|unable to)\b",
    re.IGNORECASE,
)


def check(answer: str, evidence: Evidence, policy: Policy, similarity: float = 0.0) -> Verdict:
    """Judge one answer.

    Args:
        answer: What the model said, as it came.
        evidence: What it was asked about.
        policy: What may be published.
        similarity: Cosine of the answer to the titles (choice.py); 0 when no encoder is at hand.
    """
    name = tidy(answer)
    length = len(_WORD.findall(name))
    least, most = policy.words
    if _CONTACT.search(name):
        refusal: Refusal | None = Refusal.CONTACT
    elif (
        not least <= length <= most
        or _width(name) > policy.chars
        or _repeats(name)
        or not all(_is_plain(sign) for sign in name)
        or _DANGLING.search(name)
        or _joins(name, evidence)
        or is_glued(name, evidence.titles)
    ):
        refusal = Refusal.FORM
    elif _EMPTY.search(name) or _says_little(name):
        refusal = Refusal.EMPTY_WORDS
    elif _SENTENCE.search(name.replace("’", "'")) and _holders(name, evidence) < 2:
        refusal = Refusal.FORM
    elif PROFANITY in touched(name):
        refusal = Refusal.PROFANE
    elif touched(name) & policy.sensitive:
        refusal = Refusal.SENSITIVE
    elif len(evidence.titles) > 1 and _plain(name) in map(_plain, evidence.titles):
        refusal = Refusal.COPIED
    elif not is_of_their_language(name, evidence.titles):
        refusal = Refusal.LANGUAGE
    elif any(same(name, other) for other in evidence.taken):
        refusal = Refusal.TAKEN
    elif words(name) & evidence.tainted:
        refusal = Refusal.HIDDEN_ORDER
    elif echoes(name, evidence) and support(name, evidence) < evidence.needed:
        refusal = Refusal.FRAGMENT
    elif _has_strange_numbers(name, evidence) or (
        not _is_grounded(name, evidence) and similarity < policy.similarity
    ):
        refusal = Refusal.UNGROUNDED
    else:
        return Verdict(respelled(name, evidence.titles))
    return Verdict(name, refusal)


def tidy(answer: str) -> str:
    """An answer without what wraps it, its first letter a capital."""
    # What was cut off stays recognisable as that.
    name = clean(answer).replace("...", "…").strip(_WRAPPING)
    return name[:1].upper() + name[1:]


def same(name: str, other: str) -> bool:
    """Whether a reader would take two names for one: same words, whatever order and endings."""
    return _plain(name) == _plain(other) or (stems(name) == stems(other) != frozenset())


def support(name: str, evidence: Evidence) -> int:
    """How many titles share a word with a name, in any form of it."""
    return sum(share > 0 for share in shares(name, evidence.titles))


def _is_grounded(name: str, evidence: Evidence) -> bool:
    return support(name, evidence) >= evidence.most or bool(stems(name) & evidence.repeated)


def echoes(name: str, evidence: Evidence) -> bool:
    """Whether a name is a piece of one title, word for word, and of no other."""
    return _holders(name, evidence) == 1 < evidence.needed


def _holders(name: str, evidence: Evidence) -> int:
    """How many titles hold a name word for word."""
    wanted = f" {_plain(name)} "
    return sum(wanted in f" {_plain(title)} " for title in evidence.titles)


def _has_strange_numbers(name: str, evidence: Evidence) -> bool:
    """Whether titles do not bear out a number: small models make up years and versions."""
    known = {number.casefold() for number in evidence.numbers}
    return any(number.casefold() not in known for number in numbered(name))


def _joins(name: str, evidence: Evidence) -> bool:
    """Whether words are joined by a slash that no title has between them: "NHL/Hockey"."""
    return any(
        all(joined.casefold() not in title.casefold() for title in evidence.titles)
        for joined in name.split()
        if "/" in joined
    )


def _says_little(name: str) -> bool:
    """Whether a name is one word, and one that many titles use: "Work", "Beginners"."""
    said = words_in(name)
    return len(said) == 1 and idf(said[0].folded) < ALONE


def _width(name: str) -> int:
    """Characters; those of scripts that need few of them count more."""
    return sum(1 if sign < WIDE else WIDTH for sign in name)


def _is_plain(sign: str) -> bool:
    return sign.isalnum() or sign in _SIGNS or unicodedata.category(sign)[0] == "M"


def _repeats(name: str) -> bool:
    """Whether a name says a word twice, or two forms of one: "Robots and robotics"."""
    said = [word for word in _plain(name).split() if word not in _AGAIN]
    long = [word for word in said if len(word) >= KIN]
    return len(set(said)) < len(said) or any(
        one[:KIN] == other[:KIN] and one[: len(other) - 1] == other[: len(one)][: len(other) - 1]
        for one, other in permutations(long, 2)
        if len(one) >= len(other)
    )


def _plain(text: str) -> str:
    """Lower case, accents off, words with single spaces between: for comparing."""
    bare = "".join(
        sign
        for sign in unicodedata.normalize("NFKD", text.casefold())
        if not unicodedata.combining(sign)
    )
    return " ".join(re.findall(r"\w+", bare.replace("'", "").replace("’", "")))
