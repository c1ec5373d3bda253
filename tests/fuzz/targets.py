"""What is fuzzed: each target reads bytes, and raises nothing but what its callers handle."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from models.decoding import (
    decode_activity,
    decode_change,
    decode_json,
    decode_name,
    decode_request,
    decode_user,
)
from models.engine import snapshot
from models.errors import Rejected, SnapshotError
from models.mapping.event import SourceEvent
from models.mapping.file import presets
from models.mapping.mapping import Mapping
from models.records import JourneyName, NamingRequest, encode
from streams.formats.registry import Registry, Schema
from streams.formats.values import RegistryValues, framed
from tests.support.lives import Life

ENVELOPES: Final = Path(__file__).parents[1] / "data" / "envelopes"
ACTIVITY: Final = {
    "event_id": "e1",
    "user_id": "u",
    "item_id": "i",
    "title": "A title",
    "occurred_at": "2024-01-01T00:00:00Z",
    "weight": 2.0,
    "terms": {"a": 1.0},
    "vector": [0.5, 0.5],
    "text": "More",
}
AVRO: Final = json.dumps(
    {
        "type": "record",
        "name": "Event",
        "fields": [
            {"name": "user", "type": "string"},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {
                "name": "price",
                "type": [
                    "null",
                    {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
                ],
            },
            {"name": "tags", "type": {"type": "array", "items": "string"}},
            {"name": "more", "type": {"type": "map", "values": ["null", "double", "Event"]}},
        ],
    }
)
PROTOBUF: Final = """
syntax = "proto3";
import "google/protobuf/timestamp.proto";
import "google/protobuf/struct.proto";
message Event {
  string user = 1;
  google.protobuf.Timestamp at = 2;
  map<string, Event> more = 3;
  repeated double scores = 4;
  oneof one { bytes raw = 5; google.protobuf.Struct free = 6; }
}
"""


def activity(data: bytes) -> None:
    """Records of `activity-events`; an activity that is read is fit to be written."""
    with suppress(Rejected):
        read = decode_activity(b"u", data)
        msgspec.json.decode(encode(read))


def names(data: bytes) -> None:
    """What else is on our topics."""
    for decode in (decode_name, decode_request, decode_user, decode_change):
        with suppress(Rejected):
            decode(data)


def mapping(data: bytes) -> None:
    """An event of theirs, by each preset; the first byte says whether a key comes with it."""
    try:
        value = decode_json(data[1:])
    except Rejected:
        return
    key = b"u" if data[:1] > b"\x80" else None
    for preset in _mappings():
        with suppress(Rejected):
            for one in preset.activities(SourceEvent(value, key)):
                encode(one)


def state(data: bytes) -> None:
    """A user's state; the first byte says which part is broken, the others what stands there."""
    parts = _parts()
    keys = sorted(parts)
    broken = keys[(data[0] if data else 0) % len(keys)]
    with suppress(SnapshotError):
        snapshot.due_of(data[1:])
    with suppress(SnapshotError):
        snapshot.load(_life().engine, "u", (parts | {broken: data[1:]}).get)


def formats(data: bytes) -> None:
    """A value behind a schema's id; the first byte says of which language."""
    number = (data[0] if data else 0) % len(_SCHEMAS)
    with suppress(Rejected):
        _values().decode(framed(number, data[1:]))


def seeds(name: str) -> Iterator[bytes]:
    """What a target begins with."""
    if name == "activity":
        yield encode(ACTIVITY)
        yield encode(ACTIVITY | {"occurred_at": 1_704_067_200_000, "title": "\U0001f600 é"})
    elif name == "names":
        request = NamingRequest(
            user_id="u", journey_id="j1", revision=1, titles=["A"], terms={"a": 1.0},
            keywords="A", taken=["B"], requested_at=1,
        )  # fmt: skip
        yield encode(request)
        yield encode(JourneyName(user_id="u", journey_id="j", revision=1, name="N", source="llm"))
        yield b'{"id":"1","type":"journey.started.v1","time":"2024-01-01T00:00:00Z","data":{}}'
    elif name == "mapping":
        for path in sorted(ENVELOPES.glob("*.jsonl")):
            for line in path.read_bytes().splitlines()[:20]:
                yield b"\xff" + line
    elif name == "snapshot":
        parts = _parts()
        for place, key in enumerate(sorted(parts)):
            yield bytes([place]) + parts[key]
    else:
        yield b"\x00\x02u\x02\x02\x02\x02\x00\x00"
        yield b"\x01\x00\x0a\x01u\x12\x02\x08\x01\x22\x08\x00\x00\x00\x00\x00\x00\xf0\x3f"
        yield b'\x02{"user": "u", "scores": [1.5]}'


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "activity": activity,
    "names": names,
    "mapping": mapping,
    "snapshot": state,
    "formats": formats,
}

_SCHEMAS: Final = (Schema("AVRO", AVRO), Schema("PROTOBUF", PROTOBUF), Schema("JSON", "{}"))


@cache
def _mappings() -> list[Mapping]:
    return [Mapping.load(name) for name in presets()]


@cache
def _life() -> Life:
    life = Life()
    life.weekly(range(5), about=1)
    life.weekly(range(5, 8), about=2)
    return life


@cache
def _parts() -> dict[bytes, bytes]:
    dumped = snapshot.dump(_life().user)
    return {key: value for key, value in dumped if value is not None}


class _Known(Registry):
    def __init__(self) -> None: ...

    def schema(self, number: int) -> Schema:
        return _SCHEMAS[number]


@cache
def _values() -> RegistryValues:
    values = RegistryValues(_Known())
    asyncio.run(values.prepare(framed(number, b"x") for number in range(len(_SCHEMAS))))
    return values


def warm(name: str) -> Any:
    """Have ready what a target needs, so that it is not taken for slow."""
    for seed in seeds(name):
        TARGETS[name](seed)
