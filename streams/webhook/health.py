"""How the webhook stands, on its endpoint."""

import time
from typing import Final

import faust

from streams.query.follow import Follower
from streams.service.endpoint import Endpoint, Readiness
from streams.service.metrics import CHANGES_WAITING, OLDEST_CHANGE, RECEIVER_UP, Metrics
from streams.settings import Settings
from streams.webhook.deliveries import Deliveries
from streams.webhook.receiver import Receiver

PORT: Final = 6070


class Health(Endpoint):
    """How the webhook stands: ready as a member of its group, also while the receiver is away.

    Attributes:
        joined: Whether the group has given it partitions, or said that there are none for it.
    """

    def __init__(
        self,
        app: faust.App,
        settings: Settings,
        follower: Follower,
        receiver: Receiver,
        deliveries: Deliveries,
        metrics: Metrics,
    ) -> None:
        super().__init__(settings, PORT, metrics)
        self.joined = False
        self._app = app
        self._follower = follower
        self._receiver = receiver
        self._deliveries = deliveries

    def readiness(self) -> Readiness:
        """Reading names, joining or ready, with what is wrong with the receiver."""
        if not self._follower.complete.is_set():
            return Readiness(False, self._follower.trouble or "reading what journeys are called")
        if self._app.rebalancing or not self.joined:
            return Readiness(False, "joining")
        trouble = self._receiver.trouble or self._follower.trouble
        partitions = len(self._app.consumer.assignment())
        return Readiness(True, trouble or f"ready, {partitions} partitions")

    def measure(self) -> None:
        """Bring the gauges up to now."""
        oldest = self._deliveries.oldest
        self._metrics.set(CHANGES_WAITING, self._deliveries.under_way)
        self._metrics.set(OLDEST_CHANGE, 0 if oldest is None else max(0.0, time.time() - oldest))
        self._metrics.set(RECEIVER_UP, not self._receiver.trouble)
