"""How the worker stands, and its end when it stalls or cannot do all that it is there for.

It is ready once state is recovered and for as long as what waits is being handled. It lives unless
work waits of which nothing is done for `JOURNEYS_STALL_SECONDS`, while the broker answers and no
schema registry is waited for: a restart would not bring back either of them, and may mend all else.
"""

import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Final, Protocol

from faust.tables.manager import TableManager
from faust.types import TP

from models.errors import SettingsError
from streams.kafka.transport import ConsumerGroup
from streams.service import metrics
from streams.service.endpoint import Readiness
from streams.service.metrics import Metrics
from streams.service.watch import WatchedEndpoint
from streams.settings import Settings
from streams.worker.batches import Worker
from streams.worker.clock import Clock
from streams.worker.partition_tasks import PartitionTasks

PORT: Final = 6066


class WorkerApp(ConsumerGroup, Protocol):
    """The worker's app, as far as it is looked at here."""

    worker: Worker
    clock: Clock
    partition_tasks: PartitionTasks
    metrics: Metrics

    @property
    def tables(self) -> TableManager:
        """Faust's, with its recovery."""


class Health(WatchedEndpoint):
    """The worker's endpoint, and the watch over progress.

    Args:
        app: The worker's app; it must have its metrics.
        settings: Where to listen, and what counts as a stall.
        monotonic: By which silence is measured, seconds.
        broker_answers: Asks the broker something, by a connection of its own; ours if None.
    """

    def __init__(
        self,
        app: WorkerApp,
        settings: Settings,
        monotonic: Callable[[], float] = time.monotonic,
        broker_answers: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        super().__init__(settings, PORT, app.metrics, app.crash, monotonic, broker_answers)
        self._app = app

    def readiness(self) -> Readiness:
        """Recovering, silent, or ready."""
        app = self._app
        if self._recovering():
            return Readiness(False, "recovering")
        if app.worker.waiting:
            return Readiness(False, app.worker.waiting)
        if without := self._without_state():
            return Readiness(False, f"no state for partitions {without}: is there a changelog?")
        if self._watch.trouble:
            return Readiness(False, self._watch.trouble)
        ready = f"ready, {len(app.worker.partitions)} partitions"
        worker = app.worker
        known = (worker.partitioners.trouble(), worker.caveat, worker.unread.trouble())
        return Readiness(True, "; ".join((ready, *filter(None, known))))

    def measure(self) -> None:
        """See `Endpoint`."""
        super().measure()
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
        return await super().look()

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

    def work(self) -> Mapping[str, Hashable]:
        """What there is to do, each with something that changes as it is done."""
        app, worker = self._app, self._app.worker
        if self._recovering():
            offsets = tuple(sorted(app.tables.recovery.active_offsets.items()))
            return {"recovery of state": (app.rebalancing_count, offsets)}
        if worker.waiting:
            return {}  # a restart would wait for the same
        work: dict[str, Hashable] = {
            f"partition {number} without state": None for number in self._without_state()
        }
        under_way = app.partition_tasks.under_way()
        activities = worker.topics.activities
        for number in list(worker.partitions):
            tp = TP(activities, number)
            if app.clock.lag(number) > 0 or under_way.get(tp) == -1:
                work[f"{activities}, partition {number}"] = worker.place(number)
            for topic in (worker.topics.names, worker.topics.erasures):
                tp = TP(topic, number)
                position, end = app.consumer.progress(tp)
                if tp in under_way or end > position >= 0:
                    work[f"{topic}, partition {number}"] = (position, under_way.get(tp))
        return work
