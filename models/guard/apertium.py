"""Words of a category in Romance languages, by the bilingual dictionaries of Apertium.

They are asked with `lt-proc` (Debian `lttoolbox`). A translation belongs to a category if most of
what it is translated back to does; one that has no way back is taken.
"""

import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from models.guard.lists import ENGLISH
from models.guard.sources import Lists


class _Pair(NamedTuple):
    source: str
    target: str
    there: str  # file names without their ending
    back: str


# In their order: what is found is the source of later ones. By way of Catalan, whose dictionaries
# are the largest, and may be had under GPL-3.0; those of other pairs may not.
_PAIRS: Final = (
    _Pair("en", "ca", "eng-cat", "cat-eng"),
    _Pair("ca", "es", "cat-spa", "spa-cat"),
    _Pair("ca", "fr", "cat-fra", "fra-cat"),
    _Pair("ca", "it", "cat-ita", "ita-cat"),
    _Pair("ca", "pt", "cat-por", "por-cat"),
)
_ANSWER: Final = re.compile(r"\^([^/$]*)/([^$]*)\$")
_LEMMA: Final = re.compile(r"^[^<]*")


def translated(folder: Path, english: Mapping[str, Iterable[str]]) -> Lists:
    """The entries of each category by language, of its English words.

    Args:
        folder: The `….autobil.bin` of Debian's packages apertium-eng-cat, -spa-cat, -fra-cat,
            -cat-ita and -por-cat.
        english: The English words of each category.
    """
    found: Lists = {}
    for category, words in english.items():
        # As the dictionaries have them: a lemma with its tags.
        known: dict[str, set[str]] = {
            ENGLISH: {f"{word}<{tag}>" for word in words for tag in _TAGS}
        }
        for pair in _PAIRS:
            there = _asked(folder / f"{pair.there}.autobil.bin", known[pair.source])
            new = {answer for answers in there.values() for answer in answers}
            own = {_lemma(entry) for entry in known[pair.source]}
            back = _asked(folder / f"{pair.back}.autobil.bin", new)
            kept = {
                entry
                for entry in new
                if 2 * sum(_lemma(answer) in own for answer in back[entry]) > len(back[entry])
                or not back[entry]
            }
            known.setdefault(pair.target, set()).update(kept)
        found[category] = {
            language: sorted({_spelled(entry) for entry in entries})
            for language, entries in known.items()
            if language != ENGLISH and entries
        }
    return found


_TAGS: Final = ("n", "adj")  # what names are made of


def _asked(dictionary: Path, entries: Iterable[str]) -> dict[str, list[str]]:
    """What a dictionary gives for each entry; nothing for one that it does not have."""
    asked = sorted(entry for entry in entries if not set("/^$@*\\[]{}") & set(entry))
    lines = "\n".join(f"^{entry}$" for entry in asked)
    run = subprocess.run(
        ["lt-proc", "-b", dictionary], input=lines, capture_output=True, text=True, check=True
    )
    answers = {
        match[1]: [answer for answer in match[2].split("/") if not answer.startswith("@")]
        for match in _ANSWER.finditer(run.stdout)
    }
    return {entry: answers.get(entry, []) for entry in asked}


def _spelled(entry: str) -> str:
    match = _LEMMA.match(entry)
    return match.group().replace("_", " ").replace("#", "") if match else ""


def _lemma(entry: str) -> str:
    return _spelled(entry).casefold()
