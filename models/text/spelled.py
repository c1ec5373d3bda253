"""One spelling for what titles spell in several ways: capitals, plurals, endings."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import regex

from models.text.stems import stem
from models.text.words import Word, is_unspaced, words

BEGINNING: Final = 0.01  # a title's first word, whose capital says little, counts as so much
ROOT: Final = 4  # letters that forms of one word must share
ENDING: Final = 3  # letters in which they may differ
SYLLABLES: Final = 2  # of Hangul, as above
PARTICLE: Final = 2
_HANGUL: Final = regex.compile(r"\p{Hangul}+")


class Spellings:
    """How most titles spell their words: not where capitals shout, least where a title begins."""

    def __init__(self, titles: Iterable[str]) -> None:
        seen: dict[str, dict[str, float]] = {}
        for title in titles:
            shouted = title.isupper()
            for place, word in enumerate(words(title)):
                lower = word.text.lower()
                spelled = lower if shouted and len(word.text) > ROOT else word.text
                forms = seen.setdefault(lower, {})
                forms[spelled] = forms.get(spelled, 0.0) + (1.0 if place else BEGINNING)
        self._best = {
            lower: max(forms, key=lambda form: (forms[form], form.islower(), form))
            for lower, forms in seen.items()
        }

    def phrase(self, runs: Sequence[tuple[Word, ...]]) -> str:
        """A phrase as most titles have it, of equals the plural, or the first."""
        forms = Counter(map(self._spell, runs))
        rivals = len(forms) > 1
        return max(forms, key=lambda form: forms[form] * (1 + (rivals and _is_telling(form))))

    def _spell(self, run: Sequence[Word]) -> str:
        return "".join(
            ((word.before or "") if place else "") + self._best[word.text.lower()]
            for place, word in enumerate(run)
        )


def _is_telling(form: str) -> bool:
    """Whether it says what a journey has several of, or what is done: "novels", "welding"."""
    return form.endswith(("s", "ing")) and not form.endswith("ss")


def groups(folded: Iterable[str], inflected: bool) -> dict[str, str]:
    """For each word what stands for all its forms.

    In inflected languages and in Korean, words of one journey that begin alike and differ in a
    short ending are forms of one: "хлеб", "хлеба"; "커피", "커피를". English ones are not ("star"
    is no "start"): they lose their endings.
    """
    key: dict[str, str] = {}
    root = ""
    for word in sorted(set(folded)):
        if word.isascii() and not inflected:
            key[word] = stem(word)
        else:
            root = root if _is_form(root, word) else word
            key[word] = root
    return key


def _is_form(root: str, word: str) -> bool:
    if not root or is_unspaced(word):
        return False
    least, most = (SYLLABLES, PARTICLE) if _HANGUL.fullmatch(word) else (ROOT, ENDING)
    shared = next(
        (place for place, (one, other) in enumerate(zip(root, word)) if one != other),
        min(len(root), len(word)),
    )
    return shared >= least and max(len(root), len(word)) - shared <= most


def spellings(titles: Iterable[str]) -> dict[str, str]:
    """How a folded word is spelled in the titles, lower case unless never so."""
    spelling: dict[str, str] = {}
    for title in titles:
        for word in words(title):
            known = spelling.get(word.folded)
            if known is None or (word.text.islower() and not known.islower()):
                spelling[word.folded] = word.text
    return spelling
