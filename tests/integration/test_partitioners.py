"""Producers that choose partitions by another rule than ours, and partitions that are added."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from kafka import KafkaAdminClient, KafkaProducer

from models.decoding import decode_name
from models.records import JourneyName, encode
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.settings import Settings
from streams.topics import Topics, journey_key
from tests.integration.test_namer import namer
from tests.support.vllm_stub import Stub
from tests.support.workers import (
    WorkerProcess,
    activities,
    assert_as_in_ledger,
    read,
    until,
    wait_until_handled,
)


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[WorkerProcess]:
    admin.create(settings)
    process = WorkerProcess(settings, tmp_path).wait_ready()
    yield process
    process.kill()


def by_librdkafka(settings: Settings, sent: Iterable[dict[str, Any]]) -> None:
    """Put activities on `activity-events` as a stock producer of librdkafka does."""
    client = Producer({"bootstrap.servers": settings.broker, "linger.ms": 20})
    for one in sent:
        client.produce(Topics.of(settings).activities, encode(one), one["user_id"].encode())
        client.poll(0)
    assert client.flush(30) == 0


def by_two(settings: Settings, sent: Iterable[dict[str, Any]]) -> None:
    """Put each activity there twice, by a stock producer of each kind, in order of time."""
    topic = Topics.of(settings).activities
    first = Producer({"bootstrap.servers": settings.broker, "linger.ms": 0})
    with connect(settings, KafkaProducer) as second:
        for one in sent:
            key, again = one["user_id"].encode(), {"event_id": f"{one['event_id']}-again"}
            first.produce(topic, encode(one), key)
            assert first.flush(30) == 0
            second.send(topic, encode(one | again), key).get(30)


async def test_names_come_home_whatever_put_the_user_there(
    settings: Settings, worker: WorkerProcess, stub: Stub, tmp_path: Path
) -> None:
    topics = Topics.of(settings)

    def all_are_named() -> int:
        by_librdkafka(settings, activities())
        wait_until_handled(settings)
        with namer(settings, stub.url, tmp_path):
            until(lambda: answered(settings) == wanted(settings), "all are answered", every=0.5)
        handled = admin.end_offsets(settings, {topics.names: settings.partitions})[topics.names]
        until(lambda: worker.count("journeys_names_total") == sum(handled), "all came home")
        until(lambda: not unnamed(settings), "all answers are applied", 10, every=0.5)
        return len(wanted(settings))

    assert await asyncio.to_thread(all_are_named) > 20
    assert "partitioner" not in (await asyncio.to_thread(worker.get, "/readyz"))[1]


def wanted(settings: Settings) -> dict[str, int]:
    """By journey the latest revision that a name is asked for."""
    found: dict[str, int] = {}
    for record in read(settings, Topics.of(settings).requests):
        asked = json.loads(record.value)
        found[asked["journey_id"]] = max(asked["revision"], found.get(asked["journey_id"], 0))
    return dict(sorted(found.items()))


def answers(settings: Settings) -> list[JourneyName]:
    return [decode_name(record.value) for record in read(settings, Topics.of(settings).names)]


def answered(settings: Settings) -> dict[str, int]:
    found: dict[str, int] = {}
    for answer in answers(settings):
        found[answer.journey_id] = max(answer.revision, found.get(answer.journey_id, 0))
    return dict(sorted(found.items()))


def unnamed(settings: Settings) -> list[JourneyName]:
    """Answers in time, that the worker has not applied; a name that is taken need not be."""
    current = {
        record.key: json.loads(record.value)
        for record in read(settings, Topics.of(settings).journeys)
    }
    names = {(key.partition(b"/")[0], one["name"].casefold()): key for key, one in current.items()}
    missing = []
    for answer in answers(settings):
        key = journey_key(answer.user_id, answer.journey_id)
        journey = current[key]
        fresh = journey["revision"] == answer.revision and answer.name is not None
        taken = names.get((answer.user_id.encode(), (answer.name or "").casefold()), key) != key
        alive = journey["journey"]["stage"] in ("active", "dormant")
        if fresh and alive and not taken and journey["name_source"] != "llm":
            missing.append(answer)
    return missing


def test_one_user_on_two_partitions_is_seen_and_no_id_stands_for_both_halves(
    settings: Settings, worker: WorkerProcess
) -> None:
    log = activities()
    users = set(sorted({one["user_id"] for one in log})[::2])
    by_two(settings, [one for one in log if one["user_id"] in users])
    wait_until_handled(settings)
    assert_as_in_ledger(settings)
    started = [
        json.loads(record.value)["data"]["journey_id"]
        for record in read(settings, Topics.of(settings).changes)
        if b'"journey.started.v1"' in record.value
    ]
    assert len(started) > 10
    assert max(Counter(started).values()) == 1
    ready, line = worker.get("/readyz")
    assert ready == 200
    assert "by murmur2 (Java, kafka-python, aiokafka) and" in line
    assert "journeys intake" in line
    shown = worker.get("/metrics")[1]
    assert 'journeys_users_met_total{partitioner="crc32"}' in shown
    assert 'journeys_users_met_total{partitioner="murmur2"}' in shown
    assert worker.log.read_text().count("choose partitions by different rules") == 1


def test_partitions_that_are_added_end_the_worker_with_one_line(
    settings: Settings, worker: WorkerProcess, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if "embedded" in request.node.name:
        pytest.skip("the embedded broker adds none")
    topic = Topics.of(settings).activities
    with connect(settings, KafkaAdminClient) as client:
        client.create_partitions({topic: 6})
    assert worker.process.wait(40) == 2
    said = worker.log.read_text().strip().splitlines()[-1]
    assert f"{topic} has 6 partitions now" in said
    assert "JOURNEYS_GROUP" in said
    again = WorkerProcess(settings, tmp_path)
    assert again.process.wait(40) == 2
    assert "the same number of partitions" in again.log.read_text()
