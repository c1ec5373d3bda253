"""The worker: reads activities and names, owns user state, publishes changes.

A batch goes: read, embed, assign; then changes, journeys, requests and rejects are acknowledged;
then the state on the changelog; then the batch itself. A crash in between repeats what was
published (same ids, same bytes) and never loses it. Before each of these steps the worker makes
sure that it still owns the partition.
"""

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import faust
from aiokafka.errors import MessageSizeTooLargeError

from models.decoding import decode_name
from models.encoders.cache import VectorCache
from models.engine.engine import Engine
from models.errors import GapError, Rejected, StateTooLargeError
from streams.kafka.sending import Letter, send
from streams.kafka.transport import Batch, Record
from streams.service import metrics
from streams.service.metrics import Metrics
from streams.settings import Settings
from streams.stages import assign
from streams.stages.batch import Effects, Reject
from streams.stages.embed import embed
from streams.stages.publish import letters
from streams.stages.read import read
from streams.stages.rejects import letter
from streams.state.partition import Mark, Partition
from streams.state.table import UserTable
from streams.topics import Topics
from streams.worker.ownership import Ownership

_offset = attrgetter("offset")


class Worker:
    """Handles the batches of the partitions that this process owns.

    Args:
        app: The Faust app.
        settings: All of them.
        table: The table of user state.
        cache: Item vectors.
        counts: Where to count.

    Attributes:
        partitions: Those whose state is recovered, by number.
        topics: Their names.
        engine: Decides over users.
        ownership: Whether it may write.
    """

    def __init__(
        self,
        app: faust.App,
        settings: Settings,
        table: UserTable,
        cache: VectorCache,
        counts: Metrics,
    ) -> None:
        self.partitions: dict[int, Partition] = {}
        self.topics = Topics.of(settings)
        self.engine = Engine(settings.engine())
        self.ownership = Ownership(app, settings)
        self._settings = settings
        self._table = table
        self._cache = cache
        self._metrics = counts

    async def recovered(self, active: set[int]) -> None:
        """Take over the partitions whose state has been recovered, and only those."""
        before, self.partitions = self.partitions, {}
        for number in sorted(active):
            partition, parts = before.get(number), self._table.parts[number]
            if partition is None or not partition.resume(parts):
                partition = Partition(number, parts, self.engine, self._settings.cached_users)
                await partition.index()
            self.partitions[number] = partition

    async def activities(self, message: Any) -> bool:
        """Handle a batch of `activity-events`; False if its partition went elsewhere."""
        return await self._with_partition(message, self._activities)

    async def names(self, message: Any) -> bool:
        """Handle a batch of `journey-names`; False if its partition went elsewhere."""
        return await self._with_partition(message, self._names)

    async def _with_partition(self, message: Any, handle: Any) -> bool:
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
        if not await self.ownership.sure(generation):
            return False
        topic = self.topics.activities
        effects = Effects()
        arrivals, effects.rejects = read(
            topic, partition.number, records, int(self._settings.future_skew_seconds * 1000)
        )
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
            done = await self.commit(
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
                metrics.ACTIVITIES, len(records) - len(effects.rejects) - effects.redelivered
            )
            self._metrics.count(metrics.REDELIVERED, effects.redelivered)
            self._metrics.observe(
                metrics.LATENCY, max(0.0, time.time() - records[0].timestamp / 1000)
            )
        return done

    async def _names(self, partition: Partition, records: Batch, generation: int) -> bool:
        if not await self.ownership.sure(generation):
            return False
        effects, answers = Effects(), []
        for record in records:
            try:
                answers.append(decode_name(record.value))
            except Rejected as error:
                effects.rejects.append(Reject(self.topics.names, partition.number, record, error))
        assign.names(partition, self.engine, answers, effects)
        done = await self.commit(partition, effects, generation, None)
        if done:
            self._metrics.count(metrics.NAMES, len(answers))
        return done

    async def commit(
        self, partition: Partition, effects: Effects, generation: int, mark: Mark | None
    ) -> bool:
        """Publish the effects, then store the state.

        Args:
            partition: Locked by the caller, who has it forget its users unless this is done.
            effects: What to publish and whose state to store.
            generation: In which the partition was assigned.
            mark: How far its activities have come with this; None when no further.

        Returns:
            False if the partition went elsewhere.

        Raises:
            KafkaError: Something was not acknowledged.
            StateTooLargeError: One user's state does not fit into a record batch; nothing was sent.
        """
        writers, users = self._table.writers, effects.users.values()
        packed = partition.pack(writers, users, mark)
        mail = letters(self.topics, effects.changes, effects.journeys.values(), effects.requests)
        if mail or effects.rejects:
            if not await self.ownership.sure(generation):
                return False
            await self._send(partition.number, mail, effects.rejects)
        if packed:
            if not await self.ownership.sure(generation, finish=True):
                return False
            written = await partition.append(writers, packed, users, mark)
            self._metrics.count(metrics.STATE_BYTES, written)
        self._metrics.count_each(metrics.CHANGES, Counter(c.kind for c in effects.changes))
        self._metrics.count_each(metrics.REJECTS, Counter(r.error.reason for r in effects.rejects))
        self._metrics.count(metrics.REQUESTS, len(effects.requests))
        return True

    async def _send(self, owned: int, mail: Sequence[Letter], rejects: Sequence[Reject]) -> None:
        topic, writers = self.topics.rejects, self._table.writers
        try:
            await send([*mail, *(letter(reject, topic) for reject in rejects)], writers, owned)
        except MessageSizeTooLargeError:  # nothing else is that large
            await send(
                [*mail, *(letter(reject, topic, cut=True) for reject in rejects)], writers, owned
            )
