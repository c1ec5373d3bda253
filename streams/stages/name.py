"""Name: requests in, names out, many at once and off the partition's path.

A language model takes seconds and is sometimes away, so requests are named beside each other and a
slow one holds up none. Offsets are acknowledged in order, each when its answer is on
`journey-names`: a crash asks again for what was under way, and loses nothing. An answer goes to the
partition that its request came from, where the worker that asked reads.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from faust.types import TP, EventT

from models.decoding import decode_request
from models.errors import JourneysError, ModelError, NamingError, Rejected, UnavailableError
from models.naming.namer import Namer
from models.records import JourneyName, NamingRequest
from streams.kafka.sending import NO_HEADERS, Headers
from streams.service.metrics import ANSWERS, NAMING_SECONDS, Metrics
from streams.service.tracing import NO_SPANS, NO_TRACING, Carrier, Spans, Tracing

logger = logging.getLogger(__name__)

ROOM: Final = 256  # requests under way or waiting for an older one's answer; some 2 kB each
MAX_FAILURES: Final = 5  # by then it is the request: the server answered a probe between them
RETRY_SECONDS: Final = (1.0, 30.0)  # the pause after the first failure; the longest one
WAIT_SECONDS: Final = (0.5, 1.5)  # until a request looks whether the server is back; costs nothing

Send = Callable[[int, bytes, JourneyName, Headers], Awaitable[None]]


@dataclass(eq=False)
class _PendingRequest:
    """A request under way; `event` is Faust's, acknowledged when it is done."""

    event: EventT[Any]
    revision: int = -1
    attempt: int = 0
    done: bool = False
    task: asyncio.Task[None] | None = None
    spans: Spans = NO_SPANS


_Journey = tuple[int, str, str]


def _journey(pending: _PendingRequest, request: NamingRequest) -> _Journey:
    """Partition, user and journey: requests for the same make each other stale."""
    return pending.event.message.partition, request.user_id, request.journey_id


class NamingQueue:
    """Takes requests and answers them. One event loop; its methods are not for others.

    Args:
        namer: Makes the names.
        send: Puts an answer on a partition of `journey-names` under a key, with headers; returns
            when it is acknowledged.
        crash: Told of an error that no request can be blamed for: the service must end.
        metrics: Answers and the time they took are counted there.
        sleep: Waits for some seconds between two tries.
        tracing: Makes the spans of requests.
    """

    def __init__(
        self,
        namer: Namer,
        send: Send,
        crash: Callable[[BaseException], None],
        metrics: Metrics,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._metrics = metrics
        self._namer = namer
        self._send = send
        self._crash = crash
        self._sleep = sleep
        self._tracing = tracing
        self._room = asyncio.Semaphore(ROOM)
        self._queues: dict[TP, deque[_PendingRequest]] = {}
        self._newest: dict[_Journey, _PendingRequest] = {}

    @property
    def under_way(self) -> int:
        """Requests that are not acknowledged yet."""
        return sum(map(len, self._queues.values()))

    @property
    def oldest(self) -> float | None:
        """When the record of the oldest of them came, epoch seconds; None if there is none."""
        heads = (queue[0] for queue in self._queues.values() if queue)
        return min((head.event.message.timestamp for head in heads), default=None)

    async def take(self, event: EventT[Any]) -> None:
        """Take a record of `naming-requests`; waits only while there is no room."""
        await self._room.acquire()
        pending = _PendingRequest(event)
        pending.spans = self._tracing.records(*event.message.tp, [cast(Carrier, event.message)])
        self._queues.setdefault(event.message.tp, deque()).append(pending)
        try:
            request = decode_request(event.value)
        except Rejected as error:
            self._metrics.count_each(ANSWERS, {"bad": 1})
            logger.warning(
                "a record that is no naming request, partition %d offset %d: %s",
                event.message.partition,
                event.message.offset,
                error.detail,
            )
            self._finish(pending, "bad")
            return
        pending.revision, pending.attempt = request.revision, request.attempt
        journey = _journey(pending, request)
        if (other := self._newest.get(journey)) is not None:
            if (other.revision, other.attempt) >= (pending.revision, pending.attempt):
                self._supersede(pending)
                return
            self._supersede(other)
        self._newest[journey] = pending
        pending.task = asyncio.create_task(self._answer(pending, request))

    def forget(self) -> None:
        """Drop all that is under way, unacknowledged: its partitions have gone, or we stop."""
        for queue in self._queues.values():
            for pending in queue:
                pending.spans.end()
                if pending.task is not None:
                    pending.task.cancel()
                self._room.release()
        self._queues.clear()
        self._newest.clear()

    async def _answer(self, pending: _PendingRequest, request: NamingRequest) -> None:
        taken = time.monotonic()
        try:
            answer = await self._name(request)
            headers = pending.spans.handed.get(0, NO_HEADERS)
            partition, key = pending.event.message.partition, request.user_id.encode()
            await self._send(partition, key, answer, headers)
            outcome = "named" if answer.name is not None else "unnamed"
            self._metrics.count_each(ANSWERS, {outcome: 1})
            self._metrics.observe(NAMING_SECONDS, time.monotonic() - taken)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if not isinstance(error, JourneysError):
                logger.exception("a naming request ends the service")  # only here is known where
            self._crash(error)
            return
        journey = _journey(pending, request)
        if self._newest.get(journey) is pending:
            del self._newest[journey]
        self._finish(pending, outcome)

    async def _name(self, request: NamingRequest) -> JourneyName:
        failures, pause = 0, RETRY_SECONDS[0]
        while True:
            try:
                return await self._namer.name(request)
            except UnavailableError:
                await self._sleep(random.uniform(*WAIT_SECONDS))
                continue
            except (NamingError, ModelError) as error:
                failures += 1
                reason = " ".join(str(error).split())
                if failures == MAX_FAILURES or not error.retriable:
                    break
            await self._sleep(random.uniform(pause / 2, pause))
            pause = min(2 * pause, RETRY_SECONDS[1])
        logger.info(
            "no name for journey %s of user %s, revision %d: %s",
            request.journey_id,
            request.user_id,
            request.revision,
            reason,
        )
        return request.answered(None, reason=reason)

    def _supersede(self, pending: _PendingRequest) -> None:
        self._metrics.count_each(ANSWERS, {"superseded": 1})
        if pending.task is not None:
            pending.task.cancel()
        self._finish(pending, "superseded")

    def _finish(self, pending: _PendingRequest, outcome: str) -> None:
        """Acknowledge what is done, up to the first that is not: a commit covers all before it."""
        pending.done = True
        pending.spans.end(outcome)
        queue = self._queues[pending.event.message.tp]
        while queue and queue[0].done:
            queue.popleft().event.ack()
            self._room.release()
