"""Where an activity's vector comes from, and who waits for it."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from models.encoders.cache import VectorCache
from models.errors import ModelError, Rejected
from models.records import Activity
from streams.stages import embed
from streams.stages.embed import Embedding, EncodingPool
from tests.support.heart import StubEncoder
from tests.support.lives import DIMENSIONS, topic


def activity(about: int, vector: list[float] | None = None) -> Activity:
    return Activity(f"e{about}", "u", f"i{about}", f"title {about}", 0, vector=vector)


def some(*numbers: int) -> list[Activity]:
    return [activity(number) for number in numbers]


class Held(StubEncoder):
    """An encoder that waits before each title, where it is told to.

    Attributes:
        jobs: The titles that were encoded together, as they were begun.
        at_once: Most calls that were under way at one time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[list[str]] = []
        self.at_once = 0
        self.go = threading.Event()
        self.go.set()
        self._running = 0
        self._lock = threading.Lock()

    def encode(self, titles: Sequence[str]) -> Any:
        with self._lock:
            self.jobs.append(list(titles))
            self._running += 1
            self.at_once = max(self.at_once, self._running)
        assert self.go.wait(10)
        with self._lock:
            self._running -= 1
            return super().encode(titles)


class Case:
    def __init__(self, threads: int = 1, most: int = 2, size: int = 100) -> None:
        self.encoder = Held()
        encoder: Any = self.encoder
        self.cache = VectorCache(encoder, size)
        self.pool = EncodingPool(self.cache, threads, most)

    async def embed(
        self, *activities: Activity, goes_on: Callable[[], bool] = lambda: True
    ) -> list[Any]:
        embedding = self.pool.embed(activities, goes_on)
        await embedding.wait(10)
        return embedding.came(0)

    async def until(self, holds: Callable[[], object], embedding: Embedding) -> None:
        deadline = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < deadline
            await embedding.wait(0.005)


@pytest.fixture
def case() -> Iterator[Case]:
    case = Case()
    yield case
    case.encoder.go.set()
    case.pool.close()


async def test_vectors_come_in_the_order_of_the_activities(case: Case) -> None:
    case.cache.fill([("i2", "title 2")])
    vectors = await case.embed(*some(1, 2, 3, 1))
    assert [int(np.argmax(vector)) for vector in vectors] == [1, 2, 3, 1]


async def test_an_item_is_encoded_once_and_some_at_a_time(case: Case) -> None:
    await case.embed(*some(1, 2, 3, 4, 5))
    assert [len(job) for job in case.encoder.jobs] == [2, 2, 1]
    await case.embed(*some(1, 5, 6))
    assert sorted(case.encoder.encoded) == [f"title {n}" for n in range(1, 7)]


async def test_a_text_is_encoded_with_its_title_and_each_once(case: Case) -> None:
    bare, told, other = (
        Activity("e", "u", "i", "title 1", 0, text=text) for text in (None, "Way 2", "Way 3")
    )
    await case.embed(bare, told, other, told, bare)
    assert case.encoder.encoded == [one.content for one in (bare, told, other)]
    assert len(set(case.encoder.encoded)) == 3


async def test_a_producers_own_vector_is_taken_as_a_unit_vector(case: Case) -> None:
    own = [0.0] * (DIMENSIONS - 1) + [5.0]
    vectors = await case.embed(activity(1, own), activity(2, [1.0]), activity(3, [0.0] * 16))
    assert np.array_equal(vectors[0], topic(DIMENSIONS - 1))
    assert [isinstance(vector, Rejected) for vector in vectors] == [False, True, True]
    assert case.encoder.encoded == []


async def test_it_ends_between_encodings_when_the_work_is_of_no_use(case: Case) -> None:
    vectors = await case.embed(*some(1, 2, 3, 4), goes_on=lambda: not case.encoder.encoded)
    assert len(vectors) == 2
    assert len(case.encoder.encoded) == 2
    assert len(case.cache) == 2, "what was encoded is kept"
    assert case.pool.queued == 0
    assert len(await case.embed(activity(1))) == 1


async def test_no_activities_need_no_encoder(case: Case) -> None:
    assert await case.embed() == []


async def test_an_encoder_that_fails_is_not_passed_over(case: Case) -> None:
    def fail(titles: Any) -> Any:
        raise ModelError("the model is broken")

    case.encoder.encode = fail  # type: ignore[method-assign]
    with pytest.raises(ModelError):
        await case.embed(activity(1))


