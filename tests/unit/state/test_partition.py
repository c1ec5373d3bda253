"""A partition's users between memory, store and changelog."""

import asyncio
from typing import Any

import msgspec
import pytest
from aiokafka.errors import NotLeaderForPartitionError

from models.engine.engine import Engine
from models.engine.params import DAY_MS
from models.engine.users import UserState
from models.errors import InDoubtError, SettingsError, SnapshotError, StateTooLargeError
from models.records import Activity
from streams.state import partition as state
from streams.state.binding import BOUND_KEY, UNRECORDED, Binding
from streams.state.partition import Mark, Packed, Partition, Time
from streams.state.store import MemoryParts
from tests.support.fakes import FakeProducers, Fault, Stored
from tests.support.lives import START, topic


def opened(parts: MemoryParts, capacity: int = 100, binding: Binding = UNRECORDED) -> Partition:
    partition = Partition(3, parts, Engine(), 4, binding)
    partition.capacity = capacity
    return partition


def live(user: UserState, weeks: int = 6, name: str = "") -> None:
    for week in range(weeks):
        for act in range(2):
            event = Activity(
                f"{name}{user.user_id}-{week}-{act}",
                user.user_id,
                f"i{week}-{act}",
                f"title {act}",
                START + week * 7 * DAY_MS + act,
            )
            Engine().activity(user, event, topic(act))


def pack(partition: Partition, log: Any, users: list[UserState], mark: Mark | None) -> list[Packed]:
    return partition.pack(log, users, mark)


async def store(partition: Partition, log: Any, users: list[UserState], mark: Mark | None) -> None:
    await partition.append(log, partition.pack(log, users, mark), users, mark)


async def test_users_come_back_as_they_were_stored() -> None:
    parts, log = MemoryParts(), FakeProducers(partitions=4)
    first = opened(parts)
    users = [first.user(f"u{n}") for n in range(3)]
    for user in users:
        live(user)
    await store(first, log, users, Mark(offset=9, watermark=5, stamp=7))
    first.forget()
    assert first.user("u1") is not users[1]
    assert [c.count for c in first.user("u1").clusters] == [c.count for c in users[1].clusters]
    other = opened(parts)  # as after a restart
    assert other.mark == Mark(offset=9, watermark=5, stamp=7)
    await other.index()
    due = users[0].due
    assert due is not None
    assert other.due(Time(due - 1, 0), 10) == []
    assert sorted(other.due(Time(due, 0), 10)) == ["u0", "u1", "u2"]
    assert len(other.due(Time(due, 0), 2)) == 2


async def test_a_user_is_never_split_over_two_record_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts, log = MemoryParts(), FakeProducers(partitions=4)
    partition = opened(parts)
    users = [partition.user(f"u{n}") for n in range(20)]
    for user in users:
        live(user)
    monkeypatch.setattr(state, "BATCH_BYTES", 1_500)
    packed = pack(partition, log, users, Mark(offset=1))
    assert len(packed) > 3
    owners = [{key.split(b"\xff")[0] for key, _ in batch.parts} - {b""} for batch in packed]
    assert sum(map(len, owners)) == len(set().union(*owners)) == 20
    assert [key for key, _ in packed[-1].parts][-1] == state.MARK_KEY
    monkeypatch.setattr(state, "BATCH_BYTES", 100)
    live(users[0], name="again ")
    with pytest.raises(StateTooLargeError):
        pack(partition, log, users[:1], None)


async def test_memory_holds_no_more_users_than_allowed() -> None:
    parts, log = MemoryParts(), FakeProducers(partitions=4)
    partition = opened(parts, capacity=2)
    users = [partition.user(f"u{n}") for n in range(5)]
    await store(partition, log, users, None)
    assert partition.user("u4") is users[4]
    assert partition.user("u0") is not users[0]


