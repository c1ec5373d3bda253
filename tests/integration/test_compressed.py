"""Batches in every codec of Kafka pass through services and commands, whoever compressed them."""

import json
from itertools import cycle
from pathlib import Path

import pytest
from confluent_kafka import Producer
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from streams.kafka import admin
from streams.kafka.clients import connect
from streams.settings import Settings
from streams.topics import Topics
from tests.support.workers import (
    WorkerProcess,
    activities,
    assert_as_in_ledger,
    produce,
    read,
    wait_until_handled,
)

CODECS = ("none", "gzip", "lz4", "snappy", "zstd")


@pytest.fixture(autouse=True)
def _real_kafka(request: pytest.FixtureRequest) -> None:
    if "embedded" in request.node.name:
        pytest.skip("the embedded broker is not what people compress for")


def librdkafka(settings: Settings, **options: object) -> Producer:
    """The producer that most languages use, keyed as Java does."""
    return Producer(
        {"bootstrap.servers": settings.broker, "partitioner": "murmur2_random"} | options
    )


def test_the_worker_reads_every_codec(settings: Settings, tmp_path: Path) -> None:
    admin.create(settings)
    topic, sent = Topics.of(settings).activities, activities()
    for number, codec in enumerate(CODECS):
        producer = librdkafka(settings, **{"compression.type": codec, "linger.ms": 50})
        for one in sent[number * len(sent) // 5 : (number + 1) * len(sent) // 5]:
            producer.produce(topic, json.dumps(one).encode(), one["user_id"].encode())
        assert producer.flush(30) == 0
    worker = WorkerProcess(settings, tmp_path).wait_ready()
    wait_until_handled(settings)
    assert_as_in_ledger(settings)
    # What a rebalance cut off between state and count was in the state when it came again.
    counted = map(worker.count, ("journeys_activities_total", "journeys_redelivered_total"))
    assert sum(counted) == len(sent)
    assert worker.stop() == 0


def test_topics_that_the_broker_compresses(settings: Settings, tmp_path: Path) -> None:
    admin.create(settings)
    names = Topics.of(settings)
    codecs = dict(zip(names.all(), cycle(CODECS[1:]), strict=False))
    with connect(settings, KafkaAdminClient) as client:
        client.alter_configs(
            [
                ConfigResource(ConfigResourceType.TOPIC, name, {"compression.type": codec})
                for name, codec in codecs.items()
            ]
        )
    produce(settings, activities())
    worker = WorkerProcess(settings, tmp_path).wait_ready()
    wait_until_handled(settings)
    assert_as_in_ledger(settings)
    assert worker.stop() == 0


@pytest.mark.parametrize("codec", CODECS[1:])
def test_subscribers_read_batches_larger_than_a_mebibyte(settings: Settings, codec: str) -> None:
    settings = settings.model_copy(update={"partitions": 1})
    admin.create(settings)
    topic = Topics.of(settings).rejects  # takes 2 MiB, compressed
    producer = librdkafka(
        settings,
        **{
            "compression.type": codec,
            "linger.ms": 500,
            "batch.size": 8_000_000,
            "message.max.bytes": 8_000_000,
        },
    )
    values = [f"{number:04}".encode() * 25_000 for number in range(40)]  # 4 MB, one batch
    for value in values:
        producer.produce(topic, value, b"u")
    assert producer.flush(30) == 0
    assert [record.value for record in read(settings, topic)] == values
