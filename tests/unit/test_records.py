"""Every bad activity has its reason; every good one is read as it was meant."""

import json
from typing import Any

import pytest

from models.decoding import decode_activity, decode_name, parse_activity
from models.errors import Reason, Rejected
from models.records import Change, cloudevent, encode

GOOD: dict[str, Any] = {
    "event_id": "e1",
    "user_id": "u1",
    "item_id": "i1",
    "title": " Jazz ",
    "occurred_at": "2024-02-29T12:00:00+01:00",
}


def raw(**fields: Any) -> bytes:
    return json.dumps(
        {name: value for name, value in (GOOD | fields).items() if value is not ...}
    ).encode()


def reason_of(value: bytes | None, key: bytes | None = b"u1") -> Reason:
    with pytest.raises(Rejected) as rejected:
        decode_activity(key, value)
    return rejected.value.reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.NOT_JSON),
        (b"", Reason.NOT_JSON),
        (b"\xff\xfe", Reason.NOT_JSON),
        (b"[" * 50_000, Reason.INVALID),
        (b"[]", Reason.INVALID),
        (raw(title=...), Reason.INVALID),
        (raw(user_id=7), Reason.INVALID),
        (raw(item_id=""), Reason.INVALID),
        (raw(event_id="e" * 300), Reason.INVALID),
        (raw(title=" \t\n"), Reason.EMPTY_TITLE),
        (raw(title="\u200b\u2063\ufe0f\u3164"), Reason.EMPTY_TITLE),
        (raw(title="t" * 1_000_000), Reason.TOO_LARGE),
        (raw(weight=0), Reason.BAD_WEIGHT),
        (raw(weight=-1.5), Reason.BAD_WEIGHT),
        (raw(weight="many"), Reason.INVALID),
        (raw(weight=1.0).replace(b"1.0", b"NaN"), Reason.NOT_JSON),
        (raw(vector=[]), Reason.BAD_VECTOR),
        (raw(vector=[1.0]).replace(b"[1.0]", b"[NaN]"), Reason.NOT_JSON),
        (raw(terms={"t": -1}), Reason.INVALID),
        (raw(text=7), Reason.INVALID),
        (raw(text=["Jazz"]), Reason.INVALID),
        (raw(text="Jazz", title=" "), Reason.EMPTY_TITLE),
        (raw(terms={"t" * 65: 1}), Reason.TOO_LARGE),
        (raw(occurred_at="yesterday"), Reason.BAD_TIME),
        (raw(occurred_at="2024-02-30T12:00:00Z"), Reason.BAD_TIME),
        (raw(occurred_at="2024-02-20T12:00:00"), Reason.BAD_TIME),
        (raw(occurred_at=-1), Reason.BAD_TIME),
        (raw(occurred_at=10**17), Reason.BAD_TIME),
        (raw(occurred_at=0), Reason.BAD_TIME),
        (raw(occurred_at="1999-12-31T23:59:59Z"), Reason.BAD_TIME),
        (raw(occurred_at=1_709_204_400), Reason.BAD_UNIT),
        (raw(occurred_at=1_709_204_400.25), Reason.BAD_UNIT),
        (raw(occurred_at=1_709_204_400_000_000), Reason.BAD_UNIT),
        (raw(occurred_at=1_709_204_400_000_000_000), Reason.BAD_UNIT),
        (raw(occurred_at="1709204400"), Reason.BAD_UNIT),
        (raw(v=2), Reason.UNKNOWN_VERSION),
        (raw(v=2, title=...), Reason.UNKNOWN_VERSION),
        (raw(v="one"), Reason.INVALID),
        (b'{"user_id": 7, "title": "cut sho', Reason.INVALID),
        (raw(user_id="u2"), Reason.KEY_MISMATCH),
    ],
)
def test_a_bad_activity_is_rejected_with_its_reason(value: bytes | None, reason: Reason) -> None:
    assert reason_of(value) is reason


def test_an_activity_needs_a_key() -> None:
    assert reason_of(raw(), key=None) is Reason.NULL_KEY


