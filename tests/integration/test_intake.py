"""`journeys intake` on real Kafka: events of any form and key in, each once, by user out."""

import gzip
import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from kafka import KafkaAdminClient

from models.records import encode
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.settings import Settings
from streams.topics import Topics
from tests.support import brokers
from tests.support.data import evaluation_data
from tests.support.intakes import (
    IntakeProcess,
    arrived,
    catalogue,
    event_ids,
    put,
    raw_topic,
    replayed,
)
from tests.support.workers import (
    WorkerProcess,
    activities,
    assert_as_in_ledger,
    by_reason,
    ledger,
    read,
    until,
)

CONSOLE = [
    *("java", "-Xmx256m", "-cp", f"{brokers.KAFKA_LIBS}/*"),
    *("org.apache.kafka.tools.ConsoleProducer", "--property", "parse.key=true"),
]


@pytest.fixture(autouse=True)
def _real_kafka(request: pytest.FixtureRequest) -> None:
    if "embedded" in request.node.name and "once_at_least" not in request.node.name:
        pytest.skip("the embedded broker knows no transactions")


@pytest.fixture
def started(settings: Settings, tmp_path: Path) -> Iterator[Any]:
    """Starts intakes, and ends them."""
    admin.create(settings)
    running: list[WorkerProcess] = []

    def start(
        topic: str, kind: type[WorkerProcess] = IntakeProcess, **changes: Any
    ) -> WorkerProcess:
        running.append(kind(settings, tmp_path, input_topics=topic, **changes))
        return running[-1].wait_ready()

    yield start
    for one in running:
        one.kill()


def test_three_stock_producers_side_by_side_give_the_journeys_of_plain_activities(
    settings: Settings, started: Any
) -> None:
    log = activities()
    users = sorted({one["user_id"] for one in log})
    by = {user: at % 4 for at, user in enumerate(users)}
    parts = [[one for one in log if by[one["user_id"]] == at] for at in range(4)]
    topic = raw_topic(settings, "theirs", 3)

    librdkafka = Producer({"bootstrap.servers": settings.broker})
    for one in parts[0]:
        librdkafka.produce(topic, encode(one), one["user_id"].encode())
    assert librdkafka.flush(30) == 0
    put(settings, topic, parts[1], keys=[one["user_id"].encode() for one in parts[1]])
    subprocess.run(
        [*CONSOLE, "--bootstrap-server", settings.broker, "--topic", topic],
        input=b"".join(one["user_id"].encode() + b"\t" + encode(one) + b"\n" for one in parts[2]),
        check=True,
        capture_output=True,
        timeout=60,
    )
    put(settings, topic, parts[3], partitions=1)  # without keys, in order

    intake = started(topic)
    worker = started(topic, kind=WorkerProcess)
    until(lambda: intake.count("journeys_intake_events_total") == len(log), "all is read")
    found = arrived(settings)
    assert event_ids(found) == event_ids(log)
    until(lambda: worker.count("journeys_activities_total") == len(log), "all is handled")
    # Partitions are read side by side, so users who stay away sleep earlier or later than in the
    # log; what starts is theirs alone.
    changes = read(settings, Topics.of(settings).changes)
    assert starts(one.value for one in changes) == starts(replayed(settings, log).values())
    assert "partitioner" not in worker.get("/readyz")[1]
    assert read(settings, Topics.of(settings).rejects) == []
    assert intake.stop() == 0
    assert worker.stop() == 0


def starts(changes: Iterable[bytes]) -> set[str]:
    return {one["id"] for one in map(json.loads, changes) if one["type"] == "journey.started.v1"}


def test_a_years_stars_as_calls_without_a_key_and_as_bare_ids_are_the_journeys_of_plain_ones(
    settings: Settings, started: Any
) -> None:
    path = evaluation_data("stars") / "activities.jsonl.gz"
    log = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    topic = raw_topic(settings, "calls", 1)
    items, calls = {}, []
    for number, one in enumerate(log):
        name = {"name": one["title"]}
        if number % 2:  # every other is a bare id
            items[one["item_id"]], name = {"title": one["title"]}, {}
        calls.append(
            {
                "type": "track",
                "event": one["type"],
                "messageId": one["event_id"],
                "userId": one["user_id"],
                "timestamp": one["occurred_at"],
                "properties": {"product_id": one["item_id"]} | name,
            }
        )
    catalogue(settings, items)
    put(settings, topic, calls)
    intake = started(topic, input="segment", catalogue=True)
    worker = started(topic, kind=WorkerProcess)
    until(lambda: worker.count("journeys_activities_total") == len(log), "all is handled")
    assert intake.count("journeys_rejects_total") == 0
    assert_as_in_ledger(settings)
    # Some items change their title in these years; the catalogue has the last one.
    known = [one | items[one["item_id"]] if at % 2 else one for at, one in enumerate(log)]
    assert ledger(settings).changes == replayed(settings, known)


