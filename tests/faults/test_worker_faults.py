"""Workers that are killed, joined, left and frozen: the result is as if nothing had happened.

Changes may come twice (at least once), always with the same bytes; state is applied exactly once.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams import topics
from streams.settings import Settings
from tests.workers import (
    WorkerProcess,
    activities,
    assert_as_in_ledger,
    assert_no_zombie_wrote,
    assert_state_is_ahead_of_commits,
    caught_up,
    produce,
    until,
)

pytestmark = pytest.mark.fault

COPIES = 4  # some 15,000 activities: enough to be in the middle of


class Workers:
    """Starts workers and ends those that a test left behind."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.started: list[WorkerProcess] = []

    def start(self, **changes: Any) -> WorkerProcess:
        process = WorkerProcess(self.settings, self.folder, **changes)
        self.started.append(process)
        return process


@pytest.fixture
def workers(settings: Settings, tmp_path: Path) -> Iterator[Workers]:
    settings = settings.model_copy(update={
        "batch_records": 100, "session_timeout": 4.0, "rebalance_timeout": 3.0})
    topics.create(settings)
    found = Workers(settings, tmp_path)
    yield found
    for process in found.started:
        process.kill()


def in_the_middle(worker: WorkerProcess, more: int = 1_000) -> None:
    before = worker.count("journeys_activities_total")
    until(lambda: worker.count("journeys_activities_total") >= before + more,
          "the worker is in the middle", every=0.02)


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_a_worker_that_is_killed_in_the_middle_goes_on(workers: Workers, store: str) -> None:
    produce(workers.settings, activities(COPIES))
    for _ in range(3):
        worker = workers.start(store=store)
        in_the_middle(worker)
        worker.kill()
        assert_state_is_ahead_of_commits(workers.settings)
    workers.start(store=store)
    until(lambda: caught_up(workers.settings), "all activities are handled")
    assert_as_in_ledger(workers.settings)
    assert_state_is_ahead_of_commits(workers.settings)
    assert_no_zombie_wrote(workers.settings)


def test_workers_that_join_and_leave_share_the_work(workers: Workers) -> None:
    log = activities(COPIES)
    produce(workers.settings, log[:len(log) // 3])
    first = workers.start()
    in_the_middle(first)
    second = workers.start(standby_replicas=0)
    until(lambda: second.count("journeys_batch_records_count") >= 0 and
          second.get("/readyz")[1].startswith("ready, 2"), "the second has its share")
    produce(workers.settings, log[len(log) // 3:2 * len(log) // 3])
    in_the_middle(second, 200)
    assert second.stop() == 0
    produce(workers.settings, log[2 * len(log) // 3:])
    third = workers.start()
    in_the_middle(third, 100)
    third.kill()
    until(lambda: caught_up(workers.settings), "all activities are handled")
    assert_as_in_ledger(workers.settings)
    assert_no_zombie_wrote(workers.settings)


def test_a_frozen_worker_that_wakes_up_does_not_write_into_its_heirs_state(
        workers: Workers) -> None:
    log = activities(COPIES)
    produce(workers.settings, log)
    zombie = workers.start()
    in_the_middle(zombie)
    zombie.freeze()
    heir = workers.start()
    in_the_middle(heir, 500)
    zombie.thaw()
    until(lambda: caught_up(workers.settings), "all activities are handled")
    assert_as_in_ledger(workers.settings)
    assert_no_zombie_wrote(workers.settings)
    assert zombie.process.poll() is None, "it goes on as a member"


def test_a_standby_takes_over_with_all_that_was_stored(workers: Workers) -> None:
    log = activities(COPIES)
    half = len(log) // 2
    produce(workers.settings, log[:half])
    active, other = workers.start(standby_replicas=1), workers.start(standby_replicas=1)
    until(lambda: all(worker.get("/readyz")[1].startswith("ready, 2")
                      for worker in (active, other)), "both have their share")
    until(lambda: caught_up(workers.settings), "the first half is handled")
    active.kill()
    produce(workers.settings, log[half:])
    until(lambda: caught_up(workers.settings), "all activities are handled")
    assert_as_in_ledger(workers.settings)
    assert_no_zombie_wrote(workers.settings)
