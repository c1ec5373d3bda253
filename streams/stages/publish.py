"""Publish: changes, current journeys, naming requests."""

from collections.abc import Iterable
from typing import Final

from models.records import Change, CurrentJourney, NamingRequest, cloudevent, encode
from streams.kafka.sending import Headers, Letter
from streams.topics import Topics, journey_key

CLOUDEVENT: Final[Headers] = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def letters(
    topics: Topics,
    changes: Iterable[Change],
    journeys: Iterable[CurrentJourney],
    requests: Iterable[NamingRequest],
) -> list[Letter]:
    """What the topics get of a batch's effects, in order."""
    return [
        *(
            Letter(topics.changes, change.user_id.encode(), cloudevent(change), CLOUDEVENT)
            for change in changes
        ),
        *(
            Letter(
                topics.journeys,
                journey_key(current.user_id, current.journey.journey_id),
                encode(current),
            )
            for current in journeys
        ),
        *(
            Letter(topics.requests, request.user_id.encode(), encode(request))
            for request in requests
        ),
    ]
