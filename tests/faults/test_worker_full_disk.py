"""A worker whose local files cannot grow in the middle of a batch: its changelog has it already."""

import resource

import pytest

from tests.faults.conftest import Workers
from tests.support.workers import (
    activities,
    assert_as_in_ledger,
    assert_no_zombie_wrote,
    in_the_middle,
    produce,
    until,
    wait_until_handled,
)

pytestmark = pytest.mark.fault


def test_a_full_disk_ends_the_worker_and_the_next_one_goes_on_from_the_changelog(
    workers: Workers,
) -> None:
    produce(workers.settings, activities(3))
    worker = workers.start(store="rocksdb", batch_records=20)
    in_the_middle(worker)
    resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    until(lambda: worker.process.poll() is not None, "the worker ends")
    # Not always the last line: where coverage is measured, that cannot be written either.
    assert "cannot be written: IO error" in worker.log.read_text()
    workers.start(store="rocksdb")
    wait_until_handled(workers.settings)
    assert_as_in_ledger(workers.settings)
    assert_no_zombie_wrote(workers.settings)
