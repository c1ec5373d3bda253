"""A worker on fakes: batches go in as from the group, what is on the topics is looked at after."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
from faust.types import TP

from models.encoders.cache import VectorCache
from models.engine.params import DAY_MS, SCALE
from models.records import encode
from streams.service.metrics import WORKER, Metrics
from streams.service.tracing import NO_TRACING, Tracing
from streams.settings import Settings
from streams.state.partition import Partition
from streams.topics import Topics
from streams.worker.batches import Worker
from streams.worker.clock import Clock
from streams.worker.partition_tasks import PartitionTasks
from tests.support.fakes import (
    FakeGroup,
    FakeProducers,
    FakeStream,
    FakeTime,
    Stored,
    incoming,
    message,
)
from tests.support.lives import DIMENSIONS, START, topic

TOPICS = Topics.of(Settings.load())


class StubEncoder:
    """One vector for each number at a title's end."""

    name = "stub@1"
    dimensions = DIMENSIONS
    languages = ("en",)
    scale = SCALE
    caveat = ""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, titles: Sequence[str]) -> Any:
        self.encoded += titles
        return np.stack([topic(int(title.split()[-1])) for title in titles])


class Heart:
    """One worker, its clock and its tasks, and all that they write.

    Args:
        producers: With what is on the topics already; a worker that starts recovers from it.
        tracing: Makes its traces.
        settings: Changes of the default settings.
    """

    def __init__(
        self, producers: FakeProducers | None = None, tracing: Tracing = NO_TRACING, **settings: Any
    ) -> None:
        self.producers = producers or FakeProducers()
        self.settings = Settings.load(partitions=self.producers.partitions, **settings)
        self.group: Any = FakeGroup()
        self.time = FakeTime()
        self.metrics = Metrics(WORKER)
        self.parts: dict[int, Any] = {}
        self.encoder = StubEncoder()
        table: Any = SimpleNamespace(producers=self.producers, parts=self.parts)
        encoder: Any = self.encoder
        cache = VectorCache(encoder, 1_000)
        self.worker = Worker(
            self.group, self.settings, table, cache, self.metrics, self.time, tracing=tracing
        )
        self.clock = Clock(
            self.group, self.worker, self.settings, self.metrics, self.time, self._tick
        )
        self.tasks = PartitionTasks(self.group, self.metrics, self.time.sleep)
        self.ticks = 0

    async def start(self) -> "Heart":
        """Recover all partitions from what is on the changelog."""
        for number in range(self.producers.partitions):
            self.parts[number] = self.producers.recovered(number)
        await self.worker.recovered(set(self.parts))
        return self

    async def reassigned(self) -> "Heart":
        """The group has assigned all anew, and this worker gets the same."""
        self.group.consumer_generation_id += 1
        return await self.start()

    async def restarted(self, **settings: Any) -> "Heart":
        """Another worker that takes over from what is on the topics."""
        self.producers.faults.clear()
        return await Heart(self.producers, **settings).start()

    async def deliver(self, *messages: Any, names: bool = False) -> list[Any]:
        """Have the agent do these batches; returns those that were acknowledged."""
        stream: Any = FakeStream(self.group, messages)
        worker = self.worker
        doing = (worker.names,) if names else (worker.activities, worker.ahead)
        await self.tasks.agent(*doing)(stream)
        acked: list[Any] = stream.acked
        return acked

    async def erase(self, *messages: Any) -> list[Any]:
        """Have the agent do these batches of erasures; returns those that were acknowledged."""
        stream: Any = FakeStream(self.group, messages)
        await self.tasks.agent(self.worker.erasures)(stream)
        acked: list[Any] = stream.acked
        return acked

    def at(self, position: int, end: int, number: int = 0) -> None:
        """How far the consumer has read a partition, and where that ends."""
        tp = TP(TOPICS.activities, number)
        self.group.consumer.ends[tp] = (position, end)
        self.group.consumer.delivered[tp] = position - 1

    async def tick(self, times: int = 1) -> None:
        """Let the clock tick."""
        self.ticks, self.group.should_stop = times, False
        await self.clock.run()
        self.group.should_stop = False

    async def _tick(self, seconds: float) -> None:
        await self.time.sleep(seconds)
        self.ticks -= 1
        if self.ticks < 0:
            self.group.should_stop = True

    def partition(self, number: int = 0) -> Partition:
        return self.worker.partitions[number]

    def stored(self, number: int = 0) -> dict[bytes, bytes]:
        """What the store of a partition holds."""
        return dict(self.parts[number]._parts)

    def published(self, name: str) -> dict[bytes, bytes | None]:
        """Last value by id or key on a topic; a change that comes twice must be the same bytes."""
        found: dict[bytes, bytes | None] = {}
        for record in self.producers.on(name):
            key = change_id(record) if name == TOPICS.changes else record.key or b""
            if name == TOPICS.changes:
                assert found.get(key, record.value) == record.value, key
            found[key] = record.value
        return found


def change_id(record: Stored) -> bytes:
    name: str = msgspec.json.decode(record.value or b"")["id"]
    return name.encode()


def activity(
    number: int, user: str, day: float, about: int, *, title: str = "", **fields: Any
) -> dict[str, Any]:
    """One activity as JSON would have it, on a day after START."""
    return {
        "event_id": f"e{number}",
        "user_id": user,
        "item_id": f"i{number}",
        "title": title or f"title {number} {about}",
        "occurred_at": START + int(day * DAY_MS),
    } | fields


def records(activities: Sequence[dict[str, Any]], first: int = 0) -> list[Any]:
    """Records of activities, got by the broker as they happened."""
    return [
        incoming(first + at, encode(one), one["user_id"].encode(), max(0, one["occurred_at"]))
        for at, one in enumerate(activities)
    ]


def batch(activities: Sequence[dict[str, Any]], first: int = 0, **fields: Any) -> Any:
    """A message of activities that follow offset `first` - 1."""
    return message(TOPICS.activities, records(activities, first), after=first - 1, **fields)


def lives(users: Sequence[str] = ("u1", "u2", "u3"), weeks: int = 5) -> list[dict[str, Any]]:
    """Users with an interest each that becomes a journey, one activity of another in between."""
    acts = [
        (user, week * 7 + 1 + time, about)
        for week in range(weeks)
        for time in range(2)
        for about, user in enumerate(users, 1)
    ]
    return [activity(number, user, day, about) for number, (user, day, about) in enumerate(acts)]
