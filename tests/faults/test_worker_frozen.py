"""A worker that is stopped for longer than its session, and wakes up after others took over."""

import pytest

from tests.faults.conftest import Workers
from tests.support.workers import (
    activities,
    assert_as_in_ledger,
    assert_no_zombie_wrote,
    in_the_middle,
    produce,
    wait_until_handled,
)

pytestmark = pytest.mark.fault


def test_a_frozen_worker_that_wakes_up_does_not_write_into_its_heirs_state(
    workers: Workers,
) -> None:
    produce(workers.settings, activities(3))
    zombie = workers.start()
    in_the_middle(zombie)
    zombie.freeze()
    heir = workers.start()
    in_the_middle(heir, 500)
    zombie.thaw()
    wait_until_handled(workers.settings)
    assert_as_in_ledger(workers.settings)
    assert_no_zombie_wrote(workers.settings)
    assert zombie.process.poll() is None, "it goes on as a member"
