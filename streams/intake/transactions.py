"""What a batch brings, and how far its partition has come with it: one transaction.

Each partition that is read has a producer of its own, whose transactional id is made from the
partition: by its start the broker ends what an earlier owner left open, and refuses what that one
still sends. So whoever takes a partition and then asks how far it has come is told the truth, and
nothing is written twice.

A broker that knows no transactions (the embedded one) gets the records first and the offset then:
after a crash in between they come again. It gets one batch at a time: of two that reach a partition
at once, the embedded broker acknowledges both and may lose one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, ProducerFenced
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import TopicPartition

from models.errors import JourneysError
from streams.kafka.producers import knows_transactions, started, stop
from streams.kafka.sending import OutgoingRecord, send
from streams.stages.batch import Reject
from streams.stages.publish import outgoing_reject

BATCH_BYTES: Final = 900_000  # below a broker's default of 1 MiB
REQUEST_BYTES: Final = 4 << 20  # an event as large as a broker takes, with headers around it
RETRY_MS: Final = 20  # a broker that still ends one transaction refuses the next for some ms

Client = Callable[[str | None], AIOKafkaProducer]


class Transactions:
    """The writers of the partitions that this process reads.

    Args:
        client: Makes a producer with a transactional id, or with none.
        consumer: Whose offsets are committed.
        group: Its group.
        rejects: The rejects topic.

    Attributes:
        known: Whether the broker knows transactions; None before it was asked.
    """

    def __init__(
        self, client: Client, consumer: AIOKafkaConsumer, group: str, rejects: str
    ) -> None:
        self.known: bool | None = None
        self._client = client
        self._consumer = consumer
        self._group = group
        self._rejects = rejects
        self._producers: dict[TopicPartition, AIOKafkaProducer] = {}
        self._turn = asyncio.Lock()

    async def take(self, partitions: Iterable[TopicPartition]) -> None:
        """Become the writer of these partitions, and of no others.

        Raises:
            KafkaError: The broker does not let us.
        """
        wanted = sorted(partitions)
        await self.close()
        if self.known is None and wanted:
            self.known = await knows_transactions(lambda: self._client(self._id(wanted[0])))
        await asyncio.gather(*map(self._start, wanted))

    async def write(
        self,
        owned: TopicPartition,
        records: Sequence[OutgoingRecord],
        rejects: Sequence[Reject],
        after: int,
    ) -> None:
        """Write what a stretch of a partition brought, and that it was read.

        Args:
            owned: The partition.
            records: In order.
            rejects: What could not be used.
            after: Offset of the next record to read.

        Raises:
            ProducerFenced: Another process has the partition.
            KafkaError: It failed, and nothing of it will be seen.
            JourneysError: Whether it failed is not known.
        """
        try:
            await self._write(owned, records, rejects, after, cut=False)
        except MessageSizeTooLargeError:  # a reject, with headers around it
            await self._write(owned, records, rejects, after, cut=True)

    def batch(self, owned: TopicPartition) -> BatchBuilder:
        """An empty record batch for `append`."""
        return self._producers[owned].create_batch()

    async def partitions_of(self, owned: TopicPartition, topic: str) -> int:
        """How many partitions a topic has."""
        return len(await self._producers[owned].partitions_for(topic))

    async def append(
        self, owned: TopicPartition, topic: str, partition: int, batch: BatchBuilder
    ) -> Awaitable[int]:
        """Send a record batch; what is returned is awaited for its acknowledgement."""
        sent = await self._producers[owned].send_batch(batch, topic, partition=partition)

        async def acknowledged() -> int:
            return int((await sent).offset)

        return acknowledged()

    async def close(self) -> None:
        """Stop the producers; transactions that are open are the next owner's to end."""
        producers, self._producers = list(self._producers.values()), {}
        await asyncio.gather(*map(stop, producers))

    async def _write(
        self,
        owned: TopicPartition,
        records: Sequence[OutgoingRecord],
        rejects: Sequence[Reject],
        after: int,
        *,
        cut: bool,
    ) -> None:
        outgoing = [*records, *(outgoing_reject(one, self._rejects, cut=cut) for one in rejects)]
        if not self.known:
            async with self._turn:
                await send(outgoing, self, owned)
            await self._consumer.commit({owned: after})
            return
        producer = self._producers[owned]
        await producer.begin_transaction()
        try:
            await send(outgoing, self, owned)
            await producer.send_offsets_to_transaction({owned: after}, self._group)
        except ProducerFenced:
            raise
        except BaseException:
            await producer.abort_transaction()
            raise
        try:
            await producer.commit_transaction()
        except KafkaError as error:  # to write it once more could be to write it twice
            raise JourneysError(
                f"whether a transaction of {owned.topic}, partition {owned.partition}, was "
                f"committed is not known: {error!r}; a restart finds out"
            ) from error

    async def _start(self, partition: TopicPartition) -> None:
        self._producers[partition] = await started(
            self._client(self._id(partition) if self.known else None)
        )

    def _id(self, partition: TopicPartition) -> str:
        return f"{self._group}-{partition.topic}-{partition.partition}"
