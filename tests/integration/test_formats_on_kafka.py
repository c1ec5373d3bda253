"""A worker that writes behind a real schema registry, and `journeys watch` that reads it."""

import json
import subprocess
import sys
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

from confluent_kafka import DeserializingConsumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import SerializationContext
from kafka import KafkaProducer

from models.records import cloudevent, encode
from streams.demo.children import environment
from streams.formats.reading import OutputReader
from streams.formats.writing import output_format
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.settings import Settings
from streams.topics import Topics
from tests.support.fronts import page
from tests.support.records import CHANGES
from tests.support.workers import (
    WorkerProcess,
    activities,
    in_the_middle,
    ledger,
    produce,
    read,
    send,
    told,
    until,
    wait_until_handled,
)

FORMATS = ("json", "json-binary", "avro", "protobuf", "json-schema")


def watched(settings: Settings, *more: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "streams.cli", "watch", "--from-beginning", *more]
    return subprocess.run(
        command, env=environment(settings), capture_output=True, text=True, timeout=60
    )


VIEWED = """{"type": "record", "name": "Viewed", "namespace": "shop", "fields": [
    {"name": "id", "type": "string"},
    {"name": "who", "type": "string"},
    {"name": "what", "type": {"type": "record", "name": "Article", "fields": [
        {"name": "id", "type": "string"}, {"name": "headline", "type": ["null", "string"]},
        {"name": "teaser", "type": ["null", "string"], "default": null}]}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}"""

MAPPING = """
format = "registry"
[activity]
event_id = "id"
user_id = "who"
item_id = "what.id"
title = "what.headline"
text = "what.teaser"
occurred_at = "at"
"""


def produce_viewed(settings: Settings, registry: str) -> None:
    """The sample's activities as a shop's events in Avro, by stock serializers."""
    topic = Topics.of(settings).activities
    with SchemaRegistryClient({"url": registry}) as client:
        write, context = AvroSerializer(client, VIEWED), SerializationContext(topic, "value")
        send(
            settings,
            (
                (
                    one["user_id"].encode(),
                    write(
                        {
                            "id": one["event_id"],
                            "who": one["user_id"],
                            "what": {
                                "id": one["item_id"],
                                "headline": one["title"],
                                "teaser": one.get("text"),
                            },
                            "at": datetime.fromisoformat(one["occurred_at"]),
                        },
                        context,
                    ),
                )
                for one in told(activities())
            ),
        )


def test_avro_in_and_avro_out_of_a_killed_worker_are_what_json_would_be(
    settings: Settings, registry: str, tmp_path: Path
) -> None:
    plain = settings.model_copy(update={"topic_prefix": f"plain-{settings.topic_prefix}"})
    for one in (settings, plain):
        admin.create(one)
    produce(plain, told(activities()))
    wanted, topics = ledger(plain), Topics.of(settings)
    mapping = tmp_path / "shop.toml"
    mapping.write_text(MAPPING)
    chosen = settings.model_copy(
        update={"registry_url": registry, "output_format": "avro", "input": str(mapping)}
    )
    worker = WorkerProcess(chosen, tmp_path, batch_records=500).wait_ready()
    produce_viewed(settings, registry)
    in_the_middle(worker)
    worker.kill()
    worker = WorkerProcess(chosen, tmp_path).wait_ready()
    wait_until_handled(settings)

    reader = OutputReader(chosen)
    records: list[Any] = []

    def all_came() -> bool:
        records[:] = read(settings, topics.changes)
        return wanted.changes.keys() <= {dict(one.headers)["ce_id"].decode() for one in records}

    until(all_came, "all changes have come", every=0.5)
    journeys = read(settings, topics.journeys)
    reader.prepare(record.value for record in (*records, *journeys))
    by_id: dict[str, set[bytes]] = defaultdict(set)
    for record in records:
        change = json.loads(reader.change(record.value, record.headers))
        assert change == json.loads(wanted.changes[change["id"]])
        assert record.key.decode() == change["subject"]
        by_id[change["id"]].add(record.value)
    assert all(len(values) == 1 for values in by_id.values())

    current = {one.key: reader.journey(one.value) for one in journeys}
    assert {key: encode(journey) for key, journey in current.items()} == wanted.journeys
    assert all(json.loads(one.value) for one in read(settings, topics.requests)), "ours stay JSON"
    assert worker.stop() == 0

    assert seen_by_a_stock_consumer(settings, registry, topics.changes) == {
        json.loads(change)["data"]["journey_id"] for change in wanted.changes.values()
    }


def seen_by_a_stock_consumer(settings: Settings, registry: str, topic: str) -> set[str]:
    ends = admin.end_offsets(settings, {topic: settings.partitions})[topic]
    found = set()
    with SchemaRegistryClient({"url": registry}) as client:
        consumer = DeserializingConsumer(
            {
                "bootstrap.servers": settings.broker,
                "group.id": settings.group,
                "value.deserializer": AvroDeserializer(client),
            }
        )
        consumer.assign([TopicPartition(topic, number, 0) for number in range(settings.partitions)])
        for _ in range(sum(ends)):
            message = consumer.poll(10)
            assert message is not None
            assert not message.error()
            found.add(message.value()["journey_id"])
        consumer.close()
    return found


def test_watch_reads_every_format_also_mixed_on_one_topic(
    settings: Settings, registry: str
) -> None:
    admin.create(settings)
    known = settings.model_copy(update={"registry_url": registry})
    topic = Topics.of(settings).changes
    with connect(settings, KafkaProducer) as producer:
        for name in FORMATS:
            # Each registers under a subject of its own: one subject has one language.
            own = known.model_copy(
                update={"output_format": name, "topic_prefix": f"{settings.topic_prefix}{name}-"}
            )
            output = output_format(own)
            for change in CHANGES:
                value, headers = output.change(change)
                producer.send(topic, value, change.user_id.encode(), headers=headers)
    told = watched(known, "--json", "--max", str(len(FORMATS) * len(CHANGES)))
    assert told.returncode == 0, told.stderr
    events = [json.loads(line) for line in told.stdout.splitlines()]
    assert all(event.pop("journeyname") for event in events)
    assert events == [json.loads(cloudevent(change)) for change in CHANGES] * len(FORMATS)
    lines = watched(known, "--user", "élif", "--max", "12").stdout.splitlines()
    assert "Growing vegetables" in lines[1]
    assert lines[3:6] == lines[6:9] == lines[9:], "and the name is known from then on"

    alone = watched(settings, "--until-idle", "2")
    assert alone.stdout.splitlines() == lines[:6], "the two that need no registry"
    assert alone.stderr.count("JOURNEYS_REGISTRY_URL names no registry") == 9


def test_a_registry_that_refuses_ends_the_worker_with_one_line(
    settings: Settings, tmp_path: Path
) -> None:
    admin.create(settings)
    with page(403, b'{"error_code": 40301, "message": "denied"}') as url:
        worker = WorkerProcess(
            settings, tmp_path, registry_url=url, registry_username="me", output_format="avro"
        )
        assert worker.process.wait(60) == 2
    assert worker.log.read_text().splitlines() == [
        f"journeys: JOURNEYS_REGISTRY_USERNAME: the schema registry at {url} refuses 'me' for "
        f"subject {Topics.of(settings).changes}-value (HTTP 403)"
    ]
