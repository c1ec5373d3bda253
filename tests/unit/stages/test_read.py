"""Records that are activities, and the others with the reason why not."""

from models.records import encode
from streams.stages.read import Reader
from tests.support.fakes import incoming
from tests.support.heart import activity

SKEW = 300_000


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
