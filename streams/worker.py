"""The worker: reads activities and names, owns user state, publishes changes.

A batch goes: read, embed, assign; then changes, journeys, requests and rejects are acknowledged;
then the state on the changelog; then the batch itself. A crash in between repeats what was
published (same ids, same bytes) and never loses it. Before each of these steps the worker makes
sure that it still owns the partition.
"""

import asyncio
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from typing import Any, Final

import faust
from aiokafka.errors import MessageSizeTooLargeError, ProducerFenced
from faust.types import TP, EventT
from mode import CrashingSupervisor, get_logger

from models.encoder import VectorCache
from models.errors import BrokerError, JourneysError, Rejected, SettingsError
from models.journeys import Engine
from models.reading import decode_name
from streams import assign, metrics
from streams.batch import Effects, Reject
from streams.embed import embed
from streams.logs import calm
from streams.metrics import Metrics
from streams.outbox import Letter, send
from streams.publish import letters
from streams.read import read
from streams.rejects import letter
from streams.settings import Settings
from streams.state import Mark, Partition, TooLargeError
from streams.table import UserTable
from streams.topics import Topics, describe
from streams.transport import Batch, Batches, Consumer, Record

_log = get_logger(__name__)
_offset = attrgetter("offset")

# A batch that fails is tried again, since most failures are a broker's (a leader that moves); then
# the worker stops with the error: another, or a restart, takes over from what is stored.
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)

TICK_SECONDS: Final = 1.0  # how often the passing of time is looked at
DUE_USERS: Final = 500  # handled at a time, so that activities of the partition can come in between

# Of the time in which a rebalance cannot leave this worker out: the rest is for clocks and queues.
LEASE_SHARE: Final = 0.9
LEASE_POLL: Final = 0.05


class HoleError(JourneysError):
    """Records between what is stored and a new batch are missing: to go on would skip them."""


Handle = Callable[[Partition, Batch, int], Awaitable[bool]]


