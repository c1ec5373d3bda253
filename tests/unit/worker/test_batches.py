"""What the worker makes of a batch before it is committed, and which partitions are its own."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from models.errors import GapError, SnapshotError
from models.records import JourneyName, encode
from streams.kafka.producers import TAKEN_KEY
from streams.service import metrics
from streams.state.partition import MARK_KEY, Mark
from streams.worker import batches
from tests.support.fakes import FakeProducers, Stored, incoming, message
from tests.support.heart import TOPICS, Heart, activity, batch, lives, records
from tests.support.lives import START

LIVES = lives()


def taken(heart: Heart, number: int = 0) -> None:
    """This worker's record, by which it takes the partition again, is on log and store."""
    log = heart.producers
    log.records.append(Stored(log.changelog, number, TAKEN_KEY, b"me", ()))
    parts = heart.parts[number]
    parts.write([(TAKEN_KEY, b"me")], log.end(log.changelog, number) - 1)


async def test_users_kept_in_memory_are_as_many_however_many_partitions() -> None:
    heart = await Heart(FakeProducers(partitions=4), cached_users=8).start()
    users = [activity(n, f"u{n}", 1, 1) for n in range(9)]
    assert await heart.deliver(*(batch(users, partition=number) for number in range(4)))
    assert sum(len(heart.partition(number)._users) for number in range(4)) == 8
    await heart.worker.recovered({1})
    assert heart.partition(1).capacity == 8


async def test_records_that_did_not_arrive_are_never_skipped() -> None:
    heart = await Heart().start()
    assert await heart.deliver(batch(LIVES[:5]))
    assert await heart.deliver(batch(LIVES[7:], 7)) == []
    [error] = heart.group.crashed
    assert isinstance(error, GapError)
    assert str(error) == "partition 0: records from offset 5 to 6 did not arrive"


async def test_a_group_that_has_committed_and_has_no_state_is_told_so() -> None:
    heart = await Heart().start()
    assert await heart.deliver(batch(LIVES[5:], 5)) == []
    [error] = heart.group.crashed
    assert isinstance(error, GapError)
    assert "committed up to offset 4 and has no state" in str(error)


async def test_offsets_that_are_no_records_are_no_gap() -> None:
    heart = await Heart().start()
    assert await heart.deliver(batch(LIVES[:5]))
    one = batch(LIVES[7:], 7)
    one.value.after = 4  # the broker had nothing at 5 and 6: a transaction's markers
    assert await heart.deliver(one)


async def test_a_partition_that_is_not_recovered_here_is_given_up() -> None:
    heart = await Heart().start()
    assert await heart.deliver(batch(LIVES, partition=3)) == []
    assert len(heart.group.consumer.abandoned) == 1
    assert heart.producers.sent == []


async def test_a_batch_of_another_generation_is_not_computed() -> None:
    heart = await Heart().start()
    assert await heart.deliver(batch(LIVES, generation=7)) == []
    assert await heart.deliver(answers(b"", generation=7), names=True) == []
    assert heart.encoder.encoded == []
    assert heart.producers.sent == []


async def test_a_rebalance_ends_the_encoding_of_a_long_batch() -> None:
    heart = await Heart(encoder_batch=4).start()
    encode_all = heart.encoder.encode

    def encode_some(titles: Any) -> Any:
        heart.group.rebalancing = True
        return encode_all(titles)

    heart.encoder.encode = encode_some  # type: ignore[method-assign]
    assert await heart.deliver(batch(LIVES)) == []
    assert len(heart.encoder.encoded) == 4
    assert heart.producers.sent == []


