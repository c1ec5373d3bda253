"""Workers as processes, the topics around them, and the ledger that they are compared with."""

import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from models.encoders.cache import VectorCache
from models.encoders.encoder import Encoder
from models.records import encode
from streams.demo.broker import free_port
from streams.demo.children import environment
from streams.demo.sample.generator import generate
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.ledger.expected import Expected
from streams.ledger.verify import expect, verify
from streams.settings import Settings
from streams.state.restored import restored
from streams.topics import Topics
from tests.support import brokers, late_changelog, lossy_worker, processes, slow_worker

# A broker with default limits takes no shorter session than six seconds.
SESSION_SECONDS = 6.0 if os.environ.get(brokers.EXTERNAL) else 2.5
PATIENCE = 200.0  # seconds; a machine that runs other tests meanwhile is slow


class WorkerProcess:
    """`journeys worker` in a process of its own, with its own port."""

    journeys: Sequence[str] = ("-m", "streams.cli")
    command = "worker"

    def __init__(self, settings: Settings, folder: Path, **changes: Any) -> None:
        quick = {"session_timeout": SESSION_SECONDS, "rebalance_timeout": 2.0}
        self.settings = settings.model_copy(update={"web_port": free_port(), **quick, **changes})
        self.log = folder / f"{self.command}-{self.settings.web_port}.log"
        with self.log.open("wb") as log:
            self.process = processes.start(
                [sys.executable, "-P", *self.journeys, self.command],
                stdout=log,
                stderr=log,
                env=environment(self.settings),
            )

    def get(self, path: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.settings.web_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def count(self, name: str) -> float:
        """The sum of a metric over its labels."""
        lines = self.get("/metrics")[1].splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.startswith((name + " ", name + "{"))
        )

    def wait_ready(self) -> "WorkerProcess":
        until(
            lambda: self.get("/readyz")[0] == 200 or self._ended(), f"the {self.command} is ready"
        )
        assert not self._ended(), self.log.read_text()[-2000:]
        return self

    def kill(self) -> None:
        """As a machine that loses power."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """As a platform that ends it; returns the exit code."""
        self.process.terminate()
        code: int = self.process.wait(PATIENCE)
        return code

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def _ended(self) -> bool:
        return self.process.poll() is not None


class NamerProcess(WorkerProcess):
    """`journeys namer`, likewise."""

    command = "namer"


class SlowWorkerProcess(WorkerProcess):
    """One whose encoder takes its time."""

    journeys = (str(Path(slow_worker.__file__)),)


class LossyWorkerProcess(WorkerProcess):
    """One that loses acknowledgements of state."""

    journeys = (str(Path(lossy_worker.__file__)),)


class LateChangelogProcess(WorkerProcess):
    """One that has joined its group before the broker knows its changelog."""

    journeys = (str(Path(late_changelog.__file__)),)


def until(
    holds: Callable[[], object], what: str, seconds: float = PATIENCE, every: float = 0.1
) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"in {seconds:.0f} s it did not happen that {what}"
        time.sleep(every)


def in_the_middle(worker: WorkerProcess, more: int = 1_000) -> None:
    """Wait until a worker has handled some more activities, with others still to come."""
    before = worker.count("journeys_activities_total")
    until(
        lambda: worker.count("journeys_activities_total") >= before + more,
        "the worker is in the middle",
        every=0.02,
    )


def activities(copies: int = 1) -> list[dict[str, Any]]:
    """The sample's activities, by so many times as many users, in order of time."""
    return [
        activity
        | {"user_id": f"{activity['user_id']}-{copy}", "event_id": f"{activity['event_id']}-{copy}"}
        for activity in generate().activities
        for copy in range(copies)
    ]


