"""What word lists that others keep say of a category, each in its own form."""

import ast
import gzip
import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeAlias

from models.guard.lists import ENGLISH
from models.text.languages import LANGUAGES

# Of FreeDict: both ways, or from English only.
INTO_ENGLISH: Final = ("deu", "spa", "fra", "por", "ita", "nld")
FROM_ENGLISH: Final = ("spa", "fra", "por", "ita", "nld", "pol", "rus", "tur")
CODES: Final = {
    **{"deu": "de", "spa": "es", "fra": "fr", "por": "pt", "ita": "it", "nld": "nl"},
    **{"pol": "pl", "rus": "ru", "tur": "tr"},
}
FAKER: Final = {"en": "", "de": "de_DE", "es": "es_ES", "fr": "fr_FR", "pt": "pt_BR", "zh": "zh_CN"}

Lists: TypeAlias = dict[str, dict[str, list[str]]]  # category → language → entries


def naughty(folder: Path) -> dict[str, list[str]]:
    """Obscene words by language, of the npm package `naughty-words`."""
    return {
        path.stem[:2]: json.loads(path.read_text("utf-8"))
        for path in sorted(folder.glob("??.json"))
    }


def described(folder: Path, emoji: dict[str, list[str]]) -> Lists:
    """Words that describe a category's emoji, and no other emoji, by language."""
    found: Lists = {name: {} for name in emoji}
    for path in sorted(folder.glob("??/annotations.json")):
        if path.parent.name not in (ENGLISH, *LANGUAGES):
            continue
        annotations = json.loads(path.read_text("utf-8"))["annotations"]
        table: dict[str, Any] = annotations.get("annotations", {})
        wearing: dict[str, set[str]] = defaultdict(set)
        for sign, described in table.items():
            for word in (*described.get("default", ()), *described.get("tts", ())):
                wearing[word].add(sign.replace("\ufe0f", ""))
        for name, signs in emoji.items():
            own = set(signs)
            words = [word for word, signs_of in wearing.items() if signs_of <= own]
            if words:
                found[name][path.parent.name] = words
    return found


def illnesses(folder: Path) -> dict[str, list[str]]:
    """Illnesses and medicines, of a package that makes up patients in six languages."""
    found = {}
    for language, part in FAKER.items():
        tree = ast.parse((folder / part / "disease_correlations.py").read_text("utf-8"))
        table: Any = next(
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.AnnAssign) and node.value is not None
        )
        found[language] = [
            entry for name, of in table.items() for entry in (name, *of["medications"])
        ]
    return found


def freedict(folder: Path, english: dict[str, set[str]]) -> Lists:
    """Words whose first translation into English, or most of them, belong to a category.

    Args:
        folder: Dictionaries of FreeDict, as dictd has them.
        english: The English words of each category.
    """
    known = {name: {word.casefold() for word in words} for name, words in english.items()}
    found: dict[str, dict[str, list[str]]] = {name: defaultdict(list) for name in known}
    for code, language in CODES.items():
        glosses: dict[str, list[str]] = defaultdict(list)
        if code in INTO_ENGLISH:
            for word, meanings in _entries(folder / f"freedict-{code}-eng"):
                glosses[word] += chain.from_iterable(meanings)
        if code in FROM_ENGLISH:
            # The first sense only: the others may well be of something else.
            for word, meanings in _entries(folder / f"freedict-eng-{code}"):
                for translation in meanings[0] if meanings else ():
                    glosses[translation].append(word.casefold())
        for word, meant in glosses.items():
            for name, words in known.items():
                inside = [meaning.casefold() in words for meaning in meant]
                if inside and (inside[0] or 2 * sum(inside) >= len(inside)):
                    found[name][language].append(word)
    return {name: dict(languages) for name, languages in found.items()}


_LABEL: Final = re.compile(r"\{\{([^{}|]+)[|}]")
_GRAMMAR: Final = re.compile(r"<[^>]*>|\[[^\]]*\]|/[^/]*/|\([^)]*\)|^\d+\.")
_ARTICLE: Final = re.compile("^(?:an?|the|to) |^[A-Z]{2,3}$")  # and abbreviations
_ASIDE: Final = re.compile(r'^\s*(?:Note|Synonyms?|see|Antonyms?|Translations?|Cf)\b|^\s*"')


def _entries(stem: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """Headwords of a dictionary of FreeDict, each with its translations, sense by sense."""
    text = gzip.decompress(stem.with_suffix(".dict.dz").read_bytes())
    for line in stem.with_suffix(".index").read_text("utf-8").splitlines():
        word, start, length = line.split("\t")
        if word.startswith("00"):
            continue
        begin = _number(start)
        first, *lines = text[begin : begin + _number(length)].decode().split("\n")
        meanings = [
            [
                meaning
                for part in re.split("[,;.]", _GRAMMAR.sub(",", line))
                if (meaning := _ARTICLE.sub("", part.strip()))
            ]
            for line in lines
            if not _ASIDE.match(line)
        ]
        yield _GRAMMAR.sub("", first).strip() or word, [each for each in meanings if each]


def _number(text: str) -> int:
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    value = 0
    for sign in text:
        value = 64 * value + signs.index(sign)
    return value


def russian(path: Path, roots: dict[str, list[str]], labels: dict[str, list[str]]) -> Lists:
    """What lies under the roots in a wordnet that was made of the Russian Wiktionary.

    Args:
        path: Its database.
        roots: For each category, words.
        labels: For each category, the fields that the Wiktionary marks senses with: "мед.".
    """
    base = sqlite3.connect(path)
    words: dict[int, set[str]] = defaultdict(set)
    senses: dict[str, set[int]] = defaultdict(set)
    marked: dict[str, set[int]] = defaultdict(set)
    for synset, lemma, definition in base.execute("select * from synsets"):
        words[synset].add(lemma)
        senses[lemma].add(synset)
        for label in _LABEL.findall(definition):
            marked[label].add(synset)
    below: dict[int, set[int]] = defaultdict(set)
    for synset, above in base.execute("select sid, hypersid from hypernyms"):
        below[above].add(synset)
    found: Lists = {}
    for name, lemmas in roots.items():
        inside: set[int] = set()
        todo = [min(senses[lemma]) for lemma in lemmas if senses[lemma]]
        while todo:
            if (synset := todo.pop()) not in inside:
                inside.add(synset)
                todo += below[synset]
        inside = inside.union(*(marked[label] for label in labels.get(name, ())))
        every = {lemma for synset in inside for lemma in words[synset]}
        found[name] = {
            "ru": [word for word in every if 2 * len(senses[word] & inside) >= len(senses[word])]
        }
    return found
