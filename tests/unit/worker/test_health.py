"""What the endpoint says of the worker, and the end of one that hangs."""

import asyncio
import urllib.error
import urllib.request
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from models.encoders.reading import from_characters
from models.errors import SettingsError, StalledError
from models.records import Activity
from streams.demo.broker import free_port
from streams.formats import values
from streams.formats.values import framed
from streams.service import metrics
from streams.settings import Settings
from streams.worker import health
from streams.worker.health import STALL_SECONDS, Health
from tests.support.fakes import FakeTime, incoming, message
from tests.support.heart import TOPICS, Heart, activity, batch, lives
from tests.support.lives import DIMENSIONS

LIVES = lives()


class Case:
    """The endpoint of a worker that has something to read."""

    def __init__(self, heart: Heart) -> None:
        self.heart = heart
        self.time = FakeTime(0.0)
        self.app: Any = heart.group
        self.app.worker, self.app.clock, self.app.metrics = heart.worker, heart.clock, heart.metrics
        self.recovered = asyncio.Event()
        self.recovered.set()
        self.offsets: dict[Any, int] = {}
        self.app.tables = SimpleNamespace(
            recovery=SimpleNamespace(completed=self.recovered, active_offsets=self.offsets)
        )
        self.health = Health(self.app, Settings.load(web_port=0), self.time)

    async def look(self, after: float) -> bool:
        self.time.seconds += after
        return await self.health.look()


@pytest.fixture
async def case() -> Case:
    heart = await Heart().start()
    assert await heart.deliver(batch(LIVES[:10]))
    heart.at(position=10, end=len(LIVES))
    return Case(heart)


async def test_partitions_that_are_held_for_long_are_taken_anew(case: Case) -> None:
    consumer, producers = case.heart.group.consumer, case.heart.producers
    producers.held_seconds = 3_600 * case.heart.settings.renew_hours
    await case.look(1)
    assert consumer.rejoined == 0
    producers.held_seconds += 1
    case.app.rebalancing = True
    await case.look(1)
    assert consumer.rejoined == 0, "they are just being taken"
    case.app.rebalancing = False
    await case.look(1)
    assert consumer.rejoined == 1


async def test_it_is_ready_once_state_is_recovered(case: Case) -> None:
    assert case.health.readiness() == (True, "ready, 1 partitions")
    case.heart.encoder.caveat = "encoder x: its vectors have no map and scale"
    assert case.health.readiness() == (
        True,
        "ready, 1 partitions; encoder x: its vectors have no map and scale",
    )
    case.recovered.clear()
    assert case.health.readiness() == (False, "recovering")
    case.recovered.set()
    case.app.rebalancing = True
    assert case.health.readiness() == (False, "recovering")


