"""Collections whose activities have several topics each, or none: judged by pairs.

Nothing says there which topics are one interest, so journeys cannot be counted. But two activities
in one journey should share a topic far more often than any two of the same person do.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

from models.datasets.people import Encode, Half, Person, embedded, opened, parsed, rows
from models.engine.params import EngineParams
from models.evaluation.extraction import engine
from models.records import Activity

FILE: Final = "topics.csv.gz"
NOTHING: Final = "others"  # a topic that says nothing
WIDE: Final = 0.1  # of a person's activities: a topic of more says nothing either


@dataclass(frozen=True)
class PairScore:
    """How well journeys agree with topics; pairs are of one person's activities with topics.

    Attributes:
        people: How many.
        activities: Of all of them.
        labelled: Share of these with a topic that says something.
        journeys: Found ones a person.
        covered: Share of activities that lie in a journey.
        inside: Share of the pairs in one journey that share a topic.
        anywhere: Share of all pairs that do.
        together: Share of the pairs with a common topic that lie in one journey.
    """

    people: int
    activities: int
    labelled: float
    journeys: float
    covered: float
    inside: float
    anywhere: float
    together: float

    @property
    def lift(self) -> float:
        """How many times more often pairs in one journey share a topic."""
        return self.inside / max(self.anywhere, 1e-9)


def available(data: Path) -> list[str]:
    """Names of the collections of this kind."""
    return sorted(path.parent.name for path in data.glob(f"*/{FILE}"))


def read(
    folder: Path, encode: Encode, half: Half = "all", *, texts: bool = True
) -> tuple[list[Person], dict[str, set[str]]]:
    """The people of a collection, and the topics of each activity that has some.

    Args:
        folder: With its files.
        encode: Titles, with the texts behind them, to unit vectors.
        half: Which people, by their place among the sorted user ids.
        texts: Whether what activities say beside their titles counts.
    """
    topics: dict[str, set[str]] = {}
    for row in rows(folder / FILE):
        if row["topic"] != NOTHING:
            topics.setdefault(row["event_id"], set()).add(row["topic"])
    lives: dict[str, list[tuple[Activity, str]]] = {}
    with opened(folder / "activities.jsonl.gz") as file:
        for line in file:
            activity = parsed(line, texts=texts)
            lives.setdefault(activity.user_id, []).append((activity, ""))
    chosen = sorted(lives)[half == "odd" :: 1 if half == "all" else 2]
    return embedded({user_id: lives[user_id] for user_id in chosen}, encode), topics


def judge(people: Sequence[Person], topics: dict[str, set[str]], params: EngineParams) -> PairScore:
    """Put each person through the engine, and count pairs."""
    counts: Counter[str] = Counter()
    for person in people:
        found = engine.run(person, params)
        counts["journeys"] += len(found.journeys)
        counts["covered"] += sum(cluster in found.journeys for cluster in found.clusters)
        known = dict(_told(person, topics))
        counts["labelled"] += len(known)
        for one, other in combinations(known, 2):
            shares = bool(known[one] & known[other])
            cluster = found.clusters[one]
            inside = cluster == found.clusters[other] and cluster in found.journeys
            counts["pairs"] += 1
            counts["sharing"] += shares
            counts["inside"] += inside
            counts["both"] += shares and inside
    whole = sum(len(person.activities) for person in people)
    return PairScore(
        people=len(people),
        activities=whole,
        labelled=counts["labelled"] / whole,
        journeys=counts["journeys"] / len(people),
        covered=counts["covered"] / whole,
        inside=counts["both"] / max(counts["inside"], 1),
        anywhere=counts["sharing"] / max(counts["pairs"], 1),
        together=counts["both"] / max(counts["sharing"], 1),
    )


def _told(person: Person, topics: dict[str, set[str]]) -> Iterator[tuple[int, set[str]]]:
    """Places of the person's activities that have topics which say something, with those."""
    own = [topics.get(activity.event_id, set()) for activity in person.activities]
    counts = Counter(topic for some in own for topic in some)
    most = WIDE * sum(map(bool, own))
    for place, some in enumerate(own):
        if telling := {topic for topic in some if 1 < counts[topic] <= most}:
            yield place, telling
