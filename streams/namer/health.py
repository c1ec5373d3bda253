"""How the namer stands, on its endpoint."""

import time
from typing import Final

import faust

from models.naming.answers import Refusal
from models.naming.namer import Namer
from streams.service.endpoint import Endpoint, Readiness
from streams.service.metrics import CALLS, OLDEST_REQUEST, REFUSED, SERVER_UP, UNDER_WAY, Metrics
from streams.settings import Settings
from streams.stages.name import NamingQueue

PORT: Final = 6067  # the worker's is another, so that both run on one machine


class Health(Endpoint):
    """How the namer stands: ready as a member of its group, also while it waits for its server.

    Attributes:
        joined: Whether the group has given it partitions, or said that there are none for it.
    """

    def __init__(
        self, app: faust.App, settings: Settings, namer: Namer, queue: NamingQueue, metrics: Metrics
    ) -> None:
        super().__init__(settings, PORT, metrics)
        self.joined = False
        self._app = app
        self._namer = namer
        self._queue = queue

    def readiness(self) -> Readiness:
        """Joining or ready, with what is wrong with the server."""
        if self._app.rebalancing or not self.joined:
            return Readiness(False, "joining")
        partitions = len(self._app.consumer.assignment())
        return Readiness(True, self._namer.trouble() or f"ready, {partitions} partitions")

    def measure(self) -> None:
        """Bring the metrics up to what namer and queue have counted."""
        tally, metrics = self._namer.tally, self._metrics
        metrics.raise_to(CALLS, tally.calls)
        for reason in Refusal:
            metrics.raise_to(REFUSED, tally.refused[reason], reason)
        metrics.set(UNDER_WAY, self._queue.under_way)
        oldest = self._queue.oldest
        metrics.set(OLDEST_REQUEST, 0 if oldest is None else max(0.0, time.time() - oldest))
        metrics.set(SERVER_UP, self._namer.trouble() is None)
