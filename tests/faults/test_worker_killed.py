"""Workers that lose power in the middle of a batch: the result is as if nothing had happened.

Changes may come twice (at least once), always with the same bytes; state is applied exactly once.
"""

import pytest

from tests.faults.conftest import Workers
from tests.support.workers import (
    SlowWorkerProcess,
    activities,
    assert_as_in_ledger,
    assert_no_zombie_wrote,
    assert_state_is_ahead_of_commits,
    in_the_middle,
    produce,
    wait_until_handled,
)

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_a_worker_that_is_killed_in_the_middle_goes_on(workers: Workers, store: str) -> None:
    produce(workers.settings, activities(3))
    for _ in range(2):
        worker = workers.start(store=store)
        in_the_middle(worker)
        worker.kill()
        assert_state_is_ahead_of_commits(workers.settings)
    last = workers.start(store=store)
    wait_until_handled(workers.settings)
    assert_as_in_ledger(workers.settings)
    assert_state_is_ahead_of_commits(workers.settings)
    assert_no_zombie_wrote(workers.settings)
    assert last.stop() == 0


def test_a_worker_that_is_killed_between_slices_of_a_batch_goes_on(workers: Workers) -> None:
    produce(workers.settings, activities())
    for _ in range(2):
        worker = workers.start(SlowWorkerProcess)
        in_the_middle(worker, more=20)
        worker.kill()
        assert_state_is_ahead_of_commits(workers.settings)
    workers.start()
    wait_until_handled(workers.settings)
    assert_as_in_ledger(workers.settings)
    assert_state_is_ahead_of_commits(workers.settings)
    assert_no_zombie_wrote(workers.settings)
