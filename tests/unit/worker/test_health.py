"""What the endpoint says of the worker, and the end of one that hangs."""

import asyncio
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
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
from streams.service import metrics, watch
from streams.settings import Settings
from streams.worker.health import Health
from tests.support.fakes import FakeProducers, FakeTime, incoming, message
from tests.support.heart import TOPICS, Heart, activity, batch, lives
from tests.support.lives import DIMENSIONS

LIVES = lives()
STALL_SECONDS = Settings.load().stall_seconds


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
        self.app.partition_tasks = heart.tasks
        self.broker = True
        self.health = Health(self.app, Settings.load(web_port=0), self.time, self.broker_answers)

    async def broker_answers(self) -> bool:
        return self.broker

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
    told = "nothing done for 61 s of work that waits: activity-events, partition 0"
    assert case.health.readiness() == (False, told)
    assert case.health.liveness().ready, "it may be slow"
    case.health.measure()
    assert case.heart.metrics.value(metrics.STALLED_SECONDS) == 61
    assert not await case.look(STALL_SECONDS / 2)
    assert case.health.liveness() == (False, told.replace("61", "121"))
    [error] = case.app.crashed
    assert isinstance(error, StalledError)
    assert "nothing done for 121 s" in str(error)


async def test_what_stands_still_is_told_once_and_once_more_when_it_goes_on(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(4):
        assert await case.look(STALL_SECONDS / 4)
    assert await case.heart.deliver(batch(LIVES[10:12], 10))
    for _ in range(2):
        assert await case.look(1)
    assert [one.getMessage() for one in caplog.records] == [
        "activity-events, partition 0: work waits, and nothing was done for 90 s",
        "activity-events, partition 0: goes on again",
    ]
    assert case.health.readiness().ready


async def test_one_partition_that_stands_still_is_seen_among_others_that_go_on() -> None:
    case = Case(await Heart(FakeProducers(partitions=2)).start())
    case.heart.at(position=0, end=len(LIVES), number=0)
    case.heart.at(position=0, end=len(LIVES), number=1)
    for start in range(0, 25, 5):
        assert await case.heart.deliver(batch(LIVES[start : start + 5], start))
        alive = await case.look(STALL_SECONDS / 3)
    assert not alive
    [error] = case.app.crashed
    assert str(error).endswith("work that waits: activity-events, partition 1")


async def test_while_no_broker_answers_it_lives_and_says_so(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    case.broker = False
    for _ in range(4):
        assert await case.look(STALL_SECONDS)
        assert case.health.liveness().ready
    assert case.health.readiness() == (False, "no broker answers at localhost:9092")
    case.broker = True
    assert await case.look(STALL_SECONDS - 1), "the broker is back, and the worker gets its time"
    assert not await case.look(2)
    told = [one.getMessage() for one in caplog.records]
    assert told[0] == "no broker answers at localhost:9092: waiting for it"
    assert told[1] == "the broker at localhost:9092 answers again"


async def test_names_in_hand_that_come_to_no_end_are_a_stall(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.heart.at(position=10, end=10)

    async def never(*_: Any) -> bool:
        return bool(await asyncio.Event().wait())

    monkeypatch.setattr(case.heart.worker, "names", never)
    names = asyncio.create_task(
        case.heart.deliver(message(TOPICS.names, [incoming(0, b"{}")]), names=True)
    )
    for _ in range(3):
        await asyncio.sleep(0)
    assert await case.look(1)
    assert not await case.look(STALL_SECONDS + 1)
    assert "journey-names, partition 0" in str(case.app.crashed[0])
    names.cancel()


async def test_a_partition_that_is_given_up_and_not_assigned_anew_is_a_stall(case: Case) -> None:
    case.heart.at(position=20, end=20)
    case.heart.partition().lost = True
    assert await case.heart.deliver(batch(LIVES[10:20], 10)) == []
    assert await case.look(1)
    assert not await case.look(STALL_SECONDS + 1)


async def test_a_watch_that_hangs_itself_is_seen(case: Case) -> None:
    assert await case.look(1)
    case.time.seconds += STALL_SECONDS + 1
    assert not case.health.liveness().ready


async def test_a_batch_that_is_done_is_progress(case: Case) -> None:
    assert await case.look(1)
    assert await case.heart.deliver(batch(LIVES[10:12], 10))
    assert await case.look(STALL_SECONDS + 1)
    assert case.health.readiness().ready
    assert case.app.crashed == []


async def test_titles_that_are_made_before_one_s_turn_are_progress_and_a_hung_job_is_none(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, encode = threading.Event(), case.heart.encoder.encode

    def hanging(titles: Sequence[str]) -> Any:
        if any("hangs" in title for title in titles):
            hangs.wait(30)
        return encode(titles)

    monkeypatch.setattr(case.heart.encoder, "encode", hanging)
    pool = case.heart.worker.pool
    late = [activity(50, "u9", 30, 1, title="hangs 1")]
    waiting = asyncio.create_task(case.heart.deliver(batch(late, 10)))
    try:
        while not pool.queued:  # noqa: ASYNC110 - others do the work
            await asyncio.sleep(0.001)
        assert await case.look(1)
        behind = pool.embed([Activity("e", "u", "new", "title 1", 0)])
        assert pool.turns(behind) == pool.done > 0, "what is made before it counts for it"
        assert await case.look(STALL_SECONDS - 1)
        assert not await case.look(2)
    finally:
        hangs.set()
    await waiting


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
    monkeypatch.setattr(watch, "CHECK_SECONDS", 0.001)
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
