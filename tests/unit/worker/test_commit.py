"""Publish, state, offset: whatever fails in between, nothing is lost and nothing comes twice."""

from typing import Any

import msgspec
import pytest
from aiokafka.errors import NotLeaderForPartitionError, ProducerFenced

from models.errors import RecordTooLargeError, StateTooLargeError, StoreError
from models.records import JourneyName, NamingRequest, encode
from streams.service import metrics
from streams.state import partition as state
from streams.state.partition import MARK_KEY, Mark
from streams.worker.partition_tasks import RETRY_SECONDS
from tests.support.fakes import FakeProducers, Fault, incoming, message
from tests.support.heart import TOPICS, Heart, activity, batch, lives, records

# The users' journeys start in the second; the user whose state is stored first comes last in it.
BEFORE, BATCH = lives()[:12], [*lives()[12:], activity(98, "u1", 32, 1)]
OFFSET = len(BEFORE)
SMALL = 700  # bytes of a state batch: each user has one of their own


@pytest.fixture(autouse=True)
def _several_state_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "BATCH_BYTES", SMALL)


async def begun(**settings: Any) -> Heart:
    """A worker that has done the first part of the log."""
    heart = await Heart(**settings).start()
    assert await heart.deliver(batch(BEFORE))
    heart.producers.sent.clear()
    return heart


def second(generation: int = 1) -> Any:
    bad = activity(99, "u1", 33, 1, title=" ")
    return batch([*BATCH, bad], OFFSET, generation=generation)


async def uninterrupted() -> Heart:
    heart = await begun()
    assert await heart.deliver(second())
    return heart


def dies_at(heart: Heart, number: int, *, stored: bool) -> None:
    """The worker's record batch of that number fails, stored or not, and it will not try again."""

    def die() -> None:
        heart.group.consumer_generation_id += 1

    heart.producers.faults.append(Fault(number, NotLeaderForPartitionError(), stored, then=die))


def assert_same_published(heart: Heart, wanted: Heart) -> None:
    """All topics are as if nothing had happened."""
    for name in (TOPICS.changes, TOPICS.journeys, TOPICS.requests, TOPICS.rejects):
        assert heart.published(name) == wanted.published(name)


def assert_same(heart: Heart, wanted: Heart) -> None:
    """All topics and the state are as if nothing had happened."""
    assert_same_published(heart, wanted)
    assert heart.stored() == wanted.stored()
    assert dict(heart.producers.recovered(0)._parts) == wanted.stored()


async def steps() -> list[str]:
    """The topics that a commit of the second batch sends record batches to, in order."""
    return (await uninterrupted()).producers.sent


async def test_a_commit_publishes_all_before_it_stores_anything() -> None:
    sent = await steps()
    published = {TOPICS.changes, TOPICS.journeys, TOPICS.requests, TOPICS.rejects}
    assert set(sent[: len(published)]) == published
    assert set(sent[len(published) :]) == {FakeProducers.changelog}
    assert sent.count(FakeProducers.changelog) > 2


# The second batch's record batches: four topics, then the state.
NUMBERS = range(8)
PUBLISHING, STORING = NUMBERS[:4], NUMBERS[4:]


async def test_every_step_is_tried() -> None:
    assert len(await steps()) == len(NUMBERS)


@pytest.mark.parametrize("stored", [False, True], ids=["refused", "unacknowledged"])
@pytest.mark.parametrize("number", PUBLISHING)
async def test_publishing_that_fails_is_repeated_and_all_is_as_if_it_had_not(
    number: int, stored: bool
) -> None:
    wanted, heart = await uninterrupted(), await begun()
    before, mark = heart.stored(), heart.partition().mark
    seen: list[Any] = []

    async def sleep(seconds: float) -> None:
        partition = heart.partition()
        seen.append((heart.stored(), partition.mark, dict(partition._users)))

    heart.tasks._sleep = sleep
    heart.producers.faults.append(Fault(number, NotLeaderForPartitionError(), stored))
    [acked] = await heart.deliver(second())
    assert acked.offset == OFFSET + len(BATCH)
    assert seen == [(before, mark, {})], "after the failure nothing is stored, users are forgotten"
    assert heart.metrics.value(metrics.RETRIES) == 1
    assert_same(heart, wanted)


