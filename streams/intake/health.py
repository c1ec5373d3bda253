"""How the intake stands, on its endpoint."""

import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Final

from streams.formats.values import ValueDecoder
from streams.intake.catalogue import Catalogue
from streams.intake.partitions import Partitions
from streams.intake.transactions import Transactions
from streams.service.endpoint import Readiness
from streams.service.metrics import Metrics
from streams.service.watch import WatchedEndpoint
from streams.settings import Settings

PORT: Final = 6068
AT_LEAST_ONCE: Final = "the broker knows no transactions: after a crash some activities come twice"


class Health(WatchedEndpoint):
    """How the intake stands: ready as a member of its group, once the catalogue is read.

    It lives unless a batch is in hand for `JOURNEYS_STALL_SECONDS` that waits for nobody else.

    Args:
        settings: Where to listen, and what counts as a stall.
        values: What decodes.
        metrics: What is shown.
        crash: Ends the service.
        monotonic: By which silence is measured, seconds.
        broker_answers: Asks the broker something; `Watch`'s own if None.

    Attributes:
        partitions: What it reads; None before it has met the broker.
        transactions: By which it writes.
        catalogue: If there is one.
        values: What decodes.
    """

    def __init__(
        self,
        settings: Settings,
        values: ValueDecoder,
        metrics: Metrics,
        crash: Callable[[BaseException], Awaitable[None]],
        monotonic: Callable[[], float] = time.monotonic,
        broker_answers: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        super().__init__(settings, PORT, metrics, crash, monotonic, broker_answers)
        self.partitions: Partitions | None = None
        self.transactions: Transactions | None = None
        self.catalogue: Catalogue | None = None
        self.values = values

    def readiness(self) -> Readiness:
        """Reading the catalogue, joining, waiting for the registry, or ready."""
        if self.catalogue is not None and not self.catalogue.complete.is_set():
            return Readiness(False, "reading the catalogue")
        if self.partitions is None or not self.partitions.joined:
            return Readiness(False, "joining")
        if self._watch.trouble:
            return Readiness(False, self._watch.trouble)
        ready = f"ready, {len(self.partitions.owned)} partitions"
        notes = [self.values.waiting]
        if self.transactions is not None and self.transactions.known is False:
            notes.append(AT_LEAST_ONCE)
        return Readiness(True, "; ".join([ready, *filter(None, notes)]))

    def work(self) -> Mapping[str, Hashable]:
        """See `WatchedEndpoint`."""
        if self.partitions is None or self.values.waiting:
            return {}  # a restart would wait for the same
        return self.partitions.under_way()