@pytest.mark.parametrize(
    "moment",
    [
        "2024-02-29T11:00:00Z",
        "2024-02-29t11:00:00.000z",
        "2024-02-29 12:00:00+01:00",
        1_709_204_400_000,
        1_709_204_400_000.0,
        "1709204400000",
    ],
)
def test_times_are_read_in_both_forms(moment: str | int) -> None:
    assert parse_activity(raw(occurred_at=moment)).occurred_at == 1_709_204_400_000


def test_unknown_fields_are_ignored_and_titles_are_stripped() -> None:
    activity = parse_activity(raw(shoe_size=42, type="play", weight=2))
    assert (activity.title, activity.type, activity.weight) == ("Jazz", "play", 2.0)


def test_a_number_of_seconds_is_refused_with_its_unit() -> None:
    with pytest.raises(Rejected) as rejected:
        parse_activity(raw(occurred_at=1_709_204_400))
    assert "read as s it is 2024-02-29T11:00:00Z" in rejected.value.detail
    assert '[time] unit = "s"' in rejected.value.detail


def test_how_old_an_activity_may_be_is_the_callers() -> None:
    old = raw(occurred_at="1999-12-31T23:59:59Z")
    assert parse_activity(old, earliest_ms=0).occurred_at == 946_684_799_000


def test_long_titles_are_cut() -> None:
    assert parse_activity(raw(title="word " * 300)).title == ("word " * 200).strip()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (..., None),
        (None, None),
        ("", None),
        (" \t\u200b\u3164", None),
        (" How it began. ", "How it began."),
        ("word " * 300, ("word " * 56).strip()),
        ("\U0001f600" * 300, "\U0001f600" * 280),
    ],
)
def test_a_text_is_stripped_and_cut_and_a_blank_one_is_none(given: Any, text: str | None) -> None:
    assert parse_activity(raw(text=given)).text == text


def test_what_has_no_text_is_encoded_and_written_as_ever() -> None:
    bare, told = parse_activity(raw(text=" ")), parse_activity(raw(text="How it began"))
    assert bare.content == "Jazz"
    assert b"text" not in encode(bare)
    assert told.content.startswith("Jazz")
    assert told.content.endswith("How it began")
    assert parse_activity(encode(told)) == told


@pytest.mark.parametrize(
    ("escaped", "title"),
    [
        (rb"a\ud83d b", "a\ufffd b"),
        (rb"\udC00\uD83D", "\ufffd\ufffd"),
        (rb"\ud83d\ude00 \ud83d", "\U0001f600 \ufffd"),
        (rb"\\ud83d \ud83d", "\\ud83d \ufffd"),
        (b"\xed\xa0\xbd\xed\xb8\x80 \xed\xa0\xbd!", "\U0001f600 \ufffd!"),
    ],
)
def test_half_a_surrogate_pair_is_replaced(escaped: bytes, title: str) -> None:
    assert parse_activity(raw().replace(b" Jazz ", escaped)).title == title


def test_a_change_is_a_cloudevent() -> None:
    change = Change(
        id="j1:named:1:llm",
        user_id="u1",
        kind="named",
        occurred_at=0,
        cause="revision:1:llm",
        journey_id="j1",
        name="Jazz",
        name_source="llm",
        revision=1,
    )
    event = json.loads(cloudevent(change))
    assert {name: event[name] for name in ("specversion", "id", "type", "subject", "time")} == {
        "specversion": "1.0",
        "id": "j1:named:1:llm",
        "type": "journey.named.v1",
        "subject": "u1",
        "time": "1970-01-01T00:00:00.000Z",
    }
    assert event["data"] == {
        "user_id": "u1",
        "journey_id": "j1",
        "cause": "revision:1:llm",
        "name": "Jazz",
        "name_source": "llm",
        "revision": 1,
        "journey_uuid": "472d02f7-c9ee-59ce-8dce-9e0e0cd506c6",
    }


@pytest.mark.parametrize("value", [None, b"", b"{}", b'{"v":2}', b"\x00"])
def test_a_bad_name_record_is_rejected(value: bytes | None) -> None:
    with pytest.raises(Rejected):
        decode_name(value)
