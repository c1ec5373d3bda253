"""Who is erased leaves nothing, comes back as a stranger, and no crash makes it otherwise."""

from typing import Any

import msgspec
import pytest
from aiokafka.errors import NotLeaderForPartitionError

from models.records import JourneyName, NamingRequest, encode
from streams.service import metrics
from streams.state import partition as state
from streams.state.partition import Time
from tests.support.fakes import FakeProducers, Fault, incoming, message
from tests.support.heart import TOPICS, Heart, activity, batch, lives
from tests.support.lives import START

LIVES = lives()
DAY = 86_400_000
LATER = START + 40 * DAY  # when the broker got the erasure: after all of them


def erasing(*users: bytes | None, first: int = 0, time: int = LATER) -> Any:
    records = [incoming(first + n, None, user, time) for n, user in enumerate(users)]
    return message(TOPICS.erasures, records, after=first - 1)


async def begun(**settings: Any) -> Heart:
    heart = await Heart(**settings).start()
    assert await heart.deliver(batch(LIVES))
    return heart


def left(heart: Heart) -> dict[tuple[str, bytes | None], bytes | None]:
    """What compaction leaves of changelog and journeys: the last record of each key, if any."""
    found: dict[tuple[str, bytes | None], bytes | None] = {}
    for topic in (heart.producers.changelog, TOPICS.journeys):
        found |= {(topic, one.key): one.value for one in heart.producers.on(topic)}
    return {key: value for key, value in found.items() if value is not None}


def journeys_of(heart: Heart, user: str) -> set[str]:
    changes = [msgspec.json.decode(one.value or b"") for one in heart.producers.on(TOPICS.changes)]
    return {one["data"]["journey_id"] for one in changes if one["subject"] == user}


async def test_nothing_is_left_of_the_user_and_all_of_the_others() -> None:
    heart = await begun()
    before = left(heart)
    assert [key for key in before if b"u1" in (key[1] or b"")]
    assert await heart.erase(erasing(b"u1"))
    after = left(heart)
    prefix = heart.partition().user("u2").prefix
    assert prefix.encode() in b"".join(value or b"" for value in after.values())
    for (_, key), value in after.items():
        assert b"u1" not in (key or b"")
        assert b"u1" not in (value or b"")
    others = {key for key in before if b"u1" not in (key[1] or b"")}
    assert {key: before[key] for key in others} == {key: after[key] for key in others}
    assert len(after.keys() - others) == 2, "a hash, and how far erasures have come"
    assert heart.metrics.value(metrics.ERASED) == 1


async def test_a_journey_that_had_ended_goes_too() -> None:
    heart = await begun(ended_windows=8)
    (journey,) = journeys_of(heart, "u1")
    late = [activity(90 + n, "u1", 35 + 7 * n, 5 + n % 9) for n in range(20)]
    assert await heart.deliver(batch(late, len(LIVES)))
    assert journey not in {
        heart.partition().user("u1").journey_id(one.number)
        for one in heart.partition().user("u1").clusters
    }
    assert await heart.erase(erasing(b"u1", time=START + 400 * DAY))
    assert not [key for key in left(heart) if b"u1" in (key[1] or b"")]


async def test_who_comes_back_is_a_stranger_with_other_ids_each_time() -> None:
    heart = await begun()
    seen = journeys_of(heart, "u1")
    offset = len(LIVES)
    for life in range(3):
        when = LATER + 100 * life * DAY
        assert await heart.erase(erasing(b"u1", first=life, time=when))
        again = [
            one | {"event_id": f"{life}-{one['event_id']}"}
            for one in LIVES
            if one["user_id"] == "u1"
        ]
        records = batch(again, offset)
        for record in records.value:
            record.timestamp = when + 1 + record.offset
        assert await heart.deliver(records)
        offset += len(again)
        fresh = journeys_of(heart, "u1") - seen
        assert len(fresh) == 1
        seen |= fresh
        heart = await heart.restarted()