async def test_what_is_there_can_be_taken_while_the_others_are_encoded(case: Case) -> None:
    case.cache.fill([("i1", "title 1"), ("i4", "title 4")])
    case.encoder.go.clear()
    embedding = case.pool.embed(some(1, 2, 3, 4))
    await embedding.wait(0.01)
    assert embedding.ready == 1, "no activity overtakes another"
    assert case.pool.queued == 2
    case.encoder.go.set()
    await embedding.wait(10)
    assert embedding.ready == 4
    assert case.pool.queued == 0


async def test_an_item_that_another_batch_waits_for_is_not_encoded_twice(case: Case) -> None:
    case.encoder.go.clear()
    first, second = case.pool.embed(some(1, 2)), case.pool.embed(some(2, 1))
    await first.wait(0.01)
    case.encoder.go.set()
    await second.wait(10)
    assert first.ready == second.ready == 2
    assert case.encoder.jobs == [["title 1", "title 2"]]


async def test_a_vector_that_the_cache_has_no_room_for_comes_all_the_same() -> None:
    case = Case(size=0)
    assert len(await case.embed(*some(1, 2, 3, 1))) == 4
    case.pool.close()


async def test_partitions_take_turns_and_nobody_is_ahead_of_them(case: Case) -> None:
    case.encoder.go.clear()
    case.pool.embed(some(1))
    later = case.pool.embed(some(2, 3, 4), ahead=True)
    one, other = case.pool.embed(some(5, 6, 7, 8)), case.pool.embed(some(9, 10, 11, 12))
    case.encoder.go.set()
    for embedding in (later, one, other):
        await embedding.wait(10)
    order = [int(job[0].split()[-1]) for job in case.encoder.jobs]
    assert order == [1, 5, 9, 7, 11, 2, 4]


async def test_what_was_asked_for_ahead_comes_first_once_it_is_waited_for(case: Case) -> None:
    case.encoder.go.clear()
    case.pool.embed(some(1))
    first, second = case.pool.embed(some(2), ahead=True), case.pool.embed(some(3), ahead=True)
    case.pool.hurry(second)
    case.encoder.go.set()
    await first.wait(10)
    assert case.encoder.encoded == ["title 1", "title 3", "title 2"]


async def test_what_is_asked_for_ahead_is_bounded(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed, "AHEAD_TITLES", 2)
    case.encoder.go.clear()
    now = case.pool.embed(some(1))
    several = [case.pool.embed(some(n, n + 1), ahead=True) for n in (2, 4, 6)]
    assert case.pool.queued == 1 + 2
    case.encoder.go.set()
    for embedding in (now, several[0]):
        await embedding.wait(10)
    assert len(case.encoder.encoded) == 3
    case.pool.hurry(several[2])
    await several[2].wait(10)
    assert several[2].ready == 2, "whoever waits gets what they need"


async def test_several_jobs_run_at_once_in_threads_of_their_own() -> None:
    case = Case(threads=3)
    case.encoder.go.clear()
    embedding = case.pool.embed(some(*range(1, 13)))
    await case.until(lambda: len(case.encoder.jobs) == 3, embedding)
    await embedding.wait(0.02)
    assert len(case.encoder.jobs) == 3
    names = {thread.name for thread in threading.enumerate()}
    assert any(name.startswith("encoder") for name in names)
    case.encoder.go.set()
    await embedding.wait(10)
    assert embedding.ready == 12
    assert case.encoder.at_once == 3
    case.pool.close()


async def test_a_job_of_a_slow_encoder_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "JOB_SECONDS", 0.02)
    case = Case(most=256)
    encode_all = case.encoder.encode

    def slow(titles: Sequence[str]) -> Any:
        time.sleep(0.005 * len(titles))
        return encode_all(titles)

    case.encoder.encode = slow  # type: ignore[method-assign]
    await case.embed(*(Activity(f"e{n}", "u", f"i{n}", f"title {n % 9} 1", 0) for n in range(60)))
    assert len(case.encoder.jobs[0]) == embed.FIRST_JOB
    assert all(1 <= len(job) <= 8 for job in case.encoder.jobs[1:])
    case.pool.close()
    fast = Case(most=64)
    await fast.embed(*(Activity(f"e{n}", "u", f"i{n}", f"title {n % 9} 1", 0) for n in range(300)))
    assert max(map(len, fast.encoder.jobs)) == 64
    fast.pool.close()


async def test_a_pool_that_is_closed_gives_up_what_is_left(case: Case) -> None:
    embedding = case.pool.embed(some(1, 2, 3, 4))
    case.pool.close()
    await embedding.wait(10)
    assert embedding.given_up
