"""Workers that do not know whether state was stored: its changelog tells them, and they go on."""

import pytest

from tests.faults.conftest import Workers
from tests.support.workers import (
    LossyWorkerProcess,
    activities,
    assert_as_in_ledger,
    assert_no_zombie_wrote,
    produce,
    until,
    wait_until_handled,
)

pytestmark = pytest.mark.fault


def test_workers_whose_acknowledgements_get_lost_read_state_back_and_go_on(
    workers: Workers,
) -> None:
    started = [workers.start(LossyWorkerProcess) for _ in range(2)]
    until(
        lambda: all(one.get("/readyz")[1].startswith("ready, 2") for one in started),
        "two workers have two partitions each",
    )
    produce(workers.settings, activities(3))
    wait_until_handled(workers.settings)
    assert_as_in_ledger(workers.settings)
    assert_no_zombie_wrote(workers.settings)
    for one in started:
        assert one.count("journeys_partitions_taken_anew_total") > 0, "it lost some"
        assert one.stop() == 0
