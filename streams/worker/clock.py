"""The clock: lets time pass for users who do not come back, and knows what waits."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiokafka.errors import ProducerFenced
from faust.types import TP
from mode import get_logger

from models.errors import AheadError, may_pass
from streams.kafka.transport import ConsumerGroup
from streams.service import metrics
from streams.service.metrics import Metrics
from streams.settings import Settings
from streams.stages import assign
from streams.stages.batch import Effects
from streams.state.partition import Partition, Time
from streams.worker.batches import Worker

_log = get_logger(__name__)

TICK_SECONDS: Final = 1.0  # how often the passing of time is looked at
DUE_USERS: Final = 500  # handled at a time, so that activities of the partition can come in between
FAILURES: Final = 5  # in a row, until the worker ends


class Clock:
    """Moves each partition's event time on.

    Args:
        group: The consumer group.
        worker: Its partitions.
        settings: All of them.
        counts: Where to count.
        now: The wall clock, seconds since the epoch.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        group: ConsumerGroup,
        worker: Worker,
        settings: Settings,
        counts: Metrics,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._group = group
        self._worker = worker
        self._idle_ms = settings.idle_seconds * 1000
        self._metrics = counts
        self._now = now
        self._sleep = sleep
        self._waited: dict[int, float] = {}

    async def run(self) -> None:
        """Tick until the app stops; ends the app when ticking fails again and again."""
        failed = 0
        while not self._group.should_stop:
            await self._sleep(TICK_SECONDS)
            try:
                await self._tick()
                failed = 0
            except ProducerFenced:
                continue  # the rebalance that we shall hear of
            except Exception as error:
                if self._group.should_stop:
                    return
                failed += 1
                _log.exception("the passing of time failed")
                if failed == FAILURES or not may_pass(error):
                    await self._group.crash(error)
                    return

    def lag(self, number: int) -> int:
        """How many activities of a partition are not handled yet; -1 while it is not known."""
        partition = self._worker.partitions.get(number)
        if partition is None or self._group.rebalancing:
            return -1
        tp = TP(self._worker.topics.activities, number)
        consumer, handled = self._worker.ownership.consumer, partition.mark.offset
        position, end = consumer.progress(tp)
        if end < 0:
            return -1
        if end <= handled:
            raise AheadError(
                f"state holds {tp.topic}, partition {number}, up to offset {handled}, "
                f"but it ends at {end}: if it was made anew, use another group"
            )
        # Offsets that are no records (transaction markers) may follow the last one.
        if position >= end and handled >= consumer.delivered.get(tp, -1):
            return 0
        return end - 1 - handled

    async def _tick(self) -> None:
        lags = {number: self.lag(number) for number in self._worker.partitions}
        self._measure(lags)
        for number, partition in list(self._worker.partitions.items()):
            await self._pass(partition, self._time(partition, caught_up=not lags[number]))

    def _measure(self, lags: Mapping[int, int]) -> None:
        """Show what waits, and for how long; of a partition of which it is not known, nothing."""
        known = {number: lag for number, lag in lags.items() if lag >= 0}
        # Between two batches none is in hand, and what waits is as old as a moment ago.
        self._waited = {
            number: self._waited.get(number, 0.0) for number, lag in known.items() if lag
        }
        for number in self._waited.keys() & self._worker.oldest.keys():
            self._waited[number] = max(0.0, self._now() - self._worker.oldest[number] / 1000)
        self._metrics.set_each(metrics.LAG, {str(n): lag for n, lag in known.items()})
        self._metrics.set_each(
            metrics.LAG_SECONDS, {str(n): self._waited.get(n, 0.0) for n in known}
        )

    def _time(self, partition: Partition, *, caught_up: bool) -> Time:
        """Time of the partition; in one that is silent, the wall clock moves it on."""
        mark = partition.mark
        silent = int(self._now() * 1000) - mark.stamp
        if mark.watermark >= 0 and caught_up and silent >= self._idle_ms:
            return Time(mark.watermark + silent, mark.stamp + silent)
        return Time(mark.watermark, mark.stamp)

    async def _pass(self, partition: Partition, time: Time) -> None:
        worker = self._worker
        generation = worker.ownership.generation
        while partition.due(time, 1) and worker.ownership.current(generation):
            if self._group.should_stop or not await worker.locked(
                partition, self._pass_portion, time, generation
            ):
                return

    async def _pass_portion(self, partition: Partition, time: Time, generation: int) -> bool:
        """Let time pass for those who are due first; False if the partition went elsewhere."""
        worker = self._worker
        if not await worker.ownership.may_write(generation):
            return False
        due, effects = partition.due(time, DUE_USERS), Effects()
        assign.time(partition, worker.engine, due, time.watermark, effects)
        if not await worker.committer.commit(partition, effects, generation, None):
            return False
        self._metrics.count(metrics.DUE, len(due))
        return True
