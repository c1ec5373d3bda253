"""Records on their way out: where they go, in which order, and what becomes of an error."""

import pytest
from aiokafka.errors import RequestTimedOutError

from streams.kafka.partitioning import partition_of
from streams.kafka.producers import PartitionProducers
from streams.kafka.sending import OutgoingRecord, send
from tests.support.producers import CHANGELOG, FakeBroker


@pytest.fixture
def cluster() -> FakeBroker:
    return FakeBroker({CHANGELOG: 4, "changes": 3, "rejects": 2})


@pytest.fixture
async def found(cluster: FakeBroker) -> PartitionProducers:
    found = PartitionProducers(cluster.app(), CHANGELOG, client=cluster.client)
    await found.take([1])
    return found


async def test_a_users_records_lie_in_one_partition_in_order_however_many_batches_it_takes(
    cluster: FakeBroker, found: PartitionProducers
) -> None:
    users = [b"ada", b"bruno", b"chloe", b"dan"]
    sent = [OutgoingRecord("changes", users[n % 4], b"%d" % n + b"." * 100) for n in range(80)]
    await send(sent, found, 1)
    for user in users:
        log = cluster.logs["changes", partition_of(user, 3)]
        assert [r for r in log if r[0] == user] == [(r.key, r.value) for r in sent if r.key == user]


async def test_a_record_that_names_its_partition_gets_it_as_far_as_the_topic_goes(
    cluster: FakeBroker, found: PartitionProducers
) -> None:
    await send([OutgoingRecord("rejects", None, b"%d" % n, [], n) for n in range(4)], found, 1)
    assert [value for _, value in cluster.logs["rejects", 0]] == [b"0", b"2"]
    assert [value for _, value in cluster.logs["rejects", 1]] == [b"1", b"3"]


async def test_what_is_not_acknowledged_is_an_error(
    cluster: FakeBroker, found: PartitionProducers
) -> None:
    cluster.loses.add(("rejects", 0))
    records = [
        OutgoingRecord("changes", b"ada", b"1"),
        OutgoingRecord("rejects", b"k", b"2", [], 0),
    ]
    with pytest.raises(RequestTimedOutError):
        await send(records, found, 1)
    assert cluster.logs["changes", partition_of(b"ada", 3)] == [(b"ada", b"1")]


async def test_nothing_to_send_is_nothing_sent(
    cluster: FakeBroker, found: PartitionProducers
) -> None:
    before = dict(cluster.logs)
    await send([], found, 1)
    assert cluster.logs == before
