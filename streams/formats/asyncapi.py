"""The topics and what is on them as an AsyncAPI 3 document, made from the records themselves.

It is for whoever writes a producer or a consumer in another language: types are generated from it.
"""

from datetime import datetime
from importlib.metadata import version
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args

import msgspec
from msgspec import Meta

from models.activities import MAX_ID_CHARS, MAX_TERMS, MAX_VECTOR
from models.records import (
    ChangeData,
    CurrentJourney,
    JourneyName,
    Kind,
    NamingRequest,
    UserJourneys,
)
from streams.formats.reading import ATTRIBUTE
from streams.settings import Settings
from streams.topics import Topics

FORM: Final = "3.0.0"  # of AsyncAPI
_REFERENCE: Final = "#/components/schemas/{name}"

_TYPE: Final = rf"^journey\.({'|'.join(get_args(Kind))})\.v1$"

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARS)]


class WireActivity(msgspec.Struct, kw_only=True):
    """An activity as a producer writes it: times of two forms."""

    event_id: Id
    user_id: Id
    item_id: Id
    title: Annotated[str, Meta(min_length=1, description="cut at 1,000 characters")]
    occurred_at: Annotated[int, Meta(description="epoch milliseconds")] | datetime
    type: Id | None = None
    weight: Annotated[float, Meta(gt=0)] = 1.0
    terms: Annotated[dict[str, float], Meta(max_length=MAX_TERMS)] | None = None
    vector: Annotated[list[float], Meta(min_length=1, max_length=MAX_VECTOR)] | None = None
    text: (
        Annotated[str, Meta(description="encoded with the title; cut at 280 characters")] | None
    ) = None
    v: Literal[1] = 1


class JourneyChange(msgspec.Struct, kw_only=True):
    """A change: a CloudEvent 1.0 in structured JSON mode."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: Annotated[str, Meta(pattern=_TYPE)]
    subject: str
    time: datetime
    datacontenttype: Literal["application/json"]
    data: ChangeData


class NamedChange(JourneyChange, kw_only=True):
    """A change as the webhook sends it and `watch --json` prints it, its name beside it."""

    journeyname: str


class BinaryHeaders(msgspec.Struct, kw_only=True, rename=lambda name: f"{ATTRIBUTE}{name}"):
    """The attributes of a change as a CloudEvent 1.0 in binary mode: headers, UTF-8."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: Annotated[str, Meta(pattern=_TYPE)]
    subject: str
    time: datetime


class _Channel(NamedTuple):
    """A topic in the document.

    Attributes:
        name: Its key there.
        address: The topic.
        record: What is on it.
        key: What its records' keys are.
        action: What the service does there, as AsyncAPI has it.
        summary: For a reader.
        content_type: Of the values.
        headers: What its records have beside their value.
    """

    name: str
    address: str
    record: type[msgspec.Struct]
    key: str
    action: Literal["send", "receive"]
    summary: str
    content_type: str = "application/json"
    headers: type[msgspec.Struct] | None = None


def _channels(settings: Settings) -> tuple[_Channel, ...]:
    topics = Topics.of(settings)
    change: tuple[Any, ...] = ("application/cloudevents+json; charset=UTF-8",)
    if binary := settings.output_format == "json-binary":
        change = ("application/json", BinaryHeaders)
    return (
        _Channel(
            *("activities", topics.activities, WireActivity, "the user id", "receive"),
            "What a user did with an item at a time.",
        ),
        _Channel(
            *("changes", topics.changes, ChangeData if binary else JourneyChange),
            *("the user id", "send"),
            "What happened to a journey, once each; a repeat has the same id and bytes.",
            *change,
        ),
        _Channel(
            *("journeys", topics.journeys, CurrentJourney, "user id/journey id", "send"),
            "How each journey stands now; compacted, a record without a value erases.",
        ),
        _Channel(
            *("userJourneys", topics.user_journeys, UserJourneys, "the user id", "send"),
            "Each user's living journeys as one flat row; compacted, none without a value.",
        ),
        _Channel(
            *("requests", topics.requests, NamingRequest, "the user id", "send"),
            "Asks a namer for a name.",
        ),
        _Channel(
            *("names", topics.names, JourneyName, "the user id", "receive"),
            "A namer's answer, on the partition number that its request came from.",
        ),
    )


def document(settings: Settings) -> dict[str, Any]:
    """The document for the topics that these settings name."""
    channels = _channels(settings)
    _, schemas = msgspec.json.schema_components(
        [one for channel in channels for one in (channel.record, channel.headers) if one],
        ref_template=_REFERENCE,
    )
    return {
        "asyncapi": FORM,
        "info": {
            "title": "Interest journeys",
            "version": version("interest-journeys"),
            "description": "Each user's activity in, their interest journeys out. Fields are added,"
            " never renamed or removed; unknown ones are to be ignored.",
        },
        "defaultContentType": "application/json",
        "channels": {one.name: _channel(one) for one in channels},
        "operations": {
            f"{one.action}{one.record.__name__}": {
                "action": one.action,
                "channel": {"$ref": f"#/channels/{one.name}"},
            }
            for one in channels
        },
        "components": {
            "messages": {one.record.__name__: _message(one) for one in channels},
            "schemas": schemas,
        },
    }


def json_schema(settings: Settings, name: str) -> dict[str, Any]:
    """One message of the document as a JSON Schema that stands by itself.

    Raises:
        KeyError: There is no such message.
    """
    records = {one.record.__name__: one.record for one in _channels(settings)}
    record = (records | {NamedChange.__name__: NamedChange})[name]
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, **msgspec.json.schema(record)}


def messages(settings: Settings) -> list[str]:
    """The names of all messages, of those last that are on no topic."""
    return [*(one.record.__name__ for one in _channels(settings)), NamedChange.__name__]


def _channel(one: _Channel) -> dict[str, Any]:
    name = one.record.__name__
    return {
        "address": one.address,
        "summary": one.summary,
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {"kafka": {"topic": one.address, "bindingVersion": "0.5.0"}},
    }


def _message(one: _Channel) -> dict[str, Any]:
    headers = {}
    if one.headers is not None:
        headers = {"headers": {"$ref": _REFERENCE.format(name=one.headers.__name__)}}
    return {
        "name": one.record.__name__,
        "summary": one.summary,
        "contentType": one.content_type,
        "payload": {"$ref": _REFERENCE.format(name=one.record.__name__)},
        **headers,
        "bindings": {
            "kafka": {"key": {"type": "string", "description": one.key}, "bindingVersion": "0.5.0"}
        },
    }
