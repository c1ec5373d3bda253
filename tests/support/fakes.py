"""What the worker stands on, without a broker: a log, a consumer group, a stream, clocks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from types import SimpleNamespace
from typing import Any, NamedTuple

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from faust.types import TP

from streams.kafka.messages import Batch
from streams.kafka.producers import TOKEN_HEADER
from streams.kafka.sending import Headers
from streams.state.store import MemoryParts

CHANGELOG = "users-changelog"


class FakeTime:
    """A clock that stands until someone sleeps by it or it is moved."""

    def __init__(self, seconds: float = 1_700_000_000.0) -> None:
        self.seconds = seconds
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


class FakeConsumer:
    """The transport's consumer: how far it has come, and until when it is sure of its place."""

    def __init__(self) -> None:
        self.settled_at = inf
        self.delivered: dict[TP, int] = {}
        self.ends: dict[TP, tuple[int, int]] = {}
        self.abandoned: list[Any] = []
        self.advanced: list[int] = []
        self.assigned: set[TP] = set()
        self.rejoined = 0

    async def rejoin(self) -> None:
        self.rejoined += 1

    def assignment(self) -> set[TP]:
        return self.assigned

    def progress(self, tp: TP) -> tuple[int, int]:
        return self.ends.get(tp, (-1, -1))

    def advance(self, message: Any, offset: int) -> None:
        self.advanced.append(offset)

    def abandon(self, message: Any) -> None:
        self.abandoned.append(message)


class FakeGroup:
    """The app, as a member of its consumer group."""

    def __init__(self) -> None:
        self.consumer: Any = FakeConsumer()
        self.consumer_generation_id = 1
        self.rebalancing = False
        self.rebalancing_count = 0
        self.should_stop = False
        self.crashed: list[BaseException] = []

    async def crash(self, reason: BaseException) -> None:
        self.crashed.append(reason)
        self.should_stop = True


class Stored(NamedTuple):
    """A record as it is on a topic."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass
class Fault:
    """What goes wrong when the record batch of this number, from 0, is sent.

    Attributes:
        number: Which one.
        error: Raised instead of its acknowledgement; None: all goes well.
        stored: Whether it is stored all the same, and only its acknowledgement is lost.
        then: Called as it is sent.
    """

    number: int
    error: Exception | None = None
    stored: bool = False
    then: Callable[[], None] = lambda: None


@dataclass
class FakeProducers:
    """Stands in for `PartitionProducers`: real record batches, kept in memory.

    Attributes:
        records: All that is stored, in order.
        sent: Of each record batch that was sent, stored or not, the topic.
        faults: What goes wrong, and when.
        limit: Bytes of a record batch.
    """

    records: list[Stored] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    limit: int = 900_000
    held_seconds: float = 0.0
    partitions: int = 1
    changelog: str = CHANGELOG

    def batch(self, owned: int) -> BatchBuilder:
        return BatchBuilder(self.limit, 0)

    def state_batch(self) -> BatchBuilder:
        return BatchBuilder(self.limit, 0)

    def token(self, owned: int) -> Headers:
        return [(TOKEN_HEADER, b"0")]

    async def partitions_of(self, owned: int, topic: str) -> int:
        return self.partitions

    async def partitions_now(self, topic: str) -> int:
        return self.partitions

    async def append(
        self, owned: int, topic: str, partition: int, batch: BatchBuilder
    ) -> Awaitable[int]:
        number = len(self.sent)
        self.sent.append(topic)
        result = asyncio.get_running_loop().create_future()
        fault = next((fault for fault in self.faults if fault.number == number), Fault(number))
        fault.then()
        if fault.error is None or fault.stored:
            self.records += _records(topic, partition, batch)
        if fault.error is None:
            result.set_result(self.end(topic, partition) - 1)
        else:
            result.set_exception(fault.error)
        return result

    def on(self, topic: str, partition: int | None = None) -> list[Stored]:
        return [
            record
            for record in self.records
            if record.topic == topic and partition in (None, record.partition)
        ]

    def end(self, topic: str, partition: int) -> int:
        return len(self.on(topic, partition))

    def recovered(self, partition: int) -> MemoryParts:
        """The store as another worker reads it back from the changelog."""
        parts = MemoryParts()
        for offset, record in enumerate(self.on(self.changelog, partition)):
            parts.write([(record.key or b"", record.value)], offset)
        return parts


def _records(topic: str, partition: int, batch: BatchBuilder) -> Iterable[Stored]:
    raw = MemoryRecords(bytes(batch._build()))
    while raw.has_next():
        for record in raw.next_batch():
            yield Stored(topic, partition, record.key, record.value, record.headers)


def incoming(
    offset: int, value: bytes | None, key: bytes | None = b"u", timestamp: int = 1_700_000_000_000
) -> Any:
    """A record as the Kafka client gives it."""
    return SimpleNamespace(
        key=key, value=value, offset=offset, timestamp=timestamp, timestamp_type=0, headers=()
    )


def message(
    topic: str, records: Sequence[Any], partition: int = 0, generation: int = 1, after: int = -1
) -> Any:
    """A batch as an agent gets it."""
    return SimpleNamespace(
        tp=TP(topic, partition),
        partition=partition,
        value=Batch(records, after),
        offset=records[-1].offset,
        generation_id=generation,
    )


class FakeStream:
    """An agent's stream of some messages; it ends when each is acknowledged or given up.

    Attributes:
        acked: The messages that were acknowledged, in order.
    """

    def __init__(self, group: FakeGroup, messages: Iterable[Any]) -> None:
        self.acked: list[Any] = []
        self._group = group
        self._messages = list(messages)

    def noack(self) -> "FakeStream":
        return self

    async def events(self) -> AsyncIterator[Any]:
        for one in self._messages:
            yield SimpleNamespace(message=one)
        while not self._group.crashed and self._under_way():  # noqa: ASYNC110 - others do the work
            await asyncio.sleep(0)

    async def ack(self, event: Any) -> None:
        self.acked.append(event.message)

    def _under_way(self) -> bool:
        done = [*self.acked, *self._group.consumer.abandoned]
        return any(not any(one is other for other in done) for one in self._messages)
