"""The loop: records of `journeys` into the copy, and the rows that differ onto `user-journeys`.

    poll ─► copy of `journeys` ─► row of each user that a record came of ─► differs? ─► written
                                                                              ▲
    what stands on `user-journeys`, read back ────────────────────────────────┘

`journeys` is keyed by user and journey, so a user's records lie on all of its partitions: every
instance reads all of them, and none of it waits for another. What instances share is the writing
(`streams.users.shares`).
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from models.errors import BrokerError
from models.user_journeys import line_of
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.query.copy import Position
from streams.query.follow import Following
from streams.service.app import HEARTBEATS
from streams.service.metrics import USERS_LAG, USERS_READ, Metrics
from streams.settings import Settings
from streams.topics import Topics
from streams.users.shares import Shares
from streams.users.store import Latest, Rows

LINGER_MS: Final = 5  # time for a batch to fill
LOOK_SECONDS: Final = 30.0  # between two looks whether the topics are those of the beginning


def users_group(settings: Settings) -> str:
    """The consumer group in which instances share the writing."""
    return f"{settings.group}-users"


class RowKeeper(Following[Rows]):
    """Keeps the copy and the rows up to date.

    Args:
        settings: Broker, topics, group, registry.
        store: The copy.
        metrics: Where to count.

    Attributes:
        shares: What this process writes; None before it has met the broker.
    """

    def __init__(self, settings: Settings, store: Rows, metrics: Metrics) -> None:
        topics = Topics.of(settings)
        super().__init__(settings, store, topics.journeys)
        self.shares: Shares | None = None
        self._topics = topics
        self._metrics = metrics
        self._changed: set[str] = set()
        self._looked, self._known = 0.0, ("", "")

    def _follow(self, done: Callable[[], bool]) -> None:
        settings, topics = self._settings, self._topics
        names = (topics.journeys, topics.user_journeys)
        counts = dict(zip(names, admin.partitions_of(settings, *names), strict=True))
        moves_after = min(settings.session_timeout, settings.rebalance_timeout)
        timeout_ms = int(settings.broker_timeout * 1000)
        with (
            connect(
                settings,
                KafkaConsumer,
                group_id=users_group(settings),
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                session_timeout_ms=int(settings.session_timeout * 1000),
                heartbeat_interval_ms=int(1000 * moves_after / HEARTBEATS),
            ) as consumer,
            connect(
                settings,
                KafkaProducer,
                acks="all",
                enable_idempotence=True,
                linger_ms=LINGER_MS,
                batch_size=131_072,
                allow_auto_create_topics=False,
                request_timeout_ms=timeout_ms,
                max_block_ms=timeout_ms,
                delivery_timeout_ms=timeout_ms + LINGER_MS,
            ) as producer,
        ):
            self._looked, self._known = time.monotonic(), self._topic_ids()
            self._changed.clear()  # all users of a partition that is taken are looked at
            self.shares = Shares(
                topics.user_journeys,
                counts[topics.user_journeys],
                lambda: self._ends(counts),
                consumer,
                producer,
                2 * settings.broker_timeout,
                self._store,
                self._metrics,
            )
            try:
                super()._follow(done)
            finally:
                self.shares = None

    def _topic_ids(self) -> tuple[str, str]:
        names = self._topics.journeys, self._topics.user_journeys
        first, second = (admin.topic_id_of(self._settings, name) for name in names)
        return first, second

    def _ends(self, counts: dict[str, int]) -> tuple[Sequence[int], Sequence[int]]:
        ends = admin.end_offsets(self._settings, counts)
        return ends[self._topics.user_journeys], ends[self._topics.journeys]

    def _row(self, topic: str, record: Any) -> Latest:
        if record.value is None:
            user_id, _, journey_id = (record.key or b"").decode(errors="replace").rpartition("/")
            return Latest(user_id, journey_id)
        current = self._reader.journey(record.value)
        line = line_of(current)
        return Latest(current.user_id, current.journey.journey_id, current.updated_at, line)

    def _keep(self, rows: Sequence[Latest], topic: str, read: dict[int, Position]) -> None:
        self._store.add(rows, topic, read)
        self._changed.update(row.user_id for row in rows)
        self._metrics.count(USERS_READ, len(rows))

    def _turn(self, client: KafkaConsumer) -> None:
        if self.shares is None:
            return
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            if self._topic_ids() != self._known:
                raise BrokerError("a topic was made anew")
        changed, self._changed = self._changed, set()

        def position(number: int) -> int:
            return int(client.position(TopicPartition(self._topics.journeys, number)))

        self.shares.turn(changed, position)
        waiting = [
            max(0, (client.highwater(where) or 0) - client.position(where))
            for where in client.assignment()
        ]
        self._metrics.set(USERS_LAG, sum(waiting))
