"""Faust's recovery of the table, in an order in which no record can get lost."""

from typing import Any

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP
from faust.types.tables import CollectionT

from streams.state.table import UserTable


class _Recovery(Recovery):
    def add_standby(self, table: CollectionT, tp: TP) -> None:
        """Faust's hook.

        With few workers it makes one the standby of itself: that would apply its own writes a
        second time, later.
        """
        if tp not in self.app.assignor.assigned_actives():
            super().add_standby(table, tp)

    async def _build_highwaters(
        self, consumer: Any, tps: set[TP], destination: Any, title: str
    ) -> None:
        """Faust's step in which it asks for the end of each partition, to know when to stop."""
        if title == "active":
            destination.clear()
            for table in self.tables.values():
                mine = {tp for tp in tps if self.tp_to_table[tp] is table}
                users = _users(table)
                ends = await users.producers.take(tp.partition for tp in mine)
                users.drop_ahead(ends)
                destination.update({tp: ends[tp.partition] for tp in mine})
            return
        await super()._build_highwaters(consumer, tps, destination, title)
        for tp in tps:  # some brokers answer with an offset inside the last batch
            destination[tp] = max(destination[tp], self.standby_offsets[tp] or -1)

    async def _build_offsets(
        self, consumer: Any, tps: set[TP], destination: Any, title: str
    ) -> None:
        """Faust's step in which it finds out where to read from.

        It goes by what it knew before, where a store has been dropped meanwhile.
        """
        for tp in tps:
            table = self.tp_to_table[tp]
            if tp.partition in _users(table).parts:
                destination[tp] = table.persisted_offset(tp)
        await super()._build_offsets(consumer, tps, destination, title)

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """Faust's last step, in an order in which no record can get lost.

        Faust lets records flow, seeks, and then empties all queues: what came in between is gone
        from them and will not be read again.
        """
        app, consumer = self.app, self.app.consumer
        standbys = set(self.standby_tps)
        consumer.pause_partitions(standbys)
        await app.on_rebalance_complete.send()
        self._set_recovery_ended()
        for table in self.tables.values():
            await table.on_recovery_completed(
                self.actives_for_table[table], self.standbys_for_table[table]
            )
        if app.consumer_generation_id != generation_id:
            return  # the next rebalance has begun: it will come here again
        timeout = app.conf.broker_request_timeout
        await self._wait(consumer.perform_seek(), timeout=timeout)
        if standbys:
            await self._wait(
                self._seek_offsets(consumer, standbys, self.standby_offsets, "standby"),
                timeout=timeout,
            )
        self.completed.set()
        self.tables.on_actives_ready()
        if not standbys:
            self.tables.on_standbys_ready()
        app.on_rebalance_end()  # before the first batch: one that comes in a rebalance is dropped
        app.flow_control.resume()
        consumer.resume_flow()
        changelogs = self.tables.changelog_topics
        consumer.resume_partitions(
            standbys | {tp for tp in consumer.assignment() if tp.topic not in changelogs}
        )
        await app._fetcher.maybe_start()  # type: ignore[attr-defined]


def _users(table: CollectionT) -> UserTable:
    assert isinstance(table, UserTable)
    return table


class Tables(TableManager):
    """Faust's table manager with the recovery above."""

    async def on_start(self) -> None:
        """Faust's hook; it would wait a second for tables to be declared, which ours are."""
        await self._update_channels()
        await self.recovery.start()

    @property
    def recovery(self) -> Recovery:
        """The recovery service."""
        if self._recovery is None:
            self._recovery = _Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
