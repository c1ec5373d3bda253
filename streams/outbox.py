"""Records on their way out, sent as record batches and acknowledged together."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

Headers = list[tuple[str, bytes]]  # a list: the client's record builder takes nothing else
NO_HEADERS: Final[Headers] = []

_partitioner: Final = DefaultPartitioner()


class Letter(NamedTuple):
    """One record to send; `partition` None lets its key choose."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = NO_HEADERS
    partition: int | None = None


class Outbox:
    """Sends letters through a Faust app's producer.

    Args:
        app: The app; its producer must have started.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def send(self, letters: Sequence[Letter]) -> None:
        """Send, in order per partition; returns when all replicas have all of it.

        Raises:
            KafkaError: Some were not acknowledged; which ones is not known.
        """
        producer = self._app.producer._ensure_producer()
        counts = {topic: len(await producer.partitions_for(topic))
                  for topic in {letter.topic for letter in letters}}
        batches: dict[tuple[str, int], list[BatchBuilder]] = {}
        for topic, key, value, headers, wanted in letters:
            count = counts[topic]
            partition = _partition(key or b"", count) if wanted is None else wanted % count
            open_batches = batches.setdefault((topic, partition), [])
            if not open_batches or open_batches[-1].append(
                    timestamp=None, key=key, value=value, headers=headers) is None:
                fresh = producer.create_batch()  # takes its first record however large
                fresh.append(timestamp=None, key=key, value=value, headers=headers)
                open_batches.append(fresh)
        await asyncio.gather(*[
            await producer.send_batch(batch, topic, partition=partition)
            for (topic, partition), filled in batches.items() for batch in filled])


@lru_cache(maxsize=65_536)
def _partition(key: bytes, count: int) -> int:
    # As the default producers do, so that a user's changes lie together in every client's eyes.
    partitions = list(range(count))
    partition: int = _partitioner(key, partitions, partitions)
    return partition
