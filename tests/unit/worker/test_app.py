"""The worker put together, and what it finds out before it starts."""

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

from models.encoders.cache import VectorCache
from models.errors import GapError, SettingsError, StoreError
from streams.kafka import admin
from streams.service.app import ServiceApp
from streams.settings import Settings
from streams.topics import Topics
from streams.worker import app as worker
from streams.worker.app import GC_THRESHOLDS, App, create_app
from tests.support.heart import StubEncoder


def cache() -> VectorCache:
    encoder: Any = StubEncoder()
    return VectorCache(encoder, 10)


class Started(Exception):
    """The app would run now."""

    def __init__(self, app: App) -> None:
        super().__init__()
        self.app = app


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(data_dir=tmp_path / "state", web_port=0, group="g")


@pytest.fixture
def partitions(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many partitions each topic has; those of a test to change."""
    counts = dict.fromkeys(Topics.of(settings).all(), 6)

    def partitions_of(_: Settings, *names: str) -> tuple[int, ...]:
        return tuple(counts[name] for name in names)

    monkeypatch.setattr(admin, "partitions_of", partitions_of)

    def started(app: App, _: Settings) -> None:
        raise Started(app)

    monkeypatch.setattr(worker, "partitions_of", partitions_of)
    monkeypatch.setattr(worker, "run_service", started)
    return counts


@pytest.mark.parametrize("topic", ["journey-names", "naming-requests"])
async def test_activities_requests_and_names_must_lie_side_by_side(
    settings: Settings, partitions: dict[str, int], topic: str
) -> None:
    partitions[topic] = 5
    with pytest.raises(SettingsError, match="the same number of partitions"):
        worker.run(settings)


async def test_a_folder_that_cannot_be_written_is_told_before_anything_runs(
    settings: Settings, partitions: dict[str, int], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SettingsError, match="JOURNEYS_DATA_DIR"):
        worker.run(settings.model_copy(update={"data_dir": tmp_path / "file" / "state"}))
    assert partitions


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
async def test_it_runs_with_as_many_partitions_as_the_topics_have(
    settings: Settings, partitions: dict[str, int], store: str
) -> None:
    with pytest.raises(Started) as started:
        worker.run(settings.model_copy(update={"store": store}))
    assert started.value.app.conf.topic_partitions == 6
    assert settings.data_dir.exists() == (store == "rocksdb")
    if store == "rocksdb":
        assert settings.data_dir.stat().st_mode & 0o077 == 0, "what people do is theirs"
    assert partitions


async def test_its_parts_are_given_names_that_no_modules_place_is_in(settings: Settings) -> None:
    app = create_app(settings, cache())
    assert set(app.agents) == {"activities", "names", "erasures"}
    assert set(app.tables) == {"users"}
    assert app.conf.id == "g"


async def test_the_garbage_collector_is_told_of_long_lived_state(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = gc.get_threshold()

    async def started(self: Any) -> None:
        assert gc.get_threshold() == GC_THRESHOLDS

    monkeypatch.setattr(ServiceApp, "on_start", started)
    try:
        await create_app(settings, cache()).on_start()
    finally:
        gc.set_threshold(*before)


async def test_fausts_own_command_finds_an_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNEYS_GROUP", "of-the-environment")
    assert worker.app.conf.id == "of-the-environment"
    with pytest.raises(AttributeError):
        _ = worker.nothing


async def test_what_it_was_crashed_with_first_is_what_ended_it(settings: Settings) -> None:
    app = create_app(settings, cache())
    full = StoreError("users-2 cannot be written: No space left on device")
    for reason in (full, GapError("what follows"), asyncio.CancelledError()):
        await app.crash(reason)
    assert app.ended_by is full


async def test_an_assignment_under_the_coordinators_old_number_is_another_one(
    settings: Settings,
) -> None:
    app, seen = create_app(settings, cache()), set()
    for number in (4, 4, 5, 1):
        app.consumer_generation_id = number
        seen.add(app.consumer_generation_id)
    assert len(seen) == 4
    assert max(seen) == app.consumer_generation_id
