"""Writes for the partitions that this worker owns, and keeps earlier owners from doing so.

Each partition has one producer through which all goes that its owner writes: state, changes,
journeys, requests, rejects. Where the broker can, it is idempotent, so that what is sent stays in
order and comes once, however often the client sends it; and it has a transactional id made from the
partition, but no transactions: at its start the broker raises the id's epoch, and wherever the new
owner has written, it refuses what an earlier owner still sends (a zombie that was stopped and goes
on). On the changelog the new owner writes at once. That record also marks where recovery ends: it
is the last of the partition, whoever wrote before.

A broker forgets an id that was quiet for long (`transactional.id.expiration.ms`, a week by default,
and what it knows of a partition after `producer.id.expiration.ms`, a day), and then refuses nobody.
So partitions are taken anew well before (`held_seconds`).

A broker without producer ids (the embedded one) fences nobody; there the lease, which every write
is checked against, keeps a zombie quiet, and state that it still sends is left out when it is read
back (`streams.state.owners`).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    UnknownError,
    UnsupportedVersionError,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch
from faust.types import AppT
from mode import get_logger

from models.errors import RecordTooLargeError, SettingsError
from streams.kafka.sending import NO_HEADERS, Headers

_log = get_logger(__name__)

TAKEN_KEY: Final = b"\xff\xff"  # no user's key; compaction keeps the latest owner
TOKEN_HEADER: Final = "o"  # of a record of state: the offset by which its writer took the partition
STOP_SECONDS: Final = 5.0

_CODECS: Final = {"none": DefaultRecordBatch.CODEC_NONE, "zstd": DefaultRecordBatch.CODEC_ZSTD}
# Of an owner's first record: so long a value comes out smaller compressed, and so a broker that
# refuses what is compressed refuses that, before there is any state.
_COMPRESSIBLE: Final = 200


def fill(
    batch: BatchBuilder, parts: Iterable[tuple[bytes, bytes | None]], headers: Headers = NO_HEADERS
) -> bool:
    """Put keys and values, each with these headers, into a record batch; False if they do not fit.

    What `BatchBuilder.append` does, less its checks and serializers: those take three times as long
    as the rest.
    """
    append, now, offset = batch._builder.append, int(time.time() * 1000), batch._relative_offset
    for key, value in parts:
        if append(offset, now, key, value, headers) is None:
            return False
        offset += 1
    batch._relative_offset = offset
    return True


async def started(producer: AIOKafkaProducer) -> AIOKafkaProducer:
    """A producer, once it has met its broker.

    Raises:
        KafkaError: The broker does not let us.
    """
    try:
        await producer.start()
    except BaseException:
        await stop(producer)
        raise
    return producer


async def stop(producer: AIOKafkaProducer) -> None:
    """Stop a producer, whatever state it is in."""
    with suppress(KafkaError, asyncio.TimeoutError):
        await asyncio.wait_for(producer.stop(), STOP_SECONDS)


async def knows_transactions(make: Callable[[], AIOKafkaProducer]) -> bool:
    """Whether the broker knows transactional ids.

    Args:
        make: Makes a producer that has one.

    Raises:
        KafkaError: The broker does not let us.
    """
    chatter = logging.getLogger("aiokafka.producer.sender")
    level = chatter.level
    chatter.setLevel(logging.CRITICAL)  # it would log as an error what we ask for
    try:
        await stop(await started(make()))
    except (UnknownError, UnsupportedVersionError, IncompatibleBrokerVersion) as error:
        _log.info("the broker knows no transactional ids: %r", error)
        return False
    finally:
        chatter.setLevel(level)
    return True


class PartitionProducers:
    """The producers of the partitions that this worker owns.

    Args:
        app: Its producer's settings are used.
        changelog: The topic of the state.
        compression: Of the state: `zstd` or `none`.
        client: Makes a producer of the Kafka client.
        monotonic: By which is known for how long partitions are held, seconds.

    Attributes:
        changelog: The topic of the state.
    """

    def __init__(
        self,
        app: AppT,
        changelog: str,
        compression: str = "none",
        client: Callable[..., AIOKafkaProducer] = AIOKafkaProducer,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.changelog = changelog
        self._compression = compression
        self._monotonic = monotonic
        self._taken_at = 0.0
        self._tokens: dict[int, Headers] = {}
        self._app = app
        self._client = client
        self._producers: dict[int, AIOKafkaProducer] = {}
        self._fences: bool | None = None  # not known before the first answer

    async def take(self, partitions: Iterable[int]) -> dict[int, int]:
        """Become the writer of these partitions, and of no others.

        Returns:
            By partition the offset of the record on the changelog that says so: the end of what was
            written before.

        Raises:
            KafkaError: The broker does not let us.
            SettingsError: The changelog has another number of partitions than the activities.
        """
        wanted = sorted(partitions)
        earlier = list(self._producers.values())
        if wanted and self._fences is None:
            self._fences = await self._fencing(wanted[0])
        self._producers = dict(
            zip(wanted, await asyncio.gather(*map(self._producer, wanted)), strict=True)
        )
        if wanted:
            await self._check(wanted[0])
        self._taken_at = self._monotonic()
        taken = dict(zip(wanted, await asyncio.gather(*map(self._take, wanted)), strict=True))
        self._tokens = {number: [(TOKEN_HEADER, b"%d" % at)] for number, at in taken.items()}
        await asyncio.gather(*map(stop, earlier))
        return taken

    @property
    def held_seconds(self) -> float:
        """How long ago the partitions were taken; 0 where there is nothing that could expire."""
        return self._monotonic() - self._taken_at if self._fences and self._producers else 0.0

    def token(self, owned: int) -> Headers:
        """The header of each record of a partition's state, which says who wrote it.

        Raises:
            ProducerFenced: It is not ours, any more or yet.
        """
        if owned not in self._tokens:
            raise ProducerFenced
        return self._tokens[owned]

    def batch(self, owned: int) -> BatchBuilder:
        """An empty record batch for `append`; it takes its first record however large.

        Args:
            owned: The partition for which it will be written.

        Raises:
            ProducerFenced: It is not ours any more.
        """
        return self._of(owned).create_batch()

    def state_batch(self) -> BatchBuilder:
        """The same for the changelog, compressed when it is sent."""
        size = self._app.conf.producer_max_batch_size
        return BatchBuilder(size, _CODECS[self._compression])

    async def partitions_of(self, owned: int, topic: str) -> int:
        """How many partitions a topic has.

        Raises:
            ProducerFenced: That partition is not ours any more.
            KafkaError: The broker does not say.
        """
        return len(await self._of(owned).partitions_for(topic))

    async def partitions_now(self, topic: str) -> int:
        """How many partitions a topic has, as last heard; 0 while there is nobody to ask."""
        for producer in list(self._producers.values())[:1]:
            with suppress(KafkaError):
                return len(await producer.partitions_for(topic))
        return 0

    async def append(
        self, owned: int, topic: str, partition: int, batch: BatchBuilder
    ) -> Awaitable[int]:
        """Send a record batch; it is stored all or not at all.

        Args:
            owned: The partition for which it is written.
            topic: Where to.
            partition: Which of the topic's partitions.
            batch: Made by `batch`.

        Returns:
            What to await for the offset of its last record, once all replicas have it.

        Raises:
            KafkaError: It cannot be sent; awaiting may raise it too, `ProducerFenced` when another
                worker has taken the partition.
            RecordTooLargeError: From awaiting: the topic takes nothing of that size.
        """
        count: int = batch.record_count()
        sent = await self._of(owned).send_batch(batch, topic, partition=partition)

        async def last() -> int:
            try:
                return int((await sent).offset) + count - 1
            except MessageSizeTooLargeError:
                raise RecordTooLargeError(
                    f"a record batch of {batch.size():,} bytes is larger than {topic} takes: raise "
                    "the topic's max.message.bytes"
                ) from None

        return last()

    async def close(self) -> None:
        """Stop the producers."""
        producers, self._producers = list(self._producers.values()), {}
        await asyncio.gather(*map(stop, producers))

    def _of(self, owned: int) -> AIOKafkaProducer:
        """A partition's producer; who is still at work for one that went elsewhere has none."""
        if owned not in self._producers:
            raise ProducerFenced
        return self._producers[owned]

    async def _check(self, owned: int) -> None:
        has = await self.partitions_of(owned, self.changelog)
        needs = self._app.conf.topic_partitions
        if has != needs:
            raise SettingsError(
                f"{self.changelog} has {has} partitions, activity-events {needs}: "
                "use another group, into which `journeys state` can move the state"
            )

    async def _fencing(self, partition: int) -> bool:
        """Whether the broker knows transactional ids."""
        return await knows_transactions(lambda: self._make(self._id(partition)))

    async def _producer(self, partition: int) -> AIOKafkaProducer:
        if not self._fences:
            return await self._started(None)
        producer = await self._started(self._id(partition))
        # The id was for the epoch only; from here on it is an idempotent producer.
        producer._txn_manager.transactional_id = None
        return producer

    async def _started(self, transactional_id: str | None) -> AIOKafkaProducer:
        return await started(self._make(transactional_id))

    def _make(self, transactional_id: str | None) -> AIOKafkaProducer:
        settings: Any = self._app.producer
        return self._client(
            **{**settings._settings_default(), **settings._settings_auth()},
            transactional_id=transactional_id,
        )

    def _id(self, partition: int) -> str:
        return f"{self.changelog}-{partition}"

    async def _take(self, partition: int) -> int:
        batch = self.state_batch()
        owner = str(self._app.conf.broker_client_id).encode()
        if self._compression != "none":
            owner = owner.ljust(_COMPRESSIBLE)
        batch.append(timestamp=None, key=TAKEN_KEY, value=owner)
        acknowledged: Awaitable[int] = await self.append(
            partition, self.changelog, partition, batch
        )
        try:
            return await acknowledged
        except UnknownError as error:  # UNSUPPORTED_COMPRESSION_TYPE has no class of its own
            if self._compression == "none":
                raise
            raise SettingsError(
                f"{self.changelog} takes no state ({error}): if the broker knows no zstd, set "
                "JOURNEYS_STATE_COMPRESSION=none"
            ) from None
