"""Deliveries: records of `journey-changes` in, requests to the receiver out.

A user's changes go one by one, in order; those of different users beside each other, so that one
that is tried again holds up nobody else. Offsets are acknowledged in order, each when its change is
delivered, given up or not wanted: a crash sends again what was under way, with the same id, and
loses nothing.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from faust.types import TP, EventT

from models.errors import GoneError, JourneysError, Rejected
from streams.service.metrics import CHANGES_SENT, DELIVERY_SECONDS, TRIES, Metrics
from streams.settings import Settings
from streams.webhook.choose import Chooser, Delivery
from streams.webhook.receiver import Outcome, Receiver, Result

logger = logging.getLogger(__name__)

ROOM: Final = 256  # changes under way or waiting for their turn; some 10 kB each
SPAN: Final = 10_000  # changes done behind one that is not: what a crash sends again at most
RETRY_SECONDS: Final = (1.0, 300.0)  # the pause after the first failure; the longest one
LONGEST_SILENCE: Final = 3_600.0  # seconds that a receiver may ask for

GiveUp = Callable[[Any, str, str], Awaitable[None]]


@dataclass(eq=False)
class _Pending:
    """A change under way; `event` is Faust's, acknowledged when it is done."""

    event: EventT[Any]
    done: bool = False
    forgotten: bool = False
    task: asyncio.Task[bool] | None = None


class Deliveries:
    """Takes records and sends them. One event loop; its methods are not for others.

    Args:
        settings: How many at once, and for how long each is tried.
        chooser: Says what is to be sent.
        receiver: Where to.
        give_up: Puts a message that cannot be delivered where it is kept, with a reason and a
            detail; returns when it is acknowledged.
        crash: Told of what no change can be blamed for: the service must end.
        metrics: Changes and tries are counted there.
        sleep: Waits for some seconds.
        clock: Seconds that only rise.
    """

    def __init__(
        self,
        settings: Settings,
        chooser: Chooser,
        receiver: Receiver,
        give_up: GiveUp,
        crash: Callable[[BaseException], None],
        metrics: Metrics,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience = settings.webhook_retry_seconds
        self._chooser = chooser
        self._receiver = receiver
        self._give_up = give_up
        self._crash = crash
        self._metrics = metrics
        self._sleep = sleep
        self._clock = clock
        self._slots = asyncio.Semaphore(settings.webhook_concurrency)
        self._room = asyncio.Semaphore(ROOM)
        self._span = asyncio.Semaphore(SPAN)
        self._ended = False
        self._open_at = clock()  # the receiver wants to be left alone until then
        self._queues: dict[TP, deque[_Pending]] = {}
        self._last: dict[str, asyncio.Task[bool]] = {}  # by user

    @property
    def under_way(self) -> int:
        """Changes that are not done."""
        return sum(not one.done for queue in self._queues.values() for one in queue)

    @property
    def oldest(self) -> float | None:
        """When the record of the oldest of them came, epoch seconds; None if there is none."""
        heads = (queue[0] for queue in self._queues.values() if queue)
        return min((head.event.message.timestamp for head in heads), default=None)

    async def take(self, event: EventT[Any]) -> None:
        """Take a record of `journey-changes`; waits only while there is no room."""
        if self._ended:
            return
        await self._span.acquire()
        await self._room.acquire()
        pending = _Pending(event)
        self._queues.setdefault(event.message.tp, deque()).append(pending)
        try:
            delivery = await asyncio.to_thread(self._chooser.delivery, event.message)
        except Rejected as error:
            message = event.message
            logger.warning(
                "a record that is no change, partition %d offset %d: %s",
                *(message.partition, message.offset, error.detail),
            )
            self._finish(pending, "unreadable")
            return
        except Exception as error:
            self._end(error)
            return
        if delivery is None:
            self._finish(pending, "left_out")
        elif not pending.forgotten:
            before = self._last.get(delivery.user_id)
            pending.task = asyncio.create_task(self._deliver(pending, delivery, before))
            self._last[delivery.user_id] = pending.task

    def forget(self) -> None:
        """Drop all that is under way, unacknowledged: its partitions have gone, or we stop."""
        for queue in self._queues.values():
            for pending in queue:
                pending.forgotten = True
                if pending.task is not None:
                    pending.task.cancel()
                if not pending.done:
                    self._room.release()
                self._span.release()
        self._queues.clear()
        self._last.clear()
        self._chooser.begin()

    async def _deliver(
        self, pending: _Pending, delivery: Delivery, before: asyncio.Task[bool] | None
    ) -> bool:
        """Whether it is done: only then may the user's next one go."""
        if before is not None:
            await asyncio.wait([before])
            if before.cancelled() or not before.result():
                return False
        message = pending.event.message
        try:
            outcome = await self._send(delivery)
            if outcome.result is Result.GONE:
                raise GoneError(
                    f"the receiver at {self._receiver.address} wants no more ({outcome.detail}): "
                    "nothing more is sent, and nothing is lost; JOURNEYS_WEBHOOK_URL says where to"
                )
            if outcome.result is not Result.DELIVERED:
                logger.warning(
                    "given up, partition %d offset %d: %s",
                    *(message.partition, message.offset, outcome.detail),
                )
                await self._give_up(message, outcome.result, outcome.detail)
                self._finish(pending, "undelivered")
            else:
                self._metrics.observe(DELIVERY_SECONDS, max(0.0, time.time() - message.timestamp))
                self._finish(pending, "delivered")
        except Exception as error:
            if not isinstance(error, JourneysError):
                logger.exception("a delivery ends the service")  # only here is known where
            self._end(error)
            return False
        if self._last.get(delivery.user_id) is pending.task:
            del self._last[delivery.user_id]
        return True

    async def _send(self, delivery: Delivery) -> Outcome:
        """Try until it is decided, or time is up; the last outcome."""
        end, pause = self._clock() + self._patience, RETRY_SECONDS[0]
        while True:
            async with self._slots:
                while (closed := self._open_at - self._clock()) > 0:
                    await self._sleep(closed)
                outcome = await self._receiver.post(delivery.event_id, delivery.body)
            self._metrics.count_each(TRIES, {outcome.result: 1})
            now = self._clock()
            if outcome.pause:
                self._open_at = max(self._open_at, now + min(outcome.pause, LONGEST_SILENCE))
            if outcome.result is not Result.AGAIN or now >= end:
                return outcome
            await self._sleep(min(random.uniform(pause / 2, pause), end - now))
            pause = min(2 * pause, RETRY_SECONDS[1])

    def _end(self, error: BaseException) -> None:
        self._ended = True
        self.forget()
        self._crash(error)

    def _finish(self, pending: _Pending, outcome: str) -> None:
        """Acknowledge what is done, up to the first that is not: a commit covers all before it."""
        if pending.forgotten:
            return
        self._metrics.count_each(CHANGES_SENT, {outcome: 1})
        pending.done = True
        self._room.release()
        queue = self._queues[pending.event.message.tp]
        while queue and queue[0].done:
            queue.popleft().event.ack()
            self._span.release()
