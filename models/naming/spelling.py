"""How the words of a name are spelled: as the titles do, and no two in one.

Small models write "Php" of titles that all say PHP, and "theRings" where a blank is due.
"""

import re
from collections.abc import Sequence
from typing import Final

import regex

from models.text.spelled import spellings
from models.text.words import WORD, fold

SEVERAL: Final = 2  # titles that must agree on a spelling
# A small word that runs into the next one; "DevOps" and "iPhone" are spelled like that.
_GLUED: Final = re.compile(r"\b(?:an?|and|at|by|for|from|in|of|on|or|the|to|with)[A-Z]\w*")


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
