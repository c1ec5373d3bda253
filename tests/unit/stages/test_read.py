"""Records that are activities, or events of a mapping, and the others with the reason why not."""

from pathlib import Path
from typing import Any

import pytest

from models.errors import Reason, SettingsError
from models.mapping.mapping import Mapping
from models.records import encode
from streams.input import mapping_of, topics_of, worker_mapping
from streams.settings import Settings
from streams.stages.read import Reader
from streams.topics import ACTIVITY_HEADER, Topics
from tests.support.fakes import incoming
from tests.support.heart import activity

SKEW = 300_000
STAMP = 1_741_000_000_000
MAPPING = """
[activity]
event_id = "$headers.id"
user_id = "user"
item_id = "item"
title = "title"
occurred_at = "at"
[time]
unit = "s"
[[only]]
path = "kind"
equals = "view"
"""
EVENT = {"kind": "view", "user": 7, "item": 1, "title": "Jazz", "at": STAMP // 1000}


def test_good_and_bad_are_told_apart_in_order() -> None:
    good = activity(1, "u", 1, 1)
    stamp = good["occurred_at"]
    records = [
        incoming(0, encode(good), timestamp=stamp),
        incoming(1, b"{", timestamp=stamp),
        incoming(2, encode(good), key=None, timestamp=stamp),
        incoming(3, encode(good), key=b"other", timestamp=stamp),
        incoming(4, encode(good), timestamp=stamp),
    ]
    arrivals, rejects = Reader(SKEW).read("t", 3, records)
    assert [arrival.record.offset for arrival in arrivals] == [0, 4]
    assert arrivals[0].activity.event_id == good["event_id"]
    assert [(r.record.offset, r.error.reason) for r in rejects] == [
        (1, "not_json"),
        (2, "null_key"),
        (3, "key_mismatch"),
    ]
    assert {(reject.topic, reject.partition) for reject in rejects} == {("t", 3)}


def test_the_future_begins_after_the_allowed_skew() -> None:
    one = activity(1, "u", 1, 1)
    late, early = one["occurred_at"] - SKEW, one["occurred_at"] - SKEW - 1
    arrivals, rejects = Reader(SKEW).read(
        "t",
        0,
        [
            incoming(0, encode(one), timestamp=late),
            incoming(1, encode(one), timestamp=early),
            incoming(2, encode(one), timestamp=-1),  # a record that was given no time
        ],
    )
    assert [arrival.record.offset for arrival in arrivals] == [0, 2]
    assert [str(reject.error) for reject in rejects] == ["future: dated 300 s past its record"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "views.toml"
    path.write_text(MAPPING)
    return path


def record(event: Any, key: bytes | None = b"7", **fields: Any) -> Any:
    found = incoming(0, encode(event), key, STAMP)
    found.headers = (("id", None), ("id", b"first"), ("id", b"e1"))
    for name, given in fields.items():
        setattr(found, name, given)
    return found


def test_an_event_is_read_by_the_mapping(file: Path) -> None:
    reader = Reader(SKEW, mapping=Mapping.load(str(file)))
    events = [record(EVENT), record(EVENT | {"kind": "scroll"}), record({"kind": "view"})]
    arrivals, rejects = reader.read("t", 3, events)
    assert [(a.activity.event_id, a.activity.occurred_at) for a in arrivals] == [("e1", STAMP)]
    assert [(r.topic, r.partition, r.error.reason) for r in rejects] == [("t", 3, Reason.MISSING)]


@pytest.mark.parametrize(
    ("given", "reason", "detail"),
    [
        (record(EVENT, None), Reason.NULL_KEY, "journeys intake"),
        (record(EVENT, b"8"), Reason.KEY_MISMATCH, "journeys intake"),
        (record(EVENT | {"at": STAMP}), Reason.BAD_UNIT, 'unit = "ms"'),
        (record(EVENT | {"at": STAMP // 1000 + 301}), Reason.FUTURE, "301 s past its record"),
        (record(EVENT, value=b"{cut"), Reason.NOT_JSON, ""),
        (record(EVENT, value=b"x" * 2_000_000), Reason.TOO_LARGE, ""),
    ],
)
def test_an_event_that_cannot_be_used_has_its_reason(
    file: Path, given: Any, reason: Reason, detail: str
) -> None:
    arrivals, rejects = Reader(SKEW, mapping=Mapping.load(str(file))).read("t", 0, [given])
    assert not arrivals
    assert rejects[0].error.reason is reason
    assert detail in rejects[0].error.detail


def test_what_is_an_activity_already_is_not_mapped_again(file: Path) -> None:
    mapped = record(activity(1, "u", 1, 1), key=b"u", headers=(ACTIVITY_HEADER,))
    arrivals, rejects = Reader(10**15, mapping=Mapping.load(str(file))).read("t", 0, [mapped])
    assert [arrival.activity.user_id for arrival in arrivals] == ["u"]
    assert not rejects


def test_how_old_an_activity_may_be_is_a_setting() -> None:
    old = encode(
        {"event_id": "e", "user_id": "7", "item_id": "i", "title": "t", "occurred_at": 86_400_000}
    )
    settings = Settings.load(earliest="1970-01-02")
    assert Reader(0, settings.earliest_ms).read("t", 0, [incoming(0, old, b"7")])[0]
    assert not Reader(0, settings.earliest_ms + 1).read("t", 0, [incoming(0, old, b"7")])[0]
    with pytest.raises(SettingsError, match="JOURNEYS_EARLIEST"):
        Settings.load(earliest="1969-12-31")


def test_who_applies_a_mapping(file: Path) -> None:
    assert worker_mapping(Settings.load()) is None
    mine = worker_mapping(Settings.load(input=str(file)))
    assert mine is not None
    assert mine.name == "views.toml"
    assert worker_mapping(Settings.load(input=str(file), input_topics="a,b")) is None
    file.write_text('topics = ["web"]\n' + MAPPING)
    assert worker_mapping(Settings.load(input=str(file))) is None
    mapping = mapping_of(Settings.load(input=str(file)))
    assert mapping is not None
    assert topics_of(Settings.load(), mapping) == ("web",)
    assert topics_of(Settings.load(input_topics="a,b"), mapping) == ("a", "b")


def test_an_event_that_is_several_activities_is_for_intake() -> None:
    with pytest.raises(SettingsError, match=r"segment: each: .*journeys intake"):
        worker_mapping(Settings.load(input="segment"))
    assert worker_mapping(Settings.load(input="segment", input_topics="calls")) is None


def test_the_topic_of_the_activities_is_a_setting() -> None:
    assert Topics.of(Settings.load(topic_prefix="a.")).activities == "a.activity-events"
    named = Settings.load(topic_prefix="a.", activities_topic="web.activities")
    assert Topics.of(named).activities == "web.activities"
