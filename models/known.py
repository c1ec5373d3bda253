"""What journeys go by, as told so far.

A change's bytes may not depend on when a name arrives, so only `named` carries one. Whoever shows
changes to people keeps the last name of each journey, and shows it beside the change.
"""

from typing import NamedTuple

from models.decoding import ChangeEvent
from models.records import CurrentJourney


class Known(NamedTuple):
    """What is known of a journey.

    Attributes:
        name: What it goes by; its keywords, or at last its id, where no name was told.
        confidence: 0 to 1; None where none was told.
    """

    name: str
    confidence: float | None


class KnownJourneys:
    """Remembers names and confidences, some hundred bytes a journey."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._confidences: dict[str, float] = {}

    def stands(self, current: CurrentJourney) -> None:
        """Take over how a journey stands, from `journeys`."""
        self._names[current.journey.journey_id] = current.name
        self._confidences[current.journey.journey_id] = current.journey.confidence

    def told(self, change: ChangeEvent) -> Known:
        """Take over a change; what is known of its journey then."""
        data = change.data
        if data.name:
            self._names[data.journey_id] = data.name
        if data.journey is not None:
            self._confidences[data.journey_id] = data.journey.confidence
        return known(
            change, self._names.get(data.journey_id), self._confidences.get(data.journey_id)
        )

    def name(self, journey_id: str) -> str:
        """What a journey goes by; its id where nothing was told."""
        return self._names.get(journey_id) or journey_id


def known(change: ChangeEvent, name: str | None, confidence: float | None) -> Known:
    """What is known of a change's journey: what it says itself, else what was told elsewhere."""
    data = change.data
    keywords = data.journey.keywords if data.journey else ""
    sure = data.journey.confidence if data.journey else confidence
    return Known(data.name or name or keywords or data.journey_id, sure)
