"""How `journey-changes` and `journeys` are written: JSON, or behind a schema registry.

The same change has the same bytes each time, in every format. Behind a registry, and as
`json-binary`, a change is a CloudEvent in binary mode: its attributes are headers, its data the
value.
"""

import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from models.errors import RegistryError
from models.records import (
    Change,
    ChangeData,
    CurrentJourney,
    change_data,
    cloudevent,
    cloudevent_attributes,
    encode,
)
from streams.formats import avro, protobuf, schemas
from streams.formats.reading import ATTRIBUTE
from streams.formats.registry import Registry, Schema
from streams.formats.values import framed
from streams.settings import Settings
from streams.topics import Topics

Headers = list[tuple[str, bytes]]

RETRY_SECONDS: Final = 0.5
ENCODER_HEADER: Final = "encoder"  # of `journeys`: the space of their vectors

_CLOUDEVENT: Final[Headers] = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
_CONTENT_TYPES: Final = {
    "avro": b"application/avro",
    "protobuf": b"application/protobuf",
    "json-schema": b"application/json",
    "json-binary": b"application/json",
}


class OutputFormat(Protocol):
    """Writes records: each as a value and its headers."""

    def change(self, change: Change) -> tuple[bytes, Headers]:
        """A record of `journey-changes`."""

    def journey(self, journey: CurrentJourney) -> tuple[bytes, Headers]:
        """A record of `journeys`."""


def output_format(settings: Settings, encoder: str = "") -> OutputFormat:
    """The format that the settings choose, its schemas registered.

    Args:
        settings: Format, registry, topics.
        encoder: `name@version` of the space that vectors lie in, for whoever compares them.

    Raises:
        RegistryError: No registry answers within `broker_timeout`.
        SettingsError: It refuses us, or a schema.
    """
    space = [(ENCODER_HEADER, encoder.encode())] if encoder else []
    if settings.output_format == "json":
        return JsonOutput(space)
    if settings.output_format == "json-binary":
        return BinaryJsonOutput(space)
    return RegistryOutput(settings, space)


class JsonOutput:
    """A change as a CloudEvent in structured mode, a journey as JSON.

    Args:
        space: Headers of every journey.
    """

    def __init__(self, space: Headers) -> None:
        self._space = space

    def change(self, change: Change) -> tuple[bytes, Headers]:
        """See `OutputFormat`."""
        return cloudevent(change), _CLOUDEVENT

    def journey(self, journey: CurrentJourney) -> tuple[bytes, Headers]:
        """See `OutputFormat`."""
        return encode(journey), self._space


class BinaryJsonOutput(JsonOutput):
    """A change as a CloudEvent in binary mode, its data JSON; a journey as JSON."""

    def change(self, change: Change) -> tuple[bytes, Headers]:
        """See `OutputFormat`."""
        return encode(change_data(change)), _binary(change, _CONTENT_TYPES["json-binary"])


class RegistryOutput:
    """Framed values, by schemas that are registered when this is made.

    Args:
        settings: Format, registry, topics.
        space: Headers of every journey.

    Raises:
        RegistryError: No registry answers within `broker_timeout`.
        SettingsError: It refuses us, or a schema.
    """

    def __init__(self, settings: Settings, space: Headers) -> None:
        self._space = space
        topics, registry = Topics.of(settings), Registry(settings)
        self._content_type = _CONTENT_TYPES[settings.output_format]
        self._change = _writer(settings, registry, topics.changes, ChangeData, "JourneyChange")
        self._journey = _writer(settings, registry, topics.journeys, CurrentJourney, "Journey")

    def change(self, change: Change) -> tuple[bytes, Headers]:
        """See `OutputFormat`."""
        return self._change(change_data(change)), _binary(change, self._content_type)

    def journey(self, journey: CurrentJourney) -> tuple[bytes, Headers]:
        """See `OutputFormat`."""
        return self._journey(journey), [("content-type", self._content_type), *self._space]


def _binary(change: Change, content_type: bytes) -> Headers:
    """The headers of a CloudEvent in binary mode, by the Kafka protocol binding."""
    attributes = cloudevent_attributes(change)
    headers = [(f"{ATTRIBUTE}{name}", text.encode()) for name, text in attributes.items()]
    return [("content-type", content_type), *headers]


def _writer(
    settings: Settings, registry: Registry, topic: str, kind: type[msgspec.Struct], name: str
) -> Callable[[msgspec.Struct], bytes]:
    schema, write = _schema_and_writer(settings.output_format, kind, name)
    number = _register(registry, f"{topic}-value", schema, settings.broker_timeout)
    return lambda record: framed(number, write(record))


def _schema_and_writer(
    format: str, kind: type[msgspec.Struct], name: str
) -> tuple[Schema, Callable[[Any], bytes]]:
    if format == "json-schema":
        return schemas.json_schema(kind, name), encode
    if format == "avro":
        schema = schemas.avro(kind, name)
        write = avro.writer(schema)
    else:
        schema = schemas.protobuf(kind, name)
        write = protobuf.writer(schema)
    return schema, lambda record: write(msgspec.to_builtins(record))


def _register(registry: Registry, subject: str, schema: Schema, patience: float) -> int:
    """The schema's id; a registry that is away is given as long as a broker would be."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return registry.register(subject, schema)
        except RegistryError:
            if time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)
