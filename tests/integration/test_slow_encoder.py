"""A worker whose encoder takes its time: it goes on, shares, and need not do it twice."""

from pathlib import Path

from streams.kafka import admin
from streams.settings import Settings
from tests.support.workers import (
    SlowWorkerProcess,
    WorkerProcess,
    activities,
    assert_as_in_ledger,
    assert_no_zombie_wrote,
    assert_state_is_ahead_of_commits,
    committed,
    produce,
    until,
    wait_until_handled,
)


def encoded(worker: WorkerProcess) -> float:
    """How many titles it has encoded."""
    return worker.count('journeys_vectors_total{source="encoder"}')


def test_offsets_advance_while_titles_are_encoded_and_a_rebalance_does_not_wait_for_them(
    settings: Settings, tmp_path: Path
) -> None:
    admin.create(settings)
    log = activities()
    one = SlowWorkerProcess(settings, tmp_path).wait_ready()
    other = None
    try:
        produce(settings, log)
        seen: set[int] = set()
        while len(seen) < 4:  # fewer batches than that brought it all
            done = sum(committed(settings).values())
            assert done < len(log), seen
            seen.add(done)
            assert one.get("/readyz")[0] == 200
        assert one.count("journeys_encoder_queue_titles") > 0
        assert one.count("journeys_encoder_seconds_total") > 0
        other = SlowWorkerProcess(settings, tmp_path).wait_ready()
        until(lambda: "2 partitions" in one.get("/readyz")[1], "they share")
        assert_state_is_ahead_of_commits(settings)
        wait_until_handled(settings)
        assert_as_in_ledger(settings)
        assert_no_zombie_wrote(settings)
        assert one.stop() == 0
    finally:
        one.kill()
        if other is not None:
            other.kill()


def test_vectors_outlive_a_restart_and_one_process_keeps_them(
    settings: Settings, tmp_path: Path
) -> None:
    admin.create(settings)
    produce(settings, activities())
    first = WorkerProcess(settings, tmp_path, store="rocksdb").wait_ready()
    beside = None
    try:
        wait_until_handled(settings)
        titles = encoded(first)
        assert titles > 100
        beside = WorkerProcess(settings, tmp_path, store="rocksdb", group=f"{settings.group}-2")
        beside.wait_ready()
        [line] = [line for line in beside.log.read_text().splitlines() if "open in another" in line]
        assert "kept in memory only" in line
        until(lambda: encoded(beside) == titles, "it encodes them itself")
        beside.kill()
        assert first.stop() == 0
        fresh = settings.model_copy(update={"group": f"{settings.group}-3"})
        again = WorkerProcess(fresh, tmp_path, store="rocksdb").wait_ready()
        try:
            wait_until_handled(fresh)
            assert encoded(again) == 0
            assert_as_in_ledger(fresh)
        finally:
            again.kill()
    finally:
        first.kill()
        if beside is not None:
            beside.kill()
