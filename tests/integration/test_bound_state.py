"""State that does not belong: of another window, another changelog, another broker."""

from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from streams.kafka import admin
from streams.kafka.clients import connect
from streams.settings import Settings
from tests.support import brokers
from tests.support.workers import (
    WorkerProcess,
    activities,
    assert_as_in_ledger,
    produce,
    until,
    wait_until_handled,
)

ANOTHER = "is a copy of another changelog"


def handled(settings: Settings, folder: Path) -> str:
    """Have a worker with its state on the disk handle a log; what it logged."""
    admin.create(settings)
    produce(settings, activities())
    worker = WorkerProcess(settings, folder, store="rocksdb").wait_ready()
    try:
        wait_until_handled(settings)
        assert_as_in_ledger(settings)
        assert worker.count("journeys_activities_total") == len(activities())
        assert worker.stop() == 0
    finally:
        worker.kill()
    return worker.log.read_text()


def test_a_worker_with_another_window_ends_with_one_line_and_the_old_one_goes_on(
    settings: Settings, tmp_path: Path
) -> None:
    assert ANOTHER not in handled(settings, tmp_path)
    wrong = WorkerProcess(settings, tmp_path, store="rocksdb", window_days=14)
    assert wrong.process.wait(60) != 0
    last = wrong.log.read_text().strip().splitlines()[-1]
    assert "was made with windows of 7 days, not 14" in last
    assert "JOURNEYS_WINDOW_DAYS=7, or start with a fresh JOURNEYS_GROUP" in last
    right = WorkerProcess(settings, tmp_path, store="rocksdb", match=1.3).wait_ready()
    assert right.stop() == 0
    fresh = {"group": f"{settings.group}-fresh", "window_days": 14}
    assert WorkerProcess(settings, tmp_path, store="rocksdb", **fresh).wait_ready().stop() == 0


def test_the_folder_of_another_prefix_is_dropped_and_said(
    settings: Settings, tmp_path: Path
) -> None:
    assert ANOTHER not in handled(settings, tmp_path)
    other = settings.model_copy(update={"topic_prefix": f"other-{settings.topic_prefix}"})
    assert ANOTHER in handled(other, tmp_path)


def test_a_changelog_that_was_deleted_is_never_gone_on_from(
    settings: Settings, tmp_path: Path
) -> None:
    handled(settings, tmp_path)
    changelog = f"{settings.topic_prefix}{settings.group}-users-changelog"
    with connect(settings, KafkaAdminClient) as client:
        client.delete_topics([changelog])
        until(lambda: changelog not in client.list_topics(), "it is gone")
    produce(settings, activities()[:50])
    worker = WorkerProcess(settings, tmp_path, store="rocksdb")
    assert worker.process.wait(90) != 0
    assert ANOTHER in worker.log.read_text()
    last = worker.log.read_text().strip().splitlines()[-1]
    assert "and has no state" in last


@pytest.mark.broker
def test_the_folder_of_a_broker_that_was_made_anew_is_dropped_and_said(tmp_path: Path) -> None:
    for anew in (False, True):
        folder = tmp_path / f"broker-{anew}"
        folder.mkdir()
        with brokers.serve("embedded", folder) as address:
            settings = Settings.load(broker=address, data_dir=tmp_path / "state", web_port=0)
            assert (ANOTHER in handled(settings, tmp_path)) == anew
