"""The table between Faust and the stores: assignment, recovery, and what must not be lost in it."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from models.encoders.cache import VectorCache
from models.errors import LockedError
from streams.kafka.producers import TAKEN_KEY
from streams.settings import Settings
from streams.state import table as tables
from streams.state.store import RocksParts
from streams.state.table import UserTable
from streams.worker.app import App, create_app
from tests.support.fakes import incoming, message
from tests.support.heart import StubEncoder

CHANGELOG = "journeys-users-changelog"


class Case:
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

    async def assign(self, *partitions: int, topic: str = CHANGELOG) -> None:
        assigned = {TP(topic, number) for number in partitions}
        await self.store.on_rebalance(assigned, set(), assigned)

    def recover(
        self, partition: int, offset: int, *pairs: tuple[bytes | None, bytes | None]
    ) -> None:
        """Records of the changelog, up to an offset, are read back."""
        first = offset - len(pairs) + 1
        records = [incoming(first + n, value, key) for n, (key, value) in enumerate(pairs)]
        event: Any = SimpleNamespace(message=message(CHANGELOG, records, partition))
        self.table.apply_changelog_batch([event])


def settings(**changes: Any) -> Settings:
    return Settings.load(store="memory", web_port=0, **changes)


@pytest.fixture
def case() -> Case:
    return Case(settings())


async def test_each_assigned_partition_has_a_store_and_no_other(case: Case) -> None:
    await case.assign(0, 2)
    kept = case.table.parts[2]
    assert set(case.table.parts) == {0, 2}
    await case.assign(2, 3)
    assert set(case.table.parts) == {2, 3}
    assert case.table.parts[2] is kept
    await case.assign(1, topic="activity-events")
    assert set(case.table.parts) == set()


async def test_the_changelog_is_read_back_once_and_foreign_records_are_no_users(case: Case) -> None:
    await case.assign(0, 1)
    tp = TP(CHANGELOG, 0)
    assert case.store.persisted_offset(tp) is None
    foreign = [(TAKEN_KEY, b"another"), (None, b"whoever wrote this")]
    case.recover(0, 4, (b"u1", b"h1"), (b"u2", b"h2"), (b"u2", None), *foreign)
    assert case.store.persisted_offset(tp) == 4
    assert case.store.persisted_offset(TP(CHANGELOG, 1)) is None
    parts = case.table.parts[0]
    assert (parts.get(b"u1"), parts.get(b"u2")) == (b"h1", None)
    assert [key for key, _ in parts.headers()] == [b"u1"]
    case.recover(0, 4, (b"u1", b"an older one"))
    assert parts.get(b"u1") == b"h1", "it has that stretch already"
    case.recover(0, 5, (b"u1", b"a newer one"))
    assert parts.get(b"u1") == b"a newer one"


async def test_a_failure_while_reading_back_ends_the_app(case: Case) -> None:
    with pytest.raises(KeyError):
        case.recover(7, 0, (b"u", b"h"))  # not assigned
    await asyncio.sleep(0)
    assert isinstance(case.crashed[0], KeyError)


async def test_the_worker_is_told_of_active_partitions_and_a_failure_ends_the_app(
    case: Case,
) -> None:
    await case.assign(0, 1)
    await case.table.on_recovery_completed({TP(CHANGELOG, 0)}, {TP(CHANGELOG, 1)})
    assert set(case.app.worker.partitions) == {0}
    case.recover(0, 0, (b"\xff", b"no mark"))
    case.app.worker.partitions.clear()
    with pytest.raises(Exception, match="mark"):
        await case.table.on_recovery_completed({TP(CHANGELOG, 0)}, set())
    assert len(case.crashed) == 1


async def test_files_stay_when_a_partition_goes_and_are_found_when_it_comes_back(
    tmp_path: Path,
) -> None:
    case = Case(settings().model_copy(update={"store": "rocksdb", "data_dir": tmp_path}))
    await case.assign(0)
    case.recover(0, 3, (b"u1", b"h1"))
    await case.assign()
    await case.assign(0)
    assert isinstance(case.table.parts[0], RocksParts)
    assert case.store.persisted_offset(TP(CHANGELOG, 0)) == 3
    await case.store.on_stop()
    assert case.table.parts == {}


async def test_files_that_another_worker_still_has_open_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "LOCKED_RETRY", 0.001)
    case = Case(settings().model_copy(update={"store": "rocksdb", "data_dir": tmp_path}))
    assert case.store.folder is not None
    other = RocksParts(case.store.folder / "users-0")
    other.write([(b"u1", b"h1")], 3)
    waiting = asyncio.create_task(case.assign(0))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    other.close()
    await waiting
    assert case.table.parts[0].get(b"u1") == b"h1"
    monkeypatch.setattr(tables, "LOCKED_SECONDS", 0.003)
    taken = RocksParts(case.store.folder / "users-1")
    with pytest.raises(LockedError):
        await case.assign(0, 1)
    taken.close()
    await case.store.on_stop()


async def test_faust_is_left_nothing_else_to_keep(case: Case) -> None:
    tp = TP(CHANGELOG, 0)
    await case.assign(0)
    case.store.set_persisted_offset(tp, 99)
    case.store.reset_state()
    await case.store.backup_partition(tp)
    case.store.restore_backup(tp)
    assert case.store.persisted_offset(tp) is None


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

    def __init__(self, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
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
    case: Case, monkeypatch: pytest.MonkeyPatch
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
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovering = Recovering(case, monkeypatch)
    await case.assign(0)
    await recovering.recovery.on_recovery_completed(case.app.consumer_generation_id - 1)
    assert not {"seek", "flow", "fetch"} & set(recovering.log)
    assert not recovering.recovery.completed.is_set()


async def test_standbys_are_read_on_from_where_they_are(
    case: Case, monkeypatch: pytest.MonkeyPatch
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


async def test_no_worker_is_its_own_standby(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    recovering = Recovering(case, monkeypatch)
    await case.assign(0, 1)
    mine, other = TP(CHANGELOG, 0), TP(CHANGELOG, 1)
    monkeypatch.setattr(case.app.assignor, "assigned_actives", lambda: {mine})
    recovering.recovery.add_standby(case.table, mine)
    recovering.recovery.add_standby(case.table, other)
    assert recovering.recovery.standby_tps == {other}


async def test_recovery_ends_where_this_worker_took_the_partition(
    case: Case, monkeypatch: pytest.MonkeyPatch
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


async def test_a_brokers_answer_from_inside_the_last_batch_does_not_hold_up_a_standby(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovering = Recovering(case, monkeypatch)
    ahead, behind = TP(CHANGELOG, 0), TP(CHANGELOG, 1)
    recovering.recovery.standby_offsets[ahead] = 8
    ends: dict[TP, int] = {}
    await recovering.recovery._build_highwaters(
        recovering.consumer, {ahead, behind}, ends, "standby"
    )
    assert ends == {ahead: 8, behind: 4}


async def test_its_producers_end_with_it(case: Case) -> None:
    closed: list[bool] = []

    async def close() -> None:
        closed.append(True)

    case.table.producers.close = close  # type: ignore[method-assign]
    await case.table.on_stop()
    assert closed == [True]


async def test_the_manager_starts_at_once(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
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
