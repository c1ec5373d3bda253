"""What naming is judged on: groups of titles as journeys, of which a part is kept unseen."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from models.datasets.named_groups import BORNE_OUT, Group
from models.datasets.people import Encode
from models.engine.exemplars import KEPT, shorten
from models.text.stems import stems
from models.vectors import Vector

JOURNEYS: Final = 4  # of a made-up user, of mixed kinds: what a name must be distinct among
LEAST_SEEN: Final = 5  # titles: what a journey has when it is named first
LEAST_UNSEEN: Final = 3
MOST_UNSEEN: Final = 20


@dataclass(frozen=True, eq=False)
class Case:
    """A journey to be named.

    Attributes:
        group: What the namer may see: half of the titles, at least five.
        titles: Those, nearest to their centre first, shortened as the engine does.
        unseen: Other titles of the same journey, at least three and at most twenty.
        humans: What humans call it, at least one; names that can be understood alone.
        centre: Of the seen titles, by the encoder that names are chosen with; unit.
    """

    group: Group
    titles: Sequence[str]
    unseen: Sequence[str]
    humans: Sequence[str]
    centre: Vector

    def exemplars(self, depth: int = KEPT) -> list[str]:
        """What a naming request shows."""
        return list(self.titles[:depth])


def users(groups: Sequence[Group], each: int, encode: Encode) -> list[list[Case]]:
    """Users with journeys, the same ones every time.

    Those of lists and subreddits are put together to made-up users; a real person's stay theirs.

    Args:
        groups: All that may be used.
        each: Journeys of each kind at most, as even over lists and people as they allow.
        encode: Titles to unit vectors, as names are chosen with them.
    """
    named = {group.group_id: _humans(group, groups) for group in groups}
    usable = [
        group
        for group in groups
        if len(group.titles) >= LEAST_SEEN + LEAST_UNSEEN and named[group.group_id]
    ]
    made_up: list[Case] = []
    people: defaultdict[str, list[Case]] = defaultdict(list)
    for kind in ("list", "subreddit", "person"):
        for group in _spread([group for group in usable if group.kind == kind])[:each]:
            case = _case(group, named[group.group_id], encode)
            (people[group.source] if kind == "person" else made_up).append(case)
    random.Random(0).shuffle(made_up)
    starts = range(0, len(made_up), JOURNEYS)
    return [*(made_up[start : start + JOURNEYS] for start in starts), *people.values()]


def _case(group: Group, humans: Sequence[str], encode: Encode) -> Case:
    """Split a group: a person's later titles are unseen, of others drawn ones."""
    titles = list(group.titles)
    if group.kind != "person":
        random.Random(group.group_id).shuffle(titles)
    seen = max(LEAST_SEEN, min(len(titles) // 2, len(titles) - LEAST_UNSEEN))
    vectors = encode(titles[:seen])
    mean: Vector = vectors.mean(axis=0)
    centre = mean / max(float(np.linalg.norm(mean)), 1e-6)
    nearest = [shorten(titles[place]) for place in np.argsort(-(vectors @ centre), kind="stable")]
    known = replace(group, titles=tuple(titles[:seen]))
    return Case(known, nearest, titles[seen:][:MOST_UNSEEN], humans, centre)


def _humans(group: Group, groups: Sequence[Group]) -> list[str]:
    """What humans call it, where that stands alone: enough titles have a word of it.

    A heading takes its list's title for granted ("Blog posts", "Function"), and a subreddit may be
    called "For artists who want to improve": beside those stand the heading with words of the
    list's title, the subreddit's address, and how others spell the same heading.
    """
    known = stems(group.name)
    same = [other.name for other in groups if known and stems(other.name) == known]
    longer = group.names if group.kind == "list" else []
    names = dict.fromkeys((*longer, group.name, *group.also, *same))
    said = [stems(title) for title in group.titles]
    return [
        name
        for name in names
        if sum(not stems(name).isdisjoint(words) for words in said) >= BORNE_OUT * len(said)
    ]


def _spread(groups: Sequence[Group]) -> list[Group]:
    """One of each source, then a second of each, …, in an order drawn once."""
    by_source: defaultdict[str, list[Group]] = defaultdict(list)
    for group in random.Random(0).sample(groups, len(groups)):
        by_source[group.source].append(group)
    ranks = [(rank, group) for of_one in by_source.values() for rank, group in enumerate(of_one)]
    return [group for _, group in sorted(ranks, key=lambda entry: entry[0])]
