"""What of the sample's truth was found: journeys against the interests that are really there."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from models.records import CurrentJourney
from streams.demo.sample.generator import Interest, catalogue

LASTING: Final = ("persistent", "seasonal", "dropped")


@dataclass(frozen=True)
class Score:
    """Numbers of interests.

    Attributes:
        lasting: Interests that lasted, and so should be journeys.
        found: Of these, those that are.
        short: Binges and one-offs, which should be none.
        mistaken: Of these, those that are.
    """

    lasting: int
    found: int
    short: int
    mistaken: int


def score(journeys: Iterable[CurrentJourney], truth: Iterable[Interest]) -> Score:
    """Compare; a journey is of the interest that most of its exemplar items are of.

    Journeys of users beyond the sample are left out.
    """
    interest_of = {
        item["item_id"]: entry["interest"] for entry in catalogue() for item in entry["items"]
    }
    kinds = {(interest.user_id, interest.interest): interest.kind for interest in truth}
    interests = set()
    for current in journeys:
        items = Counter(interest_of.get(item.item_id) for item in current.journey.items)
        interests.add((current.user_id, items.most_common(1)[0][0]))
    lasting = {key for key, kind in kinds.items() if kind in LASTING}
    short = kinds.keys() - lasting
    return Score(len(lasting), len(lasting & interests), len(short), len(short & interests))
