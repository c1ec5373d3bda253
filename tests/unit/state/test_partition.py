"""A partition's users between memory, store and changelog."""

from collections.abc import Awaitable
from typing import Any

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder

from models.engine.engine import Engine, UserState
from models.engine.params import DAY_MS
from models.errors import StateTooLargeError
from models.records import Activity
from streams.state import partition as state
from streams.state.partition import Mark, Partition
from streams.state.store import MemoryParts
from tests.support.lives import START, topic


class Log:
    """Stands in for the producers: keeps the record batches in memory."""

    changelog = "users"

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.end = 0

    def batch(self, owned: int) -> BatchBuilder:
        return BatchBuilder(900_000, 0)

    async def append(
        self, owned: int, topic: str, partition: int, batch: BatchBuilder
    ) -> Awaitable[int]:
        self.batches.append(batch.record_count())
        self.end += batch.record_count()

        async def last(offset: int = self.end - 1) -> int:
            return offset

        return last()


def partition(parts: MemoryParts, capacity: int = 100) -> Partition:
    return Partition(3, parts, Engine(), capacity)


def live(user: UserState, weeks: int = 6) -> None:
    for week in range(weeks):
        for act in range(2):
            event = Activity(
                f"{user.user_id}-{week}-{act}",
                user.user_id,
                "i",
                f"title {act}",
                START + week * 7 * DAY_MS + act,
            )
            Engine().activity(user, event, topic(act))


async def store(found: Partition, log: Any, users: list[UserState], mark: Mark | None) -> None:
    await found.append(log, found.pack(log, users, mark), users, mark)


async def test_users_come_back_as_they_were_stored() -> None:
    parts, log = MemoryParts(), Log()
    first = partition(parts)
    users = [first.user(f"u{n}") for n in range(3)]
    for user in users:
        live(user)
    await store(first, log, users, Mark(offset=9, watermark=5, stamp=7))
    first.forget()
    assert first.user("u1") is not users[1]
    assert [c.count for c in first.user("u1").clusters] == [c.count for c in users[1].clusters]
    other = partition(parts)  # as after a restart
    assert other.mark == Mark(offset=9, watermark=5, stamp=7)
    await other.index()
    due = users[0].due
    assert due is not None
    assert other.due(due - 1, 10) == []
    assert sorted(other.due(due, 10)) == ["u0", "u1", "u2"]
    assert len(other.due(due, 2)) == 2


async def test_a_user_is_never_split_over_two_record_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts, log = MemoryParts(), Log()
    found = partition(parts)
    users = [found.user(f"u{n}") for n in range(20)]
    for user in users:
        live(user)
    monkeypatch.setattr(state, "BATCH_BYTES", 1_500)
    packed = found.pack(log, users, Mark(offset=1))  # type: ignore[arg-type]
    assert len(packed) > 3
    owners = [{key.split(b"\xff")[0] for key, _ in batch.parts} - {b""} for batch in packed]
    assert sum(map(len, owners)) == len(set().union(*owners)) == 20
    assert [key for key, _ in packed[-1].parts][-1] == state.MARK_KEY
    monkeypatch.setattr(state, "BATCH_BYTES", 100)
    live(users[0])
    with pytest.raises(StateTooLargeError):
        found.pack(log, users[:1], None)  # type: ignore[arg-type]


async def test_memory_holds_no_more_users_than_allowed() -> None:
    parts, log = MemoryParts(), Log()
    found = partition(parts, capacity=2)
    users = [found.user(f"u{n}") for n in range(5)]
    await store(found, log, users, None)
    assert found.user("u4") is users[4]
    assert found.user("u0") is not users[0]


async def test_a_partition_goes_on_only_when_nobody_wrote_in_between() -> None:
    parts, log = MemoryParts(), Log()
    found = partition(parts)
    await store(found, log, [found.user("u")], None)
    parts.write([(b"\xff\xff", b"me")], log.end)  # our own record, by which we took it again
    assert found.resume(parts)
    parts.write([(b"u", b"another's")], log.end + 1)
    parts.write([(b"\xff\xff", b"me")], log.end + 2)
    assert not found.resume(parts)
    assert not found.resume(MemoryParts())
