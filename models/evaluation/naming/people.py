"""Journeys that the engine finds with real people, whose topics say what they are about.

Half of the activities have topics that strangers gave them (the topics of starred repositories).
The topic that most of a journey's activities share is taken for its human name.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from models.datasets.named_groups import Group
from models.datasets.people import Encode, Person
from models.engine.params import EngineParams
from models.evaluation.extraction import engine, several

SHARED: Final = 0.3  # of a journey's activities with topics: those that share its name
LEAST: Final = 3  # activities that share it


def read(folder: Path, encode: Encode, params: EngineParams) -> list[Group]:
    """The odd people's journeys that have a name, their titles in time order.

    Args:
        folder: Of activities and `topics.csv.gz`.
        encode: Titles, with the texts behind them, to unit vectors.
        params: The engine's settings.

    Raises:
        JourneysError: A file is missing or broken.
    """
    people, topics = several.read(folder, encode, half="odd")
    return [group for person in people for group in _journeys(person, topics, params)]


def _journeys(person: Person, topics: dict[str, set[str]], params: EngineParams) -> Sequence[Group]:
    found = engine.run(person, params)
    own = [topics.get(activity.event_id, set()) for activity in person.activities]
    theme = Counter(topic for some in own for topic in some).most_common(1)
    groups = []
    for journey in sorted(found.journeys):
        places = [place for place, cluster in enumerate(found.clusters) if cluster == journey]
        told = [own[place] for place in places if own[place]]
        shared = [
            topic
            for topic, times in Counter(t for some in told for t in sorted(some)).most_common()
            if times >= max(LEAST, SHARED * len(told))
        ]
        titles = dict.fromkeys(person.activities[place].title for place in places)
        names = [topic.replace("-", " ") for topic in shared]
        if names:
            groups.append(
                Group(
                    f"person:{person.user_id}:{journey}",
                    "person",
                    person.user_id,
                    names[0],
                    tuple(titles),
                    theme[0][0].replace("-", " "),
                    tuple(names[1:]),
                )
            )
    return groups
