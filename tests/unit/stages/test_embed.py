"""Where an activity's vector comes from."""

from typing import Any

import numpy as np
import pytest

from models.encoders.cache import VectorCache
from models.errors import ModelError, Rejected
from models.records import Activity
from streams.stages.embed import embed
from tests.support.heart import StubEncoder
from tests.support.lives import DIMENSIONS, topic


def activity(about: int, vector: list[float] | None = None) -> Activity:
    return Activity(f"e{about}", "u", f"i{about}", f"title {about}", 0, vector=vector)


class Case:
    def __init__(self) -> None:
        self.encoder = StubEncoder()
        encoder: Any = self.encoder
        self.cache = VectorCache(encoder, 100)
        self.asked = 0
        self.goes_on = 99  # times

    async def embed(self, *activities: Activity, size: int = 2) -> list[Any] | None:
        return await embed(activities, self.cache, size, self._goes_on)

    def _goes_on(self) -> bool:
        self.asked += 1
        return self.asked <= self.goes_on


@pytest.fixture
def case() -> Case:
    return Case()


async def test_vectors_come_in_the_order_of_the_activities(case: Case) -> None:
    case.cache.fill([("i2", "title 2")])
    vectors = await case.embed(activity(1), activity(2), activity(3), activity(1))
    assert vectors is not None
    assert [int(np.argmax(vector)) for vector in vectors] == [1, 2, 3, 1]


async def test_an_item_is_encoded_once_and_some_at_a_time(case: Case) -> None:
    await case.embed(*(activity(n) for n in (1, 2, 3, 4, 5)))
    assert case.asked == 3
    await case.embed(*(activity(n) for n in (1, 5, 6)))
    assert sorted(case.encoder.encoded) == [f"title {n}" for n in range(1, 7)]


async def test_a_producers_own_vector_is_taken_as_a_unit_vector(case: Case) -> None:
    own = [0.0] * (DIMENSIONS - 1) + [5.0]
    vectors = await case.embed(activity(1, own), activity(2, [1.0]), activity(3, [0.0] * 16))
    assert vectors is not None
    assert np.array_equal(vectors[0], topic(DIMENSIONS - 1))
    assert [isinstance(vector, Rejected) for vector in vectors] == [False, True, True]
    assert case.encoder.encoded == []


async def test_it_ends_between_encodings_when_the_work_is_of_no_use(case: Case) -> None:
    case.goes_on = 1
    assert await case.embed(*(activity(n) for n in (1, 2, 3, 4))) is None
    assert len(case.encoder.encoded) == 2
    assert len(case.cache) == 2, "what was encoded is kept"
    case.goes_on = 99
    assert await case.embed(activity(1)) is not None


async def test_no_activities_need_no_encoder(case: Case) -> None:
    assert await case.embed() == []


async def test_an_encoder_that_fails_is_not_passed_over(case: Case) -> None:
    def fail(titles: Any) -> Any:
        raise ModelError("the model is broken")

    case.encoder.encode = fail  # type: ignore[method-assign]
    with pytest.raises(ModelError):
        await case.embed(activity(1))
