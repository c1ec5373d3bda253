"""Producers that write transactions: what they take back never was, markers are no gap."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from streams.kafka import admin
from streams.settings import Settings
from streams.topics import Topics
from tests.support.workers import (
    WorkerProcess,
    activities,
    assert_as_in_ledger,
    by_reason,
    committed,
    read,
    until,
)


@pytest.fixture(autouse=True)
def _real_kafka(request: pytest.FixtureRequest) -> None:
    if "embedded" in request.node.name:
        pytest.skip("the embedded broker knows no transactions")


@pytest.fixture
def producer(settings: Settings) -> Producer:
    admin.create(settings)
    producer = Producer(
        {
            "bootstrap.servers": settings.broker,
            "transactional.id": settings.group,
            "partitioner": "murmur2_random",
        }
    )
    producer.init_transactions(30)
    return producer


def write(producer: Producer, settings: Settings, sent: Iterable[dict[str, Any]]) -> None:
    for one in sent:
        producer.produce(
            Topics.of(settings).activities, json.dumps(one).encode(), one["user_id"].encode()
        )
    producer.flush(30)  # to abort a transaction is to forget what has not left yet


def strange(sent: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, of people who must never be heard of."""
    return [
        one | {"user_id": f"aborted-{one['user_id']}", "event_id": f"aborted-{one['event_id']}"}
        for one in sent
    ]


def test_what_was_aborted_is_not_applied_and_nothing_waits_for_it(
    settings: Settings, producer: Producer, tmp_path: Path
) -> None:
    topic, sent = Topics.of(settings).activities, activities()
    half, rest = sent[: len(sent) // 2], sent[len(sent) // 2 :]
    for part in (half[:500], half[500:]):
        producer.begin_transaction()
        write(producer, settings, strange(part))
        producer.abort_transaction(30)
        producer.begin_transaction()
        write(producer, settings, part)
        producer.commit_transaction(30)
    producer.begin_transaction()
    write(producer, settings, strange(rest))
    producer.abort_transaction(30)

    worker = WorkerProcess(settings, tmp_path, store="rocksdb").wait_ready()
    until(lambda: worker.count("journeys_activities_total") == len(half), "the half is applied")
    # Each partition's last offsets are aborted records and markers: no lag, and ready.
    until(lambda: worker.count("journeys_lag_records") == 0, "nothing waits")
    assert worker.get("/readyz")[0] == 200
    ends = admin.end_offsets(settings, {topic: settings.partitions})[topic]
    assert all(done < end for done, end in zip(committed(settings).values(), ends, strict=True))
    assert worker.stop() == 0

    # Whoever goes on finds the same offsets missing.
    worker = WorkerProcess(settings, tmp_path, store="rocksdb").wait_ready()
    producer.begin_transaction()
    write(producer, settings, rest)
    assert worker.count("journeys_lag_records") == 0, "what is not committed does not wait yet"
    assert worker.get("/readyz")[0] == 200
    producer.commit_transaction(30)
    until(lambda: worker.count("journeys_activities_total") == len(rest), "the rest is applied")
    assert_as_in_ledger(settings)
    assert b"aborted-" not in b"".join(
        record.value for record in read(settings, Topics.of(settings).changes)
    )
    assert worker.stop() == 0


def test_headers_and_values_that_are_null(
    settings: Settings, producer: Producer, tmp_path: Path
) -> None:
    topic, good = Topics.of(settings).activities, activities()[0]
    user = good["user_id"].encode()
    headers = [("trace", None), ("trace", b"1"), ("empty", b"")]
    producer.begin_transaction()
    producer.produce(topic, None, user, headers=headers)
    producer.produce(topic, b"", user, headers=headers)
    producer.produce(topic, json.dumps(good).encode(), user, headers=headers)
    producer.commit_transaction(30)
    worker = WorkerProcess(settings, tmp_path).wait_ready()
    until(lambda: worker.count("journeys_activities_total") == 1, "the good one is applied")
    rejects = read(settings, Topics.of(settings).rejects)
    assert [record.value for record in by_reason(rejects)["not_json"]] == [None, b""]
    assert all(list(record.headers)[:3] == headers for record in rejects)
    assert worker.stop() == 0
