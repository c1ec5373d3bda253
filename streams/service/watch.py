"""The watch over a service: whether what waits is done, and if not, whether that is its own fault.

Work that stands still is told, once, and once more when it goes on. While no broker answers nothing
counts as a stall: a restart would not bring it back.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Final

from mode import Service, get_logger

from models.errors import BrokerError, JourneysError, StalledError
from streams.kafka.admin import partitions_of
from streams.service.endpoint import Endpoint, Readiness
from streams.service.metrics import STALLED_SECONDS, Metrics
from streams.service.progress import TOLD, Progress
from streams.settings import Settings
from streams.topics import Topics

_log = get_logger(__name__)

CHECK_SECONDS: Final = 1.0  # between two looks
ASK_SECONDS: Final = 5.0  # between two questions to the broker, while something stands still


class Watch:
    """Looks, again and again, at what there is to do.

    Args:
        settings: What counts as a stall, and where the broker is.
        work: By what it is, something that changes as it is done; nothing of what waits for others
            than the broker.
        monotonic: By which silence is measured, seconds.
        broker_answers: Asks the broker something, by a connection of its own; ours if None.
    """

    def __init__(
        self,
        settings: Settings,
        work: Callable[[], Mapping[str, Hashable]],
        monotonic: Callable[[], float] = time.monotonic,
        broker_answers: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._settings = settings
        self._work = work
        self._monotonic = monotonic
        self._broker_answers = broker_answers or self._ask_broker
        self._progress = Progress(settings.stall_seconds, monotonic)
        self._looked_at = monotonic()
        self._asked_at = -ASK_SECONDS
        self._away = False

    async def look(self) -> None:
        """See how far work has come; to be called every second or so."""
        self._progress.look(self._work())
        if self._away or self._progress.still(TOLD):
            await self._look_at_broker()
        self._progress.tell()
        self._looked_at = self._monotonic()

    @property
    def hung(self) -> str:
        """What hangs that a restart may mend, one line; this watch may be it. Empty for nothing."""
        hung = self._progress.still()
        unseen = self._monotonic() - self._looked_at
        if not hung and not self._away and unseen > self._settings.stall_seconds:
            hung = {"the watch over progress": unseen}
        return _line(hung)

    @property
    def trouble(self) -> str:
        """What stands still, or that no broker answers, one line; empty for nothing."""
        if self._away:
            return f"no broker answers at {self._settings.broker}"
        return _line(self._progress.still(TOLD))

    @property
    def stalled_seconds(self) -> float:
        """For how long what stands longest has; 0 where nothing waits."""
        return self._progress.longest

    async def _look_at_broker(self) -> None:
        """Find out whether it is for want of a broker that something stands still."""
        if self._monotonic() - self._asked_at >= ASK_SECONDS:
            was_away, self._away = self._away, not await self._broker_answers()
            self._asked_at = self._monotonic()
            if self._away and not was_away:
                _log.error("no broker answers at %s: waiting for it", self._settings.broker)
            elif was_away and not self._away:
                _log.warning("the broker at %s answers again", self._settings.broker)
        if self._away:
            self._progress.excuse()

    async def _ask_broker(self) -> bool:
        try:
            topic = Topics.of(self._settings).activities
            await asyncio.to_thread(partitions_of, self._settings, topic)
        except BrokerError:
            return False
        except JourneysError:  # it answers, if only that there is no such topic
            return True
        return True


class WatchedEndpoint(Endpoint):
    """The endpoint of a service under a watch, which it ends when something hangs.

    Args:
        settings: Where to listen, and what counts as a stall.
        port: Where, if the settings do not say.
        metrics: What is shown.
        crash: Ends the service.
        monotonic: By which silence is measured, seconds.
        broker_answers: Asks the broker something, by a connection of its own; `Watch`'s if None.
    """

    def __init__(
        self,
        settings: Settings,
        port: int,
        metrics: Metrics,
        crash: Callable[[BaseException], Awaitable[None]],
        monotonic: Callable[[], float],
        broker_answers: Callable[[], Awaitable[bool]] | None,
    ) -> None:
        super().__init__(settings, port, metrics)
        self._end = crash
        self._watch = Watch(settings, self.work, monotonic, broker_answers)

    def work(self) -> Mapping[str, Hashable]:
        """What there is to do, each with something that changes as it is done."""
        raise NotImplementedError

    def liveness(self) -> Readiness:
        """Not alive when something hangs that a restart may mend, or the watch itself does."""
        hung = self._watch.hung
        return Readiness(not hung, hung or "alive")

    def measure(self) -> None:
        """See `Endpoint`."""
        self._metrics.set(STALLED_SECONDS, self._watch.stalled_seconds)

    async def look(self) -> bool:
        """Whether work goes on, or there is none; ends the service when it has not for too long."""
        await self._watch.look()
        if hung := self._watch.hung:
            await self._end(StalledError(hung))
        return not hung

    @Service.task
    async def _look_on(self) -> None:
        while not self.should_stop:
            await self.sleep(CHECK_SECONDS)
            if not await self.look():
                return


def _line(still: Mapping[str, float]) -> str:
    if not still:
        return ""
    seconds = max(still.values())
    return f"nothing done for {seconds:.0f} s of work that waits: {'; '.join(still)}"
