"""Reads topics into a copy: to their end as of now, or on and on.

No consumer group: every instance has all of it. A copy that cannot belong to the topics as they are
now is dropped, said, and read anew. `Follower` reads `journeys`, `journey-changes` and
`user-erasures` into the store.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from kafka import KafkaConsumer, TopicPartition

from models.errors import JourneysError, Rejected, may_pass
from streams.formats.reading import OutputReader
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.query.copy import Copy, Position
from streams.query.rows import of_changes, of_erasures, of_journeys
from streams.query.store import JourneyRow, Store, Tombstone
from streams.settings import Settings
from streams.topics import Topics

# Where a topic is compacted, what says that a journey is gone is itself gone a day later.
FRESH_SECONDS: Final = 12 * 3_600
POLL_MS: Final = 200
RECORDS: Final = 5_000  # taken at once
RETRY_SECONDS: Final = 2.0

_log = logging.getLogger(__name__)

Kept = TypeVar("Kept", bound=Copy)


class Following(Generic[Kept]):
    """Keeps a copy up to date; a subclass says what is kept of a record.

    Args:
        settings: Broker, topics, registry.
        store: What is kept.
        names: Full names of the topics; the first one is compacted.

    Attributes:
        complete: Set once all is read that was there at the start.
        trouble: What is wrong now, in one line; "" for nothing.
        unreadable: Records that were passed over, because they are none of ours.
    """

    def __init__(self, settings: Settings, store: Kept, *names: str) -> None:
        self.complete = threading.Event()
        self.trouble = ""
        self.unreadable = 0
        self._settings = settings
        self._store = store
        self._names = names
        self._reader = OutputReader(settings)
        self._ids: dict[str, str] = {}

    def catch_up(self) -> None:
        """Read to the end as it is now.

        Raises:
            BrokerError: The broker fails.
            SettingsError: A topic is not there.
            SnapshotError: The store cannot be written.
        """
        self._follow(self.complete.is_set)

    def run(self, stopped: threading.Event) -> None:
        """Follow the topics until told to stop; a broker that is away is waited for.

        Raises:
            JourneysError: What does not pass by itself.
        """
        while not stopped.is_set():
            try:
                self._follow(stopped.is_set)
            except JourneysError as error:
                if not may_pass(error):
                    raise
                if not self.trouble:
                    _log.warning("%s; tried again until it answers", error)
                self.trouble = str(error)
                stopped.wait(RETRY_SECONDS)

    def _prepare(self, topic: str, records: Sequence[Any]) -> None:
        """Make the reader ready for a batch of values."""
        self._reader.prepare(record.value for record in records)

    def _row(self, topic: str, record: Any) -> Any:
        """What is kept of a record, for which the reader is prepared.

        Raises:
            Rejected: It is none of ours.
        """
        raise NotImplementedError

    def _keep(self, rows: Sequence[Any], topic: str, read: dict[int, Position]) -> None:
        """Keep a batch's rows, and how far it was read."""
        raise NotImplementedError

    def _turn(self, client: KafkaConsumer) -> None:
        """Called again and again, between two batches."""

    def _forget(self) -> None:
        """Drop the copy."""
        self._store.forget()

    def _follow(self, done: Callable[[], bool]) -> None:
        names = self._names
        counts = dict(zip(names, admin.partitions_of(self._settings, *names), strict=True))
        ends = {
            TopicPartition(name, number): end
            for name, all_ends in admin.end_offsets(self._settings, counts).items()
            for number, end in enumerate(all_ends)
        }
        self._ids = {name: admin.topic_id_of(self._settings, name) for name in names}
        self._check(ends)
        # Where records are gone, or the topic is another one, we begin again and see which.
        options = {"allow_auto_create_topics": False, "auto_offset_reset": "none"}
        with connect(self._settings, KafkaConsumer, **options) as client:
            client.assign(list(ends))
            self._seek(client, ends)
            self.trouble = ""
            while not done():
                for where, records in client.poll(POLL_MS, max_records=RECORDS).items():
                    self._take(where, records)
                if not self.complete.is_set() and all(
                    client.position(where) >= end for where, end in ends.items()
                ):
                    self.complete.set()
                self._turn(client)

    def _check(self, ends: dict[TopicPartition, int]) -> None:
        """Drop a copy that is not one of these topics, or was left alone for too long."""
        known = {name: self._store.positions(name) for name in self._ids}
        foreign = any(
            at.topic_id != self._ids[name] or at.next > ends.get(TopicPartition(name, number), 0)
            for name, positions in known.items()
            for number, at in positions.items()
        )
        seen = [at.read_at for at in known[self._names[0]].values()]
        if foreign:
            _log.warning("the local copy belongs to other topics than these: read anew")
            self._forget()
        elif seen and time.time() - max(seen) > FRESH_SECONDS:
            _log.info("the local copy is old: read anew, so that what was erased is not kept")
            self._forget()

    def _seek(self, client: KafkaConsumer, ends: dict[TopicPartition, int]) -> None:
        kept = client.beginning_offsets(list(ends))
        known = {name: self._store.positions(name) for name in self._ids}
        for where in ends:
            at = known[where.topic].get(where.partition)
            first = kept[where]
            if at is not None and at.next < first and where.topic != self._names[0]:
                _log.warning(
                    "%s, partition %d: %d records were deleted before they were read; what they "
                    "said of the past is not known here",
                    *(where.topic, where.partition, first - at.next),
                )
            client.seek(where, max(first, at.next if at else 0))

    def _take(self, where: TopicPartition, records: Sequence[Any]) -> None:
        self._prepare(where.topic, records)
        read = {where.partition: Position(self._ids[where.topic], records[-1].offset + 1, 0.0)}
        rows: list[Any] = []
        for record in records:
            try:
                rows.append(self._row(where.topic, record))
            except Rejected as error:
                self.unreadable += 1
                if self.unreadable == 1:
                    _log.warning(
                        "%s, partition %d, offset %d: %s; passed over, as are others like it",
                        *(where.topic, where.partition, record.offset, error.detail),
                    )
        self._keep(rows, where.topic, read)


