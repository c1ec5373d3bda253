"""The worker on a real broker: activities in, changes out; bad input set aside; restarts go on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams import topics
from streams.settings import Settings
from streams.topics import Topics
from tests.workers import (
    WorkerProcess,
    activities,
    assert_as_in_ledger,
    by_reason,
    committed,
    produce,
    read,
    send,
    wait_until_handled,
)


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[WorkerProcess]:
    topics.create(settings)
    process = WorkerProcess(settings, tmp_path).wait_ready()
    yield process
    process.kill()


def test_activities_in_changes_out_as_the_engine_alone_tells_them(
        settings: Settings, worker: WorkerProcess) -> None:
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


def test_bad_input_is_set_aside_once_as_it_came_and_nothing_stops(
        settings: Settings, worker: WorkerProcess) -> None:
    good = activities()[0]
    user = good["user_id"].encode()

    def bad(**fields: Any) -> tuple[bytes, bytes]:
        return user, json.dumps(good | fields).encode()

    wrong: dict[str, list[tuple[bytes | None, bytes | None]]] = {
        "not_json": [(user, b"{"), (user, b"\xff\x00"), (user, None)],
        "null_key": [(None, json.dumps(good).encode())],
        "key_mismatch": [(b"somebody", json.dumps(good).encode())],
        "invalid": [bad(user_id=7), (user, b"[]"), (user, b'{"event_id": "e"}')],
        "empty_title": [bad(title="  ")],
        "too_large": [bad(title="x" * 1_000_000), bad(title="x" * 2_000)],
        "bad_vector": [bad(vector=[1.0, 2.0]), bad(vector=[0.0] * 256)],
        "bad_weight": [bad(weight=-1)],
        "bad_time": [bad(occurred_at="yesterday"), bad(occurred_at=-5)],
        "future": [bad(occurred_at="2999-01-01T00:00:00Z")],
        "unknown_version": [bad(v=99)],
    }
    send(settings, [record for records in wrong.values() for record in records])
    produce(settings, [good])
    wait_until_handled(settings)
    rejects = read(settings, Topics.of(settings).rejects)
    assert {reason: sorted(((r.key, r.value) for r in records), key=repr)
            for reason, records in by_reason(rejects).items()
            } == {reason: sorted(records, key=repr) for reason, records in wrong.items()}
    headers = dict(rejects[0].headers)
    assert headers["topic"].decode() == Topics.of(settings).activities
    assert headers.keys() >= {"reason", "detail", "partition", "offset", "time"}
    assert worker.count("journeys_activities_total") == 1
    assert worker.count("journeys_rejects_total") == len(rejects)


def test_a_restart_goes_on_from_what_is_stored(
        settings: Settings, worker: WorkerProcess, tmp_path: Path) -> None:
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


def test_a_worker_without_topics_or_broker_says_so_in_one_line(
        settings: Settings, tmp_path: Path) -> None:
    for changes, said in (({}, "topics create"), ({"broker": "127.0.0.1:1"}, "no broker answers")):
        process = WorkerProcess(settings, tmp_path, broker_timeout=2.0, **changes)
        assert process.process.wait(30) != 0
        lines = process.log.read_text().strip().splitlines()
        assert len(lines) == 1, lines
        assert said in lines[0]