async def test_a_partition_goes_on_only_when_nobody_wrote_in_between() -> None:
    parts, log = MemoryParts(), FakeProducers(partitions=4)
    partition = opened(parts)
    await store(partition, log, [partition.user("u")], None)
    end = log.end(log.changelog, 3)
    parts.write([(b"\xff\xff", b"me")], end)  # our own record, by which we took it again
    assert partition.resume(parts)
    parts.write([(b"u", b"another's")], end + 1)
    parts.write([(b"\xff\xff", b"me")], end + 2)
    assert not partition.resume(parts)
    assert not partition.resume(MemoryParts())


async def test_the_index_of_due_users_follows_what_is_stored() -> None:
    partition, log = opened(MemoryParts()), FakeProducers(partitions=4)
    user = partition.user("u")
    live(user)
    first = user.due
    assert first is not None
    await store(partition, log, [user], None)
    assert partition.due(Time(first, 0), 10) == ["u"]
    Engine().passing(user, first)  # its journeys sleep, and will end
    assert partition.due(Time(first, 0), 10) == ["u"], "not stored yet"
    await store(partition, log, [user], None)
    assert partition.due(Time(first, 0), 10) == []
    user.due = None
    await store(partition, log, [user], None)
    assert partition.due(Time(2**62, 0), 10) == []


async def test_who_waits_for_nothing_is_not_in_the_index_and_a_long_one_lets_others_work() -> None:
    parts, log = MemoryParts(), FakeProducers(partitions=4)
    partition = opened(parts, capacity=10_000)
    users = [partition.user(f"u{n}") for n in range(1_200)]
    users[7].due = 5
    await store(partition, log, users, None)
    other, turns = opened(parts), 0

    async def work() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(work())
    await other.index()
    task.cancel()
    assert turns >= 2
    assert other.due(Time(2**62, 0), 10) == ["u7"]


async def test_a_failure_leaves_store_mark_and_index_as_they_were() -> None:
    parts = MemoryParts()
    log = FakeProducers(partitions=4, faults=[Fault(1, NotLeaderForPartitionError())])
    partition = opened(parts)
    user = partition.user("u")
    await store(partition, log, [user], Mark(offset=1))
    before = dict(parts._parts)
    live(user)
    with pytest.raises(InDoubtError):
        await store(partition, log, [user], Mark(offset=2))
    assert parts._parts == before
    assert partition.mark == Mark(offset=1)
    assert partition.due(Time(2**62, 0), 10) == []
    parts.write([(b"\xff\xff", b"me")], 2)
    assert not partition.resume(parts), "it may be on the changelog"


async def test_who_finds_that_another_has_written_goes_on_no_more() -> None:
    parts, log = MemoryParts(), FakeProducers(partitions=4)
    partition = opened(parts)
    await store(partition, log, [partition.user("u")], Mark(offset=1))
    before = dict(parts._parts)
    log.records.append(Stored(log.changelog, 3, b"u", b"an earlier owner's", ()))
    with pytest.raises(InDoubtError, match="another worker has written"):
        await store(partition, log, [partition.user("v")], Mark(offset=2))
    assert partition.lost
    assert parts._parts == before


async def test_a_mark_that_finds_no_room_gets_a_record_batch_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    partition, log = opened(MemoryParts()), FakeProducers()
    await store(partition, log, [], Mark())
    users, mark = [partition.user("u")], Mark(offset=1)
    [alone] = pack(partition, log, users, None)
    [(key, value)] = alone.parts
    room = len(key) + len(value or b"") + state.RECORD_BYTES + 4 * state.RECORD_BYTES
    monkeypatch.setattr(state, "BATCH_BYTES", room)
    assert len(pack(partition, log, users, mark)) == 1
    monkeypatch.setattr(state, "BATCH_BYTES", room - 1)
    assert len(pack(partition, log, users, mark)) == 2
    assert [len(packed.parts) for packed in pack(partition, log, [], mark)] == [1]
    assert pack(partition, log, [], None) == []


OURS = Binding("another@3.1.0", 14 * DAY_MS)


