"""The worker: a batch of activities is read, embedded, assigned and committed; so is one of names.

A batch whose titles are known is applied in one go. One with titles that are still being encoded is
applied in *slices*: every half second, what stands before the first activity without a vector is
applied and committed like a batch of its own. So the mark moves while titles are encoded, a
rebalance waits for one slice at most, names and the clock come in between, and the next batch's
titles are encoded ahead. Activities behind one that waits do wait, other users' too: the mark is
one offset a partition, and time must not pass for users whose activities lie before it. Where a
batch is cut makes no difference to what it brings about; `streams.stages.embed` makes the vectors.

How a slice is committed, and why a crash loses nothing, is in `streams.worker.commit`.
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, Final, NamedTuple

from mode import get_logger

from models.decoding import decode_name
from models.encoders.cache import VectorCache
from models.engine.engine import Engine
from models.errors import DamagedError, GapError, InDoubtError, Rejected, SettingsError
from models.vectors import Vector
from streams.encoding import Unread
from streams.formats.values import ValueDecoder, value_decoder
from streams.formats.writing import output_format
from streams.input import worker_mapping
from streams.kafka.messages import Batch, BatchMessage, Record
from streams.kafka.transport import ConsumerGroup
from streams.service import metrics
from streams.service.metrics import Metrics
from streams.service.tracing import NO_TRACING, BatchTrace, Tracing
from streams.settings import Settings
from streams.stages import assign
from streams.stages.batch import Arrival, Effects, Reading, Reject
from streams.stages.embed import Embedding, EncodingPool
from streams.stages.read import Reader
from streams.state.binding import Binding
from streams.state.partition import Mark, Partition
from streams.state.table import UserTable
from streams.topics import Topics
from streams.worker.commit import Committer
from streams.worker.ownership import Ownership
from streams.worker.partitioners import PartitionerWatch

_log = get_logger(__name__)

# Vectors of titles that are new are waited for so long, then what is there is applied.
SLICE_SECONDS: Final = 0.5

_offset = attrgetter("offset")


class _Begun(NamedTuple):
    """A batch that is read, and whose vectors are asked for."""

    reading: Reading
    embedding: Embedding
    trace: BatchTrace


class Worker:
    """Handles the batches of the partitions that this process owns.

    Args:
        group: The consumer group.
        settings: All of them.
        table: The table of user state.
        cache: Item vectors.
        counts: Where to count.
        now: The wall clock, seconds since the epoch.
        engine: Decides over users; ours, by the settings, if None.
        tracing: Makes its traces.

    Attributes:
        partitions: Those whose state is recovered, by number.
        oldest: Record time of the first activity not applied of the batch in hand, by partition.
        topics: Their names.
        engine: Decides over users.
        pool: Makes vectors.
        ownership: Whether it may write.
        committer: With what it does so.
        partitioners: Whether producers agree on a user's partition.
        unread: How many titles its encoder cannot read.
    """

    def __init__(
        self,
        group: ConsumerGroup,
        settings: Settings,
        table: UserTable,
        cache: VectorCache,
        counts: Metrics,
        now: Callable[[], float] = time.time,
        engine: Engine | None = None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self.partitions: dict[int, Partition] = {}
        self.oldest: dict[int, int] = {}
        self.pool = EncodingPool(cache, settings.encoder_threads, settings.encoder_batch)
        self.topics = Topics.of(settings)
        self.engine = engine or Engine(settings.engine(cache.encoder))
        self.ownership = Ownership(group, settings)
        output = output_format(settings, cache.encoder.name)
        self.committer = Committer(self.topics, output, self.ownership, table.producers, counts)
        self.partitioners = PartitionerWatch(self.topics.activities, settings.partitions, counts)
        self.unread = Unread(cache.encoder)
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
        self._binding = Binding(cache.encoder.name, self.engine.params.window_ms)
        self._metrics = counts
        self._now = now
        self._tracing = tracing
        self._ahead: dict[tuple[int, int, int], asyncio.Task[_Begun]] = {}
        self._embeddings: dict[int, Embedding] = {}  # of the batch in hand, by partition

    @property
    def waiting(self) -> str:
        """What it waits for, one line: the schema registry; empty when for nothing."""
        return self._values.waiting

    def place(self, number: int) -> tuple[int, int]:
        """How far a partition of ours has come: something that changes as it goes on.

        While the vector that it waits for is made, only its mark does; while others' titles are
        made before it, they count, too.
        """
        embedding = self._embeddings.get(number)
        turns = 0 if embedding is None else self.pool.turns(embedding)
        return self.partitions[number].mark.offset, turns

    @property
    def caveat(self) -> str:
        """One line on what its journeys will suffer from; empty when from nothing."""
        return self.pool.cache.encoder.caveat

    async def recovered(self, active: set[int]) -> None:
        """Take over the partitions whose state has been recovered, and only those."""
        for begun in self._ahead.values():
            begun.cancel()
        self._ahead.clear()
        self.oldest.clear()
        before, self.partitions = self.partitions, {}
        self.partitioners.keep(active)
        for number in sorted(active):
            partition, parts = before.get(number), self._table.parts[number]
            try:
                if partition is None or not partition.resume(parts):
                    partition = Partition(
                        number,
                        parts,
                        self.engine,
                        self._settings.partitions,
                        self._binding,
                        self.partitioners.meet,
                    )
                    await partition.index()
            except DamagedError as error:
                await self._take_anew(number, error)
            else:
                partition.capacity = self._settings.cached_users // len(active)
                self.partitions[number] = partition

    async def check_partitions(self) -> None:
        """Find out whether partitions were added to `activity-events`: nobody would read them.

        Raises:
            SettingsError: There were.
        """
        topic, known = self.topics.activities, self._settings.partitions
        there = await self._table.producers.partitions_now(topic)
        if there > known:
            raise SettingsError(
                f"{topic} has {there} partitions now, and {known} when this worker started: "
                "state does not move between partitions, so give all topics of the worker as "
                "many, and start again with another JOURNEYS_GROUP"
            )

    async def renew(self) -> None:
        """Take the partitions anew, before the broker forgets whom to refuse."""
        if self._table.producers.held_seconds > 3_600 * self._settings.renew_hours:
            await self.ownership.consumer.rejoin()

    def ahead(self, message: BatchMessage) -> None:
        """Read a batch of `activity-events` that waits for its turn, and ask for its vectors."""
        if message.partition in self.partitions:
            self._ahead[_place(message)] = asyncio.create_task(
                self._begin(message.partition, message.value, message.generation_id, ahead=True)
            )

    async def activities(self, message: BatchMessage) -> bool:
        """Handle a batch of `activity-events`; False if its partition went elsewhere."""
        partition = self.partitions.get(message.partition)
        if partition is None:
            return False
        records, handled = message.value, partition.mark.offset
        if records.after > handled < 0:
            raise GapError(
                f"partition {partition.number}: the group has committed up to offset "
                f"{records.after} and has no state: if its topic was deleted, use another group"
            )
        if records.after > handled:
            raise GapError(
                f"partition {partition.number}: records from offset {handled + 1} to "
                f"{records.after} did not arrive"
            )
        fresh = records[bisect_right(records, handled, key=_offset) :]
        if fresh:
            self.oldest[partition.number] = fresh[0].timestamp
        self._metrics.count(metrics.REDELIVERED, len(records) - len(fresh))
        self._metrics.observe(metrics.BATCH_RECORDS, len(records))
        begun_ahead = self._ahead.pop(_place(message), None)
        if begun_ahead is not None:
            reading, embedding, trace = await begun_ahead
            self.pool.hurry(embedding)
        else:
            generation = message.generation_id
            reading, embedding, trace = await self._begin(partition.number, fresh, generation)
        done, rest = reading.split(len(reading.records) - len(fresh))
        begun = _Begun(rest, embedding, trace)
        self._embeddings[partition.number] = embedding
        try:
            return await self._in_slices(partition, message, begun, len(done.arrivals))
        finally:
            self._embeddings.pop(partition.number, None)
            embedding.end()
            trace.end()

    async def names(self, message: BatchMessage) -> bool:
        """Handle a batch of `journey-names`; False if its partition went elsewhere."""
        partition = self.partitions.get(message.partition)
        if partition is None:
            return False
        records, generation = message.value, message.generation_id
        with self._tracing.batch(self.topics.names, partition.number, len(records)) as trace:
            return await self.locked(partition, self._names, records, trace, generation)

    async def erasures(self, message: BatchMessage) -> bool:
        """Handle a batch of `user-erasures`; False if its partition went elsewhere."""
        partition = self.partitions.get(message.partition)
        if partition is None:
            return False
        return await self.locked(partition, self._erase, message.value, message.generation_id)

    async def locked(
        self, partition: Partition, handle: Callable[..., Awaitable[bool]], *what: Any
    ) -> bool:
        """Do something with a partition's users, with nobody else in between.

        Args:
            partition: One of ours.
            handle: Does it, told the partition and `what`; False if that went elsewhere.
            what: More for `handle`.

        Returns:
            False if the partition went elsewhere, or is about to be assigned anew.
        """
        done = False
        async with partition.lock:
            try:
                done = not partition.lost and await handle(partition, *what)
            except (InDoubtError, DamagedError) as error:
                partition.lost = True
                await self._take_anew(partition.number, error)
            finally:
                if not done:
                    partition.forget()
        return done

    async def _take_anew(self, number: int, error: Exception) -> None:
        """Have state read back: the partitions are assigned again."""
        _log.warning("partition %d is taken anew and its state read back: %s", number, error)
        self._metrics.count(metrics.TAKEN_ANEW)
        await self.ownership.consumer.rejoin()

    async def _begin(
        self, number: int, records: Sequence[Record], generation: int, *, ahead: bool = False
    ) -> _Begun:
        trace = self._tracing.batch(self.topics.activities, number, len(records))
        # First of all: it may wait for long, and the partition may go elsewhere meanwhile.
        with trace.stage("read"):
            await self._values.prepare(record.value for record in records)
            reading = Reading(records, *self._reader.read(self.topics.activities, number, records))
        embedding = self.pool.embed(
            [arrival.activity for arrival in reading.arrivals],
            lambda: self.ownership.current(generation),
            ahead=ahead,
        )
        return _Begun(reading, embedding, trace)

    async def _in_slices(
        self, partition: Partition, message: BatchMessage, begun: _Begun, applied: int
    ) -> bool:
        rest, embedding, trace = begun
        while rest.records:
            with trace.stage("embed"):
                await embedding.wait(SLICE_SECONDS)
            if embedding.given_up or not self.ownership.current(message.generation_id):
                return False
            part, rest = rest.split(rest.before(max(0, embedding.ready - applied)))
            if not part.records:
                continue
            vectors = embedding.came(applied)
            applied += len(vectors)
            if not await self.locked(
                partition, self._apply, part, vectors, trace, message.generation_id
            ):
                return False
            if rest.records:
                self.oldest[partition.number] = rest.records[0].timestamp
                self.ownership.consumer.advance(message, partition.mark.offset)
        self.oldest.pop(partition.number, None)
        return True

    async def _apply(
        self,
        partition: Partition,
        reading: Reading,
        vectors: Sequence[Vector | Rejected],
        trace: BatchTrace,
        generation: int,
    ) -> bool:
        if not await self.ownership.may_write(generation):
            return False
        records, arrivals, rejects = reading
        skipped = len(records) - len(arrivals) - len(rejects)
        topic = self.topics.activities
        read: Iterable[Arrival | Reject] = chain(arrivals, rejects)
        # A generator: where nothing is traced, nobody looks into it.
        with trace.records(one.record for one in read) as spans:
            effects = Effects(trace, spans)
            effects.rejects = list(rejects)
            with trace.stage("assign"):
                await assign.activities(partition, self.engine, topic, arrivals, vectors, effects)
            done = await self.committer.commit(
                partition,
                effects,
                generation,
                Mark(offset=records[-1].offset, watermark=effects.watermark, stamp=effects.arrival),
            )
            if done:
                reasons = {one.record.offset: one.error.reason for one in effects.rejects}
                spans.end("applied", reasons)
        if done:
            self._metrics.count(
                metrics.ACTIVITIES,
                len(records)
                - skipped
                - len(effects.rejects)
                - effects.redelivered
                - effects.repeats
                - effects.silent,
            )
            self._metrics.count(metrics.SILENT, effects.silent)
            self._metrics.count(metrics.SKIPPED, skipped)
            self._metrics.count(metrics.REPEATS, effects.repeats)
            self._metrics.count(metrics.UNREAD, effects.unread)
            self.unread.count(effects.encoded, effects.unread)
            self._metrics.count(metrics.REDELIVERED, effects.redelivered)
            self._metrics.observe(
                metrics.LATENCY, max(0.0, self._now() - records[0].timestamp / 1000)
            )
        return done

    async def _names(
        self, partition: Partition, records: Batch, trace: BatchTrace, generation: int
    ) -> bool:
        if not await self.ownership.may_write(generation):
            return False
        read, answers, rejects = [], [], []
        for record in records:
            try:
                answers.append(decode_name(record.value))
                read.append(record)
            except Rejected as error:
                rejects.append(Reject(self.topics.names, partition.number, record, error))
        with trace.records(read) as spans:
            effects = Effects(trace, spans)
            effects.rejects = rejects
            assign.names(partition, self.engine, answers, effects)
            done = await self.committer.commit(partition, effects, generation, None)
            if done:
                spans.end("applied")
        if done:
            self._metrics.count(metrics.NAMES, len(answers))
        return done

    async def _erase(self, partition: Partition, records: Batch, generation: int) -> bool:
        if not await self.ownership.may_write(generation):
            return False
        effects = Effects()
        assign.erasures(partition, self.topics.erasures, records, effects)
        return await self.committer.commit(partition, effects, generation, None)


def _place(message: BatchMessage) -> tuple[int, int, int]:
    return message.generation_id, message.partition, message.offset
