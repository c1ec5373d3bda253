"""When what an event causes arrives: its change on the topic, and the commit of its offset."""

import threading
import time
from collections.abc import Sequence
from typing import Any, Self

import msgspec
import numpy as np
from confluent_kafka import Consumer, TopicPartition
from numpy.typing import NDArray

from load_tests.workload import Event
from models.errors import JourneysError
from streams.kafka.partitioning import partition_of

POLL_SECONDS = 0.02  # between two looks at what is committed: how fine its latency is
TAKEN_AT_ONCE = 1_000

Seconds = NDArray[np.float64]


class _Data(msgspec.Struct):
    cause: str


class _Change(msgspec.Struct):
    data: _Data


class Arrivals:
    """Listens while the `with` block runs, with a thread for each of the two.

    Args:
        broker: Its address.
        group: Whose commits.
        activities: The topic that the group reads.
        changes: The topic on which changes arrive; read from its start.
        partitions: Of either.
    """

    def __init__(
        self, broker: str, group: str, activities: str, changes: str, partitions: int
    ) -> None:
        conf = {"bootstrap.servers": broker, "enable.auto.commit": False}
        self._changes = Consumer({**conf, "group.id": f"{group}-look", "fetch.wait.max.ms": 10})
        self._changes.assign([TopicPartition(changes, number, 0) for number in range(partitions)])
        self._commits = Consumer({**conf, "group.id": group})  # it asks, and does not join
        self._places = [TopicPartition(activities, number) for number in range(partitions)]
        self._arrived: list[tuple[float, bytes]] = []
        self._looks: list[tuple[float, list[int]]] = []
        self._over = threading.Event()
        self._error: Exception | None = None
        self._threads = [
            threading.Thread(target=self._run, args=(each,))
            for each in (self._take_changes, self._look_at_commits)
        ]

    def __enter__(self) -> Self:
        """Begin to listen."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._changes.close()
        self._commits.close()

    def committed(self) -> int:
        """How many events are committed.

        Raises:
            JourneysError: It cannot listen.
        """
        if self._error is not None:
            raise JourneysError(f"what arrives cannot be read: {self._error}")
        return sum(self._looks[-1][1]) if self._looks else 0

    def changes(self, count: int) -> Seconds:
        """See `change_times`."""
        return change_times(self._arrived, count)

    def commits(self, events: Sequence[Event]) -> Seconds:
        """See `commit_times`."""
        return commit_times(self._looks, events, len(self._places))

    def _run(self, listen: Any) -> None:
        try:
            while not self._over.is_set():
                listen()
        except Exception as error:  # told by `committed`, in the thread that waits
            self._error = error

    def _take_changes(self) -> None:
        messages = self._changes.consume(TAKEN_AT_ONCE, POLL_SECONDS)
        now = time.perf_counter()
        for message in messages:
            if message.error():
                raise JourneysError(str(message.error()))
            self._arrived.append((now, message.value() or b""))

    def _look_at_commits(self) -> None:
        found = self._commits.committed(self._places, timeout=10)
        now = time.perf_counter()
        self._looks.append((now, [max(0, place.offset) for place in found]))
        time.sleep(POLL_SECONDS)


def change_times(arrived: Sequence[tuple[float, bytes]], count: int) -> Seconds:
    """When the first change that an event caused arrived.

    Args:
        arrived: Moments and changes, in order.
        count: Of the log's events.

    Returns:
        One entry per event, NaN for those that caused none.
    """
    found = np.full(count, np.nan)
    decode = msgspec.json.Decoder(_Change).decode
    for moment, value in reversed(arrived):  # the first one stays
        cause = decode(value).data.cause
        if cause.startswith("e"):  # not the passing of time
            found[int(cause[1:])] = moment
    return found


def commit_times(
    looks: Sequence[tuple[float, Sequence[int]]], events: Sequence[Event], partitions: int
) -> Seconds:
    """When each event's offset was first seen to be committed.

    Args:
        looks: Moments, and what was committed then of each partition.
        events: The log, the only one on its topic, in order.
        partitions: Of the topic.

    Returns:
        One entry per event, NaN for those that were not.
    """
    owners = np.array([partition_of(event.key, partitions) for event in events])
    moments = np.array([*(moment for moment, _ in looks), np.nan])
    offsets = np.maximum.accumulate([offsets for _, offsets in looks])
    found = np.full(len(events), np.nan)
    for number in range(partitions):
        mine = np.flatnonzero(owners == number)
        found[mine] = moments[np.searchsorted(offsets[:, number], np.arange(1, len(mine) + 1))]
    return found
