"""State moved to other partitions, topics and encoders, on every broker."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.kafka import admin
from streams.settings import Settings
from streams.topics import Topics
from tests.support.processes import journeys
from tests.support.workers import (
    WorkerProcess,
    activities,
    ledger,
    produce,
    read,
    wait_until_handled,
)


def work(settings: Settings, folder: Path, log: list[dict[str, Any]], **changes: Any) -> float:
    """Have a worker handle a log to its end and stop; how many activities it applied."""
    produce(settings, log)
    worker = WorkerProcess(settings, folder, store="memory", **changes).wait_ready()
    try:
        wait_until_handled(worker.settings)
        applied = worker.count("journeys_activities_total")
        assert worker.stop() == 0, worker.log.read_text()
    finally:
        worker.kill()
    return applied


def run(settings: Settings, *arguments: object) -> str:
    done = journeys(settings, "state", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shown(records: dict[bytes, bytes]) -> dict[bytes, tuple[Any, ...]]:
    """What a journey is made of. Not how far time has come with it: a partition's time is that of
    its users, who are others on others."""
    found = {}
    for key, value in records.items():
        journey = msgspec.json.decode(value)["journey"]
        found[key] = tuple(journey[one] for one in ("activities", "started_at", "last_active_at"))
    return found


def of(settings: Settings) -> dict[bytes, bytes]:
    return {one.key: one.value for one in read(settings, Topics.of(settings).journeys)}


def test_half_a_log_on_four_partitions_the_rest_on_six(settings: Settings, tmp_path: Path) -> None:
    admin.create(settings)
    log = activities()
    half = len(log) // 2
    file = tmp_path / "users.state"
    assert work(settings, tmp_path, log[:half]) == half
    before = of(settings)
    assert "were not applied" not in run(settings, "export", file)
    assert file.stat().st_mode & 0o077 == 0
    six = settings.model_copy(
        update={"partitions": 6, "topic_prefix": f"six-{settings.topic_prefix}"}
    )
    admin.create(six)
    assert f"{len(before):,} journeys were written" in run(six, "import", file)
    assert of(six) == before
    again = journeys(six, "state", "import", file)
    assert "import into another JOURNEYS_GROUP" in again.stderr
    assert work(six, tmp_path, log[half:]) == len(log) - half
    # The same from an uninterrupted replay of the whole log, on six partitions.
    whole = six.model_copy(update={"topic_prefix": f"whole-{settings.topic_prefix}"})
    admin.create(whole)
    produce(whole, log)
    assert shown(of(six)) == shown(ledger(whole).journeys)


def test_another_encoder_keeps_ids_and_goes_on_where_the_old_one_stopped(
    settings: Settings, tmp_path: Path
) -> None:
    admin.create(settings)
    log = activities()
    half = len(log) // 2
    file = tmp_path / "users.state"
    work(settings, tmp_path, log[:half])
    before = shown(of(settings))
    run(settings, "export", file)
    best = settings.model_copy(update={"group": f"{settings.group}-best", "encoder": "best"})
    assert "0 have no title" in run(best, "import", file)
    assert work(best, tmp_path, log[half : half + 300]) == 300, "nothing twice, nothing lost"
    after = shown(of(best))
    assert before.keys() <= after.keys()
    went_on = [key for key in before if after[key][0] > before[key][0]]
    assert len(went_on) > 5, "what is known goes on, under its id"
    assert all(after[key][1] == before[key][1] for key in went_on)


def test_what_cannot_be_right_is_refused(settings: Settings, tmp_path: Path) -> None:
    admin.create(settings)
    log = activities()[:400]
    file = tmp_path / "users.state"
    work(settings, tmp_path, log[:300])
    produce(settings, log[300:])
    assert "100 records were not applied yet" in run(settings, "export", file)
    other = settings.model_copy(update={"topic_prefix": f"other-{settings.topic_prefix}"})
    admin.create(other)
    refused = journeys(other, "state", "import", file)
    assert "100 records" in refused.stderr
    group = settings.model_copy(update={"group": f"{settings.group}-2"})
    windows = journeys(group, "state", "import", file, "--window-days", 14)
    assert "JOURNEYS_WINDOW_DAYS=7" in windows.stderr
    cut = tmp_path / "cut.state"
    cut.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    assert "is not whole" in journeys(group, "state", "import", cut).stderr
    run(group, "import", file)
    assert work(group, tmp_path, []) == 100


def test_a_group_at_work_is_neither_exported_nor_imported_into(
    settings: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if "embedded" in request.node.name:
        pytest.skip("the embedded broker does not say who is at work")
    admin.create(settings)
    file = tmp_path / "users.state"
    produce(settings, activities()[:200])
    worker = WorkerProcess(settings, tmp_path, store="memory").wait_ready()
    try:
        wait_until_handled(worker.settings)
        refused = journeys(settings, "state", "export", file)
        assert refused.returncode == 2
        assert "is at work" in refused.stderr
        assert not file.exists()
        run(settings, "export", file, "--running")
        assert "is at work" in journeys(settings, "state", "import", file).stderr
    finally:
        worker.kill()