class Worker:
    """Handles the batches of the partitions that this process owns.

    Args:
        app: The Faust app; its agents are made by `register`.
        settings: All of them.
        table: The table of user state.
        cache: Item vectors.
        counts: Where to count.
    """

    def __init__(self, app: faust.App, settings: Settings, table: UserTable, cache: VectorCache,
                 counts: Metrics) -> None:
        self.partitions: dict[int, Partition] = {}
        self.topics = Topics.of(settings)
        self._app: Any = app
        self._settings = settings
        self._table = table
        self._cache = cache
        self._metrics = counts
        self._engine = Engine(settings.engine())
        self._lost: dict[TP, int] = {}  # generation in which a batch of it was given up
        self._lease = LEASE_SHARE * min(settings.session_timeout, settings.rebalance_timeout)

    def register(self) -> None:
        """Make the agents, and the task that lets time pass."""
        app = self._app
        for name, topic, handle in (("activities", self.topics.activities, self._activities),
                                    ("names", self.topics.names, self._names)):
            app.agent(app.topic(topic, schema=Batches(), partitions=self._settings.partitions),
                      name=name, supervisor_strategy=CrashingSupervisor)(self._agent(handle))
        app.task(self._clock)

    async def recovered(self, active: set[int]) -> None:
        """Take over the partitions whose state has been recovered, and only those."""
        before, self.partitions = self.partitions, {}
        for number in sorted(active):
            partition = before.get(number)
            parts = self._table.parts[number]
            if partition is None or not partition.resume(parts):
                partition = Partition(number, parts, self._engine, self._settings.cached_users)
                await partition.index()
            self.partitions[number] = partition

    # ---- batches ------------------------------------------------------------------------------

    def _agent(self, handle: Handle) -> Callable[[Any], Awaitable[None]]:
        async def agent(stream: Any) -> None:
            # Partitions are worked on side by side: one waits for the broker, another computes.
            # Each partition's batches in order, the next when the one before is done.
            running: dict[TP, asyncio.Task[None]] = {}
            stream = stream.noack()
            try:
                async for event in stream.events():
                    tp = event.message.tp
                    if tp in running:
                        await running[tp]
                    running[tp] = asyncio.create_task(self._run(stream, event, handle))
                    del event  # Faust waits, in a rebalance, for messages that someone still holds
            finally:
                for task in running.values():
                    task.cancel()

        return agent

    async def _run(self, stream: Any, event: EventT[Any], handle: Handle) -> None:
        """Handle a batch until it is done, or its partition went elsewhere, or the worker ends."""
        message: Any = event.message
        began = time.monotonic()
        for pause in (*RETRY_SECONDS, None):
            try:
                done = await self._attempt(message, handle)
            except ProducerFenced:  # before we heard of the rebalance: wait for it
                _log.warning("partition %s has another owner", message.partition)
            except Exception as error:
                _log.exception("a batch of %s, partition %s, up to offset %s failed", *message.tp,
                               message.offset)
                if pause is None or isinstance(error, JourneysError):  # these do not pass
                    await self._app.crash(error)
                    return
                self._metrics.count(metrics.RETRIES)
            else:
                if done:
                    await stream.ack(event)
                    self._metrics.observe(metrics.BATCH_SECONDS, time.monotonic() - began)
                    return
                break
            await asyncio.sleep(pause or 0)
        # Its successors in this generation must not be acknowledged: that would skip this one.
        self._lost[message.tp] = message.generation_id
        self._metrics.count(metrics.ABANDONED)
        self._consumer.abandon(message)

    async def _attempt(self, message: Any, handle: Handle) -> bool:
        """Handle a batch once; False if its partition went elsewhere."""
        partition = self.partitions.get(message.partition)
        if partition is None or self._lost.get(message.tp) == message.generation_id:
            return False
        done = False
        async with partition.lock:
            try:
                done = await handle(partition, message.value, message.generation_id)
            finally:
                if not done:
                    partition.forget()
        return done

    async def _activities(self, partition: Partition, records: Batch, generation: int) -> bool:
        if records.after > partition.mark.offset:
            raise HoleError(f"partition {partition.number}: records from offset "
                            f"{partition.mark.offset + 1} to {records.after} did not arrive")
        fresh = records[bisect_right(records, partition.mark.offset, key=_offset):]
        self._metrics.count(metrics.REDELIVERED, len(records) - len(fresh))
        self._metrics.observe(metrics.BATCH_RECORDS, len(records))
        return not fresh or await self._apply(partition, fresh, generation)

    async def _apply(self, partition: Partition, records: Sequence[Record], generation: int
                     ) -> bool:
        if not await self._owns(generation):
            return False
        topic = self.topics.activities
        effects = Effects()
        arrivals, effects.rejects = read(topic, partition.number, records,
                                         int(self._settings.future_skew_seconds * 1000))
        vectors = await embed([arrival.activity for arrival in arrivals], self._cache,
                              self._settings.encoder_batch, lambda: self._current(generation))
        if vectors is None:
            return False
        await assign.activities(partition, self._engine, topic, arrivals, vectors, effects)
        last, mark = records[-1], partition.mark
        try:
            done = await self._commit(partition, effects, generation, Mark(
                offset=last.offset, watermark=max(mark.watermark, effects.watermark),
                stamp=max(mark.stamp, last.timestamp)))
        except TooLargeError:
            # Bounds of batches change nothing, so two smaller ones do the same.
            if len(records) == 1:
                raise
            partition.forget()
            half = len(records) // 2
            return (await self._apply(partition, records[:half], generation)
                    and await self._apply(partition, records[half:], generation))
        if done:
            self._metrics.count(metrics.ACTIVITIES, effects.applied)
            self._metrics.count(metrics.REDELIVERED, effects.redelivered)
            self._metrics.observe(metrics.LATENCY,
                                  max(0.0, time.time() - records[0].timestamp / 1000))
        return done

    async def _names(self, partition: Partition, records: Batch, generation: int) -> bool:
        if not await self._owns(generation):
            return False
        effects, answers = Effects(), []
        for record in records:
            try:
                answers.append(decode_name(record.value))
            except Rejected as error:
                effects.rejects.append(Reject(self.topics.names, partition.number, record, error))
        assign.names(partition, self._engine, answers, effects)
        done = await self._commit(partition, effects, generation, None)
        if done:
            self._metrics.count(metrics.NAMES, len(answers))
        return done

    async def _commit(self, partition: Partition, effects: Effects, generation: int,
                      mark: Mark | None) -> bool:
        """Publish the effects, then store the state; False if the partition went elsewhere."""
        writers, users = self._table.writers, effects.users.values()
        packed = partition.pack(writers, users, mark)
        mail = letters(self.topics, effects.changes, effects.records.values(), effects.requests)
        if mail or effects.rejects:
            if not await self._owns(generation):
                return False
            await self._send(partition.number, mail, effects.rejects)
        if packed:
            if not await self._owns(generation, finish=True):
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
            await send([*mail, *(letter(reject, topic, cut=True) for reject in rejects)],
                       writers, owned)

    # ---- ownership ----------------------------------------------------------------------------

    @property
    def _consumer(self) -> Consumer:
        consumer: Consumer = self._app.consumer
        return consumer

    def _current(self, generation: int) -> bool:
        """Whether no rebalance has begun since the partition was assigned in this generation."""
        return bool(self._app.consumer_generation_id == generation and not self._app.rebalancing)

    async def _owns(self, generation: int, *, finish: bool = False) -> bool:
        """Whether this worker may write for a partition that it was assigned in this generation.

        A process that was stopped for a while does not know yet what it has lost; it waits until
        the coordinator has answered. With `finish`, a rebalance that has begun may wait for us, as
        long as it cannot end without us.
        """
        while True:
            if not (self._current(generation)
                    or (finish and self._app.consumer_generation_id == generation)):
                return False
            if time.monotonic() < self._consumer.settled_at + self._lease:
                return True
            if self._app.rebalancing:
                return False
            await asyncio.sleep(LEASE_POLL)

    # ---- time ---------------------------------------------------------------------------------

    async def _clock(self) -> None:
        """Let time pass, for users who do not come back."""
        failed = 0
        while not self._app.should_stop:
            await asyncio.sleep(TICK_SECONDS)
            try:
                self._metrics.set_each(metrics.LAG, {
                    str(number): max(0, self.lag(number)) for number in self.partitions})
                for partition in list(self.partitions.values()):
                    await self._pass(partition)
                failed = 0
            except ProducerFenced:
                continue
            except Exception as error:
                if self._app.should_stop:
                    return
                failed += 1
                _log.exception("the passing of time failed")
                if failed > len(RETRY_SECONDS):
                    await self._app.crash(error)
                    return

    async def _pass(self, partition: Partition) -> None:
        generation = self._app.consumer_generation_id
        while self._current(generation) and not self._app.should_stop:
            watermark = self._watermark(partition)
            async with partition.lock:
                due = partition.due(watermark, DUE_USERS)
                if not due or not await self._owns(generation):
                    return
                effects = Effects()
                done = False
                try:
                    assign.time(partition, self._engine, due, watermark, effects)
                    done = await self._commit(partition, effects, generation, None)
                finally:
                    if not done:
                        partition.forget()
                if not done:
                    return
                self._metrics.count(metrics.DUE, len(due))

    def _watermark(self, partition: Partition) -> int:
        """Event time of the partition; in one that is silent, the wall clock moves it on."""
        mark = partition.mark
        silent = int(time.time() * 1000) - mark.stamp
        if (mark.watermark >= 0 and silent >= self._settings.idle_seconds * 1000
                and self.lag(partition.number) == 0):
            return mark.watermark + silent
        return mark.watermark

    def lag(self, number: int) -> int:
        """How many activities of a partition are not handled yet; -1 while it is not known."""
        tp = TP(self.topics.activities, number)
        partition = self.partitions.get(number)
        if partition is None or self._app.rebalancing:
            return -1
        position, end = self._consumer.progress(tp)
        handled = partition.mark.offset
        if end < 0:
            return -1
        # Offsets that are no records (transaction markers) may follow the last one.
        if position >= end and handled >= self._consumer.delivered.get(tp, -1):
            return 0
        return max(0, end - 1 - handled)


def run(settings: Settings) -> None:
    """Run the worker until it is told to stop; ends the process.

    Raises:
        BrokerError: No broker answers, or a topic is missing.
        SettingsError: The topics do not fit together.
        ModelError: The encoder cannot be opened.
    """
    from streams.app import create_app

    topics = Topics.of(settings)
    counts = {state.name: state.partitions for state in describe(settings)}
    missing = sorted(name for name in topics.all() if not counts[name])
    if missing:
        raise BrokerError(f"no topic {missing[0]} at {settings.broker}: run journeys topics create")
    if counts[topics.activities] != counts[topics.names]:
        raise SettingsError(f"{topics.activities} and {topics.names} must have the same number of "
                            "partitions")
    calm()
    app = create_app(settings.model_copy(update={"partitions": counts[topics.activities]}))
    worker = faust.Worker(app, loglevel=settings.log_level, quiet=True, redirect_stdouts=False)
    worker.spinner = None  # it hides a terminal's cursor, and fills a log with codes
    worker.execute_from_commandline()