async def test_state_says_from_its_first_record_on_what_it_was_made_with() -> None:
    parts, log = MemoryParts(), FakeProducers(partitions=4)
    partition = opened(parts, binding=OURS)
    user = partition.user("u")
    live(user)
    await store(partition, log, [user], None)
    assert [record.key for record in log.records].count(BOUND_KEY) == 1
    await store(partition, log, [user], Mark(offset=3))
    assert [record.key for record in log.records].count(BOUND_KEY) == 1
    assert opened(parts, binding=OURS).mark.offset == 3


async def test_what_was_not_stored_is_said_again_with_the_next_batch() -> None:
    parts, log = MemoryParts(), FakeProducers(partitions=4)
    partition = opened(parts, binding=OURS)
    log.faults.append(Fault(0, NotLeaderForPartitionError()))
    with pytest.raises(InDoubtError):
        await store(partition, log, [], Mark(offset=0))
    partition = opened(parts, binding=OURS)
    await store(partition, log, [], Mark(offset=0))
    assert parts.get(BOUND_KEY) is not None


@pytest.mark.parametrize(
    ("binding", "said"),
    [
        (
            Binding("new@1", 14 * DAY_MS),
            "the state of partition 3 was made with encoder another@3.1.0, not new@1: go on with "
            "another@3.1.0 by JOURNEYS_ENCODER, or start with a fresh JOURNEYS_GROUP, and take its "
            "state along (`journeys state`)",
        ),
        (
            Binding("another@3.1.0", 7 * DAY_MS),
            "the state of partition 3 was made with windows of 14 days, not 7: go on with "
            "JOURNEYS_WINDOW_DAYS=14, or start with a fresh JOURNEYS_GROUP",
        ),
    ],
)
async def test_state_of_another_encoder_or_window_is_refused_in_one_line(
    binding: Binding, said: str
) -> None:
    parts, log = MemoryParts(), FakeProducers(partitions=4)
    await store(opened(parts, binding=OURS), log, [], Mark(offset=0))
    with pytest.raises(SettingsError) as error:
        opened(parts, binding=binding)
    assert str(error.value) == said


async def test_state_that_says_nothing_was_made_with_what_there_was_then() -> None:
    parts, log = MemoryParts(), FakeProducers(partitions=4)
    opened(parts, binding=OURS)  # there is no state yet: any will do
    parts.write([(state.MARK_KEY, msgspec.msgpack.encode(Mark(offset=7)))], -1)
    with pytest.raises(SettingsError, match=r"static@2\.0\.0, not another@3\.1\.0 and windows"):
        opened(parts, binding=OURS)
    partition = opened(parts)
    assert partition.mark.offset == 7
    await store(partition, log, [], Mark(offset=8))
    assert parts.get(BOUND_KEY) is not None
    assert opened(parts).mark.offset == 8


@pytest.mark.parametrize("raw", [b"nonsense", msgspec.msgpack.encode(("e", 1, 99))])
async def test_a_binding_that_cannot_be_read_is_not_guessed(raw: bytes) -> None:
    parts = MemoryParts()
    parts.write([(BOUND_KEY, raw)], 0)
    with pytest.raises(SnapshotError):
        opened(parts)


async def test_a_record_batch_smaller_than_reckoned_with_is_no_loss() -> None:
    partition = opened(MemoryParts())
    users = [partition.user(f"u{n}") for n in range(100)]
    with pytest.raises(StateTooLargeError):
        pack(partition, FakeProducers(limit=1_000), users, None)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"nonsense", "cannot be read"),
        (msgspec.msgpack.encode(Mark(version=9)), "version 9, known: 1"),
    ],
)
def test_a_mark_that_cannot_be_read_is_not_guessed(raw: bytes, said: str) -> None:
    parts = MemoryParts()
    parts.write([(state.MARK_KEY, raw)], 0)
    with pytest.raises(SnapshotError, match=said):
        opened(parts)


async def test_a_store_that_was_empty_is_read_anew() -> None:
    parts = MemoryParts()
    partition = opened(parts)
    parts.write([(b"\xff\xff", b"me")], 0)
    assert not partition.resume(parts)
