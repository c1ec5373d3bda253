"""Whether this worker may write for its partitions: it must be sure, not just believe so."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from streams.kafka.transport import Consumer, ConsumerGroup
from streams.settings import Settings

# Of the time in which a rebalance cannot leave this worker out: the rest is for clocks and queues.
LEASE_SHARE: Final = 0.9
POLL_SECONDS: Final = 0.05


class Ownership:
    """Knows until when the worker's partitions cannot be another's.

    A process that was stopped for a while wakes up believing that nothing happened. So it does not
    ask what it last heard, but when: since the coordinator last answered that all is settled, less
    time must have passed than a rebalance without this worker takes.

    Args:
        group: The consumer group.
        settings: Session and rebalance timeout.
        monotonic: The clock by which the consumer tells when all was settled, seconds.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        group: ConsumerGroup,
        settings: Settings,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._group = group
        self._monotonic = monotonic
        self._sleep = sleep
        self._lease = LEASE_SHARE * min(settings.session_timeout, settings.rebalance_timeout)

    @property
    def consumer(self) -> Consumer:
        """This worker's consumer."""
        return self._group.consumer

    @property
    def generation(self) -> int:
        """The group's present generation."""
        return self._group.consumer_generation_id

    def current(self, generation: int) -> bool:
        """Whether no rebalance has begun since partitions were assigned in this generation."""
        return generation == self.generation and not self._group.rebalancing

    async def may_write(self, generation: int, *, finish: bool = False) -> bool:
        """Whether the worker may write for a partition that it was assigned in this generation.

        Waits for the coordinator's next answer where the last is too old.

        Args:
            generation: Of the assignment.
            finish: The work is almost done: a rebalance that has begun may wait for it, as long as
                it cannot end without this worker.
        """
        while self.current(generation) or (finish and generation == self.generation):
            if self._monotonic() < self.consumer.settled_at + self._lease:
                return True
            if self._group.rebalancing:
                return False
            await self._sleep(POLL_SECONDS)
        return False
