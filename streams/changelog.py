"""Writes the changelog partitions that this worker owns, and keeps earlier owners from doing so.

One producer per partition, with a transactional id made from the partition but no transactions: at
its start the broker raises the id's epoch, and from the new owner's first record on it refuses what
an earlier owner still sends (a zombie that was stopped and goes on). That first record also marks
where recovery ends: it is the last of the partition, whoever wrote before.

A broker without transactional ids (the embedded one) fences nobody; there the lease alone, which
every write is checked against, keeps a zombie quiet.
"""

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaError,
    UnknownError,
    UnsupportedVersionError,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from faust.types import AppT
from mode import get_logger

_log = get_logger(__name__)

TAKEN_KEY: Final = b"\xff\xff"  # no user's key; compaction keeps the latest owner
STOP_SECONDS: Final = 5.0


class Changelog:
    """The writers of one changelog topic.

    Args:
        app: Its producer's settings are used.
        topic: The changelog topic.
    """

    def __init__(self, app: AppT, topic: str) -> None:
        self._app = app
        self._topic = topic
        self._writers: dict[int, AIOKafkaProducer] = {}
        self._fences: bool | None = None  # not known before the first answer

    async def take(self, partitions: Iterable[int]) -> dict[int, int]:
        """Become the writer of these partitions, and of no others.

        Returns:
            By partition the offset of the record that says so: the end of what was written before.

        Raises:
            KafkaError: The broker does not let us.
        """
        wanted = sorted(partitions)
        earlier = list(self._writers.values())
        if wanted and self._fences is None:
            self._fences = await self._fencing(wanted[0])
        self._writers = dict(zip(wanted, await asyncio.gather(*map(self._writer, wanted)),
                                 strict=True))
        taken = await asyncio.gather(*map(self._take, wanted))
        await asyncio.gather(*map(self._stop, earlier))
        return dict(zip(wanted, taken, strict=True))

    def batch(self, partition: int) -> BatchBuilder:
        """An empty record batch, to be filled and given to `append`."""
        return self._writers[partition].create_batch()

    async def append(self, partition: int, batch: BatchBuilder) -> Awaitable[int]:
        """Send a record batch; it is stored all or not at all.

        Returns:
            What to await for the offset of its last record, once all replicas have it.

        Raises:
            KafkaError: It cannot be sent; awaiting may raise it too, `ProducerFenced` when another
                worker has taken the partition.
        """
        count: int = batch.record_count()
        sent = await self._writers[partition].send_batch(batch, self._topic, partition=partition)

        async def last() -> int:
            return int((await sent).offset) + count - 1

        return last()

    async def close(self) -> None:
        """Stop the writers."""
        writers, self._writers = list(self._writers.values()), {}
        await asyncio.gather(*map(self._stop, writers))

    async def _fencing(self, partition: int) -> bool:
        """Whether the broker knows transactional ids."""
        chatter = logging.getLogger("aiokafka.producer.sender")
        level = chatter.level
        chatter.setLevel(logging.CRITICAL)  # it would log as an error what we ask for
        try:
            await self._stop(await self._started(self._id(partition)))
        except (UnknownError, UnsupportedVersionError, IncompatibleBrokerVersion) as error:
            _log.info("the broker cannot fence earlier owners of a partition: %r", error)
            return False
        finally:
            chatter.setLevel(level)
        return True

    async def _writer(self, partition: int) -> AIOKafkaProducer:
        if not self._fences:
            return await self._started(None)
        writer = await self._started(self._id(partition))
        # The id was for the epoch only; from here on it is an idempotent producer.
        writer._txn_manager.transactional_id = None
        return writer

    async def _started(self, transactional_id: str | None) -> AIOKafkaProducer:
        settings: Any = self._app.producer
        writer = AIOKafkaProducer(
            **{**settings._settings_default(), **settings._settings_auth()},
            transactional_id=transactional_id)
        try:
            await writer.start()
        except BaseException:
            await self._stop(writer)
            raise
        return writer

    def _id(self, partition: int) -> str:
        return f"{self._topic}-{partition}"

    async def _take(self, partition: int) -> int:
        batch = self.batch(partition)
        owner = str(self._app.conf.broker_client_id).encode()
        batch.append(timestamp=None, key=TAKEN_KEY, value=owner)
        acknowledged: Awaitable[int] = await self.append(partition, batch)
        return await acknowledged

    async def _stop(self, writer: AIOKafkaProducer) -> None:
        with suppress(KafkaError, asyncio.TimeoutError):
            await asyncio.wait_for(writer.stop(), STOP_SECONDS)
