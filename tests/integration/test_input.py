"""Events of yours on a topic: looked at by `journeys map`, sent by `journeys produce --input`."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kafka import KafkaProducer

from models.decoding import decode_activity
from streams.cli import main
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.kafka.reading import ends_of, records_until
from streams.kafka.sample import sample
from streams.settings import Settings
from streams.topics import Topics

pytestmark = pytest.mark.broker

SEGMENT = Path(__file__).parents[1] / "data" / "envelopes" / "segment.jsonl"


def journeys(settings: Settings, *arguments: Any) -> Result:
    flags = ("--broker", settings.broker, "--topic-prefix", settings.topic_prefix)
    return CliRunner().invoke(main, [*map(str, arguments), *flags])


@pytest.fixture
def topic(settings: Settings) -> str:
    admin.create(settings)
    return Topics.of(settings).activities


def test_a_topic_is_looked_at_from_its_end_or_its_beginning(settings: Settings, topic: str) -> None:
    with connect(settings, KafkaProducer, acks="all") as producer:
        for number, line in enumerate(SEGMENT.read_bytes().splitlines()):
            producer.send(
                topic,
                value=line,
                partition=number % settings.partitions,
                timestamp_ms=1_741_000_000_000 + number,
                headers=[("n", b"%d" % number)],
            )
        producer.flush()
    newest = sample(settings, topic, 10, newest=True)
    assert [int(dict(record.headers)["n"] or b"") for record in newest] == list(range(63, 73))
    assert len(sample(settings, topic, 10, newest=False)) == 10
    assert len(sample(settings, topic, 1_000, newest=False)) == 73
    shown = journeys(settings, "map", "--sample", topic, "--input", "segment", "--json")
    assert shown.exit_code == 0, shown.output
    told = json.loads(shown.stdout)
    assert told["counts"] == {
        "activity": 57,
        "does not count": 13,
        "missing": 1,
        "bad_unit": 1,
        "not_json": 1,
    }
    none = journeys(settings, "map", "--sample", f"{topic}.none")
    assert none.exit_code != 0
    assert f"{topic}.none" in none.stderr


def test_events_of_a_file_are_sent_as_activities_of_their_users(
    settings: Settings, topic: str
) -> None:
    done = journeys(settings, "produce", SEGMENT, "--input", "segment")
    assert "sent 68 activities" in done.stdout
    assert "3 of 71 lines were not sent" in done.stderr
    ends = ends_of(settings, topic)
    records = list(records_until(settings, topic, ends))
    activities = [decode_activity(record.key, record.value) for record in records]
    assert len(activities) == 68
    places = {(record.key, record.partition) for record in records}
    assert len(places) == len({activity.user_id for activity in activities}) == 4