async def test_what_came_before_the_erasure_does_not_bring_the_user_back() -> None:
    heart = await Heart().start()
    assert await heart.erase(erasing(b"u1"))
    assert await heart.deliver(batch(LIVES))
    assert not [key for key in left(heart) if b"u1" in (key[1] or b"")]
    assert journeys_of(heart, "u2")
    assert heart.metrics.value(metrics.SILENT) == 10
    assert heart.metrics.value(metrics.ACTIVITIES) == 20


async def test_a_name_that_was_asked_for_before_does_nothing() -> None:
    heart = await begun()
    requests = [
        msgspec.json.decode(one.value or b"", type=NamingRequest)
        for one in heart.producers.on(TOPICS.requests)
    ]
    assert await heart.erase(erasing(b"u1"))
    before = len(heart.producers.records)
    (asked,) = [one for one in requests if one.user_id == "u1"]
    answer: JourneyName = asked.answered("A name")
    back = message(TOPICS.names, [incoming(0, encode(answer), b"u1")])
    assert await heart.deliver(back, names=True)
    assert len(heart.producers.records) == before


async def test_an_erasure_that_comes_again_spares_the_new_life() -> None:
    heart = await begun()
    assert await heart.erase(erasing(b"u1"))
    new = batch([activity(200, "u1", 41, 1)], len(LIVES))
    assert await heart.deliver(new)
    again = await heart.restarted()
    assert await again.erase(erasing(b"u1"))
    assert again.partition().user("u1").clusters
    assert again.metrics.value(metrics.ERASED) == 0
    # One that lies where another did, and came later: its topic was made anew.
    assert await again.erase(erasing(b"u1", time=LATER + 3 * DAY))
    assert not again.partition().user("u1").clusters


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("number", range(4))
async def test_wherever_it_dies_the_next_worker_makes_the_same_of_it(
    number: int, stored: bool, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = await begun()
    assert await wanted.erase(erasing(b"u1", b"u3"))
    heart = await begun()
    if small:
        monkeypatch.setattr(state, "BATCH_BYTES", 200)
    heart.producers.sent.clear()

    def die() -> None:
        heart.group.consumer_generation_id += 1

    heart.producers.faults.append(Fault(number, NotLeaderForPartitionError(), stored, then=die))
    await heart.erase(erasing(b"u1", b"u3"))
    heart = await heart.restarted()
    await heart.erase(erasing(b"u1", b"u3"))
    assert left(heart) == left(wanted)
    assert heart.stored() == {k: v for (t, k), v in left(heart).items() if t != TOPICS.journeys}
    assert heart.partition().user("u1").prefix == wanted.partition().user("u1").prefix


async def test_who_is_erased_is_not_waited_for() -> None:
    heart = await begun()
    assert "u1" in heart.partition().due(Time(START + 9_999 * DAY, 0), 10)
    assert await heart.erase(erasing(b"u1"))
    assert "u1" not in heart.partition().due(Time(START + 9_999 * DAY, 0), 10)
    again = await heart.restarted()
    assert set(again.partition().due(Time(START + 9_999 * DAY, 0), 10)) == {"u2", "u3"}


async def test_a_record_that_names_nobody_is_rejected_and_the_others_are_done() -> None:
    heart = await begun()
    assert await heart.erase(erasing(None, b"\xff", b"", b"u1"))
    reasons = [dict(one.headers)["reason"] for one in heart.producers.on(TOPICS.rejects)]
    assert reasons == [b"null_key", b"invalid", b"invalid"]
    assert not [key for key in left(heart) if b"u1" in (key[1] or b"")]


async def test_of_somebody_unknown_it_is_kept_that_they_are_erased() -> None:
    """What came before it may be read yet."""
    heart = await Heart(FakeProducers()).start()
    assert await heart.erase(erasing(b"nobody"))
    assert not heart.producers.on(TOPICS.journeys) or all(
        one.value is None for one in heart.producers.on(TOPICS.journeys)
    )
    assert heart.partition().life("nobody") is not None
    assert b"nobody" not in b"".join(key + value for key, value in heart.stored().items())
