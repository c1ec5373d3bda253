"""What is learned: a question as the namer asks it, and the name that a human gave."""

import random
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from models.exemplars import shorten
from models.naming.choice import TextEncoder, choose
from models.naming.groups import Group
from models.naming.guard import Policy
from models.naming.prompt import question
from models.naming.titles import Evidence

SHOWN: Final = (3, 6)  # titles of a pair; the engine keeps five
DRAWS: Final = 3  # pairs made of one group, with other titles each


class Pair(NamedTuple):
    """A question, and the answer that is right."""

    question: str
    answer: str


def pairs(groups: Sequence[Group], encoder: TextEncoder, seed: int = 0) -> list[Pair]:
    """Every group `DRAWS` times with titles drawn anew, in a random order; blocking.

    A name that the guard would not publish for these titles is not learned either: vague headings,
    jokes, sensitive topics, single words.
    """
    draw = random.Random(seed)
    found = [pair for group in groups for pair in _drawn(group, encoder, draw)]
    draw.shuffle(found)
    return found


def _drawn(group: Group, encoder: TextEncoder, draw: random.Random) -> Iterator[Pair]:
    for _ in range(DRAWS):
        shown = draw.sample(group.titles, min(draw.randint(*SHOWN), len(group.titles)))
        evidence = Evidence.of(group.request([shorten(title) for title in shown]))
        for name in dict.fromkeys((group.name, group.fuller)):
            if (chosen := choose([name], evidence, Policy(), encoder).name) is not None:
                yield Pair(question(evidence), msgspec.json.encode({"name": chosen}).decode())
                break
