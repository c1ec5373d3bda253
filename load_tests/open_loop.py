"""An open loop: events are sent when they are due, whether or not the system keeps up.

A loop that waits for an answer before it sends on asks less of a system that is slow, and leaves
out the very waits that it is to measure (coordinated omission). Here all times are drawn before the
first event is sent, and latency counts from then: what the sender is late is part of it, and told.
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from confluent_kafka import Producer
from numpy.typing import NDArray

from load_tests.workload import Event
from models.errors import BrokerError
from streams.kafka.partitioning import partition_of

BURST_EVERY = 5.0  # seconds
BURST_SECONDS = 0.5
BURST_SHARE = 0.5  # of all events come in bursts
LONGEST_NAP = 0.001  # seconds
FLUSH_SECONDS = 30.0

Seconds = NDArray[np.float64]


class Phase(NamedTuple):
    """A stretch of the log with the times at which it is due.

    Attributes:
        name: For the report.
        first: Number of its first event in the log.
        due: When each is due, seconds from the phase's start, ascending.
        backlog: How many are due at once at its start.
    """

    name: str
    first: int
    due: Seconds
    backlog: int = 0

    @property
    def end(self) -> int:
        """Number of the first event behind it."""
        return self.first + len(self.due)


def phases(saturation: float, share: float, seconds: float, warm_up: float) -> list[Phase]:
    """Warm-up, steady, bursts, a backlog that is drained.

    Args:
        saturation: Events a second that the system can do.
        share: Of it, that is sent on the whole.
        seconds: That each phase lasts.
        warm_up: Seconds of what is not reported.
    """
    random = np.random.default_rng(7)
    rate = saturation * share
    backlog = int(saturation * (1 - share) * seconds / 2)  # drained in half of the phase
    plans = [
        ("warm-up", _steady(rate, warm_up, random), 0),
        ("steady", _steady(rate, seconds, random), 0),
        ("bursts", bursts(_steady(rate, seconds, random)), 0),
        ("drain", np.concatenate([np.zeros(backlog), _steady(rate, seconds, random)]), backlog),
    ]
    found, first = [], 0
    for name, due, waiting in plans:
        found.append(Phase(name, first, due, waiting))
        first += len(due)
    return found


def _steady(rate: float, seconds: float, random: np.random.Generator) -> Seconds:
    """Times at a constant rate, by chance: as of many users who know nothing of each other."""
    count = max(1, int(rate * seconds))
    due: Seconds = np.sort(random.random(count)) * seconds
    return due


def bursts(due: Seconds) -> Seconds:
    """The same number of events, so many of each period within a short part of it."""
    period, place = np.divmod(due / BURST_EVERY, 1.0)
    quiet = (place - BURST_SHARE) / (1 - BURST_SHARE)
    length = BURST_SECONDS / BURST_EVERY
    moved = np.where(
        place < BURST_SHARE, place / BURST_SHARE * length, length + quiet * (1 - length)
    )
    found: Seconds = (period + moved) * BURST_EVERY
    return found


class Sender:
    """Puts events on their topic when they are due.

    Args:
        broker: Its address.
        topic: Empty, with nobody else who writes.
        partitions: Of it.
    """

    def __init__(self, broker: str, topic: str, partitions: int) -> None:
        self._topic = topic
        self._partitions = partitions
        self._failed = ""
        # The client's threads are no Python: they take no time from those who listen.
        self._producer = Producer(
            {
                "bootstrap.servers": broker,
                "acks": "all",
                "linger.ms": 1,
                "queue.buffering.max.messages": 2_000_000,
                "max.in.flight.requests.per.connection": 1,  # in order: offsets are counted
            }
        )

    def send(
        self, events: Sequence[Event], due: Seconds, began: float, look: Callable[[int], None]
    ) -> Seconds:
        """Send events when they are due; returns when all are acknowledged.

        Args:
            events: Of the log.
            due: Of the same length, seconds after `began`.
            began: On the clock `time.perf_counter`.
            look: Told now and then how many are sent; may raise.

        Returns:
            How late each was handed to the client, seconds.

        Raises:
            BrokerError: The broker does not take them.
        """
        times, late = due.tolist(), np.zeros(len(due))
        sent, count = 0, len(times)
        while sent < count:
            now = time.perf_counter() - began
            while sent < count and times[sent] <= now:
                self._put(events[sent])
                late[sent] = now - times[sent]
                sent += 1
            self._producer.poll(0)
            look(sent)
            if sent < count:
                time.sleep(max(0.0, min(LONGEST_NAP, times[sent] - now)))
        left = self._producer.flush(FLUSH_SECONDS)
        if left or self._failed:
            raise BrokerError(f"the log was not taken: {self._failed or f'{left} events wait'}")
        return late

    def _put(self, event: Event) -> None:
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    event.value,
                    event.key,
                    partition_of(event.key, self._partitions),
                    on_delivery=self._delivered,
                )
                return
            except BufferError:  # its queue is full
                self._producer.poll(LONGEST_NAP)

    def _delivered(self, error: object, message: object) -> None:
        if error is not None:
            self._failed = str(error)
