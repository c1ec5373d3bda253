"""The Faust table of user state: its changelog is read back in batches, into one store a partition.

Faust does the assignment, standbys and recovery. What it is not trusted with: writing (it has no
record batches), where recovery ends (`streams.state.recovery`), and going on after an error.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, cast

import faust
from faust.stores import base
from faust.types import TP, AppT, EventT
from mode import get_logger

from models.errors import BrokerError, DamagedError, LockedError
from streams.kafka.messages import Batches, BatchMessage
from streams.kafka.producers import TAKEN_KEY, PartitionProducers
from streams.kafka.transport import Consumer
from streams.state.owners import of_owners, owner_of
from streams.state.store import MemoryParts, Parts, RocksParts

_log = get_logger(__name__)

# Another worker of this host lets go of a partition's files, or a broker comes back.
LOCKED_SECONDS: Final = 30.0
LOCKED_RETRY: Final = 0.2

# Fetched and not yet applied, of all partitions: each is what one fetch brought, up to megabytes.
# Faust's thousand are meant for single records; with one, it lets changelogs flow on.
RECOVERY_BATCHES: Final = 4

Recovered = Callable[[set[int]], Awaitable[None]]


class Store(base.Store[bytes, bytes]):
    """Faust's view of the stores of all partitions here, active and standby."""

    folder: Path | None = None
    table: "UserTable"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.data = {}
        self.parts: dict[int, Parts] = {}

    def persisted_offset(self, tp: TP) -> int | None:
        """Faust's hook: up to where the changelog need not be read again."""
        return self.parts[tp.partition].offset

    def apply_changelog_batch(
        self, batch: Iterable[EventT[Any]], to_key: Any, to_value: Any
    ) -> None:
        """Faust's hook: recovery read these."""
        for event in batch:
            message = cast(BatchMessage, event.message)
            parts = self.parts[message.partition]
            if parts.damage or message.generation_id != self.app.consumer_generation_id:
                continue  # it is read again
            if parts.offset is None or message.offset > parts.offset:
                found, late = of_owners(message.value, owner_of(parts.get(TAKEN_KEY)))
                if late:
                    _log.warning(
                        "the changelog of partition %d, up to offset %d: %d records are left out, "
                        "which an earlier owner wrote after another had taken over",
                        message.partition,
                        message.offset,
                        late,
                    )
                parts.write(found, message.offset)

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Faust's hook: open the stores of the assigned partitions, close the others."""
        topic = self.table.changelog_topic_name
        wanted = {tp.partition for tp in assigned if tp.topic == topic}
        for partition in self.parts.keys() - wanted:
            self.parts.pop(partition).close()
        changelog = await self._changelog() if wanted else ""
        for partition in sorted(wanted):
            if partition not in self.parts:
                self.parts[partition] = await self._open(partition)
            parts = self.parts[partition]
            if parts.damage:
                self._drop(partition, f"is damaged: {parts.damage}")
            if changelog and parts.changelog != changelog:
                if parts.changelog is not None:
                    self._drop(partition, "is a copy of another changelog: it was made anew")
                parts.bind(changelog)

    def drop_ahead(self, ends: Mapping[int, int]) -> None:
        """Drop what goes further than the changelog did when its partition was taken.

        Args:
            ends: By partition, the offset of the record by which it was taken.
        """
        for partition, end in ends.items():
            parts = self.parts.get(partition)  # gone, if the next rebalance has begun
            if parts is not None and parts.offset is not None and parts.offset >= end:
                changelog = parts.changelog
                self._drop(partition, f"goes to offset {parts.offset}, the changelog to {end}")
                if changelog is not None:
                    parts.bind(changelog)

    def _drop(self, partition: int, why: str) -> None:
        _log.warning(
            "the local state of partition %d %s (%s); it is dropped and read back",
            partition,
            why,
            self.table.changelog_topic_name,
        )
        self.parts[partition].clear()

    async def _changelog(self) -> str:
        deadline = self.loop.time() + LOCKED_SECONDS
        while True:
            try:
                return await self.table.changelog_id()
            except BrokerError:
                if self.loop.time() > deadline:
                    raise
            await asyncio.sleep(LOCKED_RETRY)

    async def _open(self, partition: int) -> Parts:
        if self.folder is None:
            return MemoryParts()
        deadline = self.loop.time() + LOCKED_SECONDS
        while True:
            try:
                return RocksParts(self.folder / f"{self.table_name}-{partition}")
            except LockedError:
                if self.loop.time() > deadline:
                    raise
            await asyncio.sleep(LOCKED_RETRY)

    async def on_stop(self) -> None:
        """Faust's hook: close all."""
        for parts in self.parts.values():
            parts.close()
        self.parts.clear()

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Parts carry their offset themselves."""

    def reset_state(self) -> None:
        """Never asked for."""

    async def backup_partition(self, *args: Any, **kwargs: Any) -> None:
        """The changelog is the backup."""

    def restore_backup(self, *args: Any, **kwargs: Any) -> None:
        """The changelog is the backup."""


class UserTable(faust.Table[bytes, bytes]):
    """The table; only its recovery is used, not its mapping.

    Args:
        app: The app.
        name: Names its files.
        topic: Its changelog topic.
        folder: Of RocksDB files; None keeps the state in memory.
        compression: Of what goes to the changelog: `zstd` or `none`.
        on_recovered: Told the active partitions once they are recovered.
        changelog_id: Asks the broker for the id of the changelog's topic; empty when it knows none.
    """

    def __init__(
        self,
        app: AppT,
        *,
        name: str,
        topic: str,
        partitions: int,
        folder: Path | None,
        compression: str,
        on_recovered: Recovered,
        changelog_id: Callable[[], Awaitable[str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(
            app,
            name=name,
            key_type=bytes,
            value_type=bytes,
            partitions=partitions,
            recovery_buffer_size=RECOVERY_BATCHES,
            changelog_topic=app.topic(
                topic,
                schema=Batches(),
                partitions=partitions,
                compacting=True,
                acks=False,
                internal=True,
                allow_empty=True,
            ),
            **kwargs,
        )
        self.producers = PartitionProducers(app, topic, compression)
        self.changelog_id = changelog_id
        self._folder = folder
        self._on_recovered = on_recovered

    @property
    def parts(self) -> dict[int, Parts]:
        """The stores by partition."""
        store: Any = self.data
        parts: dict[int, Parts] = store.parts
        return parts

    def drop_ahead(self, ends: Mapping[int, int]) -> None:
        """See `Store`."""
        store: Any = self.data
        store.drop_ahead(ends)

    def _new_store(self) -> Any:
        store = Store("memory://", self.app, self, table_name=self.name)
        store.folder = self._folder
        return store

    def apply_changelog_batch(self, batch: Iterable[EventT[Any]]) -> None:
        """Faust's hook; Faust would log an error and go on without these records."""
        try:
            super().apply_changelog_batch(batch)
        except DamagedError as error:
            _log.warning("state is read back from the beginning: %s", error)
            self.add_future(cast(Consumer, self.app.consumer).rejoin())
        except Exception as error:
            self.add_future(self.app.crash(error))
            raise

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Faust's hook; Faust would not notice an error."""
        try:
            await self._on_recovered({tp.partition for tp in active_tps})
        except Exception as error:
            await self.app.crash(error)
            raise

    async def on_stop(self) -> None:
        """Faust's hook."""
        await self.producers.close()