async def time_and_names_come(heart: Heart) -> None:
    """What else writes for the partition: a year passes, and each journey gets a name."""
    for record in heart.producers.on(TOPICS.requests):
        asked = msgspec.json.decode(record.value or b"", type=NamingRequest)
        name = encode(
            JourneyName(
                user_id=asked.user_id,
                journey_id=asked.journey_id,
                revision=asked.revision,
                name="Lamps",
                source="llm",
            )
        )
        assert await heart.deliver(message(TOPICS.names, [incoming(0, name)]), names=True) == []
    heart.at(position=OFFSET, end=OFFSET)
    heart.time.seconds += 3_600 * 24 * 365
    await heart.tick(2)
    heart.time.seconds -= 3_600 * 24 * 365


@pytest.mark.parametrize("stored", [False, True], ids=["refused", "unacknowledged"])
@pytest.mark.parametrize("number", STORING)
async def test_state_in_doubt_is_written_on_by_nobody_and_read_back(
    number: int, stored: bool
) -> None:
    wanted, heart = await uninterrupted(), await begun()
    heart.producers.faults.append(Fault(number, NotLeaderForPartitionError(), stored))
    assert await heart.deliver(second()) == []
    changelog = heart.producers.end(FakeProducers.changelog, 0)
    await time_and_names_come(heart)
    assert heart.producers.end(FakeProducers.changelog, 0) == changelog
    assert heart.group.crashed == []
    assert heart.group.consumer.rejoined == 1
    assert heart.metrics.value(metrics.TAKEN_ANEW) == 1
    await heart.reassigned()
    assert await heart.deliver(second(2))
    assert_same(heart, wanted)


async def test_a_disk_that_is_full_ends_the_worker_and_nobody_writes_on_what_it_has() -> None:
    wanted, heart = await uninterrupted(), await begun()

    def full(parts: Any, offset: int) -> None:
        raise StoreError("/data/users-0 cannot be written: No space left on device")

    heart.parts[0].write = full
    assert await heart.deliver(second()) == []
    assert isinstance(heart.group.crashed[0], StoreError)
    changelog = heart.producers.end(FakeProducers.changelog, 0)
    await time_and_names_come(heart)
    assert heart.producers.end(FakeProducers.changelog, 0) == changelog
    other = await heart.restarted()
    assert await other.deliver(second())
    assert_same(other, wanted)


@pytest.mark.parametrize("stored", [False, True], ids=["refused", "unacknowledged"])
@pytest.mark.parametrize("number", NUMBERS)
async def test_a_crash_at_any_step_is_made_good_by_the_next_owner(
    number: int, stored: bool
) -> None:
    wanted, heart = await uninterrupted(), await begun()
    dies_at(heart, number, stored=stored)
    assert await heart.deliver(second()) == []
    other = await heart.restarted()
    assert await other.deliver(second())
    assert_same(other, wanted)


@pytest.mark.parametrize("number", NUMBERS)
async def test_a_crash_between_two_steps_is_made_good_by_the_next_owner(number: int) -> None:
    wanted, heart = await uninterrupted(), await begun()

    def die() -> None:
        heart.producers.faults += [Fault(n, ProducerFenced()) for n in range(number + 1, 99)]
        heart.group.consumer_generation_id += 1

    heart.producers.faults.append(Fault(number, then=die))
    acked = await heart.deliver(second())
    assert bool(acked) == (number == NUMBERS[-1])
    other = await heart.restarted()
    assert await other.deliver(second()), "its offset was not committed: it comes again"
    assert_same(other, wanted)


@pytest.mark.parametrize("rebatched", [1, 2, 5])
@pytest.mark.parametrize("number", NUMBERS)
async def test_a_redelivery_in_other_batches_gives_the_same(number: int, rebatched: int) -> None:
    wanted, heart = await uninterrupted(), await begun()
    dies_at(heart, number, stored=True)
    await heart.deliver(second())
    other = await heart.restarted()
    value, after = second().value, OFFSET - 1
    for start in range(0, len(value), rebatched):
        one = second()
        one.value[:] = value[start : start + rebatched]
        one.offset, one.value.after = one.value[-1].offset, after
        after = one.offset
        assert await other.deliver(one)
    for name in (TOPICS.changes, TOPICS.journeys, TOPICS.requests):
        assert other.published(name) == wanted.published(name)
    assert other.stored() == wanted.stored()


