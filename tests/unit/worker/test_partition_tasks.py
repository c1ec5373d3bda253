"""Batches of partitions side by side: in order, none skipped, tried again where that may help."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.errors import NotLeaderForPartitionError, ProducerFenced

from models.errors import BrokerError, GapError, JourneysError, StateTooLargeError
from streams.service import metrics
from streams.service.metrics import WORKER, Metrics
from streams.worker.partition_tasks import RETRY_SECONDS, PartitionTasks
from tests.support.fakes import FakeGroup, FakeStream, FakeTime, incoming, message


def batches(count: int, partition: int = 0, generation: int = 1) -> list[Any]:
    return [
        message("activity-events", [incoming(n, b"")], partition, generation) for n in range(count)
    ]


class Tasks:
    """Partition tasks and what became of their batches.

    Attributes:
        tried: Partition and offset of each try.
        results: What each try does, by partition and offset; done when nothing is said.
        gates: A try waits for its event, if it has one.
    """

    def __init__(self) -> None:
        self.group: Any = FakeGroup()
        self.time = FakeTime()
        self.counts = Metrics(WORKER)
        self.tasks = PartitionTasks(self.group, self.counts, self.time.sleep)
        self.tried: list[tuple[int, int]] = []
        self.done: list[tuple[int, int]] = []
        self.results: dict[tuple[int, int], list[bool | Exception]] = {}
        self.gates: dict[tuple[int, int], asyncio.Event] = {}
        self.then: Callable[[tuple[int, int]], None] = lambda place: None

    async def handle(self, one: Any) -> bool:
        place = (one.partition, one.offset)
        self.tried.append(place)
        self.then(place)
        await asyncio.sleep(0)
        if place in self.gates:
            await self.gates[place].wait()
        result = self.results[place].pop(0) if self.results.get(place) else True
        if isinstance(result, Exception):
            raise result
        if result:
            self.done.append(place)
        return result

    async def run(self, *messages: Any) -> list[tuple[int, int]]:
        """Run an agent over messages; returns what was acknowledged."""
        stream: Any = FakeStream(self.group, messages)
        await self.tasks.agent(self.handle)(stream)
        return [(one.partition, one.offset) for one in stream.acked]

    @property
    def abandoned(self) -> list[tuple[int, int]]:
        return [(one.partition, one.offset) for one in self.group.consumer.abandoned]


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


async def test_a_partitions_batches_are_done_in_order_each_when_the_one_before_is(
    tasks: Tasks,
) -> None:
    tasks.gates[0, 0] = asyncio.Event()
    running = asyncio.create_task(tasks.run(*batches(3)))
    for _ in range(10):
        await asyncio.sleep(0)
    assert tasks.tried == [(0, 0)]
    tasks.gates[0, 0].set()
    assert await running == [(0, 0), (0, 1), (0, 2)]


async def test_a_partition_that_waits_does_not_hold_up_another(tasks: Tasks) -> None:
    tasks.gates[0, 0] = asyncio.Event()
    running = asyncio.create_task(tasks.run(*batches(1), *batches(2, partition=1)))
    for _ in range(20):
        await asyncio.sleep(0)
    assert tasks.done == [(1, 0), (1, 1)]
    tasks.gates[0, 0].set()
    assert await running == [(1, 0), (1, 1), (0, 0)]


@pytest.mark.parametrize(
    "error", [BrokerError("no broker at :9092"), NotLeaderForPartitionError(), OSError("reset")]
)
async def test_what_may_pass_is_tried_again_after_a_pause(tasks: Tasks, error: Exception) -> None:
    tasks.results[0, 0] = [error, error]
    assert await tasks.run(*batches(2)) == [(0, 0), (0, 1)]
    assert tasks.tried == [(0, 0)] * 3 + [(0, 1)], "nothing is skipped meanwhile"
    assert tasks.time.slept == list(RETRY_SECONDS[:2])
    assert tasks.counts.value(metrics.RETRIES) == 2


async def test_what_does_not_pass_in_time_ends_the_worker(tasks: Tasks) -> None:
    tasks.results[0, 0] = [OSError("reset") for _ in range(99)]
    assert await tasks.run(*batches(2)) == []
    assert tasks.tried == [(0, 0)] * (len(RETRY_SECONDS) + 1)
    assert isinstance(tasks.group.crashed[0], OSError)
    assert tasks.abandoned == [], "it is not given up: whoever takes over does it"


@pytest.mark.parametrize("error", [StateTooLargeError("4 MB of a user"), GapError("offset 3 to 9")])
async def test_what_does_not_pass_is_tried_once(tasks: Tasks, error: JourneysError) -> None:
    tasks.results[0, 0] = [error]
    assert await tasks.run(*batches(1)) == []
    assert tasks.tried == [(0, 0)]
    assert tasks.group.crashed == [error]
    assert tasks.time.slept == []


async def test_a_partition_that_went_elsewhere_is_given_up_with_all_its_batches(
    tasks: Tasks,
) -> None:
    tasks.results[0, 1] = [False]
    acked = await tasks.run(*batches(4), *batches(1, partition=1))
    assert acked == [(0, 0), (1, 0)]
    assert tasks.abandoned == [(0, 1), (0, 2), (0, 3)]
    assert (0, 2) not in tasks.tried, "to do it would skip the one before"
    assert tasks.counts.value(metrics.ABANDONED) == 3


async def test_a_partition_that_comes_back_is_worked_on_again(tasks: Tasks) -> None:
    tasks.results[0, 0] = [False]
    assert await tasks.run(*batches(1)) == []
    assert await tasks.run(*batches(2, generation=2)) == [(0, 0), (0, 1)]


async def test_another_owner_is_no_failure_but_waited_for_until_the_rebalance_is_heard_of(
    tasks: Tasks,
) -> None:
    tasks.results[0, 0] = [ProducerFenced(), ProducerFenced(), False]
    assert await tasks.run(*batches(1)) == []
    assert tasks.time.slept == list(RETRY_SECONDS[:2])
    assert tasks.group.crashed == []
    assert tasks.abandoned == [(0, 0)]
    assert tasks.counts.value(metrics.RETRIES) == 0


async def test_a_fenced_partition_whose_rebalance_is_never_heard_of_is_given_up(
    tasks: Tasks,
) -> None:
    tasks.results[0, 0] = [ProducerFenced() for _ in range(99)]
    assert await tasks.run(*batches(1)) == []
    assert tasks.time.slept == [*RETRY_SECONDS, 0]
    assert tasks.abandoned == [(0, 0)]
    assert tasks.group.crashed == []


async def test_an_agent_that_ends_takes_its_tasks_along(tasks: Tasks) -> None:
    tasks.gates[0, 0] = asyncio.Event()
    running = asyncio.create_task(tasks.run(*batches(1)))
    for _ in range(5):
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.sleep(0)
    tasks.gates[0, 0].set()
    await asyncio.sleep(0)
    assert tasks.done == []
