"""`journeys verify`: it holds for what a worker made of a log, and tells all that is otherwise."""

from pathlib import Path

import msgspec
import pytest
from kafka import KafkaProducer

from models.records import encode
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.kafka.producers import TOKEN_HEADER
from streams.settings import Settings
from streams.topics import Topics, changelog_of
from tests.support.processes import journeys
from tests.support.workers import WorkerProcess, activities, produce, read, send, wait_until_handled


@pytest.fixture
def handled(settings: Settings, tmp_path: Path) -> Settings:
    """A worker has handled a log with some poison and some repeats, and ended."""
    admin.create(settings)
    log = activities()
    produce(settings, [*log[:1_500], *log[1_400:1_500]])
    send(settings, [(b"someone", b"no json"), (None, encode(log[0])), (b"someone", None)])
    worker = WorkerProcess(settings, tmp_path)
    wait_until_handled(settings)
    told = journeys(settings, "verify", timeout=120)
    assert told.returncode == 0, told.stdout + told.stderr
    assert worker.stop() == 0
    return settings


def wrong(settings: Settings) -> set[str]:
    """What is found wrong."""
    told = journeys(settings, "verify", "--wait", 0, "--json", timeout=120)
    findings = msgspec.json.decode(told.stdout)["findings"]
    assert (told.returncode == 1) == bool(findings), told.stderr
    return {f"{one['count']} {one['what']}" for one in findings}


def test_it_counts_what_came_and_tells_what_is_lost_doubled_or_invented(handled: Settings) -> None:
    settings, topics = handled, Topics.of(handled)
    told = journeys(settings, "verify", timeout=120).stdout.splitlines()
    assert told[0] == (
        "1,603 records: 1,600 activities applied once (100 repeats among them), 3 rejected once"
    )
    change = read(settings, topics.changes)[0]
    send(settings, [(change.key, change.value)], topics.changes)
    assert wrong(settings) == set(), "the same again, that is what at least once means"
    send(settings, [(change.key, change.value.replace(b'"id":"', b'"id":"x'))], topics.changes)
    send(settings, [(change.key, change.value[:-1] + b" }"), (change.key, b"{")], topics.changes)
    gone, other = read(settings, topics.journeys)[-2:]
    send(settings, [(gone.key, None), (other.key, other.value + b" ")], topics.journeys)
    assert wrong(settings) == {
        "2 changes came that no replay gives",
        "1 changes came with other bytes",
        "1 journeys are not there",
        "1 journeys stand otherwise than a replay's",
    }


def test_it_tells_of_records_that_nobody_handled_and_of_state_that_is_not_the_logs(
    handled: Settings,
) -> None:
    settings, users = handled, sorted({one["user_id"] for one in activities()})
    headers = [
        record
        for record in read(settings, changelog_of(settings))
        if record.key and record.key.decode("utf-8", "replace") in users and record.value
    ]
    last = {record.key: record for record in headers}
    (gone, first), (other, second) = sorted(last.items())[:2]
    applied = msgspec.msgpack.decode(second.value, strict=False)
    applied[3] += 7  # how many clusters there were
    with connect(settings, KafkaProducer) as client:
        for record, value in ((first, None), (second, msgspec.msgpack.encode(applied))):
            token = [(TOKEN_HEADER, dict(record.headers)[TOKEN_HEADER])]
            client.send(changelog_of(settings), value, record.key, token, record.partition)
        client.flush()
    assert {gone, other} <= {user.encode() for user in users}
    assert wrong(settings) == {
        "1 users are not in the state",
        "1 users whose state is not the replay's",
    }
    send(settings, [(b"someone", b"no json either")])
    assert {"1 partitions are not handled to their end", "1 records were not rejected"} <= wrong(
        settings
    )
