"""The topics, the webhook and what is on them as an AsyncAPI 3 document, made from the records.

It is for whoever writes a producer or a consumer in another language: types are generated from it.
"""

from importlib.metadata import version
from typing import Any, Final, Literal, NamedTuple

import msgspec

from models.records import ChangeData, CurrentJourney, JourneyName, NamingRequest, UserJourneys
from streams.formats.examples import example
from streams.formats.wire import (
    BinaryHeaders,
    Erasure,
    JourneyChange,
    NamedChange,
    WebhookHeaders,
    WireActivity,
)
from streams.settings import Settings
from streams.topics import Topics

FORM: Final = "3.0.0"  # of AsyncAPI
_REFERENCE: Final = "#/components/schemas/{name}"
_EVENT: Final = "application/cloudevents+json; charset=UTF-8"


class _Channel(NamedTuple):
    """A topic in the document, or the webhook.

    Attributes:
        name: Its key there.
        address: The topic; None for the webhook, whose address is the receiver's.
        record: What is on it.
        key: What its records' keys are; "" for requests, which have none.
        action: What the service does there, as AsyncAPI has it.
        summary: For a reader.
        content_type: Of the values.
        headers: What its records have beside their value.
    """

    name: str
    address: str | None
    record: type
    key: str
    action: Literal["send", "receive"]
    summary: str
    content_type: str = "application/json"
    headers: type[msgspec.Struct] | None = None


def _channels(settings: Settings) -> tuple[_Channel, ...]:
    topics = Topics.of(settings)
    change: tuple[Any, ...] = (_EVENT,)
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
        _Channel(
            *("erasures", topics.erasures, Erasure, "the user id", "receive"),
            "Forgets the user who is the key, on the partition of their activities or on all; "
            "the value may be anything, or null, and is not read.",
        ),
        _Channel(
            *("webhook", None, NamedChange, "", "send"),
            "A change with its journey's name beside it, by POST to an address of the receiver's, "
            "signed as Standard Webhooks has it; tried again until the answer is 2xx.",
            *(_EVENT, WebhookHeaders),
        ),
    )


def document(settings: Settings) -> dict[str, Any]:
    """The document for the topics that these settings name."""
    channels = _channels(settings)
    _, schemas = msgspec.json.schema_components(
        [one for channel in channels for one in (channel.record, channel.headers) if _is_ours(one)],
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
        "operations": {f"{one.action}{one.record.__name__}": _operation(one) for one in channels},
        "components": {
            "messages": {one.record.__name__: _message(one) for one in channels},
            "schemas": schemas,
        },
    }


def json_schema(settings: Settings, name: str) -> dict[str, Any]:
    """One message of the document as a JSON Schema that stands by itself.

    Raises:
        KeyError: There is no such message, or it may be anything.
    """
    record = _structs(settings)[name]
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, **msgspec.json.schema(record)}


def messages(settings: Settings) -> list[str]:
    """The names of all messages that have a schema."""
    return list(_structs(settings))


def _structs(settings: Settings) -> dict[str, type]:
    records = [one.record for one in _channels(settings)]
    return {record.__name__: record for record in records if _is_ours(record)}


def _is_ours(record: type | None) -> bool:
    return record is not None and issubclass(record, msgspec.Struct)


def _channel(one: _Channel) -> dict[str, Any]:
    name = one.record.__name__
    return {
        "address": one.address,
        "summary": one.summary,
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        **(_kafka(topic=one.address) if one.address else {}),
    }


def _operation(one: _Channel) -> dict[str, Any]:
    posted = {"bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}}}
    return {
        "action": one.action,
        "channel": {"$ref": f"#/channels/{one.name}"},
        **({} if one.address else posted),
    }


def _message(one: _Channel) -> dict[str, Any]:
    shown = {"payload": example(one.record)}
    headers: dict[str, Any] = {}
    if one.headers is not None:
        headers = {"headers": {"$ref": _REFERENCE.format(name=one.headers.__name__)}}
        shown["headers"] = example(one.headers)
    payload = {"$ref": _REFERENCE.format(name=one.record.__name__)} if _is_ours(one.record) else {}
    return {
        "name": one.record.__name__,
        "summary": one.summary,
        "contentType": one.content_type,
        "payload": payload,
        **headers,
        "examples": [shown],
        **(_kafka(key={"type": "string", "description": one.key}) if one.key else {}),
    }


def _kafka(**said: Any) -> dict[str, Any]:
    return {"bindings": {"kafka": {**said, "bindingVersion": "0.5.0"}}}
