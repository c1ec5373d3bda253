"""Whether this worker may write for its partitions: it must be sure, not just believe so."""

import asyncio
import time
from typing import Any, Final

from streams.kafka.transport import Consumer
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
        app: The Faust app.
        settings: Session and rebalance timeout.
    """

    def __init__(self, app: Any, settings: Settings) -> None:
        self._app = app
        self._lease = LEASE_SHARE * min(settings.session_timeout, settings.rebalance_timeout)

    @property
    def consumer(self) -> Consumer:
        """The app's consumer."""
        consumer: Consumer = self._app.consumer
        return consumer

    @property
    def generation(self) -> int:
        """The group's present generation."""
        generation: int = self._app.consumer_generation_id
        return generation

    def current(self, generation: int) -> bool:
        """Whether no rebalance has begun since partitions were assigned in this generation."""
        return generation == self.generation and not self._app.rebalancing

    async def sure(self, generation: int, *, finish: bool = False) -> bool:
        """Whether the worker may write for a partition that it was assigned in this generation.

        Waits for the coordinator's next answer where the last is too old.

        Args:
            generation: Of the assignment.
            finish: The work is almost done: a rebalance that has begun may wait for it, as long as
                it cannot end without this worker.
        """
        while self.current(generation) or (finish and generation == self.generation):
            if time.monotonic() < self.consumer.settled_at + self._lease:
                return True
            if self._app.rebalancing:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return False
