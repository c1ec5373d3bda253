"""Values behind a real schema registry, as stock serializers write them, become plain objects."""

import asyncio
import logging
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from models.errors import Reason, Rejected, SettingsError
from streams.formats import values
from streams.formats.values import ValueDecoder, framed, value_decoder
from streams.settings import Settings
from tests.support.fronts import Wire, own_authority, page
from tests.support.protos import message_class

WATCHED_AT = datetime(2026, 11, 23, 20, 15, tzinfo=UTC)

AVRO = """{"type": "record", "name": "Watched", "namespace": "shop", "fields": [
    {"name": "event", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "user", "type": {"type": "record", "name": "User", "fields": [
        {"name": "id", "type": "long"}]}},
    {"name": "item", "type": ["null", "string"]},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "at_micros", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9,
        "scale": 2}},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["VIEW", "BUY"]}},
    {"name": "raw", "type": "bytes"},
    {"name": "scores", "type": {"type": "map", "values": "double"}}%s]}"""

WATCHED = {
    "event": uuid.UUID(int=7),
    "user": {"id": 42},
    "item": "tt0071853",
    "at": WATCHED_AT,
    "at_micros": WATCHED_AT,
    "day": WATCHED_AT.date(),
    "price": Decimal("9.95"),
    "kind": "BUY",
    "raw": b"caf\xc3\xa9",
    "scores": {"comedy": 0.5},
}

PROTO = """
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message Other { string nothing = 1; }
message Envelope {
  message Watched {
    enum Kind { UNKNOWN = 0; VIEW = 1; }
    string event_id = 1;
    int64 userId = 2;
    google.protobuf.Timestamp at = 3;
    Kind kind = 4;
    optional double weight = 5;
    double unset_weight = 6;
    repeated string tags = 7;
    map<int32, double> scores = 8;
    bytes raw = 9;
    google.protobuf.Int64Value price = 10;
    oneof what { string film = 11; string song = 12; }
    bool seen = 13;
  }
}
"""

JSON_SCHEMA = """{"$schema": "http://json-schema.org/draft-07/schema#", "title": "Watched",
    "type": "object", "properties": {"userId": {"type": "integer"}}, "required": ["userId"]}"""


@pytest.fixture
def client(registry: str) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": registry}) as client:
        yield client


@pytest.fixture
def topic() -> SerializationContext:
    return SerializationContext(f"events-{uuid.uuid4().hex[:8]}", MessageField.VALUE)


def decoder(url: str, format: str = "registry", **changes: Any) -> ValueDecoder:
    return value_decoder(Settings.load(registry_url=url, **changes), format)


async def decoded(reader: ValueDecoder, *wire: bytes) -> list[Any]:
    await reader.prepare(wire)
    return [reader.decode(value) for value in wire]


async def refused(reader: ValueDecoder, wire: bytes) -> Rejected:
    await reader.prepare([wire])
    with pytest.raises(Rejected) as error:
        reader.decode(wire)
    return error.value


async def test_avro(registry: str, client: SchemaRegistryClient, topic: Any) -> None:
    wire = AvroSerializer(client, AVRO % "")(WATCHED, topic)
    [value] = await decoded(decoder(registry), wire)
    assert value == {
        "event": "00000000-0000-0000-0000-000000000007",
        "user": {"id": 42},
        "item": "tt0071853",
        "at": WATCHED_AT,
        "at_micros": WATCHED_AT,
        "day": "2026-11-23",
        "price": 9.95,
        "kind": "BUY",
        "raw": "café",
        "scores": {"comedy": 0.5},
    }


async def test_a_schema_that_grows_while_its_topic_is_read(
    registry: str, client: SchemaRegistryClient, topic: Any
) -> None:
    old = AvroSerializer(client, AVRO % "")(WATCHED, topic)
    more = ', {"name": "lang", "type": ["null", "string"], "default": null}'
    new = AvroSerializer(client, AVRO % more)(WATCHED | {"lang": "cs"}, topic)
    assert old[:5] != new[:5]
    reader = decoder(registry)
    assert "lang" not in (await decoded(reader, old))[0]
    languages = [value.get("lang") for value in await decoded(reader, old, new, old)]
    assert languages == [None, "cs", None]


