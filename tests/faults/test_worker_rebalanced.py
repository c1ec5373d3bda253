"""Workers that join, leave, die and stand by while others work: users move with their state."""

import pytest

from tests.faults.conftest import Workers
from tests.support.workers import (
    WorkerProcess,
    activities,
    assert_as_in_ledger,
    assert_no_zombie_wrote,
    in_the_middle,
    produce,
    until,
    wait_until_handled,
)

pytestmark = pytest.mark.fault


def share(*workers: WorkerProcess) -> None:
    until(
        lambda: all(worker.get("/readyz")[1].startswith("ready, 2") for worker in workers),
        "two workers have two partitions each",
    )


def test_workers_that_join_and_leave_share_the_work(workers: Workers) -> None:
    log = activities(3)
    third = len(log) // 3
    produce(workers.settings, log[:third])
    first = workers.start()
    in_the_middle(first)
    second = workers.start()
    share(first, second)
    produce(workers.settings, log[third : 2 * third])
    in_the_middle(second, 200)
    assert second.stop() == 0
    produce(workers.settings, log[2 * third :])
    wait_until_handled(workers.settings)
    assert_as_in_ledger(workers.settings)
    assert_no_zombie_wrote(workers.settings)


def test_a_standby_takes_over_with_all_that_was_stored(workers: Workers) -> None:
    log = activities(3)
    half = len(log) // 2
    produce(workers.settings, log[:half])
    active, other = workers.start(standby_replicas=1), workers.start(standby_replicas=1)
    share(active, other)
    wait_until_handled(workers.settings)
    active.kill()
    produce(workers.settings, log[half:])
    wait_until_handled(workers.settings)
    assert_as_in_ledger(workers.settings)
    assert_no_zombie_wrote(workers.settings)
