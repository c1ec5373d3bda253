"""The log: made once, encoded once, put on the broker once, the same for every system."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient

from load_tests.workload import Event
from models.encoders.encoder import Encoder
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.kafka.partitioning import partition_of
from streams.settings import Settings
from streams.topics import Topics

Advance = Callable[[int, int], None]  # done, of how many

BATCH_BYTES = 256_000  # of the log's record batches: what a busy producer makes
ENCODED_AT_ONCE = 2_000
RETENTION_MS = 86_400_000


def write(events: Sequence[Event], folder: Path, encoder: Encoder, advance: Advance) -> None:
    """Write the log with the vectors of its items to files, for the systems to read.

    Args:
        events: The log.
        folder: Gets `keys`, `log.jsonl`, `items.json` and `vectors.npy`.
        encoder: Encodes each title once.
        advance: Told how many titles of how many are encoded.
    """
    (folder / "keys").write_bytes(b"\n".join(event.key for event in events))
    (folder / "log.jsonl").write_bytes(b"\n".join(event.value for event in events))
    items = list(dict.fromkeys(event.item for event in events))
    (folder / "items.json").write_text(json.dumps(items))
    vectors = []
    for start in range(0, len(items), ENCODED_AT_ONCE):
        vectors.append(
            encoder.encode([title for _, title in items[start : start + ENCODED_AT_ONCE]])
        )
        advance(min(start + ENCODED_AT_ONCE, len(items)), len(items))
    np.save(folder / "vectors.npy", np.concatenate(vectors))


def make_topics(settings: Settings) -> None:
    """Make all topics.

    Raises:
        BrokerError: No broker answers.
    """
    topic = Topics.of(settings).activities
    with connect(settings, KafkaAdminClient) as client:
        # Quix Streams looks for how long the log is kept; the embedded broker tells what was set.
        client.create_topics(
            {
                topic: {
                    "num_partitions": settings.partitions,
                    "replication_factor": settings.replication,
                    "configs": {"retention.ms": str(RETENTION_MS)},
                }
            }
        )
        client.wait_for_topics([topic])
    admin.create(settings)


def produce(events: Sequence[Event], settings: Settings) -> None:
    """Put the log on its topic; returns when all of it is acknowledged.

    Raises:
        KafkaError: The broker does not take the log.
    """
    topic = Topics.of(settings).activities
    asyncio.run(_produce(events, settings.broker, topic, settings.partitions))


async def _produce(events: Sequence[Event], broker: str, topic: str, partitions: int) -> None:
    by_partition: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        by_partition[partition_of(event.key, partitions)].append(event)
    async with AIOKafkaProducer(
        bootstrap_servers=broker, acks="all", max_batch_size=BATCH_BYTES
    ) as producer:
        for partition, mine in sorted(by_partition.items()):
            batch = producer.create_batch()
            sent = []
            for key, value, _ in mine:
                if batch.append(timestamp=None, key=key, value=value) is None:
                    sent.append(await producer.send_batch(batch, topic, partition=partition))
                    batch = producer.create_batch()
                    batch.append(timestamp=None, key=key, value=value)
            sent.append(await producer.send_batch(batch, topic, partition=partition))
            await asyncio.gather(*sent)
