"""Records on their way out, sent as record batches and acknowledged together."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from aiokafka.producer.message_accumulator import BatchBuilder

from streams.kafka.partitioning import partition_of
from streams.kafka.producers import PartitionProducers

Headers = list[tuple[str, bytes]]  # a list: the client's record builder takes nothing else
NO_HEADERS: Final[Headers] = []


class OutgoingRecord(NamedTuple):
    """One record to send; `partition` None lets its key choose."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = NO_HEADERS
    partition: int | None = None


async def send(
    records: Sequence[OutgoingRecord], producers: PartitionProducers, owned: int
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
    for topic, key, value, headers, wanted in records:
        count = counts[topic]
        partition = partition_of(key or b"", count) if wanted is None else wanted % count
        filled = batches.setdefault((topic, partition), [])
        if (
            not filled
            or filled[-1].append(timestamp=None, key=key, value=value, headers=headers) is None
        ):
            filled.append(producers.batch(owned))
            filled[-1].append(timestamp=None, key=key, value=value, headers=headers)
    await asyncio.gather(
        *[
            await producers.append(owned, topic, partition, batch)
            for (topic, partition), filled in batches.items()
            for batch in filled
        ]
    )
