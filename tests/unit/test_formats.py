"""Formats without a registry: frames, what is plain, schemas made from records, the default."""

import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from google.protobuf.message import DecodeError

from models.errors import Reason, Rejected, SettingsError
from models.records import ChangeData, CurrentJourney, cloudevent, encode
from streams.formats import avro, protobuf, schemas
from streams.formats.plain import plain
from streams.formats.reading import OutputReader
from streams.formats.registry import Registry, Schema
from streams.formats.values import framed, is_framed, value_decoder
from streams.formats.writing import output_format
from streams.settings import Settings
from tests.support.records import CHANGES, JOURNEYS


def test_json_is_the_default_and_needs_no_registry() -> None:
    output = output_format(Settings.load())
    for change in CHANGES:
        value, headers = output.change(change)
        assert value == cloudevent(change)
        assert headers == [("content-type", b"application/cloudevents+json; charset=UTF-8")]
        assert OutputReader(Settings.load()).change(value, headers) == value
    for journey in JOURNEYS:
        assert output.journey(journey) == (encode(journey), [])
        assert OutputReader(Settings.load()).journey(encode(journey)) == journey


def test_a_format_that_needs_a_registry_says_so() -> None:
    with pytest.raises(SettingsError, match="output_format avro needs a registry_url"):
        Settings.load(output_format="avro")
    with pytest.raises(SettingsError, match="JOURNEYS_REGISTRY_URL"):
        value_decoder(Settings.load(), "registry")
    with pytest.raises(SettingsError, match="no format 'xml'"):
        value_decoder(Settings.load(), "xml")


def test_the_extra_that_is_missing_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka.schema_registry", None)
    with pytest.raises(SettingsError) as error:
        Registry(Settings.load(registry_url="http://127.0.0.1:1"))
    assert "pip install 'interest-journeys[registry]'" in str(error.value)
    assert "\n" not in str(error.value)


def test_json_values() -> None:
    decoder = value_decoder(Settings.load(), "json")
    assert decoder.decode(b'{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
    assert decoder.decode(None) is None
    for odd in (b"", b"{", b"\xff", b"[" * 100_000, framed(1, b"{}")):
        with pytest.raises(Rejected) as error:
            decoder.decode(odd)
        assert error.value.reason is Reason.NOT_JSON


def test_a_framed_value_where_no_registry_is_set() -> None:
    decoder = value_decoder(Settings.load(), "auto")
    assert decoder.decode(b'{"a": 1}') == {"a": 1}
    with pytest.raises(Rejected, match="JOURNEYS_REGISTRY_URL names no registry"):
        decoder.decode(framed(1, b"value"))


def test_no_json_looks_framed() -> None:
    assert is_framed(framed(7, b"x"))
    assert framed(258, b"x") == b"\x00\x00\x00\x01\x02x"
    assert not any(map(is_framed, (None, b"", b"\x00\x00\x00\x00\x01", b'{"a": 1}')))


def test_plain_leaves_nothing_that_json_has_not_but_datetimes() -> None:
    now = datetime(2026, 11, 23, 20, 15, tzinfo=UTC)
    odd = {
        "whole": Decimal("42.00"),
        "part": Decimal("0.5"),
        "id": UUID(int=1),
        "bytes": [b"text", b"\xff\x00"],
        "when": [now, date(2026, 1, 2), time(3, 4)],
    }
    assert plain(odd) == {
        "whole": 42,
        "part": 0.5,
        "id": "00000000-0000-0000-0000-000000000001",
        "bytes": ["text", "/wA="],
        "when": [now, "2026-01-02", "03:04:00"],
    }
    assert isinstance(plain(Decimal("42.00")), int)


@pytest.mark.parametrize("made", [schemas.avro, schemas.protobuf, schemas.json_schema])
def test_schemas_hold_every_field_of_the_records(made: Any) -> None:
    for kind, name in ((ChangeData, "JourneyChange"), (CurrentJourney, "Journey")):
        schema = made(kind, name)
        assert schema == made(kind, name), "the same text each time, so the same id"
        for field in (*kind.__struct_fields__, "occurred_at", "vector", name):
            assert field in schema.text


@pytest.mark.parametrize(("made", "module"), [(schemas.avro, avro), (schemas.protobuf, protobuf)])
def test_records_come_back_from_their_schemas(made: Any, module: Any) -> None:
    schema = made(CurrentJourney, "Journey")
    write, read = module.writer(schema), module.reader(schema)
    for journey in JOURNEYS:
        wire = write(msgspec.to_builtins(journey))
        assert wire == write(msgspec.to_builtins(journey))
        assert msgspec.convert(read(wire), CurrentJourney) == journey


def test_protobuf_messages_are_found_by_their_index() -> None:
    text = """syntax = "proto3";
        message A { message B { int32 b = 1; } message C { int32 c = 1; } int32 a = 1; }
        message D { int32 d = 1; }"""
    read = protobuf.reader(Schema("PROTOBUF", text))
    field = b"\x08\x05"
    assert read(b"\x00" + field) == {"a": 5}
    assert read(b"\x02\x00" + field) == {"a": 5}
    assert read(b"\x02\x02" + field) == {"d": 5}
    assert read(b"\x04\x00\x02" + field) == {"c": 5}
    for odd in (b"", b"\x02\x08" + field, b"\x01" + field, b"\x80", b"\x00\x08"):
        with pytest.raises((IndexError, ValueError, DecodeError)):
            read(odd)


def test_a_protobuf_schema_that_cannot_be_compiled_says_where() -> None:
    with pytest.raises(ValueError, match=r"journeys_main.proto:1:32"):
        protobuf.reader(Schema("PROTOBUF", 'syntax = "proto3"; message A { strin a = 1; }'))
    with pytest.raises(ValueError, match="refers to a file"):
        protobuf.reader(Schema("PROTOBUF", 'syntax = "proto3";', {"../../etc/a.proto": "x;"}))


def test_types_of_google_and_confluent_need_no_reference() -> None:
    text = """syntax = "proto3";
        import "google/type/date.proto"; import "confluent/type/decimal.proto";
        message A { google.type.Date day = 1; confluent.type.Decimal price = 2; }"""
    assert protobuf.reader(Schema("PROTOBUF", text))(b"\x00\x0a\x02\x08\x05") == {
        "day": {"year": 5}
    }
