"""Records on their way out, sent as record batches and acknowledged together."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

from aiokafka.producer.message_accumulator import BatchBuilder

from streams.kafka.partitioning import partition_of

Owned = TypeVar("Owned", contravariant=True)

Headers = list[tuple[str, bytes]]  # a list: the client's record builder takes nothing else
NO_HEADERS: Final[Headers] = []


class OutgoingRecord(NamedTuple):
    """One record to send; `partition` None lets its key choose, `timestamp` None is now."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = NO_HEADERS
    partition: int | None = None
    timestamp: int | None = None


class Producers(Protocol[Owned]):
    """Who writes, for each partition that is owned, with a producer of its own."""

    def batch(self, owned: Owned) -> BatchBuilder:
        """An empty record batch for `append`."""

    async def partitions_of(self, owned: Owned, topic: str) -> int:
        """How many partitions a topic has."""

    async def append(
        self, owned: Owned, topic: str, partition: int, batch: BatchBuilder
    ) -> Awaitable[int]:
        """Send a record batch; what is returned is awaited for its acknowledgement."""


async def send(
    records: Sequence[OutgoingRecord], producers: Producers[Owned], owned: Owned
) -> None:
    """Send records, in order per partition; returns when all replicas have all of them.

    Args:
        records: What to send.
        producers: With what.
        owned: The partition for which they are sent.

    Raises:
        KafkaError: Some were not acknowledged; which ones is not known.
        RecordTooLargeError: One is larger than its topic takes; others may be stored.
    """
    counts = {
        topic: await producers.partitions_of(owned, topic)
        for topic in {record.topic for record in records}
    }
    batches: dict[tuple[str, int], list[BatchBuilder]] = {}
    for topic, key, value, headers, wanted, timestamp in records:
        count = counts[topic]
        partition = partition_of(key or b"", count) if wanted is None else wanted % count
        filled = batches.setdefault((topic, partition), [])
        if (
            not filled
            or filled[-1].append(timestamp=timestamp, key=key, value=value, headers=headers) is None
        ):
            filled.append(producers.batch(owned))
            filled[-1].append(timestamp=timestamp, key=key, value=value, headers=headers)
    await asyncio.gather(
        *[
            await producers.append(owned, topic, partition, batch)
            for (topic, partition), filled in batches.items()
            for batch in filled
        ]
    )