class Slow:
    """Holds the encoder of a worker up: it makes a title's vector when told to.

    Attributes:
        begun: How many titles it was given.
    """

    def __init__(self, heart: Heart) -> None:
        self.begun = 0
        self._go = threading.Semaphore(0)
        self._encode = heart.encoder.encode
        heart.encoder.encode = self._one_by_one  # type: ignore[method-assign]

    def make(self, titles: int) -> None:
        self._go.release(titles)

    def _one_by_one(self, titles: Any) -> Any:
        for _ in titles:
            self.begun += 1
            assert self._go.acquire(timeout=10)
        return self._encode(titles)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices come in quick succession."""
    monkeypatch.setattr(batches, "SLICE_SECONDS", 0.005)


async def comes(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - others do the work
            await asyncio.sleep(0.001)


@pytest.mark.usefixtures("quick")
async def test_activities_do_not_wait_for_the_vectors_of_those_behind_them() -> None:
    heart = await Heart(encoder_batch=1).start()
    known = [activity(n, "u1", 1, 1, item_id="known", title="title 1") for n in range(3)]
    assert await heart.deliver(batch(known))
    slow = Slow(heart)
    ahead = [activity(n, "u1", 2, 1, item_id="known", title="title 1") for n in range(3, 6)]
    new = [activity(n, "u2", 2, 2) for n in range(6, 9)]
    behind = [activity(9, "u1", 3, 1, item_id="known", title="title 1")]
    delivering = asyncio.create_task(heart.deliver(batch(ahead + new + behind, 3)))
    await comes(lambda: heart.partition().mark.offset == 5)
    slow.make(1)
    await comes(lambda: heart.partition().mark.offset == 6)
    assert heart.group.consumer.advanced == [5, 6], "what is done may be committed"
    assert not delivering.done()
    assert heart.worker.oldest == {0: new[1]["occurred_at"]}, "the first that waits"
    slow.make(2)
    assert await delivering
    assert heart.worker.oldest == {}
    assert heart.partition().mark.offset == 9
    assert heart.metrics.value(metrics.ACTIVITIES) == 10


@pytest.mark.usefixtures("quick")
async def test_a_batch_in_slices_brings_about_what_it_brings_in_one_go() -> None:
    wanted, heart = await Heart().start(), await Heart(encoder_batch=1).start()
    bad = [incoming(n, b"{", timestamp=START) for n in range(2)]
    log = records(LIVES)
    log[5:5], log[20:20] = [bad[0]], [bad[1]]
    for offset, record in enumerate(log):
        record.offset = offset
    assert await wanted.deliver(message(TOPICS.activities, log))
    slow = Slow(heart)
    delivering = asyncio.create_task(heart.deliver(message(TOPICS.activities, log)))
    while not delivering.done():
        slow.make(1)
        await asyncio.sleep(0.003)
    assert await delivering
    assert len(heart.group.consumer.advanced) > 3, "there were slices"
    assert heart.stored() == wanted.stored()
    assert heart.partition().mark == wanted.partition().mark
    for topic in (TOPICS.changes, TOPICS.journeys, TOPICS.requests, TOPICS.rejects):
        told, expected = heart.producers.on(topic), wanted.producers.on(topic)
        if topic == TOPICS.journeys:  # compacted: how often one is told is not what it brings
            assert heart.published(topic) == wanted.published(topic)
        else:
            assert told == expected


@pytest.mark.usefixtures("quick")
async def test_a_rebalance_between_slices_leaves_the_rest_to_the_new_owner() -> None:
    wanted, heart = await Heart().start(), await Heart(encoder_batch=1).start()
    assert await wanted.deliver(batch(LIVES))
    slow = Slow(heart)
    delivering = asyncio.create_task(heart.deliver(batch(LIVES)))
    slow.make(9)
    await comes(lambda: heart.partition().mark.offset == 8)
    heart.group.rebalancing = True
    async with asyncio.timeout(2):  # the title that is being encoded is not waited for
        assert await delivering == []
    assert len(heart.group.consumer.abandoned) == 1
    slow.make(99)
    await comes(lambda: heart.worker.pool.queued == 0)
    assert len(heart.encoder.encoded) <= 11, "nothing is made for a partition that is gone"
    other = await heart.restarted()
    assert await other.deliver(batch(LIVES))
    assert other.metrics.value(metrics.REDELIVERED) == 9
    assert other.stored() == wanted.stored()
    assert other.published(TOPICS.changes) == wanted.published(TOPICS.changes)


@pytest.mark.usefixtures("quick")
async def test_names_and_time_come_in_between_the_slices() -> None:
    heart = await Heart(encoder_batch=1).start()
    assert await heart.deliver(batch(LIVES))
    slow = Slow(heart)
    late = [activity(100 + n, "u9", 400, 3) for n in range(2)]
    delivering = asyncio.create_task(heart.deliver(batch(late, len(LIVES))))
    slow.make(1)
    await comes(lambda: heart.partition().mark.offset == len(LIVES))
    async with asyncio.timeout(5):
        await heart.tick()
        assert await heart.deliver(answers(b"no answer at all"), names=True)
    assert heart.metrics.value(metrics.DUE) == 3
    assert not delivering.done()
    slow.make(1)
    assert await delivering


@pytest.mark.usefixtures("quick")
async def test_the_next_batch_is_encoded_while_this_one_is_worked_on() -> None:
    heart = await Heart(encoder_batch=100).start()
    slow = Slow(heart)
    first = batch([activity(0, "u1", 1, 1)])
    second = batch([activity(n, "u1", 1, 1) for n in range(1, 5)], 1)
    release, may_write = asyncio.Event(), heart.worker.ownership.may_write

    async def held(*args: Any, **kwargs: Any) -> bool:
        await release.wait()
        return await may_write(*args, **kwargs)

    heart.worker.ownership.may_write = held  # type: ignore[method-assign]
    slow.make(99)
    delivering = asyncio.create_task(heart.deliver(first, second))
    await comes(lambda: len(heart.encoder.encoded) == 5)
    assert heart.partition().mark.offset == -1
    release.set()
    assert await delivering == [first, second]
    assert len(heart.encoder.encoded) == 5


async def test_what_was_begun_ahead_and_applied_before_is_not_applied_again() -> None:
    wanted, heart = await Heart().start(), await Heart().start()
    assert await wanted.deliver(batch(LIVES))
    assert await heart.deliver(batch(LIVES[:13]))
    again, rest = batch(LIVES[:5]), batch(LIVES[5:], 5)
    heart.worker.ahead(rest)
    assert await heart.deliver(again, rest) == [again, rest]
    assert heart.metrics.value(metrics.REDELIVERED) == 13
    assert heart.stored() == wanted.stored()


async def test_a_new_owner_goes_on_where_the_last_one_stopped() -> None:
    wanted, heart = await Heart().start(), await Heart().start()
    assert await wanted.deliver(batch(LIVES))
    assert await heart.deliver(batch(LIVES[:13]))
    other = await heart.restarted()
    assert await other.deliver(batch(LIVES[13:], 13))
    assert other.stored() == wanted.stored()
    assert other.published(TOPICS.changes) == wanted.published(TOPICS.changes)


async def test_what_is_in_memory_is_kept_over_a_rebalance_only_if_nobody_wrote() -> None:
    heart = await Heart(FakeProducers(partitions=2)).start()
    assert await heart.deliver(batch(LIVES[:13]), batch(LIVES[:13], partition=1))
    kept, replaced = heart.partition(0), heart.partition(1)
    taken(heart, 0)
    log = heart.producers
    other = Stored(log.changelog, 1, MARK_KEY, msgspec.msgpack.encode(Mark(offset=20)), ())
    log.records.append(other)
    taken(heart, 1)
    heart.parts[1] = log.recovered(1)
    await heart.worker.recovered({0, 1})
    assert heart.partition(0) is kept
    assert heart.partition(1) is not replaced
    assert heart.partition(1).mark.offset == 20
    await heart.worker.recovered({1})
    assert set(heart.worker.partitions) == {1}


async def test_state_that_cannot_be_read_stops_recovery() -> None:
    heart = Heart()
    log = heart.producers
    log.records.append(Stored(log.changelog, 0, MARK_KEY, b"nonsense", ()))
    with pytest.raises(SnapshotError, match="mark"):
        await heart.start()


def answers(*values: bytes, generation: int = 1) -> Any:
    records = [incoming(n, value) for n, value in enumerate(values)]
    return message(TOPICS.names, records, generation=generation)


async def test_a_name_is_applied_told_and_stored_and_what_is_none_is_set_aside() -> None:
    heart = await Heart().start()
    assert await heart.deliver(batch(LIVES))
    request = msgspec.json.decode(heart.producers.on(TOPICS.requests)[0].value or b"")
    name = JourneyName(
        user_id=request["user_id"],
        journey_id=request["journey_id"],
        revision=request["revision"],
        name="Quite another name",
        source="llm",
    )
    mark = heart.partition().mark
    assert await heart.deliver(answers(encode(name), b"no answer at all"), names=True)
    [told] = [
        record
        for record in heart.producers.on(TOPICS.changes)
        if b"Quite another name" in (record.value or b"")
    ]
    assert told.key == request["user_id"].encode()
    [reject] = heart.producers.on(TOPICS.rejects)
    assert reject.value == b"no answer at all"
    assert heart.partition().mark == mark, "names do not move the activities' mark"
    assert heart.metrics.value(metrics.NAMES) == 1
    assert dict(heart.producers.recovered(0)._parts) == heart.stored()
    sent = len(heart.producers.sent)
    assert await heart.deliver(answers(encode(name)), names=True)
    assert len(heart.producers.sent) == sent, "the same name changes nothing"


async def test_an_answer_about_nobody_leaves_no_trace() -> None:
    heart = await Heart().start()
    name = JourneyName(user_id="nobody", journey_id="j", revision=1, name="N", source="llm")
    assert await heart.deliver(answers(encode(name)), names=True)
    assert heart.stored() == {}


async def test_latency_is_the_age_of_the_oldest_record() -> None:
    heart = await Heart().start()
    first = activity(0, "u", 1, 1)
    heart.time.seconds = first["occurred_at"] / 1000 + 7
    assert await heart.deliver(batch([first, activity(1, "u", 1, 1)]))
    assert "journeys_latency_seconds_sum 7.0" in heart.metrics.text().decode()