async def test_titles_that_the_encoder_cannot_read_are_told(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    about = [activity(50 + n, "u9", 30 + n, 1, title=f"непонятно {n}") for n in range(6)]
    heart = case.heart
    heart.encoder.encode = lambda titles: np.stack(  # type: ignore[method-assign]
        [from_characters(title, DIMENSIONS) for title in titles]
    )
    assert await heart.deliver(batch(about[:4], 10))
    assert case.health.readiness() == (True, "ready, 1 partitions"), "may be names"
    assert await heart.deliver(batch(about[4:], 14))
    told = (
        "encoder stub@1 (it reads en) cannot read the titles of 6 of 16 activities: they join no "
        "interest; see JOURNEYS_ENCODER"
    )
    assert case.health.readiness() == (True, f"ready, 1 partitions; {told}")
    assert await heart.deliver(batch([activity(60, "u9", 40, 1, title="и это")], 16))
    assert heart.metrics.value(metrics.UNREAD) == 7
    logged = [one.getMessage() for one in caplog.records if "cannot read" in one.getMessage()]
    assert logged == [told], "once"


async def test_partitions_without_state_are_told_and_end_the_worker(case: Case) -> None:
    activities = case.heart.worker.topics.activities
    case.app.consumer.assigned = {TP(activities, 0), TP(activities, 2)}
    assert case.health.readiness() == (False, "no state for partitions [2]: is there a changelog?")
    assert await case.look(1)
    assert not await case.look(STALL_SECONDS + 1)
    [error] = case.app.crashed
    assert isinstance(error, StalledError)


async def test_partitions_that_are_added_end_the_worker(case: Case) -> None:
    assert await case.look(1)
    case.heart.producers.partitions += 2
    assert not await case.look(1)
    (error,) = case.heart.group.crashed
    assert isinstance(error, SettingsError)
    assert "has 3 partitions now, and 1 when this worker started" in str(error)


async def test_work_that_waits_and_is_not_done_ends_the_worker(case: Case) -> None:
    assert await case.look(1)
    assert await case.look(STALL_SECONDS / 2)
    assert case.health.readiness().ready
    assert await case.look(1)
    assert case.health.readiness() == (False, "silent for 61 s")
    assert not await case.look(STALL_SECONDS / 2)
    [error] = case.app.crashed
    assert isinstance(error, StalledError)
    assert "no progress for 121 s" in str(error)


async def test_a_batch_that_is_done_is_progress(case: Case) -> None:
    assert await case.look(1)
    assert await case.heart.deliver(batch(LIVES[10:12], 10))
    assert await case.look(STALL_SECONDS + 1)
    assert case.health.readiness().ready
    assert case.app.crashed == []


async def test_a_long_encoding_is_no_stall(case: Case) -> None:
    for title in range(3):
        embedding = case.heart.worker.pool.embed(
            [Activity(f"e{title}", "u", f"new {title}", f"title {title}", 0)]
        )
        await embedding.wait(10)
        assert await case.look(STALL_SECONDS + 1)
        assert case.health.readiness().ready
    assert case.app.crashed == []


async def test_metrics_tell_where_vectors_come_from(case: Case) -> None:
    pool = case.heart.worker.pool
    repeated = [Activity(f"e{n}", "u", "i0", "title 0 1", 0) for n in range(10)]
    await pool.embed(repeated).wait(10)
    case.health.measure()
    shown = case.heart.metrics.text().decode()
    assert 'journeys_vectors_total{source="encoder"} 10.0' in shown
    assert 'journeys_vectors_total{source="memory"} 10.0' in shown
    assert "journeys_encoder_queue_titles 0.0" in shown
    assert case.heart.metrics.value(metrics.ENCODER_SECONDS) > 0


async def test_a_worker_with_nothing_to_do_may_be_silent(case: Case) -> None:
    case.heart.at(position=10, end=10)
    for _ in range(3):
        assert await case.look(STALL_SECONDS + 1)
    assert case.health.readiness().ready


async def test_a_recovery_that_reads_on_may_take_long_and_one_that_hangs_may_not(
    case: Case,
) -> None:
    case.app.rebalancing = True
    for offset in range(3):
        case.offsets["changelog"] = offset
        assert await case.look(STALL_SECONDS + 1)
    assert not await case.look(STALL_SECONDS + 1)


async def test_a_start_while_the_broker_is_away_is_waited_for_but_not_for_ever(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_started() -> set[TP]:
        raise ConsumerNotStarted("Consumer thread not yet started")

    monkeypatch.setattr(case.app.consumer, "assignment", not_started)
    case.recovered.clear()
    assert await case.look(1)
    assert case.health.readiness() == (False, "recovering")
    assert await case.look(STALL_SECONDS / 2)
    assert not await case.look(STALL_SECONDS)
    [error] = case.app.crashed
    assert isinstance(error, StalledError)


async def test_over_http(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.001)
    async with case.health:
        assert await asyncio.to_thread(_get, case.health.port) == (200, "ready, 1 partitions\n")
        case.recovered.clear()
        assert await asyncio.to_thread(_get, case.health.port) == (503, "recovering\n")
        case.time.seconds += 1
        await asyncio.sleep(0.01)
        case.time.seconds += STALL_SECONDS + 1
        await asyncio.sleep(0.01)
    assert len(case.app.crashed) == 1, "it is watched while it runs"


def _get(port: int) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def test_a_worker_that_waits_for_the_registry_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(values, "RETRY_SECONDS", (0.01, 0.01))
    url = f"http://127.0.0.1:{free_port()}"
    heart = await Heart(input="registry", registry_url=url).start()
    heart.at(position=0, end=10)
    case = Case(heart)
    framed_value = incoming(0, framed(1, b"value"))
    waiting = asyncio.create_task(
        heart.deliver(message(TOPICS.activities, [framed_value], after=-1))
    )
    for _ in range(500):
        if heart.worker.waiting:
            break
        await asyncio.sleep(0.01)
    readiness = case.health.readiness()
    assert not readiness.ready
    assert f"no schema registry answers at {url}" in str(readiness)
    for _ in range(3):
        assert await case.look(STALL_SECONDS + 1), "a restart would not help"
    assert not waiting.done()
    assert heart.published(TOPICS.rejects) == {}
    waiting.cancel()
