"""How the service of users' rows stands, on its endpoint."""

from typing import Final

from streams.service.endpoint import Endpoint, Readiness
from streams.service.metrics import Metrics
from streams.settings import Settings
from streams.users.follow import RowKeeper

PORT: Final = 6071


class Health(Endpoint):
    """How it stands: ready once the rows of its partitions are what they are to be."""

    def __init__(self, settings: Settings, keeper: RowKeeper, metrics: Metrics) -> None:
        super().__init__(settings, PORT, metrics)
        self._keeper = keeper

    def readiness(self) -> Readiness:
        """Without a broker, joining, reading the topics, comparing, or ready."""
        if self._keeper.trouble:
            return Readiness(False, self._keeper.trouble)
        shares = self._keeper.shares
        if shares is None or not shares.joined:
            return Readiness(False, "joining")
        owned = list(shares.owned.values())
        if not all(share.ready for share in owned):
            return Readiness(False, "reading the topics")
        if any(share.looked is not None for share in owned):
            return Readiness(False, "comparing rows")
        return Readiness(True, f"ready, {len(owned)} partitions")
