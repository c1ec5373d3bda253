"""The table between Faust and the stores: assignment, recovery, and what must not be lost in it."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from models.errors import BrokerError, LockedError
from streams.kafka.producers import TAKEN_KEY
from streams.settings import Settings
from streams.state import table as tables
from streams.state.store import RocksParts
from tests.support.tables import CHANGELOG, TableCase


def raises(words: str) -> Any:
    def fail(*_: Any) -> None:
        raise OSError(words)  # rocksdict's are of no class of their own

    return fail


def settings(**changes: Any) -> Settings:
    return Settings.load(store="memory", web_port=0, **changes)


@pytest.fixture
def case() -> TableCase:
    return TableCase(settings())


async def test_each_assigned_partition_has_a_store_and_no_other(case: TableCase) -> None:
    await case.assign(0, 2)
    kept = case.table.parts[2]
    assert set(case.table.parts) == {0, 2}
    await case.assign(2, 3)
    assert set(case.table.parts) == {2, 3}
    assert case.table.parts[2] is kept
    await case.assign(1, topic="activity-events")
    assert set(case.table.parts) == set()


async def test_the_changelog_is_read_back_once_and_foreign_records_are_no_users(
    case: TableCase,
) -> None:
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


async def test_what_an_earlier_owner_writes_late_is_left_out_and_said(
    case: TableCase, caplog: pytest.LogCaptureFixture
) -> None:
    await case.assign(0)
    case.recover(0, 1, (TAKEN_KEY, b"first"), (b"u1", b"h1"), token=0)
    case.recover(0, 3, (TAKEN_KEY, b"second"), (b"u1", b"h2"), token=2)
    case.recover(0, 4, (b"u1", b"late"), token=0)
    case.recover(0, 5, (b"u2", b"h1"), token=2)
    parts = case.table.parts[0]
    assert (parts.get(b"u1"), parts.get(b"u2")) == (b"h2", b"h1")
    assert case.store.persisted_offset(TP(CHANGELOG, 0)) == 5
    assert "partition 0, up to offset 4: 1 records are left out" in caplog.text


async def test_what_was_fetched_before_a_rebalance_is_left_to_be_read_again(
    case: TableCase,
) -> None:
    await case.assign(0)
    case.app.consumer_generation_id += 1
    case.recover(0, 4, (b"u1", b"h1"))
    assert case.store.persisted_offset(TP(CHANGELOG, 0)) is None


async def test_a_damaged_store_takes_nothing_more_and_is_dropped_at_the_next_assignment(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    case = TableCase(settings().model_copy(update={"store": "rocksdb", "data_dir": tmp_path}))
    rejoined: list[int] = []

    async def rejoin() -> None:
        rejoined.append(1)

    case.app.consumer = SimpleNamespace(rejoin=rejoin)  # type: ignore[assignment]
    await case.assign(0)
    case.recover(0, 3, (b"u1", b"h1"))
    parts: Any = case.table.parts[0]
    parts._db = SimpleNamespace(
        get=lambda key: None, write=raises("Corruption: block checksum mismatch")
    )
    case.recover(0, 4, (b"u1", b"h2"))
    case.recover(0, 5, (b"u1", b"h3"))
    await asyncio.sleep(0)
    assert rejoined == [1]
    await case.table.on_recovery_completed({TP(CHANGELOG, 0)}, set())
    await asyncio.sleep(0)
    assert rejoined == [1, 1], "the worker, too, finds it damaged"
    assert case.app.worker.partitions == {}
    assert case.crashed == []
    await case.assign(0)
    assert case.store.persisted_offset(TP(CHANGELOG, 0)) is None
    assert "of partition 0 is damaged: " in caplog.text
    assert "block checksum mismatch" in caplog.text
    case.recover(0, 3, (b"u1", b"h1"))
    assert case.table.parts[0].get(b"u1") == b"h1"


async def test_a_failure_while_reading_back_ends_the_app(case: TableCase) -> None:
    with pytest.raises(KeyError):
        case.recover(7, 0, (b"u", b"h"))  # not assigned
    await asyncio.sleep(0)
    assert isinstance(case.crashed[0], KeyError)


async def test_the_worker_is_told_of_active_partitions_and_a_failure_ends_the_app(
    case: TableCase,
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
    case = TableCase(settings().model_copy(update={"store": "rocksdb", "data_dir": tmp_path}))
    await case.assign(0)
    case.recover(0, 3, (b"u1", b"h1"))
    await case.assign()
    await case.assign(0)
    assert isinstance(case.table.parts[0], RocksParts)
    assert case.store.persisted_offset(TP(CHANGELOG, 0)) == 3
    await case.store.on_stop()
    assert case.table.parts == {}


async def test_a_store_of_another_changelog_is_dropped_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    on_disk = settings().model_copy(update={"store": "rocksdb", "data_dir": tmp_path})
    case = TableCase(on_disk)
    await case.assign(0, 1)
    case.recover(0, 3, (b"u1", b"h1"))
    await case.assign(0)
    assert case.table.parts[0].get(b"u1") == b"h1"
    case.changelog = "another"
    await case.assign(0, 1)
    assert case.store.persisted_offset(TP(CHANGELOG, 0)) is None, "also where it stays open"
    assert case.table.parts[0].get(b"u1") is None
    assert [line.split(" (")[0] for line in caplog.messages] == [
        f"the local state of partition {n} is a copy of another changelog: it was made anew"
        for n in (0, 1)
    ]
    case.recover(0, 5, (b"u2", b"h2"))
    await case.store.on_stop()
    again = TableCase(on_disk)
    again.changelog = "another"
    await again.assign(0)
    assert again.table.parts[0].get(b"u2") == b"h2"
    await again.assign()
    again.changelog = ""  # a broker too old to say
    await again.assign(0)
    assert again.table.parts[0].get(b"u2") == b"h2"
    await again.store.on_stop()
    assert len(caplog.messages) == 2


async def test_a_store_that_goes_further_than_the_changelog_is_dropped_and_said(
    case: TableCase, caplog: pytest.LogCaptureFixture
) -> None:
    await case.assign(0, 1)
    case.recover(0, 9, (b"u1", b"h1"))
    case.recover(1, 9, (b"u1", b"h1"))
    case.table.drop_ahead({0: 9, 1: 10, 2: 0})
    assert case.store.persisted_offset(TP(CHANGELOG, 0)) is None
    assert case.store.persisted_offset(TP(CHANGELOG, 1)) == 9
    [line] = caplog.messages
    assert "the local state of partition 0 goes to offset 9, the changelog to 9" in line


async def test_a_broker_that_does_not_answer_is_asked_again(
    case: TableCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "LOCKED_RETRY", 0.001)
    failures = [BrokerError("away"), BrokerError("away")]

    async def asked() -> str:
        if failures:
            raise failures.pop()
        return "one"

    case.table.changelog_id = asked
    await case.assign(0)
    assert case.table.parts[0].changelog == "one"


async def test_files_that_another_worker_still_has_open_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "LOCKED_RETRY", 0.001)
    case = TableCase(settings().model_copy(update={"store": "rocksdb", "data_dir": tmp_path}))
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


async def test_faust_is_left_nothing_else_to_keep(case: TableCase) -> None:
    tp = TP(CHANGELOG, 0)
    await case.assign(0)
    case.store.set_persisted_offset(tp, 99)
    case.store.reset_state()
    await case.store.backup_partition(tp)
    case.store.restore_backup(tp)
    assert case.store.persisted_offset(tp) is None


async def test_its_producers_end_with_it(case: TableCase) -> None:
    closed: list[bool] = []

    async def close() -> None:
        closed.append(True)

    case.table.producers.close = close  # type: ignore[method-assign]
    await case.table.on_stop()
    assert closed == [True]
