"""The word lists of `words/`, by language, in the form that texts are looked up in.

Forms of a word are one entry, by Snowball's stemmers. Where a script puts no blanks between words,
entries are looked for anywhere.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
import regex
import Stemmer
from stopwordsiso import stopwords

from models.text.languages import LANGUAGES
from models.text.words import is_unspaced, pieces

FOLDER: Final = Path(__file__).parent / "words"
ENGLISH: Final = "en"
MOST_WORDS: Final = 4  # of an entry
_STEMMERS: Final = {
    **{"ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german"},
    **{"el": "greek", "es": "spanish", "et": "estonian", "fi": "finnish"},
    **{"fr": "french", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian"},
    **{"it": "italian", "lt": "lithuanian", "nl": "dutch", "no": "norwegian", "pl": "polish"},
    **{"pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish", "tr": "turkish"},
}
_ACCENTS: Final = regex.compile(r"\p{M}")

Categories: TypeAlias = frozenset[str]
Entries: TypeAlias = dict[tuple[str, ...], Categories]


@cache
def entries() -> dict[str, Entries]:
    """By language: for each entry, as the stems of its words, the categories that have it."""
    found: dict[str, Entries] = {}
    for category, language, entry in _read():
        stems = tuple(stem(language, word) for word in pieces(entry))
        if 0 < len(stems) <= MOST_WORDS:
            known = found.setdefault(language, {})
            if len(stems) == 1 and stems[0] in _idle(language):
                continue  # Portuguese "com" is "with", and what is left of a verb
            forms = {stems}
            if language == ENGLISH:
                forms.add((*stems[:-1], plural(stems[-1])))
            for form in forms:
                known[form] = known.get(form, frozenset()) | {category}
    return found


def plural(word: str) -> str:
    """The plural of an English word, in lower case."""
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


@cache
def unspaced() -> dict[str, regex.Pattern[str]]:
    """By category: the entries in scripts without blanks, of more than one sign."""
    found: dict[str, set[str]] = {}
    for category, _, entry in _read():
        if len(entry) > 1 and all(map(is_unspaced, entry)):
            found.setdefault(category, set()).add(entry)
    return {
        category: regex.compile("|".join(map(regex.escape, sorted(known))))
        for category, known in found.items()
    }


@lru_cache(maxsize=65_536)
def stem(language: str, word: str) -> str:
    """What a word's forms have in common, without accents."""
    folded = word.casefold()
    if language == ENGLISH:
        # A stemmer makes one of "machine" and "machination"; "AIDS" is not what aids are.
        return word if word.isupper() and word.endswith("S") else unaccented(_possessive(folded))
    stemmer = _stemmer(language)
    return unaccented(stemmer.stemWord(folded) if stemmer else folded)


def stems(word: str) -> Iterator[tuple[str, str]]:
    """Each listed language but English with the stem that a word has in it."""
    folded = word.casefold()
    bare = unaccented(folded)
    for language in entries():
        stemmer = _stemmer(language)
        if language != ENGLISH:
            yield language, unaccented(stemmer.stemWord(folded)) if stemmer else bare


def _possessive(word: str) -> str:
    return word.replace("’", "'").removesuffix("'s").replace("'", "")


def unaccented(text: str) -> str:
    """A text without the marks on its letters, for comparing."""
    if text.isascii():
        return text
    return _ACCENTS.sub("", unicodedata.normalize("NFKD", text))


@cache
def _idle(language: str) -> frozenset[str]:
    """The stems of a language's function words."""
    listed = stopwords(language) if language in LANGUAGES else ()
    return frozenset(stem(language, word) for word in listed)


@cache
def _stemmer(language: str) -> Stemmer.Stemmer | None:
    name = _STEMMERS.get(language)
    return Stemmer.Stemmer(name, 0) if name else None  # without a cache of its own


@cache
def _read() -> tuple[tuple[str, str, str], ...]:
    """Category, language and entry, of all lists."""
    return tuple(_every())


def _every() -> Iterator[tuple[str, str, str]]:
    for path in sorted(FOLDER.glob("*.json")):
        lists = msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, list[str]]])
        for category, languages in lists.items():
            for language, known in languages.items():
                for entry in known:
                    yield category, language, entry
