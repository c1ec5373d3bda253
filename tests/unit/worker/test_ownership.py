"""When this worker may write: only while its partitions cannot be another's."""

from collections.abc import Callable
from typing import Any

import pytest

from streams.settings import Settings
from streams.worker.ownership import LEASE_SHARE, POLL_SECONDS, Ownership
from tests.support.fakes import FakeGroup, FakeTime

SETTINGS = Settings.load(session_timeout=10.0, rebalance_timeout=4.0)
LEASE = LEASE_SHARE * 4.0


class Case:
    """An owner whose last heartbeat was answered just now; `then` happens in each sleep."""

    def __init__(self) -> None:
        self.group: Any = FakeGroup()
        self.time = FakeTime()
        self.then: Callable[[], None] = lambda: None
        self.group.consumer.settled_at = self.time.seconds
        self.ownership = Ownership(self.group, SETTINGS, self.time, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        await self.time.sleep(seconds)
        self.then()


@pytest.fixture
def case() -> Case:
    return Case()


async def test_within_the_lease_it_may_write_at_once(case: Case) -> None:
    case.time.seconds += LEASE - 0.001
    assert await case.ownership.may_write(1)
    assert case.time.slept == []


def test_the_lease_is_shorter_than_any_rebalance_that_leaves_it_out() -> None:
    for session, rebalance in ((10.0, 3.0), (2.0, 60.0)):
        settings = Settings.load(session_timeout=session, rebalance_timeout=rebalance)
        group: Any = FakeGroup()
        assert Ownership(group, settings)._lease < min(session, rebalance)


async def test_whoever_was_stopped_for_a_while_waits_for_the_coordinators_answer(
    case: Case,
) -> None:
    case.time.seconds += 3_600

    def answered() -> None:
        if len(case.time.slept) == 3:
            case.group.consumer.settled_at = case.time.seconds

    case.then = answered
    assert await case.ownership.may_write(1)
    assert case.time.slept == [POLL_SECONDS] * 3


async def test_the_coordinators_answer_may_be_that_the_partition_went_elsewhere(case: Case) -> None:
    case.time.seconds += 3_600

    def rebalanced() -> None:
        case.group.consumer_generation_id = 2

    case.then = rebalanced
    assert not await case.ownership.may_write(1)
    assert case.time.slept == [POLL_SECONDS]


async def test_another_generations_partition_may_not_be_written(case: Case) -> None:
    case.group.consumer_generation_id = 2
    assert not await case.ownership.may_write(1)
    assert not await case.ownership.may_write(1, finish=True)
    assert await case.ownership.may_write(2)


async def test_a_rebalance_that_has_begun_waits_only_for_work_that_is_almost_done(
    case: Case,
) -> None:
    case.group.rebalancing = True
    assert not case.ownership.current(1)
    assert not await case.ownership.may_write(1)
    assert await case.ownership.may_write(1, finish=True)


async def test_a_rebalance_that_could_end_without_this_worker_does_not_wait_for_it(
    case: Case,
) -> None:
    case.group.rebalancing = True
    case.time.seconds += LEASE
    assert not await case.ownership.may_write(1, finish=True)
    assert case.time.slept == []


async def test_a_rebalance_may_begin_while_it_waits(case: Case) -> None:
    case.time.seconds += LEASE

    def begins() -> None:
        case.group.rebalancing = True

    case.then = begins
    assert not await case.ownership.may_write(1)
