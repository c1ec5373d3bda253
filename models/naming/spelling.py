"""How the words of a name are spelled: as the titles do, and no two in one.

Small models write "Php" of titles that all say PHP, and "theRings" where a blank is due.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import regex

from models.text.background import is_known
from models.text.spelled import spellings
from models.text.stems import stem
from models.text.words import WORD, fold, is_wordlike, words

SEVERAL: Final = 2  # titles that must agree on a spelling
# A small word that runs into the next one; "DevOps" and "iPhone" are spelled like that.
_GLUED: Final = re.compile(
    r"\b(?:an?|and|at|by|for|from|in|of|on|or|the|to|with)[A-Z]\w*|\w+\.[A-Z]\w*"
)
# Of the words that an encoder knows in one piece, shorter ones are beginnings of others.
_WHOLE: Final = regex.compile(r"[a-z]{4,}")
# Words with these before others are known too: "decentralized", "geospatial".
_PREFIX: Final = regex.compile(
    r"^(?:anti|auto|bio|co|counter|cyber|de|dis|geo|hyper|inter|macro|mega|micro|mini|mis|multi|"
    r"nano|neo|neuro|non|out|over|photo|poly|post|pre|pro|pseudo|re|semi|sub|super|tele|thermo|"
    r"trans|ultra|un|under)-?(?=[a-z]{4})"
)
_PART: Final = 4  # letters of a word in a compound: "skateboard"


def respelled(name: str, titles: Sequence[str]) -> str:
    """The name with its words in the capitals that several titles give them, and none denies."""
    calm = [title for title in titles if not title.isupper()]
    known = spellings(calm)

    def spelled(word: regex.Match[str]) -> str:
        own = word.group()
        theirs = known.get(fold(own), own)
        agreed = (
            theirs.lower() == own.lower()
            and theirs[1:] != theirs[1:].lower()
            and sum(theirs in WORD.findall(title) for title in calm) >= SEVERAL
        )
        return theirs if agreed else own

    return WORD.sub(spelled, name)


def is_glued(name: str, titles: Sequence[str]) -> bool:
    """Whether a blank is missing behind a small word, and no title has it like that."""
    return any(all(glued not in title for title in titles) for glued in _GLUED.findall(name))


def broken(name: str, titles: Iterable[str]) -> list[str]:
    """The words of a name, folded, that no title has and English does not know either.

    "Beekeeping" is made of a title's word and one that English knows.
    """
    theirs = {word.folded for title in titles for word in words(title)}
    roots = set(map(stem, theirs))
    return [
        word.folded
        for word in words(name)
        if is_wordlike(word.folded)
        and word.folded not in theirs
        and stem(word.folded) not in roots
        and not is_english(word.folded)
        and not any(word.folded.removeprefix(root) in _known() for root in roots)
    ]


def is_english(folded: str) -> bool:
    """Whether a folded word is an English one, a form of one, or made of two."""
    known = _known()
    if is_known(folded) or folded in known or stem(folded) in _roots():
        return True
    cuts = range(_PART, len(folded) - _PART + 1)
    if any(folded[:cut] in known and folded[cut:] in known for cut in cuts):
        return True
    rest = _PREFIX.sub("", folded)
    return rest != folded and (rest in known or stem(rest) in _roots())


@cache
def _known() -> frozenset[str]:
    """The words that the default encoder knows in one piece."""
    data = (Path(__file__).parents[1] / "encoders" / "best" / "tokenizer.json").read_bytes()
    pieces: dict[str, Any] = msgspec.json.decode(data)["model"]["vocab"]
    return frozenset(filter(_WHOLE.fullmatch, pieces))


@cache
def _roots() -> frozenset[str]:
    return frozenset(map(stem, _known()))
