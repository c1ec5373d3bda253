"""Changes and journeys behind a real schema registry, read by stock deserializers and by us."""

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf.json_format import MessageToDict

from models.errors import JourneysError, SettingsError
from models.records import Change, CurrentJourney, change_data, cloudevent
from streams.formats.reading import OutputReader
from streams.formats.writing import OutputFormat, output_format
from streams.settings import Settings
from streams.topics import Topics
from tests.support.fronts import page
from tests.support.protos import message_class
from tests.support.records import CHANGES, JOURNEYS

FORMATS = ("avro", "protobuf", "json-schema")


@pytest.fixture
def client(registry: str) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": registry}) as client:
        yield client


@pytest.fixture(params=FORMATS)
def chosen(request: pytest.FixtureRequest, registry: str) -> Settings:
    """Settings with one of the formats, and subjects of their own."""
    return Settings.load(
        registry_url=registry, output_format=request.param, topic_prefix=f"{uuid.uuid4().hex[:8]}-"
    )


def stock(settings: Settings, client: SchemaRegistryClient, topic: str) -> Callable[[bytes], Any]:
    """What a consumer with Confluent's own deserializer sees; 64-bit numbers of Protobuf's as in
    its JSON, which is text."""
    text = client.get_latest_version(f"{topic}-value").schema.schema_str
    context = SerializationContext(topic, MessageField.VALUE)
    if settings.output_format == "avro":
        read = AvroDeserializer(client)
        return lambda value: read(value, context)
    if settings.output_format == "json-schema":
        validated = JSONDeserializer(text, schema_registry_client=client)
        return lambda value: validated(value, context)
    name = "JourneyChange" if topic == Topics.of(settings).changes else "Journey"
    kind = message_class(text, f"interest_journeys.{name}")
    # Without a client: it would ask for the schema in a form that Apicurio does not have.
    message = ProtobufDeserializer(kind, {"use.deprecated.format": False})
    return lambda value: MessageToDict(message(value, context), preserving_proto_field_name=True)


def same(seen: Any, wanted: Any) -> bool:
    """Whether all that is wanted, and is not empty, was seen; and nothing else."""
    if isinstance(wanted, dict):
        names = {name for name, value in {**seen, **wanted}.items() if value not in (None, [], {})}
        return all(
            name in seen and name in wanted and same(seen[name], wanted[name]) for name in names
        )
    if isinstance(wanted, list):
        return len(seen) == len(wanted) and all(map(same, seen, wanted))
    if isinstance(wanted, int) and isinstance(seen, str):
        return int(seen) == wanted
    return bool(seen == wanted)


def test_stock_deserializers_read_what_is_written(
    chosen: Settings, client: SchemaRegistryClient
) -> None:
    output, topics = output_format(chosen), Topics.of(chosen)
    read = stock(chosen, client, topics.changes)
    for change in CHANGES:
        assert same(read(output.change(change)[0]), msgspec.to_builtins(change_data(change)))
    read = stock(chosen, client, topics.journeys)
    for journey in JOURNEYS:
        assert same(read(output.journey(journey)[0]), msgspec.to_builtins(journey))


def test_a_change_is_a_cloudevent_in_binary_mode(chosen: Settings) -> None:
    change = CHANGES[0]
    headers = dict(output_format(chosen).change(change)[1])
    assert headers == {
        "content-type": {
            "avro": b"application/avro",
            "protobuf": b"application/protobuf",
            "json-schema": b"application/json",
        }[chosen.output_format],
        "ce_specversion": b"1.0",
        "ce_id": b"j1:started:e1",
        "ce_source": b"/interest-journeys",
        "ce_type": b"journey.started.v1",
        "ce_subject": "élif".encode(),
        "ce_time": b"2023-11-26T12:00:00.000Z",
    }


def written(output: OutputFormat) -> list[Any]:
    return [*map(output.change, CHANGES), *map(output.journey, JOURNEYS)]


def test_the_same_change_has_the_same_bytes_also_after_a_restart(chosen: Settings) -> None:
    output = output_format(chosen)
    first = written(output)
    assert written(output) == first
    changes, journeys = (
        msgspec.convert(msgspec.to_builtins(many), list[kind])  # type: ignore[valid-type]
        for many, kind in ((CHANGES, Change), (JOURNEYS, CurrentJourney))
    )
    assert [*map(output.change, changes), *map(output.journey, journeys)] == first
    assert written(output_format(chosen)) == first


def test_we_read_back_what_we_write(chosen: Settings) -> None:
    output, reader = output_format(chosen), OutputReader(chosen)
    changes, journeys = [*map(output.change, CHANGES)], [*map(output.journey, JOURNEYS)]
    reader.prepare(value for value, _ in (*changes, *journeys))
    for change, (value, headers) in zip(CHANGES, changes, strict=True):
        assert json.loads(reader.change(value, headers)) == json.loads(cloudevent(change))
    assert [reader.journey(value) for value, _ in journeys] == JOURNEYS


def test_an_incompatible_schema_is_one_clear_line_at_start(
    registry: str, client: SchemaRegistryClient
) -> None:
    settings = Settings.load(
        registry_url=registry, output_format="avro", topic_prefix=f"{uuid.uuid4().hex[:8]}-"
    )
    subject = f"{Topics.of(settings).changes}-value"
    other = {"type": "record", "name": "Other", "fields": [{"name": "x", "type": "int"}]}
    client.register_schema(subject, Schema(json.dumps(other), "AVRO"))
    client.set_compatibility(subject, "BACKWARD")
    with pytest.raises(SettingsError, match=f"incompatible .* for subject {subject}") as error:
        output_format(settings)
    assert "\n" not in str(error.value)


def test_a_schema_that_is_there_already_needs_no_permission_to_write(
    chosen: Settings, client: SchemaRegistryClient
) -> None:
    output_format(chosen)
    versions = client.get_versions(f"{Topics.of(chosen).changes}-value")
    output_format(chosen)
    assert client.get_versions(f"{Topics.of(chosen).changes}-value") == versions == [1]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (403, b'{"error_code": 40301, "message": "denied"}', "refuses 'me' for subject"),
        (200, b"<html>Sign in</html>", "is a web page and no schema registry"),
        (422, b'{"error_code": 42201, "message": "Invalid schema"}', "Invalid schema"),
        (503, b"", "answers HTTP 503 for subject"),
    ],
)
def test_what_stands_in_the_way_is_one_clear_line_at_start(
    status: int, body: bytes, said: str
) -> None:
    with page(status, body) as url:
        settings = Settings.load(
            registry_url=url, registry_username="me", output_format="avro", broker_timeout=0.2
        )
        with pytest.raises(JourneysError, match=said) as error:
            output_format(settings)
    assert "\n" not in str(error.value)
