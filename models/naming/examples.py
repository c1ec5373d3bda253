"""The examples that few-shot prompts show: titles of one person's interest, and its name."""

from functools import cache
from pathlib import Path
from typing import Final

import msgspec

ENGLISH: Final = "examples.json"
SEVERAL: Final = "examples_languages.json"


class Example(msgspec.Struct, frozen=True):
    """An interest with its name.

    Attributes:
        titles: What was looked at.
        terms: Words that say something, the most frequent first.
        taken: Names of the user's other interests.
        name: Its name.
    """

    titles: list[str]
    terms: list[str]
    taken: list[str]
    name: str


@cache
def examples(file: str = ENGLISH) -> tuple[Example, ...]:
    """The examples of a file, in the order in which a prompt shows them."""
    data = Path(__file__).with_name(file).read_bytes()
    return tuple(msgspec.json.decode(data, type=list[Example]))


def subjects() -> list[list[str]]:
    """Titles of interests that have nothing to do with each other."""
    return [example.titles for example in examples()]