async def test_avro_that_refers_to_another_schema(
    registry: str, client: SchemaRegistryClient, topic: Any
) -> None:
    user = '{"type": "record", "name": "shop.User", "fields": [{"name": "id", "type": "string"}]}'
    subject = f"user-{uuid.uuid4().hex[:8]}"
    client.register_schema(subject, Schema(user, "AVRO"))
    event = """{"type": "record", "name": "shop.Event", "fields": [
        {"name": "user", "type": "shop.User"}, {"name": "seen", "type": ["null", "shop.User"]}]}"""
    reference = SchemaReference("shop.User", subject, 1)
    wire = AvroSerializer(client, Schema(event, "AVRO", [reference]))(
        {"user": {"id": "u1"}, "seen": {"id": "u2"}}, topic
    )
    assert await decoded(decoder(registry), wire) == [{"user": {"id": "u1"}, "seen": {"id": "u2"}}]


async def test_protobuf(registry: str, client: SchemaRegistryClient, topic: Any) -> None:
    kind = message_class(PROTO, "shop.Envelope.Watched")
    message = kind(
        event_id="e1",
        userId=1 << 60,
        kind=1,
        weight=0.0,
        tags=["a", "b"],
        scores={3: 0.5},
        raw=b"\xff",
        film="tt0071853",
    )
    message.at.FromDatetime(WATCHED_AT)
    message.price.value = 995
    wire = ProtobufSerializer(kind, client, {"use.deprecated.format": False})(message, topic)
    [value] = await decoded(decoder(registry), wire)
    assert value == {
        "event_id": "e1",
        "userId": 1 << 60,
        "at": "2026-11-23T20:15:00Z",
        "kind": "VIEW",
        "weight": 0.0,
        "tags": ["a", "b"],
        "scores": {"3": 0.5},
        "raw": "/w==",
        "price": 995,
        "film": "tt0071853",
        "seen": False,
    }, "unset_weight was never set, so it is not there"


async def test_protobuf_as_text_that_imports_another_schema(
    registry: str, client: SchemaRegistryClient
) -> None:
    subject = f"user-{uuid.uuid4().hex[:8]}"
    user = 'syntax = "proto3"; package shop; message User { string id = 1; }'
    client.register_schema(subject, Schema(user, "PROTOBUF"))
    text = (
        'syntax = "proto3"; package shop; import "shop/user.proto"; '
        "message Event { User user = 1; int32 times = 2; }"
    )
    schema = Schema(text, "PROTOBUF", [SchemaReference("shop/user.proto", subject, 1)])
    number = client.register_schema(f"event-{uuid.uuid4().hex[:8]}", schema)
    kind = message_class(text, "shop.Event", {"shop/user.proto": user})
    message = kind(user={"id": "u1"}, times=3)
    # As the first message of its file it may be marked by a single 0.
    wire = framed(number, b"\x00" + message.SerializeToString())
    assert await decoded(decoder(registry), wire) == [{"user": {"id": "u1"}, "times": 3}]


async def test_json_schema_and_plain_json_on_one_topic(
    registry: str, client: SchemaRegistryClient, topic: Any
) -> None:
    wire = JSONSerializer(JSON_SCHEMA, client)({"userId": 42, "more": [1.5, None]}, topic)
    reader = decoder(registry, "auto")
    assert await decoded(reader, wire, b'{"userId": 43}') == [
        {"userId": 42, "more": [1.5, None]},
        {"userId": 43},
    ]
    assert reader.decode(None) is None


async def test_what_cannot_be_decoded_is_rejected_with_the_reason(
    registry: str, client: SchemaRegistryClient, topic: Any
) -> None:
    reader, wire = decoder(registry), AvroSerializer(client, AVRO % "")(WATCHED, topic)
    unknown = await refused(reader, framed(4_000_000, b"whatever"))
    assert unknown.reason is Reason.UNKNOWN_SCHEMA
    assert "has no schema 4000000" in unknown.detail
    for odd in (wire[:-3], wire + b"\x00", wire[:5] + b"\xff" * 30):
        assert (await refused(reader, odd)).reason is Reason.BAD_SCHEMA
    assert (await refused(reader, b'{"userId": 1}')).reason is Reason.BAD_SCHEMA
    assert await decoded(reader, wire), "the next one is read all the same"


