"""Changes are CloudEvents: their SDK reads each kind, in each mode, and writes it back."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, get_args

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from msgspec.structs import replace

from models.decoding import decode_change
from models.errors import Rejected
from models.records import (
    Change,
    Kind,
    change_data,
    cloudevent,
    cloudevent_attributes,
    encode,
    with_name,
)
from streams.formats.reading import OutputReader
from streams.formats.writing import output_format
from streams.settings import Settings
from tests.support.published import sample
from tests.support.records import CHANGES

# The sample has no life in which everything happens.
EVERY = [
    *(replace(CHANGES[0], id=f"j1:{kind}:e1", kind=kind) for kind in get_args(Kind)),
    *CHANGES,
    *sample().changes,
]
MODES: dict[str, Callable[[BaseCloudEvent, JSONFormat], KafkaMessage]] = {
    "json": to_structured,
    "json-binary": to_binary,
}


def message(change: Change, mode: str) -> KafkaMessage:
    """A change as it lies on the topic; without its key, which the SDK would make an attribute."""
    value, headers = output_format(Settings.load(output_format=mode)).change(change)
    assert len(dict(headers)) == len(headers)
    return KafkaMessage(headers=dict(headers), key=None, value=value)


def read_back(one: KafkaMessage) -> bytes:
    assert isinstance(one.value, bytes)
    return OutputReader(Settings.load()).change(one.value, list(one.headers.items()))


@pytest.mark.parametrize("mode", MODES)
def test_every_kind_is_what_the_sdk_reads_and_comes_back_from_what_it_writes(mode: str) -> None:
    for change in EVERY:
        event = from_kafka_event(message(change, mode))
        said = cloudevent_attributes(change)
        assert event.get_time() == datetime.fromisoformat(said.pop("time"))
        assert {name: event.get_attributes()[name] for name in said} == said
        assert event.get_datacontenttype() == "application/json"
        assert event.get_data() == json.loads(encode(change_data(change)))
        again = MODES[mode](event, JSONFormat())
        back = from_kafka_event(again)
        assert (back.get_attributes(), back.get_data()) == (
            event.get_attributes(),
            event.get_data(),
        )
        assert decode_change(read_back(again)) == decode_change(cloudevent(change))


def test_both_modes_say_the_same() -> None:
    for change in EVERY:
        assert read_back(message(change, "json-binary")) == cloudevent(change)


def test_a_name_beside_a_change_is_an_attribute_and_leaves_its_data_as_it_is() -> None:
    for change in EVERY:
        named = with_name(cloudevent(change), "Growing ‹tomatoes›")
        event: Any = from_kafka_event(KafkaMessage(headers={}, key=None, value=named))
        assert event.get_extension("journeyname") == "Growing ‹tomatoes›"
        assert named.endswith(b'"data":' + encode(change_data(change)) + b"}")
        assert decode_change(named) == decode_change(cloudevent(change))


@pytest.mark.parametrize("value", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_binary_event_of_other_bytes_is_rejected(value: bytes) -> None:
    with pytest.raises(Rejected):
        OutputReader(Settings.load()).change(value, [("ce_id", b"1")])