class Follower(Following[Store]):
    """Keeps the store up to date.

    Args:
        settings: Broker, topics, registry.
        store: What is kept.
        changed: Called after a batch was taken over, from the follower's thread.
    """

    def __init__(
        self, settings: Settings, store: Store, changed: Callable[[], None] = lambda: None
    ) -> None:
        topics = Topics.of(settings)
        super().__init__(settings, store, topics.journeys, topics.changes, topics.erasures)
        self._topics = topics
        self._changed = changed
        self._kinds: dict[str, Callable[[OutputReader, Any], Any]] = {
            topics.erasures: of_erasures,
            topics.journeys: of_journeys,
            topics.changes: of_changes,
        }

    def _prepare(self, topic: str, records: Sequence[Any]) -> None:
        if topic != self._topics.erasures:  # whose values are whatever somebody said
            super()._prepare(topic, records)

    def _row(self, topic: str, record: Any) -> Any:
        return self._kinds[topic](self._reader, record)

    def _keep(self, rows: Sequence[Any], topic: str, read: dict[int, Position]) -> None:
        if topic == self._topics.changes:
            self._store.add_changes(rows, topic, read)
        elif topic == self._topics.erasures:
            self._store.add_erasures(rows, topic, read)
        else:
            self._store.add_journeys(*parted(rows), topic, read)
        self._changed()


def parted(rows: Sequence[JourneyRow | Tombstone]) -> tuple[list[JourneyRow], list[Tombstone]]:
    """What comes last of each journey: those that stand, and those that are gone."""
    last = {row.journey_id: row for row in rows}
    return (
        [row for row in last.values() if isinstance(row, JourneyRow)],
        [row for row in last.values() if isinstance(row, Tombstone)],
    )
