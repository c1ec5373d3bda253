"""One moment, however it is written, is one millisecond or a clear reject; nothing is 1970."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.decoding import parse_activity
from models.errors import Reason, Rejected
from models.mapping.mapping import Mapping, SourceEvent
from models.times import EARLIEST_MS, LATEST_MS, UNITS, read_time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
relaxed = settings(deadline=None, derandomize=True, max_examples=300)
moments = st.integers(EARLIEST_MS, 4_102_444_800_000 - 1)
scales = {"s": 1 / 1000, "ms": 1, "us": 1000, "ns": 1_000_000}
units = st.sampled_from(sorted(UNITS))
offsets = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


def counted(millis: int, unit: str) -> int | float:
    if unit == "s":
        return millis / 1000 if millis % 1000 else millis // 1000
    return millis * int(scales[unit])


@relaxed
@given(moments, units)
def test_a_declared_unit_gives_the_same_moment(millis: int, unit: str) -> None:
    number = counted(millis, unit)
    assert read_time(number, unit) == millis
    assert read_time(str(number), unit) == millis
    if unit != "ns":  # more digits than a fraction holds
        assert read_time(float(number), unit) == millis


@relaxed
@given(moments, units, units)
def test_a_number_in_another_unit_is_refused_by_name(millis: int, unit: str, said: str) -> None:
    for declared in {said, "ms"}:
        if declared == unit:
            continue
        with pytest.raises(Rejected) as error:
            read_time(counted(millis, unit), declared if declared == said else None)
        assert error.value.reason is Reason.BAD_UNIT
        assert f'[time] unit = "{unit}"' in error.value.detail


@relaxed
@given(moments, offsets, st.sampled_from("Tt "))
def test_text_gives_the_same_moment(millis: int, offset: timezone, between: str) -> None:
    moment = (EPOCH + timedelta(milliseconds=millis)).astimezone(offset)
    text = moment.isoformat(timespec="milliseconds").replace("T", between)
    assert read_time(text) == millis
    assert read_time(moment) == millis
    utc = moment.astimezone(UTC).isoformat().replace("+00:00", "")
    assert read_time(f"{utc}Z") == read_time(f"{utc}z") == millis


@relaxed
@given(moments, st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "America/New_York", "UTC"]))
def test_text_without_an_offset_needs_a_zone(millis: int, name: str) -> None:
    zone = ZoneInfo(name)
    local = (EPOCH + timedelta(milliseconds=millis)).astimezone(zone).replace(tzinfo=None)
    with pytest.raises(Rejected) as error:
        read_time(local.isoformat())
    assert error.value.reason is Reason.BAD_TIME
    assert "zone" in error.value.detail
    read = read_time(local.isoformat(), zone=zone)
    assert read == millis or zone.utcoffset(local) != zone.utcoffset(local.replace(fold=1))


def test_a_leap_second_is_the_next_second() -> None:
    assert read_time("2016-12-31T23:59:60Z") == read_time("2017-01-01T00:00:00Z")
    assert read_time("2016-12-31T23:59:60.250Z") == read_time("2017-01-01T00:00:00.250Z")


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        ("29/Feb/2024:12:00:00 +0100", "%d/%b/%Y:%H:%M:%S %z", "2024-02-29T11:00:00Z"),
        (20240229120000, "%Y%m%d%H%M%S", "2024-02-29T11:00:00Z"),
        ("2024-02-29", "%Y-%m-%d", "2024-02-28T23:00:00Z"),
    ],
)
def test_own_forms(value: Any, form: str, text: str) -> None:
    assert read_time(value, form, ZoneInfo("Europe/Berlin")) == read_time(text)


def test_a_date_in_digits_is_no_number_of_milliseconds() -> None:
    with pytest.raises(Rejected) as error:
        read_time(20240229120000)  # as epoch milliseconds, the year 2611
    assert error.value.reason is Reason.BAD_UNIT
    assert "%Y%m%d%H%M%S" in error.value.detail


def test_how_far_back_is_a_setting() -> None:
    old = int((datetime(1985, 5, 1, tzinfo=UTC) - EPOCH) / timedelta(milliseconds=1))
    with pytest.raises(Rejected):
        read_time(old)
    assert read_time(old, earliest_ms=0) == old
    with pytest.raises(Rejected) as error:
        read_time(1_709_204_400, earliest_ms=0)  # seconds of 2024 are not January 1970
    assert error.value.reason is Reason.BAD_UNIT


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(10**8, 10**20),
        st.floats(),
        st.text(),
        st.sampled_from(["2024-02-29T12:00:00Z", "1709204400", "\ud800", "0000-00-00T00:00:00Z"]),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)


@relaxed
@given(json_values, st.sampled_from([None, *UNITS, "rfc3339", "%Y", "%s%f"]))
def test_whatever_comes_lies_within_the_bounds_or_is_rejected(value: Any, unit: str | None) -> None:
    with suppress(Rejected):
        assert EARLIEST_MS <= read_time(value, unit, ZoneInfo("UTC")) < LATEST_MS


names = ["user_id", "item_id", "title", "occurred_at", "type", "weight", "terms", "vector", "id"]
fields = st.dictionaries(
    st.sampled_from([*names, "event_id", "properties", "event", "op", "after", "payload"]),
    st.one_of(json_values, st.dictionaries(st.sampled_from(names), json_values)),
)


@relaxed
@given(st.one_of(fields, json_values), st.sampled_from(["segment", "posthog", "ga4", "debezium"]))
def test_no_event_makes_a_mapping_fail(value: Any, preset: str) -> None:
    event = SourceEvent(value, b"\xff", {"ce_id": b"\xff"}, "t", -1)
    for mapping in (PRESETS[preset], PRESETS["cloudevents"], PRESETS["registry"]):
        with suppress(Rejected):
            for activity in mapping.activities(event):
                assert parse_activity(msgspec.json.encode(activity)) == activity


PRESETS = {
    name: Mapping.load(name)
    for name in ("segment", "posthog", "ga4", "debezium", "cloudevents", "registry")
}


@relaxed
@given(fields)
def test_a_plain_activity_is_read_or_rejected(value: Any) -> None:
    raw = json.dumps(value).encode()
    with suppress(Rejected):
        assert parse_activity(raw).occurred_at >= EARLIEST_MS
