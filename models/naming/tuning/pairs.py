"""What is learned: a question as the namer asks it, and the name that a human gave."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from models.datasets.named_groups import Group, Kind
from models.engine.exemplars import shorten
from models.naming.answers import Policy, check
from models.naming.holding import TextEncoder, holds
from models.naming.prompt import question
from models.naming.titles import Evidence

SHOWN: Final = (3, 6)  # titles of a pair; the engine keeps five
DRAWS: Final[dict[Kind, int]] = {"list": 3, "subreddit": 12}  # pairs made of one group, with other
# titles each; more of the few subreddits, whose titles are more like what people view
OF_ONE_LIST: Final = 20  # sections at most, or the model learns that all is about its subject
AMONG: Final = 20  # groups of its kind that a name must tell its own from


class Pair(NamedTuple):
    """A question, and the answer that is right."""

    question: str
    answer: str


def pairs(groups: Sequence[Group], encoder: TextEncoder, seed: int = 0) -> list[Pair]:
    """Every group several times with titles drawn anew, in a random order; blocking.

    A name that the guard would not publish for these titles is not learned either: vague headings,
    jokes, sensitive topics, single words. Nor is one that fits another group as well or better.
    """
    draw = random.Random(seed)
    of_list: Counter[str] = Counter()
    learned: list[Pair] = []
    for group, names in _telling(draw.sample(groups, len(groups)), encoder, draw):
        if of_list[group.source] < OF_ONE_LIST and (new := [*_drawn(group, names, encoder, draw)]):
            of_list[group.source] += 1
            learned += new
    draw.shuffle(learned)
    return learned


def _telling(
    groups: Sequence[Group], encoder: TextEncoder, draw: random.Random
) -> Iterator[tuple[Group, list[str]]]:
    """Groups with those of their names that are nearer to them than to others, nearest first."""
    centres = {group.group_id: encoder.encode(group.titles).sum(axis=0) for group in groups}
    unit = {key: centre / np.linalg.norm(centre) for key, centre in centres.items()}
    for group in groups:
        others = [other for other in groups if other.kind == group.kind and other is not group]
        others = draw.sample(others, min(AMONG - 1, len(others)))
        if not group.names:
            continue
        nearness = (
            encoder.encode(group.names)
            @ np.stack([unit[one.group_id] for one in (group, *others)]).T
        )
        telling = [
            (float(row[0]), name)
            for name, row in zip(group.names, nearness, strict=True)
            if int(row.argmax()) == 0
        ]
        if telling:
            yield group, [name for _, name in sorted(telling, reverse=True)]


def _drawn(
    group: Group, names: Sequence[str], encoder: TextEncoder, draw: random.Random
) -> Iterator[Pair]:
    for _ in range(DRAWS[group.kind]):
        shown = draw.sample(group.titles, min(draw.randint(*SHOWN), len(group.titles)))
        evidence = Evidence.of(group.request([shorten(title) for title in shown], shown=len(shown)))
        held, _ = holds(names, evidence, encoder)
        verdicts = (
            check(name, evidence, Policy(), hold.nearness)
            for name, hold in zip(names, held, strict=True)
        )
        if (name := next((one.name for one in verdicts if one.refusal is None), None)) is not None:
            yield Pair(question(evidence), msgspec.json.encode({"name": name}).decode())
