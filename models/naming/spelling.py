"""How the words of a name are spelled: as the titles do, and no two in one.

Small models write "Php" of titles that all say PHP, and "theRings" where a blank is due.
"""

import re
from collections.abc import Sequence
from typing import Final

from models.keywords import WORD, fold, is_known, spellings

SEVERAL: Final = 2  # titles that must agree on a spelling
_GLUED: Final = re.compile(r"[a-z][A-Z]")


def respelled(name: str, titles: Sequence[str]) -> str:
    """The name with its words in the capitals that several titles give them, and none denies."""
    calm = [title for title in titles if not title.isupper()]
    known = spellings(calm)

    def spelled(word: re.Match[str]) -> str:
        own = word.group()
        theirs = known.get(fold(own), own)
        agreed = (theirs.lower() == own.lower() and theirs[1:] != theirs[1:].lower()
                  and sum(theirs in WORD.findall(title) for title in calm) >= SEVERAL)
        return theirs if agreed else own

    return WORD.sub(spelled, name)


def is_glued(name: str, titles: Sequence[str]) -> bool:
    """Whether a word has a capital inside that neither titles nor the language know."""
    held = {fold(part) for title in titles for part in _parts(title)}
    return any(_GLUED.search(part) and fold(part) not in held and not is_known(fold(part))
               for part in _parts(name))


def _parts(text: str) -> list[str]:
    """Its words, those with hyphens taken apart."""
    return [part for word in WORD.findall(text) for part in word.split("-")]
