"""A Faust transport that gives agents batches: one message per partition and poll.

All topics come this way, the changelog too; what a batch is stands in `streams.kafka.messages`.
Broker urls of the scheme `batch://` lead here (entry point group `faust.transports`).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar, Final, Protocol

from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from mode.utils.futures import notify

from streams.kafka.failfast import FailFastThread
from streams.kafka.messages import Batch, BatchMessage, Record, as_message, in_turns

NOTHING_ACTIVE_SECONDS: Final = 0.05  # until it is looked again whether a partition may be read


class _Thread(FailFastThread):
    """The thread that talks to the group's coordinator and fetches."""

    async def on_start(self) -> None:
        """Faust's hook: the Kafka consumer starts; its heartbeats are watched from now on."""
        await super().on_start()
        coordinator = self._ensure_consumer()._coordinator
        beat = coordinator._do_heartbeat

        async def heartbeat() -> bool:
            sent = time.monotonic()
            alive: bool = await beat()
            if alive and not coordinator._rejoin_needed_fut.done():
                self.consumer.settled_at = sent  # type: ignore[attr-defined]
            return alive

        coordinator._do_heartbeat = heartbeat

    async def getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109
    ) -> Mapping[TP, list[Record]]:
        """Faust's hook: what is fetched of these partitions; waits for something if there is none.

        Which partitions are active and which generation it is are taken now, on the caller's side:
        the set lives on, and turns empty ("all") in a rebalance.
        """
        found: Mapping[TP, list[Record]] = await self.call_thread(
            self._take, frozenset(active_partitions or ()), self.app.consumer_generation_id, timeout
        )
        return found

    async def _take(
        self, active: frozenset[TP], generation: int, seconds: float
    ) -> Mapping[TP, list[Record]]:
        """Take records in one go: a seek or a rebalance comes before or after, not in between.

        Taking moves the position. Whoever takes for another generation, or for a partition that
        nobody reads just now, would lose the records.
        """
        kafka = self._ensure_consumer()
        fetcher, subscriptions = kafka._fetcher, kafka._subscription
        if kafka._closed or fetcher._closed:
            raise ConsumerStoppedError
        if (
            active
            and self.consumer.flow_active
            and not subscriptions.reassignment_in_progress
            and generation == self.app.consumer_generation_id
        ):
            for result in fetcher._records.values():
                # The parser's own records will do: the client's, of eleven fields, take as long to
                # make as all else that is done to fetch one.
                with suppress(AttributeError):  # errors, and results that are used up
                    result._partition_records._consumer_record = _as_parsed
            with subscriptions.fetch_context():
                found: Mapping[TP, list[Record]] = await fetcher.fetched_records(active, timeout=0)
            if found:
                return found
        waiter = fetcher._create_fetch_waiter()
        with subscriptions.fetch_context():
            await asyncio.wait([waiter], timeout=seconds)
        if not waiter.cancel():
            waiter.result()  # raises what keeps the fetcher from fetching
        return {}

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Faust's hook; the generation is the app's, not the coordinator's."""
        await super().on_partitions_assigned(assigned, self.app.consumer_generation_id)

    async def rejoin(self) -> None:
        self._ensure_consumer()._coordinator.request_rejoin()


def _as_parsed(tp: TP, record: Record) -> Record:
    return record