async def test_before_publishing_a_lost_partition_sends_nothing() -> None:
    heart = await begun()
    before = heart.stored()
    checks = 0

    async def may_write(generation: int, *, finish: bool = False) -> bool:
        nonlocal checks
        checks += 1
        return checks < 2  # the first is before anything is computed

    heart.worker.ownership.may_write = may_write  # type: ignore[method-assign]
    assert await heart.deliver(second()) == []
    assert heart.producers.sent == []
    assert heart.stored() == before
    assert heart.partition()._users == {}
    assert len(heart.group.consumer.abandoned) == 1
    assert heart.metrics.value(metrics.ABANDONED) == 1


async def test_between_publishing_and_state_a_lost_partition_writes_no_state() -> None:
    wanted, heart = await uninterrupted(), await begun()
    before, changelog = heart.stored(), heart.producers.end(FakeProducers.changelog, 0)
    finishes: list[bool] = []

    async def may_write(generation: int, *, finish: bool = False) -> bool:
        finishes.append(finish)
        return len(finishes) < 3

    heart.worker.ownership.may_write = may_write  # type: ignore[method-assign]
    assert await heart.deliver(second()) == []
    assert finishes == [False, False, True], "a rebalance waits for work that is almost done"
    assert heart.published(TOPICS.changes) == wanted.published(TOPICS.changes)
    assert heart.producers.end(FakeProducers.changelog, 0) == changelog
    assert heart.stored() == before
    assert heart.partition()._users == {}
    assert heart.metrics.value(metrics.CHANGES, "started") == 0
    other = await heart.restarted()
    assert await other.deliver(second())
    assert_same(other, wanted)


async def test_the_mark_is_not_stored_before_the_state_that_it_stands_for() -> None:
    """A state batch that the broker refuses for good must not leave a mark behind it."""
    heart = await begun()
    before = Mark(offset=OFFSET - 1)
    refused = [Fault(n, RecordTooLargeError("1 MB")) for n in range(4, 99, len(NUMBERS))]
    heart.producers.faults += refused
    assert await heart.deliver(second()) == []
    assert isinstance(heart.group.crashed[0], RecordTooLargeError)
    raw = heart.producers.recovered(0).get(MARK_KEY)
    assert raw is not None
    assert msgspec.msgpack.decode(raw, type=Mark).offset == before.offset


async def test_what_is_counted_is_what_was_committed() -> None:
    heart = await uninterrupted()
    for kind in ("started", "named"):
        assert heart.metrics.value(metrics.CHANGES, kind) == 3
    assert heart.metrics.value(metrics.REQUESTS) == 3
    assert heart.metrics.value(metrics.REJECTS, "empty_title") == 1
    assert heart.metrics.value(metrics.ACTIVITIES) == len(BEFORE) + len(BATCH)
    assert heart.metrics.value(metrics.REDELIVERED) == 0
    assert heart.metrics.value(metrics.STATE_BYTES) > 0


async def test_a_batch_that_comes_twice_is_skipped() -> None:
    heart = await uninterrupted()
    sent = len(heart.producers.records)
    assert await heart.deliver(second())
    assert len(heart.producers.records) == sent
    assert heart.metrics.value(metrics.REDELIVERED) == len(BATCH) + 1
    overlapping = batch([*BEFORE[-2:], *BATCH, activity(99, "u1", 33, 1, title=" ")], OFFSET - 2)
    overlapping.value.append(records([activity(100, "u1", 34, 1)], OFFSET + len(BATCH) + 1)[0])
    assert await heart.deliver(overlapping)
    assert heart.metrics.value(metrics.ACTIVITIES) == len(BEFORE) + len(BATCH) + 1


