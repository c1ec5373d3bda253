"""A partition has one writer, the latest owner; what it writes is acknowledged or an error."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError, ProducerFenced, RequestTimedOutError

from models.errors import RecordTooLargeError, SettingsError
from streams.kafka import producers
from streams.kafka.producers import TAKEN_KEY, PartitionProducers, fill
from tests.support.fakes import FakeTime
from tests.support.producers import CHANGELOG, FakeBroker, FakeProducer


@pytest.fixture
def cluster() -> FakeBroker:
    return FakeBroker({CHANGELOG: 4, "out": 3})


def member(cluster: FakeBroker, owner: str = "me") -> PartitionProducers:
    return PartitionProducers(cluster.app(owner=owner), CHANGELOG, client=cluster.client)


async def write(found: PartitionProducers, owned: int, *keys: bytes) -> int:
    """Write to the changelog; the offset of the last record."""
    batch = found.batch(owned)
    assert fill(batch, [(key, b"v") for key in keys])
    return await (await found.append(owned, CHANGELOG, owned, batch))


async def test_whoever_takes_partitions_says_so_at_the_end_of_what_was_written(
    cluster: FakeBroker,
) -> None:
    one = member(cluster)
    assert await one.take([2, 0]) == {0: 0, 2: 0}
    assert await write(one, 2, b"ada", b"bruno") == 2
    assert await member(cluster, "other").take({2}) == {2: 3}
    assert [key for key, _ in cluster.logs[CHANGELOG, 2]] == [
        TAKEN_KEY,
        b"ada",
        b"bruno",
        TAKEN_KEY,
    ]
    assert cluster.logs[CHANGELOG, 2][-1] == (TAKEN_KEY, b"other")
    assert not cluster.logs[CHANGELOG, 1]


async def test_who_took_a_partition_signs_with_where_and_knows_for_how_long(
    cluster: FakeBroker,
) -> None:
    time = FakeTime()
    one = PartitionProducers(cluster.app(), CHANGELOG, client=cluster.client, monotonic=time)
    assert one.held_seconds == 0
    await one.take([0, 1])
    await write(one, 1, b"ada")
    time.seconds += 90
    assert one.held_seconds == 90
    await one.take([1])
    assert one.token(1) == [("o", b"2")]
    assert one.held_seconds == 0
    time.seconds += 90
    await one.take([])
    assert one.held_seconds == 0
    plain = FakeBroker({CHANGELOG: 4}, fences=False)
    other = PartitionProducers(plain.app(), CHANGELOG, client=plain.client, monotonic=time)
    await other.take([0])
    time.seconds += 90
    assert other.held_seconds == 0, "nothing expires"


@pytest.mark.parametrize("fences", [True, False])
async def test_what_is_taken_anew_is_all_that_is_held(cluster: FakeBroker, fences: bool) -> None:
    cluster.fences = fences
    found = member(cluster)
    await found.take([0, 1, 2])
    assert await found.take([2, 3]) == {2: 1, 3: 0}
    assert len(cluster.running) == 2
    with pytest.raises(ProducerFenced):
        found.batch(0)
    assert await found.take([]) == {}
    assert not cluster.running


async def test_an_earlier_owner_is_fenced_once_the_new_one_has_written(cluster: FakeBroker) -> None:
    zombie, owner = member(cluster, "zombie"), member(cluster, "owner")
    await zombie.take([0, 1])
    await owner.take([1])
    with pytest.raises(ProducerFenced):
        await write(zombie, 1, b"late")
    await write(zombie, 0, b"still mine")
    await write(owner, 1, b"ada")
    assert [key for key, _ in cluster.logs[CHANGELOG, 1]] == [TAKEN_KEY, TAKEN_KEY, b"ada"]


async def test_a_broker_without_producer_ids_takes_what_is_written_all_the_same() -> None:
    cluster = FakeBroker({CHANGELOG: 4}, fences=False)
    found = member(cluster)
    assert await found.take([0, 1]) == {0: 0, 1: 0}
    assert await write(found, 1, b"ada") == 1


async def test_a_batch_lies_in_its_partition_in_order_and_its_last_offset_is_told(
    cluster: FakeBroker,
) -> None:
    found = member(cluster)
    await found.take([1])
    for start in (0, 3):
        batch = found.batch(1)
        records = [(b"%d" % n, None if n % 2 else b"v") for n in range(start, start + 3)]
        assert fill(batch, records)
        assert await (await found.append(1, "out", 2, batch)) == start + 2
    assert cluster.logs["out", 2] == [(b"%d" % n, None if n % 2 else b"v") for n in range(6)]
    assert await found.partitions_of(1, "out") == 3


async def test_a_batch_takes_its_first_record_however_large_and_no_more_than_fits(
    cluster: FakeBroker,
) -> None:
    found = member(cluster)
    await found.take([0])
    batch = found.batch(0)
    assert fill(batch, [(b"large", b"x" * 5_000)])
    assert not fill(batch, [(b"next", b"x")])
    assert await (await found.append(0, CHANGELOG, 0, batch)) == 1
    assert cluster.logs[CHANGELOG, 0][1:] == [(b"large", b"x" * 5_000)]


async def test_a_lost_acknowledgement_is_an_error_though_the_records_are_there(
    cluster: FakeBroker,
) -> None:
    found = member(cluster)
    await found.take([0])
    cluster.loses.add((CHANGELOG, 0))
    with pytest.raises(RequestTimedOutError):
        await write(found, 0, b"ada")
    cluster.loses.clear()
    assert await write(found, 0, b"ada") == 2
    assert [key for key, _ in cluster.logs[CHANGELOG, 0]] == [TAKEN_KEY, b"ada", b"ada"]


async def test_what_a_topic_finds_too_large_is_an_error_that_does_not_pass(
    cluster: FakeBroker,
) -> None:
    found = member(cluster)
    await found.take([0])
    cluster.refuses.add((CHANGELOG, 0))
    with pytest.raises(RecordTooLargeError, match=r"users-changelog takes: raise .*max\.message"):
        await write(found, 0, b"ada")


async def test_who_is_not_acknowledged_as_owner_is_none(cluster: FakeBroker) -> None:
    cluster.loses.add((CHANGELOG, 1))
    with pytest.raises(RequestTimedOutError):
        await member(cluster).take([0, 1])


async def test_a_changelog_of_another_size_is_refused_before_anything_is_written() -> None:
    cluster = FakeBroker({CHANGELOG: 3})
    with pytest.raises(SettingsError, match="has 3 partitions, activity-events 4"):
        await member(cluster).take([0])
    assert not cluster.logs


async def test_a_producer_that_does_not_start_is_let_go(
    cluster: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = FakeProducer.start

    async def refused(self: FakeProducer) -> None:
        await start(self)
        raise KafkaConnectionError("no broker")

    monkeypatch.setattr(FakeProducer, "start", refused)
    with pytest.raises(KafkaConnectionError):
        await member(cluster).take([0])
    assert not cluster.running


@pytest.mark.parametrize("how", ["hangs", "fails"])
async def test_a_producer_that_will_not_stop_holds_up_nobody(
    cluster: FakeBroker, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(producers, "STOP_SECONDS", 0.01)
    found = member(cluster)
    await found.take([0, 1])
    monkeypatch.setattr(FakeProducer, how, True)
    async with asyncio.timeout(5):
        await found.close()
    with pytest.raises(ProducerFenced):
        found.batch(0)


async def test_who_is_at_work_for_a_partition_that_went_elsewhere_is_refused(
    cluster: FakeBroker,
) -> None:
    one = member(cluster)
    await one.take([0, 1])
    batch = one.batch(1)
    await one.take([0])
    for use in (one.token, one.batch):
        with pytest.raises(ProducerFenced):
            use(1)
    with pytest.raises(ProducerFenced):
        await one.partitions_of(1, "out")
    with pytest.raises(ProducerFenced):
        await one.append(1, "out", 1, batch)


async def test_state_goes_compressed_and_is_read_as_it_was(cluster: FakeBroker) -> None:
    one = PartitionProducers(cluster.app(batch_bytes=9_000), CHANGELOG, "zstd", cluster.client)
    await one.take([1])
    batch = one.state_batch()
    assert fill(batch, [(b"ada", b"history " * 900)])
    await (await one.append(1, CHANGELOG, 1, batch))
    assert cluster.logs[CHANGELOG, 1][-1] == (b"ada", b"history " * 900)
    assert batch.size() < 500


async def test_a_broker_that_takes_nothing_compressed_is_told_before_there_is_state(
    cluster: FakeBroker,
) -> None:
    cluster.knows_zstd = False
    one = PartitionProducers(cluster.app(), CHANGELOG, "zstd", cluster.client)
    with pytest.raises(SettingsError, match="JOURNEYS_STATE_COMPRESSION=none"):
        await one.take([1])
    await PartitionProducers(cluster.app(), CHANGELOG, "none", cluster.client).take([1])
