"""The loop: partitions side by side, each one's batches in order, each batch one transaction.

    poll ─► batch ─► events (decode, map, look up) ─► transaction
                        └─► items-waiting ─► room ─► (item known, or time up) ─► transaction

The consumer is aiokafka's and not Faust's: that commits offsets by itself, and one that it commits
while a transaction is open would take the place of the transaction's.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, ProducerFenced
from aiokafka.structs import TopicPartition
from mode import get_logger

from models.errors import BrokerError, Reason, Rejected, may_pass
from streams.intake.events import Events
from streams.intake.transactions import Transactions
from streams.intake.waiting import Place, Released, Room, held_of, outgoing_waiting
from streams.kafka.messages import Record
from streams.kafka.sending import OutgoingRecord
from streams.service import metrics
from streams.service.metrics import Metrics
from streams.service.tracing import NO_TRACING, Spans, Tracing
from streams.settings import Settings
from streams.stages.batch import Reject
from streams.topics import Topics

_log = get_logger(__name__)

POLL_MS: Final = 200
LOOK_SECONDS: Final = 0.2  # how often it is looked whether somebody's wait is over
STRETCH: Final = 200  # events mapped between two turns of the event loop: some 5 ms
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
FENCED_SECONDS: Final = 60.0  # by then the rebalance in which the partition went has come


@dataclass(slots=True)
class _Mapped:
    """What a batch became.

    Attributes:
        written: Activities.
        held: Events that wait for their item.
        rejects: What could not be used.
        skipped: How many events do not count.
    """

    written: list[OutgoingRecord] = field(default_factory=list)
    held: list[OutgoingRecord] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    skipped: int = 0


class Partitions(ConsumerRebalanceListener):  # type: ignore[misc]
    """Handles what the group gives this process to read.

    Args:
        consumer: Subscribed by `run`.
        transactions: By which is written.
        events: What becomes of a record.
        sources: Topics that are read.
        settings: All of them.
        counts: Where to count.
        crash: Ends the service.
        now: The wall clock, seconds since the epoch.
        tracing: Makes its traces.

    Attributes:
        joined: Whether the group has said what is ours.
        owned: The partitions that are.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        transactions: Transactions,
        events: Events,
        sources: Iterable[str],
        settings: Settings,
        counts: Metrics,
        crash: Callable[[BaseException], Coroutine[Any, Any, None]],
        now: Callable[[], float] = time.time,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self.joined = False
        self.owned: set[TopicPartition] = set()
        self._consumer = consumer
        self._transactions = transactions
        self._events = events
        self._topics = Topics.of(settings)
        self._sources = list(sources)
        self._settings = settings
        self._metrics = counts
        self._crash = crash
        self._now = now
        self._tracing = tracing
        self._running: dict[TopicPartition, asyncio.Task[None]] = {}
        self._rooms: dict[TopicPartition, Room] = {}
        self._fenced: dict[TopicPartition, float] = {}
        self._taking: asyncio.Task[None] | None = None
        self._turns = 0  # of the loop

    async def run(self) -> None:
        """Read until cancelled.

        Raises:
            KafkaError: The broker does not let us read.
        """
        waiting = [self._topics.waiting] if self._settings.catalogue else []
        self._consumer.subscribe([*self._sources, *waiting], listener=self)
        while True:
            self._turns += 1
            idle = [tp for tp in self.owned if tp not in self._running and tp not in self._fenced]
            self._check_fenced()
            if not idle:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            try:
                found = await self._consumer.getmany(
                    *idle, timeout_ms=POLL_MS, max_records=self._settings.batch_records
                )
            except IllegalStateError:  # a partition went in this moment
                continue
            for tp, records in found.items():
                if tp not in self.owned:
                    continue
                if tp.topic == self._topics.waiting:
                    self._start(tp, self._hold(tp, records))
                else:
                    self._start(tp, self._batch(tp, records))
            # Only after it was polled: else there would be no turn in which it is not busy.
            for tp in idle:
                if tp in self._rooms and tp not in self._running:
                    self._start(tp, self._release(tp))
            self._measure()

    def under_way(self) -> dict[str, Hashable]:
        """What is worked on, each with something that changes as it is done."""
        batches = {
            f"{tp.topic}, partition {tp.partition}": one for tp, one in self._running.items()
        }
        return {**batches, "reading": self._turns} if self._turns else {}

    async def stop(self) -> None:
        """Let what is under way come to its end."""
        await self._leave()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """The client's hook: a rebalance begins, and waits for us."""
        await self._leave()
        self._rooms.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """The client's hook: these are ours now.

        It sends no heartbeat before this returns, and a member that is silent for a session is out.
        """
        self._taking = asyncio.create_task(self._take(set(assigned)))

    async def _take(self, partitions: set[TopicPartition]) -> None:
        """Become the owner of partitions.

        First earlier owners are shut out, then it is asked how far they came: the other way round
        the answer could be too old.
        """
        try:
            await self._transactions.take(partitions)
            for tp in partitions:
                offset = await self._consumer.committed(tp)
                if offset is None:
                    await self._consumer.seek_to_beginning(tp)
                else:
                    self._consumer.seek(tp, offset)
            self._fenced.clear()
            self._rooms = {
                tp: Room(self._events, self._topics.activities, await self._share(tp))
                for tp in partitions
                if tp.topic == self._topics.waiting
            }
            self.owned = partitions
            self.joined = True
        except Exception as error:  # nobody waits for this task
            await self._crash(error)

    async def _leave(self) -> None:
        """Own nothing more."""
        if self._taking is not None:
            self._taking.cancel()
            await asyncio.gather(self._taking, return_exceptions=True)
        self.owned = set()
        await self._settle()

    def _start(self, tp: TopicPartition, work: Coroutine[Any, Any, None]) -> None:
        task = self._running[tp] = asyncio.create_task(self._run(tp, work))
        task.add_done_callback(lambda _: self._running.pop(tp, None))

    async def _run(self, tp: TopicPartition, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (ProducerFenced, CommitFailedError):  # a rebalance of which we shall hear
            _log.warning("%s, partition %d has another owner", tp.topic, tp.partition)
            self._metrics.count(metrics.ABANDONED)
            self._fenced[tp] = self._now()
        except Exception as error:
            await self._crash(error)

    async def _batch(self, tp: TopicPartition, records: Sequence[Record]) -> None:
        began = time.monotonic()
        trace = self._tracing.batch(tp.topic, tp.partition, len(records))
        with trace, trace.records(records) as spans:
            with trace.stage("map"):
                mapped = await self._map(tp, records, spans)
            with trace.stage("write"):
                outgoing = [*mapped.written, *mapped.held]
                await self._write(tp, outgoing, mapped.rejects, records[-1].offset + 1)
            reasons = {one.record.offset: one.error.reason for one in mapped.rejects}
            spans.end("mapped", reasons)
        self._metrics.count(metrics.EVENTS, len(records))
        self._metrics.count(metrics.WRITTEN, len(mapped.written))
        self._metrics.count(metrics.SKIPPED, mapped.skipped)
        self._metrics.count(metrics.HELD_BACK, len(mapped.held))
        self._metrics.observe(metrics.BATCH_RECORDS, len(records))
        self._metrics.observe(metrics.BATCH_SECONDS, time.monotonic() - began)

    async def _map(self, tp: TopicPartition, records: Sequence[Record], spans: Spans) -> _Mapped:
        await self._events.values.prepare(record.value for record in records)
        mapped = _Mapped()
        for number, record in enumerate(records):
            if number % STRETCH == STRETCH - 1:
                await asyncio.sleep(0)
            try:
                found = self._events.outgoing(
                    tp.topic, tp.partition, record, self._topics.activities
                )
            except Rejected as error:
                if error.reason is Reason.UNKNOWN_ITEM:
                    mapped.held.append(await self._held(tp, record))
                else:
                    mapped.rejects.append(Reject(tp.topic, tp.partition, record, error))
            else:
                mapped.written += _handed_on(found, spans, number) if spans.handed else found
                mapped.skipped += not found
        return mapped

    async def _held(self, tp: TopicPartition, record: Record) -> OutgoingRecord:
        deadline = int((self._now() + self._settings.item_wait_seconds) * 1000)
        place = Place(tp.topic, tp.partition, record.offset, record.timestamp, deadline)
        topic = self._topics.waiting
        count = await self._transactions.partitions_of(tp, topic)
        return outgoing_waiting(record, place, topic, count)

    async def _hold(self, tp: TopicPartition, records: Sequence[Record]) -> None:
        await self._events.values.prepare(record.value for record in records)
        found = []
        for record in records:
            try:
                found.append(held_of(record))
            except Rejected as error:  # nobody but us writes there
                _log.warning("%s, partition %d, offset %d: %s", *tp, record.offset, error)
        self._rooms[tp].add(found)

    async def _release(self, tp: TopicPartition) -> None:
        room = self._rooms[tp]
        most = self._settings.batch_records
        while released := room.ready(int(self._now() * 1000), most):
            await self._write_released(tp, released)
            room.leave(released)

    async def _write_released(self, tp: TopicPartition, released: Sequence[Released]) -> None:
        held = (each.held for each in released)
        spans = self._tracing.records(tp.topic, tp.partition, held)
        written = [
            one
            for number, each in enumerate(released)
            for one in _handed_on(each.outgoing, spans, number)
        ]
        rejects = [
            Reject(each.held.place.topic, each.held.place.partition, each.held.record, error)
            for each in released
            if (error := each.rejected) is not None
        ]
        with spans:
            await self._write(tp, written, rejects, released[-1].held.offset + 1)
            refused = {
                one.held.offset: one.rejected.reason for one in released if one.rejected is not None
            }
            spans.end("released", refused)
        self._metrics.count(metrics.WRITTEN, len(written))

    async def _write(
        self,
        tp: TopicPartition,
        records: Sequence[OutgoingRecord],
        rejects: Sequence[Reject],
        after: int,
    ) -> None:
        for pause in (*RETRY_SECONDS, None):
            try:
                await self._transactions.write(tp, records, rejects, after)
                break
            except (ProducerFenced, CommitFailedError):
                raise
            except Exception as error:
                _log.exception("a batch of %s, partition %d failed", *tp)
                if pause is None or not may_pass(error):
                    raise
            self._metrics.count(metrics.RETRIES)
            await asyncio.sleep(pause)
        for reject in rejects:
            self._metrics.count_each(metrics.REJECTS, {reject.error.reason: 1})

    async def _share(self, tp: TopicPartition) -> int:
        count = await self._transactions.partitions_of(tp, tp.topic)
        return -(-self._settings.item_wait_limit // count)

    async def _settle(self) -> None:
        """Wait for what is under way, but not so long that a rebalance leaves us out."""
        if running := list(self._running.values()):
            _, late = await asyncio.wait(running, timeout=self._settings.rebalance_timeout / 2)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _check_fenced(self) -> None:
        for tp, since in self._fenced.items():
            if self._now() - since > FENCED_SECONDS:
                raise BrokerError(
                    f"{tp.topic}, partition {tp.partition} has another owner, and the group does "
                    "not say so"
                )

    def _measure(self) -> None:
        self._metrics.set(metrics.HELD, sum(map(len, self._rooms.values())))
        lags = dict.fromkeys(self._sources, 0)
        for tp in self.owned - self._rooms.keys():
            state = self._consumer._subscription.subscription.assignment.state_value(tp)
            end = self._consumer.last_stable_offset(tp)
            if state is not None and state.has_valid_position and end is not None:
                lags[tp.topic] += max(0, end - state.position)
        self._metrics.set_each(metrics.INTAKE_LAG, lags)


def _handed_on(found: list[OutgoingRecord], spans: Spans, number: int) -> list[OutgoingRecord]:
    """What became of a record, with what is handed on of its trace."""
    headers = spans.handed.get(number)
    if not headers:
        return found
    return [one._replace(headers=[*one.headers, *headers]) for one in found]
