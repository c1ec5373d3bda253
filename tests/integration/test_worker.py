"""The worker on a real broker: activities in, changes out; bad input set aside; restarts go on."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.decoding import decode_request
from models.records import JourneyName, NamingRequest, encode
from streams.kafka import admin
from streams.settings import Settings
from streams.topics import Topics, journey_key
from tests.support.workers import (
    LateChangelogProcess,
    WorkerProcess,
    activities,
    assert_as_in_ledger,
    by_reason,
    committed,
    produce,
    read,
    reader,
    send,
    told,
    until,
    wait_until_handled,
)


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[WorkerProcess]:
    admin.create(settings)
    process = WorkerProcess(settings, tmp_path).wait_ready()
    yield process
    process.kill()


def test_activities_in_changes_out_as_the_engine_alone_tells_them(
    settings: Settings, worker: WorkerProcess
) -> None:
    produce(settings, activities())
    wait_until_handled(settings)
    ids = assert_as_in_ledger(settings)
    assert len(ids) == len(set(ids)), "no change came twice"
    names = Topics.of(settings)
    change = read(settings, names.changes)[0]
    assert dict(change.headers)["content-type"].startswith(b"application/cloudevents+json")
    event = json.loads(change.value)
    assert event["specversion"] == "1.0"
    assert event["subject"].encode() == change.key
    asked = read(settings, names.requests)
    assert asked
    assert all(json.loads(request.value)["titles"] for request in asked)
    assert worker.count("journeys_activities_total") == len(activities())
    assert worker.get("/healthz")[0] == 200
    assert worker.stop() == 0


def test_what_activities_say_beside_their_titles_counts_as_in_the_engine_alone(
    settings: Settings, tmp_path: Path
) -> None:
    admin.create(settings)
    log = told(activities())
    half = len(log) // 2
    for part in (log[:half], log[half:]):  # the second worker finds vectors of the first on disk
        worker = WorkerProcess(settings, tmp_path, store="rocksdb").wait_ready()
        produce(settings, part)
        wait_until_handled(settings)
        assert worker.stop() == 0
    assert_as_in_ledger(settings)
    journeys = read(settings, Topics.of(settings).journeys)
    assert journeys
    assert not any(b"More of it" in record.value for record in journeys)


def test_a_sensitive_interest_is_nowhere_told_and_the_bytes_are_the_engines(
    settings: Settings, worker: WorkerProcess
) -> None:
    log = activities()
    people = sorted({one["user_id"] for one in log})[:6]
    secret = "<b>living with depression"
    produce(
        settings,
        (
            one | {"title": f"{one['title']}, {secret}"} if one["user_id"] in people else one
            for one in log
        ),
    )
    wait_until_handled(settings)
    assert_as_in_ledger(settings)
    names = Topics.of(settings)
    for topic in (names.changes, names.journeys, names.requests):
        records = read(settings, topic)
        assert records
        assert not any(b"depression" in record.value.lower() for record in records)
        assert not any(b"<b>" in record.value for record in records)
    shown = [json.loads(record.value) for record in read(settings, names.journeys)]
    private = [one["user_id"] for one in shown if one["name"].startswith("Private interest")]
    assert set(private) == set(people), "each of them has journeys, and nobody else has secrets"
    assert worker.count("journeys_withheld_total") >= len(private)


def test_bad_input_is_set_aside_once_as_it_came_and_nothing_stops(
    settings: Settings, worker: WorkerProcess
) -> None:
    good = activities()[0]
    user = good["user_id"].encode()

    def bad(**fields: Any) -> tuple[bytes, bytes]:
        return user, json.dumps(good | fields).encode()

    wrong: dict[str, list[tuple[bytes | None, bytes | None]]] = {
        "not_json": [(user, b"{"), (user, b"\xff\x00"), (user, None)],
        "null_key": [(None, json.dumps(good).encode())],
        "key_mismatch": [(b"somebody", json.dumps(good).encode())],
        "invalid": [bad(user_id=7), bad(text=["x"]), (user, b"[]"), (user, b'{"event_id": "e"}')],
        "empty_title": [bad(title="  ")],
        "too_large": [bad(title="x" * 1_000_000)],
        "bad_vector": [bad(vector=[1.0, 2.0]), bad(vector=[0.0] * 256)],
        "bad_weight": [bad(weight=-1)],
        "bad_time": [bad(occurred_at="yesterday"), bad(occurred_at=-5)],
        "bad_unit": [bad(occurred_at=1_704_391_864)],  # seconds
        "future": [bad(occurred_at="2999-01-01T00:00:00Z")],
        "unknown_version": [bad(v=99)],
    }
    send(settings, [record for records in wrong.values() for record in records])
    produce(settings, [good])
    wait_until_handled(settings)
    rejects = read(settings, Topics.of(settings).rejects)
    assert {
        reason: sorted(((r.key, r.value) for r in records), key=repr)
        for reason, records in by_reason(rejects).items()
    } == {reason: sorted(records, key=repr) for reason, records in wrong.items()}
    headers = dict(rejects[0].headers)
    assert headers["topic"].decode() == Topics.of(settings).activities
    assert headers.keys() >= {"reason", "detail", "partition", "offset", "time"}
    assert worker.count("journeys_activities_total") == 1
    assert worker.count("journeys_rejects_total") == len(rejects)


def test_a_name_that_comes_later_is_told_and_kept(
    settings: Settings, worker: WorkerProcess
) -> None:
    produce(settings, activities())
    wait_until_handled(settings)
    names = Topics.of(settings)
    requests = [decode_request(record.value) for record in read(settings, names.requests)]
    current = {record.key: json.loads(record.value) for record in read(settings, names.journeys)}
    # A name is of use while the journey has not shifted since it was asked for, and not ended.
    asked = next(request for request in requests if is_latest(request, current))
    answer = JourneyName(
        user_id=asked.user_id,
        journey_id=asked.journey_id,
        revision=asked.revision,
        name="Quite another name",
        source="llm",
    )
    send(
        settings,
        [(asked.user_id.encode(), encode(answer)), (asked.user_id.encode(), b"no answer at all")],
        topic=names.names,
    )
    with reader(settings, names.changes) as poll:
        told: set[tuple[str, str]] = set()

        def llm_named() -> set[tuple[str, str]]:
            found = (json.loads(record.value)["data"] for record in poll())
            told.update(
                (data["journey_id"], data["name"])
                for data in found
                if data.get("name_source") == "llm"
            )
            return told

        until(llm_named, "the name is told")
    assert told == {(asked.journey_id, "Quite another name")}
    until(lambda: read(settings, names.rejects), "what is no answer is set aside")
    assert dict(read(settings, names.rejects)[0].headers)["topic"].decode() == names.names


def is_latest(asked: NamingRequest, current: dict[bytes, Any]) -> bool:
    record = current[journey_key(asked.user_id, asked.journey_id)]
    return bool(
        record["revision"] == asked.revision and record["journey"]["stage"] in ("active", "dormant")
    )


def test_the_wall_clock_moves_a_partition_on_in_which_nothing_happens(
    settings: Settings, tmp_path: Path
) -> None:
    second = 1 / 86_400
    admin.create(settings)
    process = WorkerProcess(
        settings,
        tmp_path,
        window_days=second,
        lateness_days=0.0,
        dormant_windows=3,
        idle_seconds=1.0,
    ).wait_ready()
    try:
        now = int(time.time() * 1000)
        produce(
            settings,
            [
                {
                    "event_id": f"e{n}",
                    "user_id": "u",
                    "item_id": f"i{n}",
                    "title": "sourdough bread",
                    "occurred_at": now - 1_000 * (8 - n),
                }
                for n in range(8)
            ],
        )
        with reader(settings, Topics.of(settings).changes) as poll:
            kinds: list[str] = []

            def asleep() -> bool:
                kinds.extend(json.loads(record.value)["type"] for record in poll())
                return "journey.dormant.v1" in kinds

            until(asleep, "the journey is dormant")
            assert kinds[0] == "journey.started.v1"
    finally:
        process.kill()


def test_a_restart_goes_on_from_what_is_stored(
    settings: Settings, worker: WorkerProcess, tmp_path: Path
) -> None:
    log = activities()
    half = len(log) // 2
    produce(settings, log[:half])
    wait_until_handled(settings)
    handled = committed(settings)
    assert worker.stop() == 0
    produce(settings, log[half:])
    # State comes from the changelog alone: another machine would find no files.
    other = WorkerProcess(settings, tmp_path).wait_ready()
    try:
        wait_until_handled(settings)
        assert sum(committed(settings).values()) == len(log)
        assert all(committed(settings)[number] >= offset for number, offset in handled.items())
        assert other.count("journeys_activities_total") == len(log) - half
        ids = assert_as_in_ledger(settings)
        assert len(ids) == len(set(ids)), "no change came twice"
    finally:
        other.kill()


def test_a_changelog_that_the_group_learns_of_late_is_waited_for(
    settings: Settings, tmp_path: Path
) -> None:
    admin.create(settings)
    produce(settings, activities()[:100])
    worker = LateChangelogProcess(settings, tmp_path)
    try:
        until(lambda: worker.count("journeys_activities_total") == 100, "all is applied")
        assert worker.get("/readyz") == (200, "ready, 4 partitions\n")
    finally:
        worker.kill()


def test_a_worker_without_topics_or_broker_says_so_in_one_line(
    settings: Settings, tmp_path: Path
) -> None:
    for changes, said in (({}, "topics create"), ({"broker": "127.0.0.1:1"}, "no broker answers")):
        process = WorkerProcess(settings, tmp_path, broker_timeout=2.0, **changes)
        assert process.process.wait(30) != 0
        lines = process.log.read_text().strip().splitlines()
        assert len(lines) == 1, lines
        assert said in lines[0]