def told(log: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Activities of which every other says something beside its title, some of it at length."""
    return [
        one | {"text": f"More of it, number {number % 9}. " * (1 + number % 20)}
        if number % 2
        else one
        for number, one in enumerate(log)
    ]


def produce(settings: Settings, sent: Iterable[dict[str, Any]]) -> None:
    """Put activities on `activity-events`, by user."""
    send(settings, ((one["user_id"].encode(), encode(one)) for one in sent))


def send(
    settings: Settings, records: Iterable[tuple[bytes | None, bytes | None]], topic: str = ""
) -> None:
    """Put any records on a topic, `activity-events` if no other is given."""
    topic = topic or Topics.of(settings).activities
    with connect(settings, KafkaProducer, linger_ms=20, max_request_size=2_000_000) as client:
        for key, value in records:
            client.send(topic, value, key)
        client.flush()


def read(settings: Settings, topic: str) -> list[Any]:
    """All records that are on a topic now, each partition's in order."""
    ends = admin.end_offsets(settings, {topic: settings.partitions})[topic]
    found: dict[int, list[Any]] = defaultdict(list)
    with connect(settings, KafkaConsumer) as client:
        client.assign([TopicPartition(topic, number) for number in range(settings.partitions)])
        client.seek_to_beginning()
        # By position, not by offset: the last one may belong to a transaction's marker.
        while any(
            client.position(TopicPartition(topic, number)) < end for number, end in enumerate(ends)
        ):
            for records in client.poll(timeout_ms=200).values():
                for record in records:
                    found[record.partition].append(record)
    return [record for number in sorted(found) for record in found[number]]


@contextmanager
def reader(settings: Settings, topic: str) -> Iterator[Callable[[], list[Any]]]:
    """Gives a function that waits a moment and returns what is new on a topic."""
    with connect(
        settings,
        KafkaConsumer,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    ) as client:
        client.assign([TopicPartition(topic, n) for n in range(settings.partitions)])
        client.seek_to_beginning()
        yield lambda: [
            record for records in client.poll(timeout_ms=200).values() for record in records
        ]


@contextmanager
def group_of(settings: Settings) -> Iterator[Callable[[], dict[int, int]]]:
    """Gives a function that tells what the group has committed of `activity-events`."""
    topic = Topics.of(settings).activities
    with connect(
        settings, KafkaConsumer, group_id=settings.group, enable_auto_commit=False
    ) as client:
        yield lambda: {
            number: client.committed(TopicPartition(topic, number)) or 0
            for number in range(settings.partitions)
        }


def committed(settings: Settings) -> dict[int, int]:
    """The group's committed offset of `activity-events`, by partition."""
    with group_of(settings) as now:
        return now()


def wait_until_handled(settings: Settings) -> None:
    """Wait until the group has committed all of `activity-events`."""
    topic = Topics.of(settings).activities
    ends = dict(enumerate(admin.end_offsets(settings, {topic: settings.partitions})[topic]))
    with group_of(settings) as now:
        until(lambda: now() == ends, "all activities are handled", every=0.2)


def assert_state_is_ahead_of_commits(settings: Settings) -> None:
    """What is committed will not be read again, so all of it must be in the state."""
    done = committed(settings)  # asked for first: the state only grows
    for number, state in restored(settings).items():
        assert done[number] <= state.handled + 1


def assert_no_zombie_wrote(settings: Settings) -> None:
    """What counts of each partition's state only went forward, over all its owners."""
    for number, state in restored(settings).items():
        assert state.marks == sorted(state.marks), (number, state.marks)


def ledger(settings: Settings) -> Expected:
    """What the log that is on `activity-events` must bring, uninterrupted."""
    return expect(settings, vectors())


@cache
def vectors() -> VectorCache:
    """The encoder of the tests, with one cache for all of them."""
    return VectorCache(Encoder.open("fast"), 100_000)


def assert_as_in_ledger(settings: Settings) -> list[str]:
    """All that the log must bring has come, nothing else, and repeats are the same bytes.

    Returns:
        The ids of the changes as they came, repeats included.
    """
    # Users who do not come back change when time passes, which is looked at once a second.
    verdict = verify(settings, vectors(), PATIENCE)
    assert verdict.holds, "\n".join(verdict.lines())
    assert verdict.changes > 20, "the log is too thin to tell anything"
    return verdict.ids


def by_reason(records: Sequence[Any]) -> dict[str, list[Any]]:
    """Rejected records by their reason."""
    found: dict[str, list[Any]] = defaultdict(list)
    for record in records:
        found[dict(record.headers)["reason"].decode()].append(record)
    return dict(found)
