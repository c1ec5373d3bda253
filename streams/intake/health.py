"""How the intake stands, on its endpoint."""

from typing import Final

from streams.formats.values import ValueDecoder
from streams.intake.catalogue import Catalogue
from streams.intake.partitions import Partitions
from streams.intake.transactions import Transactions
from streams.service.endpoint import Endpoint, Readiness
from streams.service.metrics import Metrics
from streams.settings import Settings

PORT: Final = 6068
AT_LEAST_ONCE: Final = "the broker knows no transactions: after a crash some activities come twice"


class Health(Endpoint):
    """How the intake stands: ready as a member of its group, once the catalogue is read.

    Attributes:
        partitions: What it reads; None before it has met the broker.
        transactions: By which it writes.
        catalogue: If there is one.
        values: What decodes.
    """

    def __init__(self, settings: Settings, values: ValueDecoder, metrics: Metrics) -> None:
        super().__init__(settings, PORT, metrics)
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
        ready = f"ready, {len(self.partitions.owned)} partitions"
        notes = [self.values.waiting]
        if self.transactions is not None and self.transactions.known is False:
            notes.append(AT_LEAST_ONCE)
        return Readiness(True, "; ".join([ready, *filter(None, notes)]))
