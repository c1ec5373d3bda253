"""Who writes which rows: the group deals out the partitions of `user-journeys` itself.

Whoever has a partition makes its rows be what they are to be: it reads back what stands there,
compares, and writes what differs, for users of whom a record came and, when it takes the partition,
for all of them. It goes on reading what it writes, so that a row of an earlier owner who was late
(frozen, cut off) is seen and put right. Nothing but the topics has a part in that: whatever was
killed, lost or made anew, the rows come to be what `journeys` says.

A partition's rows are not looked at before all has been read that stood on both topics when it was
taken: a copy that lags would put older rows over newer ones.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition
from mode import get_logger

from models.errors import BrokerError
from streams.kafka.partitioning import partition_of
from streams.service.metrics import ROWS_READ, ROWS_WRITTEN, Metrics
from streams.users.store import Rows, Standing, digest_of

_log = get_logger(__name__)

POLL_MS: Final = 50
# While the group deals out, the client answers only as long as it polls, and for one who is late
# the embedded broker begins anew.
JOIN_MS: Final = 1_000
RECORDS: Final = 5_000  # taken at once
SLICE: Final = 2_000  # users looked at between two turns, of all of a partition


class Share:
    """A partition that is ours.

    Args:
        end: Up to where its rows are read back before any is written.
        sources: Up to where each partition of `journeys` is to be read by then, by number.

    Attributes:
        next: Offset of the next row to read back.
        looked: Up to which user id all were looked at; None once all were.
        ready: Whether its rows may be written.
    """

    def __init__(self, end: int, sources: Sequence[int]) -> None:
        self.end = end
        self.sources = sources
        self.next = 0
        self.looked: str | None = ""
        self.ready = False


class Shares(ConsumerRebalanceListener):  # type: ignore[misc]
    """The partitions that this process writes.

    Args:
        topic: `user-journeys`, its full name.
        partitions: How many it has.
        ends: Asks for the ends of both topics as they are: of its own partitions, by number, and of
            those of `journeys`.
        consumer: Of the group.
        producer: Writes rows.
        patience: Seconds until rows that are not acknowledged are an error.
        store: The copy.
        metrics: Where to count.

    Attributes:
        joined: Whether the group has said what is ours.
        owned: What is, by number.
    """

    def __init__(
        self,
        topic: str,
        partitions: int,
        ends: Callable[[], tuple[Sequence[int], Sequence[int]]],
        consumer: KafkaConsumer,
        producer: KafkaProducer,
        patience: float,
        store: Rows,
        metrics: Metrics,
    ) -> None:
        self.joined = False
        self.owned: dict[int, Share] = {}
        self._topic = topic
        self._partitions = partitions
        self._ends = ends
        self._consumer = consumer
        self._producer = producer
        self._patience = patience
        self._store = store
        self._metrics = metrics
        self._changed: set[str] = set()
        self._assigned: set[int] | None = None  # and not taken yet
        self._rebalancing = False
        self._stray = False
        consumer.subscribe([topic], listener=self)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """The client's hook: another may get what is ours; nothing is under way while it polls."""
        self._rebalancing = True

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """The client's hook: these are ours now, those of before among them."""
        self._assigned = {one.partition for one in assigned}

    def turn(self, changed: Iterable[str], position: Callable[[int], int]) -> None:
        """Read rows back, then write those that differ.

        Args:
            changed: Users of whom a record came since the last turn.
            position: Up to where a partition of `journeys` is read.

        Raises:
            KafkaError: The broker fails: what was written is not known here.
            BrokerError: The topic has other partitions than before: begin anew.
        """
        self._changed.update(changed)
        wait = POLL_MS if self.joined and not self._rebalancing else JOIN_MS
        found = self._consumer.poll(wait, max_records=RECORDS)
        if self._assigned is not None:
            self._take(self._assigned)  # what was polled is read again from where it says
            self._assigned, self._rebalancing, self.joined = None, False, True
            return
        self._read_back(found)
        if self._rebalancing:
            return
        for number, share in self.owned.items():
            if not share.ready:
                share.ready = self._position(number) >= share.end and all(
                    position(source) >= end for source, end in enumerate(share.sources)
                )
        users, self._changed = self._changed, set()
        self._write(user_id for user_id in users if self._is_ready(user_id))
        for number, share in self.owned.items():
            if share.ready and share.looked is not None:
                some = self._store.users(number, self._partitions, share.looked, SLICE)
                self._write(some)
                share.looked = some[-1] if len(some) == SLICE else None

    def _take(self, numbers: set[int]) -> None:
        if max(numbers, default=0) >= self._partitions:
            raise BrokerError(f"{self._topic} has more partitions than before")
        new = numbers - self.owned.keys()
        ends, sources = self._ends() if new else ((), ())
        for number in new:
            self._store.unlearn(number, self._partitions)
            self.owned[number] = Share(ends[number], sources)
        self.owned = {number: self.owned[number] for number in sorted(numbers)}
        for number, share in self.owned.items():
            where = TopicPartition(self._topic, number)
            if share.next:
                self._consumer.seek(where, share.next)
            else:
                self._consumer.seek_to_beginning(where)

    def _is_ready(self, user_id: str) -> bool:
        share = self.owned.get(self._home(user_id))
        return share is not None and share.ready

    def _home(self, user_id: str) -> int:
        return partition_of(user_id.encode(), self._partitions)

    def _position(self, number: int) -> int:
        return int(self._consumer.position(TopicPartition(self._topic, number)))

    def _read_back(self, found: Mapping[TopicPartition, Sequence[Any]]) -> None:
        for where, records in found.items():
            if (share := self.owned.get(where.partition)) is None:
                continue
            share.next = records[-1].offset + 1
            rows = [row for record in records if (row := self._row(record)) is not None]
            self._store.read_back(rows)
            self._metrics.count(ROWS_READ, len(rows))
            self._changed.update(row.user_id for row in rows)

    def _row(self, record: Any) -> Standing | None:
        """A row as it was read; None for what is none of ours."""
        try:
            user_id = record.key.decode()
        except (AttributeError, UnicodeDecodeError):
            return None
        if self._home(user_id) != record.partition:
            if not self._stray:
                self._stray = True
                _log.warning(
                    "rows on partition %d of %s belong on another and are left alone: was its "
                    "number of partitions changed? Made anew, the topic is filled by itself",
                    *(record.partition, self._topic),
                )
            return None
        return Standing(user_id, record.offset, digest_of(record.value))

    def _write(self, users: Iterable[str]) -> None:
        sent = []
        for user_id in users:
            value = self._store.wanted(user_id)
            digest = digest_of(value)
            if digest == self._store.standing(user_id):
                continue
            where = {"key": user_id.encode(), "partition": self._home(user_id)}
            sent.append((user_id, digest, self._producer.send(self._topic, value, **where)))
        if not sent:
            return
        self._producer.flush(timeout=self._patience)
        self._store.written(
            Standing(user_id, future.get(timeout=self._patience).offset, digest)
            for user_id, digest, future in sent
        )
        erased = sum(digest is None for _, digest, _ in sent)
        kinds = {"row": len(sent) - erased, "tombstone": erased}
        self._metrics.count_each(ROWS_WRITTEN, kinds)
