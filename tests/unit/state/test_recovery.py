"""Recovery: where it ends, what is told, and when records flow again."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streams.settings import Settings
from tests.support.fakes import incoming, message
from tests.support.tables import CHANGELOG, TableCase


@pytest.fixture
def case() -> TableCase:
    return TableCase(Settings.load(store="memory", web_port=0))


class Consumer:
    """Faust's consumer in a recovery: what it is asked to do, in order."""

    def __init__(self, log: list[str], assigned: set[TP]) -> None:
        self._log = log
        self._assigned = assigned
        self.flow_active = False

    def assignment(self) -> set[TP]:
        return self._assigned

    async def perform_seek(self) -> None:
        self._log.append("seek")

    async def seek_wait(self, offsets: Any) -> None:
        self._log.append("seek standbys")

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 0)

    async def highwaters(self, *tps: TP) -> dict[TP, int]:
        return {tp: 5 for tp in tps}

    def pause_partitions(self, tps: set[TP]) -> None:
        self._log.append(f"pause {len(tps)}")

    def resume_flow(self) -> None:
        self._log.append("flow")

    def resume_partitions(self, tps: set[TP]) -> None:
        self._log.append(f"resume {sorted((tp.topic, tp.partition) for tp in tps)}")


class Recovering:
    """The app's recovery with a consumer that tells what it was asked."""

    def __init__(self, case: TableCase, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log: list[str] = []
        self.case = case
        app: Any = case.app
        activities = {TP("activity-events", n) for n in range(2)}
        changelog = {TP(CHANGELOG, n) for n in range(2)}
        self.consumer = Consumer(self.log, activities | changelog)
        app.consumer = self.consumer
        app.tables._changelogs[CHANGELOG] = case.table
        self.recovery: Any = app.tables.recovery
        for tp in changelog:
            self.recovery.tp_to_table[tp] = case.table
        monkeypatch.setattr(app, "on_rebalance_end", lambda: self.log.append("rebalance ends"))

        async def start() -> None:
            self.log.append("fetch")

        app._fetcher = SimpleNamespace(maybe_start=start)
        recovered = case.table._on_recovered

        async def told(active: set[int]) -> None:
            self.log.append("worker")
            await recovered(active)

        case.table._on_recovered = told


async def test_records_flow_only_after_the_seek_and_when_the_rebalance_is_over(
    case: TableCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovering = Recovering(case, monkeypatch)
    await case.assign(0)
    recovering.recovery.add_active(case.table, TP(CHANGELOG, 0))
    await recovering.recovery.on_recovery_completed(case.app.consumer_generation_id)
    told = [what for what in recovering.log if what != "pause 0"]
    assert told[:4] == ["worker", "seek", "rebalance ends", "flow"]
    assert told[4] == "resume [('activity-events', 0), ('activity-events', 1)]"
    assert told[5] == "fetch"
    assert recovering.recovery.completed.is_set()


async def test_a_recovery_that_the_next_rebalance_overtakes_lets_nothing_flow(
    case: TableCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovering = Recovering(case, monkeypatch)
    await case.assign(0)
    await recovering.recovery.on_recovery_completed(case.app.consumer_generation_id - 1)
    assert not {"seek", "flow", "fetch"} & set(recovering.log)
    assert not recovering.recovery.completed.is_set()


async def test_standbys_are_read_on_from_where_they_are(
    case: TableCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovering = Recovering(case, monkeypatch)
    await case.assign(0, 1)
    recovering.recovery.add_active(case.table, TP(CHANGELOG, 0))
    recovering.recovery.add_standby(case.table, TP(CHANGELOG, 1))
    recovering.recovery.standby_offsets[TP(CHANGELOG, 1)] = 3
    await recovering.recovery.on_recovery_completed(case.app.consumer_generation_id)
    assert recovering.log[0] == "pause 1"
    assert recovering.log.index("seek standbys") < recovering.log.index("flow")
    [resumed] = [what for what in recovering.log if what.startswith("resume")]
    assert f"('{CHANGELOG}', 1)" in resumed
    assert f"('{CHANGELOG}', 0)" not in resumed


async def test_what_is_read_back_is_applied_as_it_comes(
    case: TableCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovering = Recovering(case, monkeypatch)
    await case.assign(0)
    recovery, queue = recovering.recovery, case.app.tables.changelog_queue
    recovery.add_active(case.table, TP(CHANGELOG, 0))
    recovery.active_highwaters[TP(CHANGELOG, 0)] = 99
    case.app.flow_control.resume()
    task = asyncio.create_task(type(recovery)._slurp_changelogs.fun(recovery))
    behind = []
    for offset in range(50):
        record = incoming(offset, b"h", b"u%d" % offset)
        await queue.put(SimpleNamespace(message=message(CHANGELOG, [record])))
        while not queue.empty():  # noqa: ASYNC110 - others do the work
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        behind.append(offset - (case.store.persisted_offset(TP(CHANGELOG, 0)) or 0))
    task.cancel()
    assert max(behind) <= 4, "a few fetches, and not a whole changelog, are held in memory"


async def test_no_worker_is_its_own_standby(
    case: TableCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovering = Recovering(case, monkeypatch)
    await case.assign(0, 1)
    mine, other = TP(CHANGELOG, 0), TP(CHANGELOG, 1)
    monkeypatch.setattr(case.app.assignor, "assigned_actives", lambda: {mine})
    recovering.recovery.add_standby(case.table, mine)
    recovering.recovery.add_standby(case.table, other)
    assert recovering.recovery.standby_tps == {other}


async def test_recovery_ends_where_this_worker_took_the_partition(
    case: TableCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovering = Recovering(case, monkeypatch)
    taken: list[set[int]] = []

    async def take(partitions: Any) -> dict[int, int]:
        taken.append(set(partitions))
        return {0: 7, 1: 9}

    case.table.producers.take = take  # type: ignore[method-assign]
    ends = {TP("old", 0): 3}
    both = {TP(CHANGELOG, 0), TP(CHANGELOG, 1)}
    await recovering.recovery._build_highwaters(recovering.consumer, both, ends, "active")
    assert ends == {TP(CHANGELOG, 0): 7, TP(CHANGELOG, 1): 9}
    assert taken == [{0, 1}]


async def test_a_store_that_was_dropped_is_read_back_from_the_beginning(
    case: TableCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovering = Recovering(case, monkeypatch)
    await case.assign(0, 1)
    ahead, other = TP(CHANGELOG, 0), TP(CHANGELOG, 1)
    for tp in (ahead, other):
        case.recover(tp.partition, 9, (b"u", b"h"))
        recovering.recovery.add_active(case.table, tp)

    async def take(partitions: Any) -> dict[int, int]:
        return {0: 7, 1: 10}

    case.table.producers.take = take  # type: ignore[method-assign]
    recovery, both = recovering.recovery, {ahead, other}
    await recovery._build_highwaters(recovering.consumer, both, {}, "active")
    await recovery._build_offsets(recovering.consumer, both, recovery.active_offsets, "active")
    assert dict(recovery.active_offsets) == {ahead: -1, other: 9}


async def test_a_brokers_answer_from_inside_the_last_batch_does_not_hold_up_a_standby(
    case: TableCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovering = Recovering(case, monkeypatch)
    ahead, behind = TP(CHANGELOG, 0), TP(CHANGELOG, 1)
    recovering.recovery.standby_offsets[ahead] = 8
    ends: dict[TP, int] = {}
    await recovering.recovery._build_highwaters(
        recovering.consumer, {ahead, behind}, ends, "standby"
    )
    assert ends == {ahead: 8, behind: 4}


async def test_the_manager_starts_at_once(case: TableCase, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    async def update() -> None:
        started.append("channels")

    async def start() -> None:
        started.append("recovery")

    manager: Any = case.app.tables
    monkeypatch.setattr(manager, "_update_channels", update)
    monkeypatch.setattr(manager.recovery, "start", start)
    await manager.on_start()
    assert started == ["channels", "recovery"]
