"""Text that strangers wrote, made fit for a terminal, a line of a prompt, or a page."""

import json
import re
import unicodedata
from typing import Final

# Joiners are part of how Persian, Indic words and emoji are spelled, and of nothing Latin.
_JOINER: Final = re.compile("(?<=[^\x00-\u02ff])[\u200c\u200d](?=[^\x00-\u02ff])")
_MARKUP: Final = str.maketrans("<>", "‹›")


def printable(text: str) -> str:
    """Without control characters, line breaks included: a blank for each."""
    return "".join(char if char.isprintable() else " " for char in text)


def shown(text: str) -> str:
    """As a name, a title or a term is published: a line without markup and hidden signs.

    Signs that nobody sees (zero-width ones, marks and overrides of direction, tags) are left out,
    control characters are blanks, angle brackets are ones that no markup has.
    """
    if text.isprintable():  # which no hidden sign is
        return text.translate(_MARKUP) if "<" in text or ">" in text else text
    kept = {match.start() for match in _JOINER.finditer(text)}
    seen = (
        char
        for place, char in enumerate(text)
        if unicodedata.category(char) != "Cf" or place in kept
    )
    line = "".join(char if char.isprintable() or char in "\u200c\u200d" else " " for char in seen)
    return line.translate(_MARKUP)


def escaped(line: str) -> str:
    """A line of JSON in which characters that do not print are escaped: it says the same."""
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)
