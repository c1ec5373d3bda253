"""How the services stand, seen from the broker alone: lag, throughput, names that wait, rejects.

Nothing is asked of workers and namers themselves, so it does not matter where they run. How far
they have come is what their groups committed, a second behind at most.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from models.errors import JourneysError, may_pass
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.kafka.reading import StoredRecord
from streams.rejects.overview import Kind, overview
from streams.rejects.records import RejectedRecord, Replayed, is_reject, rejected_record
from streams.service.metrics import (
    ARRIVED,
    BACKLOG,
    BACKLOG_SECONDS,
    BROKER_UP,
    MONITOR,
    STANDING,
    Metrics,
)
from streams.service.progress import Progress
from streams.settings import Settings
from streams.topics import Topics

SECONDS: Final = 2.0  # between two looks
REJECTS: Final = 1_000  # the latest ones, by which reasons are counted
_RATE_LOOKS: Final = 5  # a rate is taken over so many looks
_POLL_MS: Final = 200

_log = logging.getLogger(__name__)


class Backlog(msgspec.Struct, frozen=True):
    """What lies on a topic and how far its group has come.

    Attributes:
        records: All that ever came.
        waiting: Those not done with.
        waiting_seconds: The age of the oldest of them by its record's time; 0 for none.
        per_second: Done with of late, a second.
        standing: Partitions with something that waits, of which nothing has been done for
            `JOURNEYS_STALL_SECONDS`: nobody reads them, or whoever does is stuck.
    """

    records: int = 0
    waiting: int = 0
    waiting_seconds: float = 0.0
    per_second: float = 0.0
    standing: tuple[int, ...] = ()


class Vitals(msgspec.Struct, frozen=True):
    """How everything stands.

    Attributes:
        trouble: What is wrong with the broker, in one line; "" for nothing.
        activities: On `activity-events`, by the worker.
        names: On `naming-requests`, by the namer.
        rejected: Records ever sent to the rejects.
        rejects: The latest thousand, by reason, with samples.
    """

    trouble: str = "not looked at yet"
    activities: Backlog = Backlog()
    names: Backlog = Backlog()
    rejected: int = 0
    rejects: list[Kind] = []


def measured(vitals: Vitals) -> Metrics:
    """The same for Prometheus; of a broker that does not answer, only that."""
    metrics = Metrics(MONITOR)
    metrics.set(BROKER_UP, not vitals.trouble)
    if not vitals.trouble:
        queues = {"activities": vitals.activities, "naming_requests": vitals.names}
        metrics.set_each(BACKLOG, {name: one.waiting for name, one in queues.items()})
        metrics.set_each(
            BACKLOG_SECONDS, {name: one.waiting_seconds for name, one in queues.items()}
        )
        metrics.set_each(STANDING, {name: len(one.standing) for name, one in queues.items()})
        metrics.count_each(ARRIVED, {name: one.records for name, one in queues.items()})
    return metrics


class Watcher:
    """Looks again and again.

    Args:
        settings: Broker, topics and groups.

    Attributes:
        vitals: What was seen last.
    """

    def __init__(self, settings: Settings) -> None:
        self.vitals = Vitals()
        self._settings = settings
        self._topics = Topics.of(settings)
        self._groups = {
            self._topics.activities: settings.group,
            self._topics.requests: f"{settings.group}-namer",
        }
        self._seen: dict[str, deque[tuple[float, int]]] = {
            topic: deque(maxlen=_RATE_LOOKS) for topic in self._groups
        }
        self._progress = {topic: Progress(settings.stall_seconds) for topic in self._groups}
        self._found: dict[str, dict[TopicPartition, int]] = {topic: {} for topic in self._groups}
        self._rejects: deque[RejectedRecord] = deque(maxlen=REJECTS)

    def run(self, stopped: threading.Event) -> None:
        """Look until told to stop; a broker that is away is waited for.

        Raises:
            JourneysError: What does not pass by itself.
        """
        while not stopped.is_set():
            try:
                self._watch(stopped)
            except JourneysError as error:
                if not may_pass(error):
                    raise
                self.vitals = msgspec.structs.replace(self.vitals, trouble=str(error))
                for progress in self._progress.values():
                    progress.excuse()
                stopped.wait(SECONDS)

    def _watch(self, stopped: threading.Event) -> None:
        names = (*self._groups, self._topics.rejects)
        counts = dict(zip(names, admin.partitions_of(self._settings, *names), strict=True))
        rejects = [TopicPartition(self._topics.rejects, n) for n in range(counts[names[-1]])]
        with (
            connect(self._settings, KafkaAdminClient) as groups,
            connect(self._settings, KafkaConsumer) as heads,
            connect(self._settings, KafkaConsumer) as tail,
        ):
            tail.assign(rejects)
            self._rejects.clear()
            ends = admin.end_offsets(self._settings, counts)
            for where in rejects:
                tail.seek(where, max(0, ends[where.topic][where.partition] - REJECTS))
            while not stopped.is_set():
                self._read_rejects(tail)
                ends = admin.end_offsets(self._settings, counts)
                backlogs = {
                    topic: self._backlog(topic, ends[topic], groups, heads)
                    for topic in self._groups
                }
                self.vitals = Vitals(
                    "",
                    backlogs[self._topics.activities],
                    backlogs[self._topics.requests],
                    sum(ends[self._topics.rejects]),
                    overview(self._rejects, Replayed()),
                )
                stopped.wait(SECONDS)

    def _read_rejects(self, tail: Any) -> None:
        while found := tail.poll(_POLL_MS, max_records=REJECTS):
            for record in (one for records in found.values() for one in records):
                stored = StoredRecord.of(record)
                if is_reject(stored):
                    self._rejects.append(rejected_record(stored))

    def _backlog(self, topic: str, ends: Sequence[int], groups: Any, heads: Any) -> Backlog:
        group = self._groups[topic]
        committed: Mapping[Any, Any] = groups.list_group_offsets([group])[group]
        done = {
            number: max(0, at.offset) if at else 0
            for number in range(len(ends))
            for at in [committed.get(TopicPartition(topic, number))]
        }
        waiting = {number: max(0, end - done[number]) for number, end in enumerate(ends)}
        looks = self._seen[topic]
        looks.append((time.monotonic(), sum(done.values())))
        (begun, first), (now, last) = looks[0], looks[-1]
        behind = {TopicPartition(topic, n): done[n] for n, count in waiting.items() if count}
        waits = _oldest(heads, behind) if behind else {}
        oldest = min(waits.values(), default=time.time())
        return Backlog(
            records=sum(ends),
            waiting=sum(waiting.values()),
            waiting_seconds=round(max(0.0, time.time() - oldest), 1),
            standing=self._standing(topic, behind, waits),
            per_second=round(max(0, last - first) / (now - begun), 1) if now > begun else 0.0,
        )

    def _standing(
        self,
        topic: str,
        behind: Mapping[TopicPartition, int],
        waits: Mapping[TopicPartition, float],
    ) -> tuple[int, ...]:
        """Partitions that stand still; told in the log, once, and once more when they go on."""
        known = self._found[topic].items()
        # One look does not find the records of all partitions. Where none ever is, marks wait.
        found = {where: at for where, at in known if behind.get(where) == at}
        found |= {where: behind[where] for where in waits}
        self._found[topic], progress = found, self._progress[topic]
        progress.look({_name(where): at for where, at in found.items()})
        progress.tell()
        still = progress.still()
        return tuple(sorted(where.partition for where in found if _name(where) in still))


def _oldest(client: Any, behind: Mapping[TopicPartition, int]) -> dict[TopicPartition, float]:
    """When the records at these offsets came, epoch seconds; of those that were read in a moment.

    None is where nothing but marks of transactions lies.
    """
    client.assign(list(behind))
    for where, offset in behind.items():
        client.seek(where, offset)
    found = client.poll(_POLL_MS, max_records=1_000)
    return {where: records[0].timestamp / 1000 for where, records in found.items() if records}


def _name(where: TopicPartition) -> str:
    return f"{where.topic}, partition {where.partition}"
