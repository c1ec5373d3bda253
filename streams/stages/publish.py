"""Publish: changes, current journeys, naming requests."""

from collections.abc import Iterable
from typing import Final

from models.records import Change, JourneyRecord, NamingRequest, cloudevent, encode
from streams.kafka.sending import Headers, Letter
from streams.topics import Topics, journey_key

CLOUDEVENT: Final[Headers] = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def letters(
    topics: Topics,
    changes: Iterable[Change],
    records: Iterable[JourneyRecord],
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
                journey_key(record.user_id, record.journey.journey_id),
                encode(record),
            )
            for record in records
        ),
        *(
            Letter(topics.requests, request.user_id.encode(), encode(request))
            for request in requests
        ),
    ]