class Consumer(driver.Consumer):
    """Hands on batches, and knows until when this worker surely owns its partitions.

    Acknowledge a partition's batches in order, each when all before it are done: then the highest
    acknowledged offset may be committed, and no list of offsets in between is kept.

    Attributes:
        settled_at: When the last heartbeat was sent (`time.monotonic`) that the coordinator
            answered with "member, and no rebalance under way". A rebalance that leaves this worker
            out cannot end before the shorter of session and rebalance timeout after it.
        delivered: Offset of the last record fetched, by partition.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settled_at = -1e9
        self.delivered: dict[TP, int] = {}
        self._after: dict[TP, int] = {}  # the next batch's `after`

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(
        self,
        timeout: float,  # noqa: ASYNC109
    ) -> AsyncIterator[tuple[TP, Message]]:
        """Fetch, and give one message per batch, turn by turn over the partitions."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]
        active = self._get_active_partitions()
        if not active:
            await self.sleep(NOTHING_ACTIVE_SECONDS)
            return
        records = await self._getmany(active, timeout)
        generation = self.app.consumer_generation_id
        if not records or self.should_stop:
            return
        self.delivered |= {tp: found[-1].offset for tp, found in records.items()}
        for tp, batch in in_turns(records, self.app.conf.broker_max_poll_records or 1):
            if not self.flow_active or generation != self.app.consumer_generation_id:
                return  # a rebalance has begun: its recovery will seek to what is committed
            if tp in active:
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                message = as_message(tp, Batch(batch, self._after.get(tp, -1)), generation)
                self._after[tp] = message.offset
                yield tp, message

    async def perform_seek(self) -> None:
        """Faust's hook, once a generation: read on from what is committed."""
        await super().perform_seek()
        self._after = {tp: offset - 1 for tp, offset in self._committed_offset.items() if offset}

    def progress(self, tp: TP) -> tuple[int, int]:
        """Offset of the next record to fetch and end of what may be read, as last heard.

        What may be read ends before the first transaction that is open. Each is -1 while it is not
        known.
        """
        assignment = self._thread._ensure_consumer()._subscription.subscription.assignment
        if assignment is None or tp not in assignment.tps:
            return -1, -1
        state = assignment.state_value(tp)
        position = state.position if state.has_valid_position else None
        return tuple(
            -1 if value is None else int(value)  # type: ignore[return-value]
            for value in (position, state.highwater if state.lso is None else state.lso)
        )

    def advance(self, message: BatchMessage, offset: int) -> None:
        """Let be committed what is done of a batch that is not done yet, up to an offset of it."""
        committed = self._committed_offset[message.tp]
        if message.generation_id == self.app.consumer_generation_id and offset >= (committed or 0):
            self._acked[message.tp].append(offset)

    def abandon(self, message: BatchMessage) -> None:
        """Forget a message that will not be acknowledged: its partition went to another worker."""
        self._unacked_messages.discard(message)  # type: ignore[arg-type]
        notify(self._waiting_for_ack)

    async def rejoin(self) -> None:
        """Be assigned partitions anew, so that they are taken and their state is read back."""
        await self._thread.call_thread(self._thread.rejoin)  # type: ignore[attr-defined]

    def _new_offset(self, tp: TP) -> int | None:
        acked = self._acked[tp]
        if not acked:
            return None
        offset = max(acked) + 1
        self._acked_index[tp].difference_update(acked)
        acked.clear()
        return offset

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Batches leave gaps between their offsets: nothing to keep."""

    def on_buffer_full(self, tp: TP) -> None:
        """A full queue blocks the fetcher by itself; Faust's pausing can forget to resume."""

    def on_buffer_drop(self, tp: TP) -> None:
        """See `on_buffer_full`."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's guesses about stalls; the worker's health looks at progress itself."""


class Transport(driver.Transport):
    """Faust's Kafka transport with the batch consumer."""

    Consumer: ClassVar[type[Any]] = Consumer


class ConsumerGroup(Protocol):
    """The consumer group, as the worker's app shows it to those who write for its partitions."""

    @property
    def consumer(self) -> Consumer:
        """This worker's consumer."""

    @property
    def consumer_generation_id(self) -> int:
        """The present generation; it rises with every assignment that this worker gets."""

    @property
    def rebalancing(self) -> bool:
        """Whether a rebalance, or the recovery that belongs to it, is under way."""

    @property
    def rebalancing_count(self) -> int:
        """How many rebalances there have been."""

    @property
    def should_stop(self) -> bool:
        """Whether the app is about to end."""

    async def crash(self, reason: BaseException) -> None:
        """End the app; whoever runs it is told the reason."""
