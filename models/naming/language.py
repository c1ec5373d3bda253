"""The language of a journey's titles, and whether a name is in it.

Letters tell most; where languages share them, function words do: a name in English for German
titles has words that English knows and no title has.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from stopwordsiso import stopwords

from models.naming.spelling import is_english
from models.text.background import is_known
from models.text.keywords import terms_of
from models.text.languages import foreign, spoken
from models.text.spelled import groups
from models.text.stems import stems
from models.text.words import words

CLEARLY: Final = 0.5  # share of the titles that must be in a language
SEVERAL: Final = 2  # function words that they must have: one may be a name
# Chinese, Japanese: one title mixes them.
_FAMILIES: Final = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "KATAKANA-HIRAGANA": "CJK"}


def script(text: str) -> str:
    """The script that most letters of a text are in, as Unicode names it; "" without letters."""
    counted = Counter(map(_script, filter(str.isalpha, text)))
    return max(sorted(counted), key=counted.__getitem__, default="")


def scripts(text: str) -> set[str]:
    """The scripts of a text's letters."""
    return {_script(sign) for sign in text if sign.isalpha()}


@lru_cache(maxsize=1_024)
def is_foreign(titles: tuple[str, ...]) -> bool:
    """Whether titles are clearly in another language than English."""
    if _script_of(titles) not in ("LATIN", ""):
        return True
    read = [words(title) for title in titles]
    usual = {
        word
        for language in spoken([word.lower for title in read for word in title])
        for word in map(str.lower, stopwords(language))
        if not is_known(word)
    }
    said = [usual.intersection(word.lower for word in title) for title in read]
    return sum(map(bool, said)) >= CLEARLY * len(said) and len(set().union(*said)) >= SEVERAL


def is_of_their_language(name: str, titles: Sequence[str]) -> bool:
    """Whether a name is in the language of the titles, where they are clearly of one.

    Words that several titles hold are of their language, whatever letters they have: "Python".
    """
    titles = tuple(titles)
    own = _script_of(titles)
    if not own:
        return True
    idle = foreign([word.lower for title in titles for word in words(title)])
    strange = [
        word
        for word in words(name)
        if word.lower not in idle and not is_theirs(word.folded, titles)
    ]
    if not strange:
        return own == "LATIN" or script(name) == own or _is_everywhere(name, titles)
    if own != "LATIN":
        return all(_script(sign) == own for word in strange for sign in word.text if sign.isalpha())
    if any(scripts(word.text) - {"LATIN"} for word in strange):
        return False
    return not is_foreign(titles) or not all(is_english(word.folded) for word in strange)


def shares(name: str, titles: tuple[str, ...]) -> list[float]:
    """For each title the share of a name's words that it has, in any form of them."""
    if not is_foreign(titles):
        said = stems(name)
        return [len(stems(title) & said) / max(len(said), 1) for title in titles]
    held = [frozenset(terms_of(title)) for title in titles]
    wanted = terms_of(name)
    key = groups([*wanted, *frozenset().union(*held)], inflected=True)
    keys = {key[word] for word in wanted}
    return [len(keys & {key[word] for word in title}) / max(len(keys), 1) for title in held]


def is_theirs(folded: str, titles: tuple[str, ...]) -> bool:
    """Whether a title has a folded word, or a form of it."""
    known = _theirs(titles)
    if folded in known:
        return True
    keys = groups([folded, *known], inflected=not folded.isascii() or is_foreign(titles))
    return any(keys[word] == keys[folded] for word in known)


def _is_everywhere(name: str, titles: Sequence[str]) -> bool:
    """Whether most titles have each word of a name."""
    held = [{word.folded for word in words(title)} for title in titles]
    return all(
        sum(word.folded in title for title in held) > CLEARLY * len(held) for word in words(name)
    )


@lru_cache(maxsize=1_024)
def _theirs(titles: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word.folded for title in titles for word in words(title))


def _script_of(titles: Sequence[str]) -> str:
    """The script of most titles; "" where there is none."""
    counted = Counter(map(script, titles))
    best = max(sorted(counted), key=counted.__getitem__, default="")
    return best if counted[best] > CLEARLY * len(titles) else ""


@lru_cache(maxsize=65_536)
def _script(letter: str) -> str:
    name = unicodedata.name(letter, "").partition(" ")[0]
    return _FAMILIES.get(name, name.partition("-")[0])
