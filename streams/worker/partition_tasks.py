"""A task per partition: partitions side by side, each one's batches in order, none skipped."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from aiokafka.errors import ProducerFenced
from faust import Stream
from faust.types import TP, EventT, StreamT
from mode import get_logger

from models.errors import may_pass
from streams.kafka.messages import BatchMessage
from streams.kafka.transport import ConsumerGroup
from streams.service import metrics
from streams.service.metrics import Metrics

_log = get_logger(__name__)

# A batch that fails is tried again where that may help (a leader that moves); then the worker stops
# with the error: another, or a restart, takes over from what is stored.
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)

Handle = Callable[[BatchMessage], Awaitable[bool]]


class PartitionTasks:
    """Runs batches of several partitions at once: one waits for the broker, another computes.

    A batch ends in one of three ways. It is done, and acknowledged. Its partition went to another
    worker, and it is given up, with all that follow it in this generation: to acknowledge those
    would skip it. Or it cannot be done, and the worker ends with the error in its log.

    Args:
        group: The consumer group; its consumer is told what is given up.
        counts: Where to count.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        group: ConsumerGroup,
        counts: Metrics,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._group = group
        self._metrics = counts
        self._sleep = sleep
        self._lost: dict[TP, int] = {}  # generation in which a batch was given up
        self._in_hand: dict[TP, int] = {}  # offset of the batch

    def under_way(self) -> dict[TP, int]:
        """Offset of the batch in hand, by partition; -1 where one was given up in this generation.

        A partition that is given up waits for a rebalance, which is never far.
        """
        generation = self._group.consumer_generation_id
        given_up = {tp: -1 for tp, lost in self._lost.items() if lost == generation}
        return self._in_hand | given_up

    def agent(
        self, handle: Handle, ahead: Callable[[BatchMessage], None] | None = None
    ) -> Callable[[StreamT[Any]], Awaitable[None]]:
        """An agent's function.

        Args:
            handle: Does one batch; False when its partition went to another worker. Raises when
                it failed: nothing of it must then remain in memory.
            ahead: Told of a batch that must wait for the one before it.
        """

        async def agent(stream: StreamT[Any]) -> None:
            running: dict[TP, asyncio.Task[None]] = {}
            stream = cast("Stream[Any]", stream).noack()
            try:
                async for event in stream.events():
                    tp = event.message.tp
                    if tp in running:
                        if ahead is not None and not running[tp].done():
                            ahead(cast(BatchMessage, event.message))
                        await running[tp]
                    running[tp] = asyncio.create_task(self._run(stream, event, handle))
                    del event  # Faust waits, in a rebalance, for messages that someone still holds
            finally:
                for task in running.values():
                    task.cancel()

        return agent

    async def _run(self, stream: StreamT[Any], event: EventT[Any], handle: Handle) -> None:
        message = cast(BatchMessage, event.message)
        self._in_hand[message.tp] = message.offset
        try:
            await self._handle(stream, event, message, handle)
        finally:
            self._in_hand.pop(message.tp, None)

    async def _handle(
        self, stream: StreamT[Any], event: EventT[Any], message: BatchMessage, handle: Handle
    ) -> None:
        began = time.monotonic()
        for pause in (*RETRY_SECONDS, None):
            if self._lost.get(message.tp) == message.generation_id:
                break
            try:
                done = await handle(message)
            except ProducerFenced:  # before we heard of the rebalance: wait for it
                _log.warning("partition %s has another owner", message.partition)
            except Exception as error:
                _log.exception(
                    "a batch of %s, partition %s, up to offset %s failed",
                    *message.tp,
                    message.offset,
                )
                if pause is None or not may_pass(error):
                    await self._group.crash(error)
                    return
                self._metrics.count(metrics.RETRIES)
            else:
                if done:
                    await stream.ack(event)
                    self._metrics.observe(metrics.BATCH_SECONDS, time.monotonic() - began)
                    return
                break
            await self._sleep(pause or 0)
        self._lost[message.tp] = message.generation_id
        self._metrics.count(metrics.ABANDONED)
        self._group.consumer.abandon(message)
