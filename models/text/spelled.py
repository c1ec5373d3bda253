"""One spelling for what titles spell in several ways: capitals, plurals, endings."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import regex

from models.text.stems import stem
from models.text.words import Word, is_unspaced, words

BEGINNING: Final = 0.01  # a capital that says little counts as so much
RAISED: Final = 0.6  # share of capitals from which a title puts them to all its words
ROOT, ENDING = 4, 3  # letters that forms of one word must share, and that they may differ in
SYLLABLES, PARTICLE = 2, 2  # the same of Hangul
_HANGUL: Final = regex.compile(r"\p{Hangul}+")


class Spellings:
    """How most titles spell their words.

    Capitals say little where a title begins or puts them to all its words, and nothing where it
    has no other letters.
    """

    def __init__(self, titles: Iterable[str]) -> None:
        seen: dict[str, dict[str, float]] = {}
        for title in titles:
            shouted, said = title.isupper(), words(title)
            raised = sum(word.text[0].isupper() for word in said) > RAISED * len(said)
            for place, word in enumerate(said):
                spelled = word.lower if shouted and len(word.text) > ROOT else word.text
                telling = word.text.islower() or (place > 0 and not raised)
                forms = seen.setdefault(word.lower, {})
                forms[spelled] = forms.get(spelled, 0.0) + (1.0 if telling else BEGINNING)
        self._best = {
            lower: max(forms, key=lambda form: (forms[form], not form.islower(), form))
            for lower, forms in seen.items()
        }

    def phrase(self, runs: Sequence[tuple[Word, ...]]) -> str:
        """A phrase as most titles have it.

        Forms that say what a journey has several of, or what is done, count twice: "novels",
        "welding".
        """
        forms = Counter(map(self._spell, runs))
        return max(forms, key=lambda form: forms[form] * (2 if form.endswith(("s", "ing")) else 1))

    def _spell(self, run: Sequence[Word]) -> str:
        return "".join(
            ((word.before or "") if place else "") + self._best[word.lower]
            for place, word in enumerate(run)
        )


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


def spellings(titles: Iterable[str]) -> dict[str, str]:
    """How a folded word is spelled in the titles, lower case unless never so."""
    spelling: dict[str, str] = {}
    for title in titles:
        for word in words(title):
            known = spelling.get(word.folded)
            if known is None or (word.text.islower() and not known.islower()):
                spelling[word.folded] = word.text
    return spelling


def _is_form(root: str, word: str) -> bool:
    if not root or is_unspaced(word):
        return False
    least, most = (SYLLABLES, PARTICLE) if _HANGUL.fullmatch(word) else (ROOT, ENDING)
    pairs = enumerate(zip(root, word, strict=False))
    ends = min(len(root), len(word))
    shared = next((place for place, (one, other) in pairs if one != other), ends)
    return shared >= least and max(len(root), len(word)) - shared <= most
