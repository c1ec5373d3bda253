"""Intakes as processes, the topics that they read, and what must come of it."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer

from models.records import encode
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.kafka.partitioning import partition_of
from streams.ledger.expected import Expected
from streams.settings import Settings
from streams.topics import Topics
from tests.support.workers import WorkerProcess, read, vectors


class IntakeProcess(WorkerProcess):
    """`journeys intake` in a process of its own, with its own port."""

    command = "intake"


def raw_topic(settings: Settings, name: str, partitions: int) -> str:
    """A topic of theirs, with a name that no other test has; returns that."""
    topic = f"{settings.topic_prefix}{name}"
    with connect(settings, KafkaAdminClient) as client:
        client.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1}})
        client.wait_for_topics([topic])
    return topic


def put(
    settings: Settings,
    topic: str,
    events: Iterable[Any],
    *,
    keys: Iterable[bytes | None] | None = None,
    partitions: int = 0,
) -> None:
    """Put events on a topic as JSON: without keys, in turns over its partitions if it has some."""
    with connect(settings, KafkaProducer, linger_ms=20) as client:
        for at, (key, event) in enumerate(
            ((None, event) for event in events) if keys is None else zip(keys, events, strict=True)
        ):
            number = at % partitions if partitions else None
            client.send(topic, encode(event), key, partition=number)
        client.flush()


def catalogue(settings: Settings, items: dict[str, Any]) -> None:
    """Put items on the topic `items`; None takes one out."""
    with connect(settings, KafkaProducer, linger_ms=20) as client:
        for item_id, item in items.items():
            value = None if item is None else encode({"item_id": item_id} | item)
            client.send(Topics.of(settings).items, value, item_id.encode())
        client.flush()


def arrived(settings: Settings) -> list[dict[str, Any]]:
    """The activities that intake wrote; checks that each lies where its user's others do."""
    found = []
    for record in read(settings, Topics.of(settings).activities):
        activity = json.loads(record.value)
        assert record.key == activity["user_id"].encode()
        assert record.partition == partition_of(record.key, settings.partitions)
        assert [name for name, _ in record.headers] == ["source"]
        found.append(activity)
    return found


def event_ids(activities: Iterable[dict[str, Any]]) -> Counter[str]:
    return Counter(one["event_id"] for one in activities)


def total(settings: Settings, topic: str = "") -> int:
    """How many offsets of a topic are taken: records, and the marks of transactions."""
    topic = topic or Topics.of(settings).activities
    return sum(admin.end_offsets(settings, {topic: settings.partitions})[topic])


def replayed(settings: Settings, log: Sequence[dict[str, Any]]) -> dict[str, bytes]:
    """The changes that plain activities bring, by id."""
    expected = Expected(settings, vectors())
    expected.send((one["user_id"].encode(), encode(one)) for one in log)
    return expected.changes
