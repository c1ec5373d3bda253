"""A topic read from its beginning to its end as of now, by commands that join no group."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple, Self

from kafka import KafkaConsumer, TopicPartition

from models.errors import BrokerError
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.settings import Settings

_POLL_MS: Final = 500
_COMMIT_SECONDS: Final = 60.0  # a transaction that was left open ends by then, as brokers are set


class StoredRecord(NamedTuple):
    """A record as it lies on its topic.

    Attributes:
        partition: Where it lies.
        offset: Where it lies there.
        timestamp: Epoch ms; -1 for none.
        key: Bytes, or None.
        value: Bytes, or None.
        headers: In order; a value may be None.
    """

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]

    @classmethod
    def of(cls, record: Any) -> Self:
        """A record as kafka-python gives it."""
        return cls(
            record.partition,
            record.offset,
            record.timestamp,
            record.key,
            record.value,
            list(record.headers),
        )


def ends_of(settings: Settings, topic: str) -> dict[int, int]:
    """By partition: the offset that the next record will get.

    Raises:
        BrokerError: No broker answers.
        SettingsError: There is no such topic.
    """
    (count,) = admin.partitions_of(settings, topic)
    return dict(enumerate(admin.end_offsets(settings, {topic: count})[topic]))


def starts_of(settings: Settings, topic: str) -> dict[int, int]:
    """By partition: the offset of the first record that is still kept.

    Raises:
        BrokerError: No broker answers.
        SettingsError: There is no such topic.
    """
    (count,) = admin.partitions_of(settings, topic)
    places = [TopicPartition(topic, number) for number in range(count)]
    with connect(settings, KafkaConsumer) as client:
        found = client.beginning_offsets(places)
    return {place.partition: found[place] for place in places}


def records_until(
    settings: Settings, topic: str, ends: Mapping[int, int], starts: Mapping[int, int] | None = None
) -> Iterator[StoredRecord]:
    """What lies on the topic before these offsets, of committed transactions only.

    Args:
        settings: Where the broker is.
        topic: Its full name.
        ends: By partition: where to end.
        starts: By partition: where to begin, unless that is no longer kept; None: at the beginning.

    Yields:
        Records of one partition in order, partitions mixed.

    Raises:
        BrokerError: The broker fails, or gives nothing though there should be more.
    """
    left = {TopicPartition(topic, number): end for number, end in ends.items() if end}
    if not left:
        return
    patience = _COMMIT_SECONDS + settings.broker_timeout
    with connect(settings, KafkaConsumer, isolation_level="read_committed") as client:
        client.assign(list(left))
        client.seek_to_beginning()
        kept = client.beginning_offsets(list(left)) if starts else {}
        for partition, first in kept.items():
            client.seek(partition, max(first, (starts or {})[partition.partition]))
        last = time.monotonic()
        while left:
            found = client.poll(timeout_ms=_POLL_MS, max_records=5_000)
            for partition, records in found.items():
                yield from _before(records, ends[partition.partition])
            # By the position, not by the records: compaction and transactions leave gaps.
            done = {one for one, end in left.items() if client.position(one) >= end}
            if done:
                left = {one: end for one, end in left.items() if one not in done}
                client.pause(*done)
            if found or done:
                last = time.monotonic()
            elif time.monotonic() - last > patience:
                stuck = ", ".join(str(one.partition) for one in left)
                raise BrokerError(
                    f"{topic}: the broker gives nothing more of partition {stuck}, though there "
                    "is more: a transaction on it may be open"
                )


def in_portions(
    records: Iterable[StoredRecord], size: int
) -> Iterator[Mapping[int, list[StoredRecord]]]:
    """So many records at a time, by partition; each partition's stay in order."""
    left = iter(records)
    while portion := list(islice(left, size)):
        found: dict[int, list[StoredRecord]] = defaultdict(list)
        for record in portion:
            found[record.partition].append(record)
        yield found


def _before(records: Iterable[Any], end: int) -> Iterator[StoredRecord]:
    for one in records:
        if one.offset < end:
            yield StoredRecord.of(one)