async def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record batch takes each part of a user, and not what a batch does to one."""
    stored = (await uninterrupted()).stored()
    largest = max(len(key) + len(value) for key, value in stored.items())
    monkeypatch.setattr(state, "BATCH_BYTES", largest + 2 * state.RECORD_BYTES)


def third() -> Any:
    """One user gets several clusters, and time brings something for the others."""
    many = [activity(200 + n, "u3", 31 + n / 100, n) for n in range(1, 9)]
    return batch([*many, activity(300, "u4", 35 + 4 * 7 + 7, 5)], OFFSET + len(BATCH) + 1)


async def ended(heart: Heart) -> Heart:
    """The same, once it has come to an end from there."""
    assert await heart.deliver(third())
    end = OFFSET + len(BATCH) + 1 + len(third().value)
    heart.at(position=end, end=end)
    await heart.tick()
    return heart


async def test_what_fits_into_no_record_batch_is_stored_in_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = await ended(await uninterrupted())
    await tight(monkeypatch)
    heart = await ended(await uninterrupted())
    assert heart.group.crashed == []
    assert len(heart.producers.sent) > len(wanted.producers.sent)
    assert_same_published(heart, wanted)
    assert len(heart.stored()) == len(wanted.stored()), "nothing is left behind"
    assert dict(heart.producers.recovered(0)._parts) == heart.stored()


@pytest.mark.parametrize("stored", [False, True], ids=["refused", "unacknowledged"])
@pytest.mark.parametrize("number", range(len(PUBLISHING), 13))
async def test_a_crash_at_any_step_of_several_is_made_good_by_the_next_owner(
    number: int, stored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = await ended(await uninterrupted())
    await tight(monkeypatch)
    heart = await begun()
    dies_at(heart, number, stored=stored)
    assert await heart.deliver(second()) == []
    other = await heart.restarted()
    assert await other.deliver(second())
    await ended(other)
    assert_same_published(other, wanted)


async def test_a_user_who_never_fits_ends_the_worker_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heart = await begun()
    before = heart.stored()
    monkeypatch.setattr(state, "BATCH_BYTES", 100)
    assert await heart.deliver(second()) == []
    assert isinstance(heart.group.crashed[0], StateTooLargeError)
    assert heart.producers.sent == []
    assert heart.stored() == before
    assert heart.partition()._users == {}
    assert heart.time.slept == []


async def test_a_reject_that_its_topic_refuses_is_cut_and_stops_nobody() -> None:
    heart = await Heart().start()
    large = activity(0, "u1", 1, 1, title="x" * 70_000)
    heart.producers.faults.append(Fault(0, RecordTooLargeError("1 MB")))
    assert await heart.deliver(batch([large, activity(1, "u1", 1, 1)]))
    [reject] = heart.producers.on(TOPICS.rejects)
    assert len(reject.value or b"") == 65_536
    assert int(dict(reject.headers)["bytes"]) > 70_000
    assert heart.metrics.value(metrics.ACTIVITIES) == 1


async def test_a_reject_with_a_long_key_and_long_headers_is_cut_and_stops_nobody() -> None:
    heart = await Heart().start()
    long = records([activity(0, "u1", 1, 1)])[0]
    long.key, long.headers = b"k" * 1_000_000, [("h", b"x" * 70_000)]
    one = batch([activity(0, "u1", 1, 1), activity(1, "u1", 1, 1)])
    one.value[0] = long
    heart.producers.faults.append(Fault(0, RecordTooLargeError("1 MB")))
    assert await heart.deliver(one)
    [reject] = heart.producers.on(TOPICS.rejects)
    assert reject.key == b"k" * 65_536
    said = dict(reject.headers)
    assert (said["reason"], "h" in said) == (b"key_mismatch", False)
    assert int(said["bytes"]) > 1_070_000
    assert heart.metrics.value(metrics.ACTIVITIES) == 1


async def test_a_name_that_is_none_goes_to_the_rejects_and_stops_nobody() -> None:
    heart = await uninterrupted()
    asked = msgspec.json.decode(heart.producers.on(TOPICS.requests)[0].value or b"")
    name = {key: asked[key] for key in ("user_id", "journey_id", "revision")}
    names = [
        incoming(n, encode({**name, "name": text, "source": "llm"}))
        for n, text in enumerate(("n" * 900_000, "Lamps"))
    ]
    assert await heart.deliver(message(TOPICS.names, names), names=True)
    assert heart.metrics.value(metrics.REJECTS, "too_large") == 1
    assert heart.metrics.value(metrics.CHANGES, "named") == 4, "three by keywords, one more"


async def test_a_broker_that_does_not_come_back_ends_the_worker() -> None:
    heart = await begun()
    heart.producers.faults += [Fault(n, NotLeaderForPartitionError()) for n in range(99)]
    assert await heart.deliver(second()) == []
    assert isinstance(heart.group.crashed[0], NotLeaderForPartitionError)
    assert heart.time.slept == list(RETRY_SECONDS)
