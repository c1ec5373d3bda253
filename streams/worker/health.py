"""How the worker stands, and its end when it stalls or cannot do all that it is there for.

It is ready once state is recovered and for as long as activities that wait are being handled.
"""

import time
from collections.abc import Callable
from typing import Final, Protocol

from faust.tables.manager import TableManager
from mode import Service

from models.errors import SettingsError, StalledError
from streams.kafka.transport import ConsumerGroup
from streams.service import metrics
from streams.service.endpoint import Endpoint, Readiness
from streams.service.metrics import Metrics
from streams.settings import Settings
from streams.worker.batches import Worker
from streams.worker.clock import Clock

PORT: Final = 6066
CHECK_SECONDS: Final = 1.0

# A slice of a batch takes a second or so, as a job of the encoder does; recovery reads thousands of
# records a second. Who shows no progress for this long has hung, and a restart helps.
STALL_SECONDS: Final = 120.0


class WorkerApp(ConsumerGroup, Protocol):
    """The worker's app, as far as it is looked at here."""

    worker: Worker
    clock: Clock
    metrics: Metrics

    @property
    def tables(self) -> TableManager:
        """Faust's, with its recovery."""


class Health(Endpoint):
    """The worker's endpoint, and the watch over progress.

    Args:
        app: The worker's app; it must have its metrics.
        settings: Where to listen.
        monotonic: By which silence is measured, seconds.
    """

    def __init__(
        self, app: WorkerApp, settings: Settings, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(settings, PORT, app.metrics)
        self._app = app
        self._monotonic = monotonic
        self._seen: object = None
        self._progress_at = monotonic()

    @property
    def silent_seconds(self) -> float:
        """For how long there has been work and no progress."""
        return self._monotonic() - self._progress_at

    def readiness(self) -> Readiness:
        """Recovering, silent, or ready."""
        app = self._app
        if self._recovering():
            return Readiness(False, "recovering")
        if app.worker.waiting:
            return Readiness(False, app.worker.waiting)
        if without := self._without_state():
            return Readiness(False, f"no state for partitions {without}: is there a changelog?")
        if self.silent_seconds > STALL_SECONDS / 2:
            return Readiness(False, f"silent for {self.silent_seconds:.0f} s")
        ready = f"ready, {len(app.worker.partitions)} partitions"
        worker = app.worker
        known = (worker.partitioners.trouble(), worker.caveat, worker.unread.trouble())
        return Readiness(True, "; ".join((ready, *filter(None, known))))

    def measure(self) -> None:
        """See `Endpoint`."""
        pool, counts = self._app.worker.pool, self._app.worker.pool.cache.counts
        for source, total in (
            ("memory", counts.memory),
            ("store", counts.stored),
            ("encoder", counts.encoded),
        ):
            self._metrics.raise_to(metrics.VECTORS, total, source)
        self._metrics.raise_to(metrics.ENCODER_SECONDS, counts.seconds)
        self._metrics.set(metrics.ENCODER_QUEUE, pool.queued)

    async def look(self) -> bool:
        """Whether work goes on, or there is none; ends the app when it has not for too long.

        And when partitions were added, which would stay unread. Those that are held for long are
        taken anew.
        """
        if not self._app.rebalancing:
            await self._app.worker.renew()
        try:
            await self._app.worker.check_partitions()
        except SettingsError as error:
            await self._app.crash(error)
            return False
        progress = self._progress()
        if progress is None or progress != self._seen:
            self._seen, self._progress_at = progress, self._monotonic()
        elif self.silent_seconds > STALL_SECONDS:
            await self._app.crash(
                StalledError(f"no progress for {self.silent_seconds:.0f} s: {progress}")
            )
            return False
        return True

    @Service.task
    async def _watch(self) -> None:
        while not self.should_stop:
            await self.sleep(CHECK_SECONDS)
            if not await self.look():
                return

    def _recovering(self) -> bool:
        """Whether it is not at work yet: its client may still look for the broker."""
        return self._app.rebalancing or not self._app.tables.recovery.completed.is_set()

    def _without_state(self) -> list[int]:
        """Partitions of ours whose state is another's or nobody's, so that nothing is done there.

        Faust's assignor leaves out a topic that its client does not know yet, and a changelog that
        was made a moment ago may be one.
        """
        worker = self._app.worker
        assigned = {
            tp.partition
            for tp in self._app.consumer.assignment()
            if tp.topic == worker.topics.activities
        }
        return sorted(assigned - worker.partitions.keys())

    def _progress(self) -> object:
        """Something that changes as work goes on; None when there is no work."""
        app = self._app
        if self._recovering():
            return ("recovery", app.rebalancing_count, dict(app.tables.recovery.active_offsets))
        if app.worker.waiting:
            return None  # a restart would wait for the same
        if without := self._without_state():
            return ("no state", without)
        behind = {
            number: (lag, app.worker.partitions[number].mark.offset)
            for number in list(app.worker.partitions)
            if (lag := app.clock.lag(number))
        }
        if not behind:
            return None
        offsets = {number: offset for number, (_, offset) in behind.items()}
        return ("activities", offsets, f"{app.worker.pool.done} titles encoded")