async def test_an_id_that_was_unknown_is_asked_for_again(
    registry: str, client: SchemaRegistryClient, topic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = AvroSerializer(client, AVRO % "")(WATCHED, topic)
    front = Wire(registry)
    front.join()
    reader = decoder(front.url)
    with page(404, b'{"error_code": 40403, "message": "Schema not found"}') as follower:
        front.leads_to = follower  # a replica that has not heard of it yet
        assert (await refused(reader, wire)).reason is Reason.UNKNOWN_SCHEMA
    front.leads_to = registry
    assert (await refused(reader, wire)).reason is Reason.UNKNOWN_SCHEMA, "not for each record"
    monkeypatch.setattr(values, "monotonic", lambda: time.monotonic() + values.UNKNOWN_SECONDS)
    assert await decoded(reader, wire)
    front.cut()


async def test_a_registry_that_is_away_is_waited_for(
    registry: str,
    client: SchemaRegistryClient,
    topic: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(values, "RETRY_SECONDS", (0.05, 0.1))
    wire = AvroSerializer(client, AVRO % "")(WATCHED, topic)
    front = Wire(registry)
    reader = decoder(front.url)
    with caplog.at_level(logging.WARNING):
        waiting = asyncio.create_task(reader.prepare([wire]))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        assert reader.waiting.startswith(f"no schema registry answers at {front.url}")
        assert reader.waiting in caplog.text
        front.join()
        await asyncio.wait_for(waiting, 20)
    assert not reader.waiting
    assert reader.decode(wire)["user"] == {"id": 42}
    front.cut()
    await asyncio.wait_for(reader.prepare([wire]), 1)  # a schema that is known is not asked for
    assert reader.decode(wire)


@pytest.mark.parametrize(
    ("status", "body", "headers", "said"),
    [
        (200, b"<html>Welcome</html>", {}, "is a web page and no schema registry (HTTP 200)"),
        (302, b"", {"location": "https://sso/login"}, "no schema registry (HTTP 302)"),
        (404, b"<html>Not found</html>", {}, "no schema registry (HTTP 404)"),
        (401, b'{"error_code": 401, "message": "Unauthorized"}', {}, "refuses 'me' (HTTP 401)"),
    ],
)
async def test_what_is_no_registry_is_one_clear_line(
    status: int, body: bytes, headers: dict[str, str], said: str
) -> None:
    with page(status, body, {"content-type": "text/html", **headers}) as url:
        reader = decoder(url, registry_username="me", registry_password="secret")
        with pytest.raises(SettingsError) as error:
            await reader.prepare([framed(1, b"value")])
    assert said in str(error.value)
    assert url in str(error.value)
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


async def test_a_registry_with_a_certificate_of_its_own_is_trusted_by_its_file(
    tmp_path: Path,
) -> None:
    certificate, context = own_authority(tmp_path)
    missing = b'{"error_code": 40403, "message": "Schema not found"}'
    with page(404, missing, context=context) as url:
        with pytest.raises(SettingsError, match=f"JOURNEYS_REGISTRY_CA: .* {url} is not trusted"):
            await decoder(url).prepare([framed(1, b"value")])
        unknown = await refused(decoder(url, registry_ca=certificate), framed(1, b"value"))
        assert unknown.reason is Reason.UNKNOWN_SCHEMA
        with pytest.raises(SettingsError, match=r"JOURNEYS_REGISTRY_CA: .*no\.pem: No such file"):
            decoder(url, registry_ca=tmp_path / "no.pem")


async def test_a_gateway_whose_page_says_try_again_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(values, "RETRY_SECONDS", (0.05, 0.1))
    with page(503, b"<html>Service Unavailable</html>") as url:
        reader = decoder(url)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.prepare([framed(1, b"value")]), 0.5)
        assert reader.waiting == f"the schema registry at {url} answers HTTP 503"
