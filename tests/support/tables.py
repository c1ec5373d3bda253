"""The worker's table of user state in an app that no broker is behind."""

from types import SimpleNamespace
from typing import Any

from faust.types import TP

from models.encoders.cache import VectorCache
from streams.kafka.producers import TOKEN_HEADER
from streams.settings import Settings
from streams.state.table import UserTable
from streams.worker.app import App, create_app
from tests.support.fakes import incoming, message
from tests.support.heart import StubEncoder

CHANGELOG = "journeys-users-changelog"


class TableCase:
    """The app's table, and what the app was told."""

    def __init__(self, settings: Settings) -> None:
        encoder: Any = StubEncoder()
        self.app: App = create_app(settings, VectorCache(encoder, 10))
        table: Any = self.app.tables["users"]
        self.table: UserTable = table
        self.store: Any = self.table.data
        self.crashed: list[BaseException] = []

        async def crash(reason: BaseException) -> None:
            self.crashed.append(reason)

        self.app.crash = crash  # type: ignore[method-assign]
        self.app.consumer_generation_id = 1
        self.changelog = "a changelog's id"

        async def changelog_id() -> str:
            return self.changelog

        self.table.changelog_id = changelog_id

    async def assign(self, *partitions: int, topic: str = CHANGELOG) -> None:
        assigned = {TP(topic, number) for number in partitions}
        await self.store.on_rebalance(assigned, set(), assigned)

    def recover(
        self,
        partition: int,
        offset: int,
        *pairs: tuple[bytes | None, bytes | None],
        token: int | None = None,
    ) -> None:
        """Records of the changelog, up to an offset, are read back; of an owner, if one is told."""
        first = offset - len(pairs) + 1
        records = [incoming(first + n, value, key) for n, (key, value) in enumerate(pairs)]
        for record in records:
            record.headers = [] if token is None else [(TOKEN_HEADER, b"%d" % token)]
        event: Any = SimpleNamespace(message=message(CHANGELOG, records, partition))
        self.table.apply_changelog_batch([event])