def test_what_cannot_be_used_is_set_aside_and_partitions_that_are_added_are_read(
    settings: Settings, started: Any
) -> None:
    log = activities()[:30]
    topic = raw_topic(settings, "theirs", 1)
    put(settings, topic, ["no activity", *log[:10], {"user_id": "u"}])
    intake = started(topic)
    until(lambda: intake.count("journeys_intake_events_total") == 12, "all is read")
    rejects = by_reason(read(settings, Topics.of(settings).rejects))
    assert {reason: len(found) for reason, found in rejects.items()} == {"invalid": 2}
    headers = dict(rejects["invalid"][0].headers)
    assert (headers["topic"].decode(), headers["offset"]) == (topic, b"0")
    with connect(settings, KafkaAdminClient) as client:
        client.create_partitions({topic: 3})
    until(lambda: "ready, 3 partitions" in intake.get("/readyz")[1], "it has the new ones", 40)
    put(settings, topic, log[10:], partitions=3)
    until(lambda: len(arrived(settings)) == len(log), "theirs are read, too")
    assert event_ids(arrived(settings)) == event_ids(log)


def test_titles_come_from_the_catalogue_and_unknown_items_wait_their_time(
    settings: Settings, started: Any
) -> None:
    def event(number: int, item: str, **more: Any) -> dict[str, Any]:
        return {
            "event_id": f"e{number}",
            "user_id": f"u{number % 3}",
            "item_id": item,
            "occurred_at": 1_700_000_000_000 + number,
        } | more

    def titles() -> dict[str, str]:
        return {one["event_id"]: one["title"] for one in arrived(settings)}

    topic = raw_topic(settings, "theirs", 2)
    catalogue(settings, {"a": {"title": "First title", "terms": ["one"]}, "b": {"text": "A text"}})
    catalogue(settings, {"gone": {"title": "Gone"}})
    catalogue(settings, {"gone": None})
    put(settings, topic, [event(1, "a"), event(2, "b"), event(3, "a", title="Its own")])
    put(settings, topic, [event(4, "late"), event(5, "gone"), event(6, "a")])
    intake = started(topic, catalogue=True, item_wait_seconds=3_600, store="rocksdb")
    until(lambda: len(titles()) == 4, "what is known is written, whatever waits")
    assert titles() == {"e1": "First title", "e2": "A text", "e3": "Its own", "e6": "First title"}
    until(lambda: len(read(settings, Topics.of(settings).waiting)) == 2, "two wait")
    assert {one["event_id"]: one.get("terms") for one in arrived(settings)}["e1"] == {"one": 1.0}

    catalogue(settings, {"late": {"title": "Came late"}, "a": {"title": "Second title"}})
    catalogue(settings, {"gone": {"title": "Came back"}})
    until(lambda: {"e4", "e5"} <= titles().keys(), "the items came")
    put(settings, topic, [event(7, "a")])
    until(lambda: "e7" in titles(), "the new title holds")
    assert titles()["e4"] == "Came late"
    assert titles()["e5"] == "Came back"
    assert titles()["e1"] == "First title"
    assert titles()["e7"] == "Second title"
    assert intake.stop() == 0

    # Another goes on with the copy that is there, and nothing comes twice.
    catalogue(settings, {"gone": None})
    put(settings, topic, [event(8, "b"), event(9, "gone")])
    again = started(topic, catalogue=True, item_wait_seconds=2, store="rocksdb")
    until(lambda: "e8" in titles(), "it goes on")
    assert again.count("journeys_items_read_total") == 1
    until(lambda: read(settings, Topics.of(settings).rejects), "the time of the last is up")
    (reject,) = read(settings, Topics.of(settings).rejects)
    headers = dict(reject.headers)
    assert headers["reason"] == b"unknown_item"
    assert headers["topic"].decode() == topic
    assert json.loads(reject.value)["event_id"] == "e9"
    assert b"waiting" not in headers
    assert len(arrived(settings)) == 8
    assert again.count("journeys_intake_held_back_total") == 1


def test_more_than_the_limit_wait_and_those_that_waited_longest_are_rejected(
    settings: Settings, started: Any
) -> None:
    topic = raw_topic(settings, "theirs", 1)
    events = [
        {"event_id": f"e{n}", "user_id": "u", "item_id": "no", "occurred_at": 1_700_000_000_000}
        for n in range(20)
    ]
    put(settings, topic, events, keys=[b"u"] * 20)
    intake = started(topic, catalogue=True, item_wait_limit=8)  # two in each of four rooms
    until(lambda: intake.count("journeys_rejects_total") == 18, "the others are rejected")
    rejects = read(settings, Topics.of(settings).rejects)
    assert [json.loads(one.value)["event_id"] for one in rejects] == [f"e{n}" for n in range(18)]
    assert b"too many" in dict(rejects[0].headers)["detail"]
    until(lambda: intake.count("journeys_intake_waiting") == 2, "two wait")


def test_on_a_broker_without_transactions_it_is_once_at_least_and_says_so(
    settings: Settings, started: Any, request: pytest.FixtureRequest
) -> None:
    if "embedded" not in request.node.name:
        pytest.skip("this broker knows transactions")
    log = activities()[:200]
    topic = raw_topic(settings, "theirs", 2)
    put(settings, topic, ["no activity", *log])
    intake = started(topic)
    # A session that ends on a busy machine brings some once more.
    until(lambda: len(event_ids(arrived(settings))) >= len(log), "all came")
    assert event_ids(arrived(settings)).keys() == event_ids(log).keys()
    assert read(settings, Topics.of(settings).rejects)
    assert "knows no transactions" in intake.get("/readyz")[1]
    assert intake.stop() == 0
    before = event_ids(arrived(settings))
    put(settings, topic, log[:1])
    started(topic)
    until(lambda: event_ids(arrived(settings)) != before, "another goes on")
    came = event_ids(arrived(settings)) - before
    assert came == event_ids(log[:1]), "where the first stood"
