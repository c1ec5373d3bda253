"""A service that hangs: it is told, lives no more, and ends; one that is slow or waits does not."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.kafka import admin
from streams.service.ending import GRACE_SECONDS
from streams.settings import Settings
from tests.support import hung_worker
from tests.support.monitors import MonitorProcess
from tests.support.workers import (
    SlowWorkerProcess,
    WorkerProcess,
    activities,
    assert_as_in_ledger,
    committed,
    produce,
    until,
    wait_until_handled,
)

pytestmark = [pytest.mark.broker, pytest.mark.fault]

STALL_SECONDS = 6.0
STANDING = 'journeys_standing_partitions{queue="activities"}'


class HungWorkerProcess(WorkerProcess):
    """One whose encoder hangs at a title."""

    journeys = (str(Path(hung_worker.__file__)),)


@pytest.fixture
def monitor(settings: Settings, tmp_path: Path) -> Iterator[MonitorProcess]:
    admin.create(settings)
    process = MonitorProcess(settings, tmp_path, stall_seconds=STALL_SECONDS)
    yield process
    process.kill()


def test_an_encoder_that_hangs_is_told_and_the_worker_ends_and_another_does_its_work(
    settings: Settings, tmp_path: Path, monitor: MonitorProcess
) -> None:
    log = activities()
    log[len(log) // 2]["title"] = hung_worker.TITLE
    hung = HungWorkerProcess(settings, tmp_path, stall_seconds=STALL_SECONDS).wait_ready()
    monitor.wait_ready()
    other = None
    try:
        assert hung.get("/healthz") == (200, "alive\n")
        produce(settings, log)
        until(lambda: "nothing done for" in hung.get("/readyz")[1], "it is told on /readyz")
        assert hung.count("journeys_stalled_seconds") > STALL_SECONDS / 2
        until(lambda: "nothing was done" in hung.log.read_text(), "it is told in the log")
        until(lambda: hung.get("/healthz")[0] != 200, "it is alive no more", 2 * STALL_SECONDS)
        assert hung.process.wait(GRACE_SECONDS + 2 * STALL_SECONDS) == 1
        assert "nothing done for" in hung.log.read_text().splitlines()[-1]
        until(lambda: monitor.count(STANDING) > 0, "the monitor sees it")
        other = WorkerProcess(settings, tmp_path).wait_ready()
        wait_until_handled(settings)
        until(lambda: monitor.count(STANDING) == 0, "and that it is over")
        told = [one for one in monitor.log.read_text().splitlines() if "activity-events" in one]
        shown = "".join(told)
        assert shown.count("nothing was done") == shown.count("goes on again") > 0
    finally:
        hung.kill()
        if other is not None:
            other.kill()


def test_a_slow_encoder_is_no_stall(settings: Settings, tmp_path: Path) -> None:
    admin.create(settings)
    log = activities()
    worker = SlowWorkerProcess(settings, tmp_path, stall_seconds=STALL_SECONDS).wait_ready()
    try:
        began = time.monotonic()
        produce(settings, log)
        while sum(committed(settings).values()) < len(log):
            assert worker.get("/healthz")[0] == 200
            time.sleep(0.2)
        assert time.monotonic() - began > STALL_SECONDS, "it was slow"
        assert_as_in_ledger(settings)
    finally:
        worker.kill()
