"""A broker in memory behind the Kafka client's producer: what `PartitionProducers` is tried on."""

import asyncio
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    RequestTimedOutError,
    UnknownError,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record import MemoryRecords

CHANGELOG = "users-changelog"
Place = tuple[str, int]


class FakeBroker:
    """Keeps what producers send it; fences earlier ones as Kafka does, where it can.

    Attributes:
        topics: Partitions of each topic.
        fences: Whether it knows transactional ids.
        logs: Keys and values, by topic and partition.
        loses: Partitions of topics whose acknowledgements get lost: what is sent is stored.
        knows_zstd: Whether it takes what is compressed with that.
        running: Producers that are started and not stopped.
    """

    def __init__(self, topics: dict[str, int], *, fences: bool = True) -> None:
        self.topics = topics
        self.refuses: set[tuple[str, int]] = set()  # places that find every batch too large
        self.fences = fences
        self.logs: dict[Place, list[tuple[bytes | None, bytes | None]]] = defaultdict(list)
        self.loses: set[Place] = set()
        self.knows_zstd = True
        self.running: set[FakeProducer] = set()
        self.epochs: dict[str, int] = defaultdict(int)
        self.written: dict[Place, int] = defaultdict(int)  # the epoch that wrote last

    def client(self, **options: Any) -> "FakeProducer":
        """Stands in for the class `AIOKafkaProducer`."""
        return FakeProducer(self, options["transactional_id"], options.get("batch_bytes", 1_000))

    def app(self, *, partitions: int = 4, batch_bytes: int = 1_000, owner: str = "me") -> Any:
        """What the producers ask of an app."""
        return SimpleNamespace(
            producer=SimpleNamespace(
                _settings_default=lambda: {"batch_bytes": batch_bytes}, _settings_auth=dict
            ),
            conf=SimpleNamespace(
                topic_partitions=partitions,
                broker_client_id=owner,
                producer_max_batch_size=batch_bytes,
            ),
        )


class FakeProducer:
    """One producer; `hangs` and `fails` say how it stops."""

    hangs = False
    fails = False

    def __init__(self, broker: FakeBroker, transactional_id: str | None, batch_bytes: int) -> None:
        self._broker = broker
        self._id = transactional_id
        self._batch_bytes = batch_bytes
        self._epoch = 0
        self._txn_manager = SimpleNamespace(transactional_id=transactional_id)

    async def start(self) -> None:
        self._broker.running.add(self)
        await asyncio.sleep(0)
        if self._id is not None:
            if not self._broker.fences:
                raise UnknownError
            self._broker.epochs[self._id] += 1
            self._epoch = self._broker.epochs[self._id]

    async def stop(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        self._broker.running.discard(self)
        if self.fails:
            raise KafkaError("the connection went")

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(self._batch_bytes, 0)

    async def partitions_for(self, topic: str) -> set[int]:
        return set(range(self._broker.topics[topic]))

    async def send_batch(
        self, batch: BatchBuilder, topic: str, *, partition: int
    ) -> asyncio.Future[Any]:
        assert self in self._broker.running
        assert self._txn_manager.transactional_id is None, "in a transaction nobody sees it"
        place, answer = (topic, partition), asyncio.get_running_loop().create_future()
        if self._epoch < self._broker.written[place]:
            answer.set_exception(ProducerFenced())
            return answer
        if place in self._broker.refuses:
            answer.set_exception(MessageSizeTooLargeError())
            return answer
        stored = MemoryRecords(bytes(batch._build())).next_batch()
        if stored.compression_type and not self._broker.knows_zstd:
            answer.set_exception(UnknownError())
            return answer
        self._broker.written[place] = self._epoch
        log = self._broker.logs[place]
        offset = len(log)
        log += [(r.key, r.value) for r in stored]
        if place in self._broker.loses:
            answer.set_exception(RequestTimedOutError())
        else:
            answer.set_result(SimpleNamespace(offset=offset))
        return answer
