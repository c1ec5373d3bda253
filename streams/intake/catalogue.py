"""The catalogue: a whole copy of the topic `items`, here, that follows it.

Each process has a copy of its own in RocksDB, with the position up to which it was read; it is read
on from there. A copy that cannot belong to the topic as it is now is dropped, said, and read anew.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from mode import get_logger

from models.decoding import decode_json
from models.errors import LockedError, Reason, Rejected
from models.mapping.catalogue import CatalogueItem, item_of
from streams.kafka.messages import Record
from streams.service.metrics import BAD_ITEMS, ITEMS_READ, Metrics
from streams.state.store import MemoryParts, Parts, RocksParts

_log = get_logger(__name__)

# Where a topic is compacted, what says that an item is gone is itself gone a day later.
FRESH_MS: Final = 12 * 3_600_000
POLL_MS: Final = 500
RECORDS: Final = 5_000  # taken at once
FORM: Final = 2  # of a copy: the first kept no text
_META: Final = b"\xff"  # no item's key: those are UTF-8
_encode = msgspec.msgpack.Encoder().encode
_items = msgspec.msgpack.Decoder(CatalogueItem)


class _Position(msgspec.Struct, array_like=True):
    """How far a copy has come.

    Attributes:
        topic_id: The topic's, as the broker gave it; another after it was made anew.
        read_at: When it was looked at last, epoch ms.
        next: By partition: offset of the next record.
        form: What it keeps of an item, see `FORM`; the first did not say.
    """

    topic_id: str
    read_at: int
    next: dict[int, int]
    form: int = 1


class Catalogue:
    """Finds items.

    Args:
        consumer: In no group, reads what is committed; started.
        topic: The topic `items`.
        topic_id: As the broker gave it.
        partitions: How many it has.
        store: The copy.
        metrics: Where to count.

    Attributes:
        complete: Set once all is read that was there at the start.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topic: str,
        topic_id: str,
        partitions: int,
        store: Parts,
        metrics: Metrics,
    ) -> None:
        self.complete = asyncio.Event()
        self._consumer = consumer
        self._topic = topic
        self._topic_id = topic_id
        self._partitions = partitions
        self._store = store
        self._metrics = metrics
        self._next: dict[int, int] = {}
        self._written = 0

    def find(self, item_id: str) -> CatalogueItem | None:
        """An item by its id; None if it is not known."""
        try:
            found = self._store.get(item_id.encode())
        except UnicodeEncodeError:
            return None
        return None if found is None else _items.decode(found)

    async def run(self) -> None:
        """Read the topic to its end, then follow it.

        Raises:
            KafkaError: It cannot be read.
        """
        ends = await self._begin()
        while True:
            if not self.complete.is_set() and all(
                [await self._consumer.position(tp) >= end for tp, end in ends.items()]
            ):
                self.complete.set()
            await self._follow_partitions()
            found = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS)
            self._take({tp.partition: records for tp, records in found.items()})

    async def _begin(self) -> Mapping[TopicPartition, int]:
        partitions = [TopicPartition(self._topic, n) for n in range(self._partitions)]
        self._consumer.assign(partitions)
        firsts = await self._consumer.beginning_offsets(partitions)
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(partitions)
        stored = self._stored()
        if stored is not None and (wrong := self._wrong(stored, firsts, ends)):
            _log.warning("the copy of %s is dropped and read anew: %s", self._topic, wrong)
            self._store.clear()
            stored = None
        self._next = dict(stored.next) if stored else {}
        for tp in partitions:
            self._consumer.seek(tp, max(firsts[tp], self._next.get(tp.partition, 0)))
        return ends

    def _wrong(
        self,
        stored: _Position,
        firsts: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
    ) -> str | None:
        if stored.form != FORM:
            return "another version of this program made it"
        if stored.topic_id != self._topic_id:
            return "the topic was made anew"
        ahead = [tp.partition for tp, end in ends.items() if stored.next.get(tp.partition, 0) > end]
        if ahead or stored.next.keys() - {tp.partition for tp in ends}:
            return f"it goes further than the topic (partition {ahead})"
        if int(time.time() * 1000) - stored.read_at > FRESH_MS:
            return "it is too old to know of all items that are gone"
        return None

    async def _follow_partitions(self) -> None:
        """Read partitions that were added, too."""
        there = len(self._consumer.partitions_for_topic(self._topic) or ())
        if there > self._partitions:
            self._partitions = there
            await self._begin()

    def _take(self, found: Mapping[int, Iterable[Record]]) -> None:
        now = int(time.time() * 1000)
        parts: list[tuple[bytes, bytes | None]] = []
        for partition, records in found.items():
            for record in records:
                self._next[partition] = record.offset + 1
                try:
                    parts.append(_part(record))
                except Rejected as error:
                    self._metrics.count(BAD_ITEMS)
                    _log.warning(
                        "%s, partition %d, offset %d is no item: %s",
                        self._topic,
                        partition,
                        record.offset,
                        error,
                    )
        self._metrics.count(ITEMS_READ, len(parts))
        if parts or now - self._written > FRESH_MS / 100:
            position = _Position(self._topic_id, now, self._next, FORM)
            self._store.write([*parts, (_META, _encode(position))], 0)
            self._written = now

    def _stored(self) -> _Position | None:
        raw = self._store.get(_META)
        return None if raw is None else msgspec.msgpack.decode(raw, type=_Position)


def _part(record: Record) -> tuple[bytes, bytes | None]:
    key = record.key or b""
    try:
        item_id = key.decode()
    except UnicodeDecodeError:
        item_id = ""
    if not item_id:
        raise Rejected(Reason.NULL_KEY, "the record's key must be the item id")
    if record.value is None:
        return key, None
    return key, _encode(item_of(item_id, decode_json(record.value)))


def open_store(folder: Path | None) -> Parts:
    """A copy that no other process has open.

    Args:
        folder: Where copies lie; None keeps it in memory.

    Raises:
        SnapshotError: None can be opened.
    """
    if folder is None:
        return MemoryParts()
    number = 0
    while True:
        try:
            return RocksParts(folder / f"items-{number}")
        except LockedError:
            number += 1
