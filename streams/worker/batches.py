"""The worker: a batch of activities is read, embedded, assigned and committed; so is one of names.

How it is committed, and why a crash loses nothing, is in `streams.worker.commit`.
"""

import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter

from models.decoding import decode_name
from models.encoders.cache import VectorCache
from models.engine.engine import Engine
from models.errors import GapError, Rejected, StateTooLargeError
from streams.formats.values import ValueDecoder, value_decoder
from streams.formats.writing import output_format
from streams.input import worker_mapping
from streams.kafka.messages import Batch, BatchMessage, Record
from streams.kafka.transport import ConsumerGroup
from streams.service import metrics
from streams.service.metrics import Metrics
from streams.settings import Settings
from streams.stages import assign
from streams.stages.batch import Effects, Reject
from streams.stages.embed import embed
from streams.stages.read import Reader
from streams.state.partition import Mark, Partition
from streams.state.table import UserTable
from streams.topics import Topics
from streams.worker.commit import Committer
from streams.worker.ownership import Ownership

Handle = Callable[[Partition, Batch, int], Awaitable[bool]]

_offset = attrgetter("offset")


class Worker:
    """Handles the batches of the partitions that this process owns.

    Args:
        group: The consumer group.
        settings: All of them.
        table: The table of user state.
        cache: Item vectors.
        counts: Where to count.
        now: The wall clock, seconds since the epoch.

    Attributes:
        partitions: Those whose state is recovered, by number.
        topics: Their names.
        engine: Decides over users.
        ownership: Whether it may write.
        committer: With what it does so.
    """

    def __init__(
        self,
        group: ConsumerGroup,
        settings: Settings,
        table: UserTable,
        cache: VectorCache,
        counts: Metrics,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.partitions: dict[int, Partition] = {}
        self.topics = Topics.of(settings)
        self.engine = Engine(settings.engine(cache.encoder.scale))
        self.ownership = Ownership(group, settings)
        self.committer = Committer(
            self.topics, output_format(settings), self.ownership, table.producers, counts
        )
        self._settings = settings
        mapping = worker_mapping(settings)
        self._values: ValueDecoder = value_decoder(settings, mapping.format if mapping else "json")
        self._reader = Reader(
            int(settings.future_skew_seconds * 1000),
            settings.earliest_ms,
            mapping,
            self._values.decode,
        )
        self._table = table
        self._cache = cache
        self._metrics = counts
        self._now = now

    @property
    def waiting(self) -> str:
        """What it waits for, one line: the schema registry; empty when for nothing."""
        return self._values.waiting

    @property
    def caveat(self) -> str:
        """One line on what its journeys will suffer from; empty when from nothing."""
        return self._cache.encoder.caveat

    async def recovered(self, active: set[int]) -> None:
        """Take over the partitions whose state has been recovered, and only those."""
        before, self.partitions = self.partitions, {}
        for number in sorted(active):
            partition, parts = before.get(number), self._table.parts[number]
            if partition is None or not partition.resume(parts):
                partition = Partition(number, parts, self.engine, self._settings.cached_users)
                await partition.index()
            self.partitions[number] = partition

    async def activities(self, message: BatchMessage) -> bool:
        """Handle a batch of `activity-events`; False if its partition went elsewhere."""
        return await self._with_partition(message, self._activities)

    async def names(self, message: BatchMessage) -> bool:
        """Handle a batch of `journey-names`; False if its partition went elsewhere."""
        return await self._with_partition(message, self._names)

    async def _with_partition(self, message: BatchMessage, handle: Handle) -> bool:
        partition = self.partitions.get(message.partition)
        if partition is None:
            return False
        done: bool = False
        async with partition.lock:
            try:
                done = await handle(partition, message.value, message.generation_id)
            finally:
                if not done:
                    partition.forget()
        return done

    async def _activities(self, partition: Partition, records: Batch, generation: int) -> bool:
        handled = partition.mark.offset
        if records.after > handled:
            raise GapError(
                f"partition {partition.number}: records from offset {handled + 1} to "
                f"{records.after} did not arrive"
            )
        fresh = records[bisect_right(records, handled, key=_offset) :]
        self._metrics.count(metrics.REDELIVERED, len(records) - len(fresh))
        self._metrics.observe(metrics.BATCH_RECORDS, len(records))
        return not fresh or await self._apply(partition, fresh, generation)

    async def _apply(
        self, partition: Partition, records: Sequence[Record], generation: int
    ) -> bool:
        # First of all: it may wait for long, and the partition may go elsewhere meanwhile.
        await self._values.prepare(record.value for record in records)
        if not await self.ownership.may_write(generation):
            return False
        topic = self.topics.activities
        effects = Effects()
        arrivals, effects.rejects = self._reader.read(topic, partition.number, records)
        skipped = len(records) - len(arrivals) - len(effects.rejects)
        vectors = await embed(
            [arrival.activity for arrival in arrivals],
            self._cache,
            self._settings.encoder_batch,
            lambda: self.ownership.current(generation),
        )
        if vectors is None:
            return False
        await assign.activities(partition, self.engine, topic, arrivals, vectors, effects)
        last, mark = records[-1], partition.mark
        try:
            done = await self.committer.commit(
                partition,
                effects,
                generation,
                Mark(
                    offset=last.offset,
                    watermark=max(mark.watermark, effects.watermark),
                    stamp=max(mark.stamp, last.timestamp),
                ),
            )
        except StateTooLargeError:
            # Bounds of batches change nothing, so two smaller ones do the same.
            if len(records) == 1:
                raise
            partition.forget()
            half = len(records) // 2
            return await self._apply(partition, records[:half], generation) and await self._apply(
                partition, records[half:], generation
            )
        if done:
            self._metrics.count(
                metrics.ACTIVITIES,
                len(records) - skipped - len(effects.rejects) - effects.redelivered,
            )
            self._metrics.count(metrics.SKIPPED, skipped)
            self._metrics.count(metrics.REDELIVERED, effects.redelivered)
            self._metrics.observe(
                metrics.LATENCY, max(0.0, self._now() - records[0].timestamp / 1000)
            )
        return done

    async def _names(self, partition: Partition, records: Batch, generation: int) -> bool:
        if not await self.ownership.may_write(generation):
            return False
        effects, answers = Effects(), []
        for record in records:
            try:
                answers.append(decode_name(record.value))
            except Rejected as error:
                effects.rejects.append(Reject(self.topics.names, partition.number, record, error))
        assign.names(partition, self.engine, answers, effects)
        done = await self.committer.commit(partition, effects, generation, None)
        if done:
            self._metrics.count(metrics.NAMES, len(answers))
        return done
