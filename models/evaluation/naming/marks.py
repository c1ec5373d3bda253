"""What readers marked on a blind page, by technique."""

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Final, TypeAlias

import msgspec

from models.errors import JourneysError

SURE: Final = 1.96  # standard errors of a normal on either side: 95 % of it

_BOX: Final = re.compile(r"^\s*[-*] \[(?P<mark>[ xX]?)\] ")
_JOURNEY: Final = re.compile(r"^## (?P<number>\d+)\s*$")


class Shown(msgspec.Struct, frozen=True):
    """A journey on a page: its names in their order there, and which methods gave each."""

    group_id: str
    kind: str
    names: list[str]
    methods: list[list[str]]


class Told(msgspec.Struct, frozen=True):
    """What readers say of a technique's names.

    Attributes:
        method: Which.
        names: How many were read; one that several readers read counts once.
        published: Share of them that a reader would publish.
        low: Lower end of its 95 % confidence interval (Wilson 1927), over names.
        high: The upper end.
    """

    method: str
    names: int
    published: float
    low: float
    high: float


Key: TypeAlias = list[Shown]
Marks: TypeAlias = dict[int, list[bool]]  # by place in the key, of each of its names


def read(page: str, key: Key) -> Marks:
    """The marks of a page; journeys without one are left out.

    Raises:
        JourneysError: It is not the page of this key.
    """
    boxes: defaultdict[int, list[bool]] = defaultdict(list)
    place = -1
    for line in page.splitlines():
        if heading := _JOURNEY.match(line):
            place = int(heading["number"]) - 1
        elif box := _BOX.match(line):
            boxes[place].append(bool(box["mark"].strip()))
    for place, ticked in boxes.items():
        if not 0 <= place < len(key) or len(ticked) != len(key[place].names) + 1:
            raise JourneysError(f"interest {place + 1} of the page is not that of the key")
        if ticked[-1] and any(ticked[:-1]):
            raise JourneysError(f"interest {place + 1}: names are marked, and that there is none")
    return {place: ticked[:-1] for place, ticked in boxes.items() if any(ticked)}


def told(readers: Sequence[Marks], key: Key) -> list[Told]:
    """What the readers say of each technique, by name."""
    said: defaultdict[str, list[float]] = defaultdict(list)
    for place, shown in enumerate(key):
        marks = [reader[place] for reader in readers if place in reader]
        for number, methods in enumerate(shown.methods):
            for method in methods:
                if marks:
                    said[method].append(sum(each[number] for each in marks) / len(marks))
    return [_told(method, shares) for method, shares in sorted(said.items())]


def agreement(readers: Sequence[Marks]) -> float | None:
    """Cohen's kappa, a mean over pairs of readers; None without two that read the same.

    0: as often as by chance, 1: always.
    """
    found = []
    for one, other in combinations(readers, 2):
        both = [
            pair
            for place in one.keys() & other.keys()
            for pair in zip(one[place], other[place], strict=True)
        ]
        if both:
            same = sum(mine == yours for mine, yours in both) / len(both)
            mine, yours = (sum(marks) / len(both) for marks in zip(*both, strict=True))
            chance = mine * yours + (1 - mine) * (1 - yours)
            found.append((same - chance) / (1 - chance) if chance < 1 else 1.0)
    return sum(found) / len(found) if found else None


def _told(method: str, shares: Sequence[float]) -> Told:
    count = len(shares)
    share = sum(shares) / count
    square = SURE**2 / count
    middle = (share + square / 2) / (1 + square)
    width = SURE * (share * (1 - share) / count + square / count / 4) ** 0.5 / (1 + square)
    return Told(method, count, share, max(0.0, middle - width), min(1.0, middle + width))
