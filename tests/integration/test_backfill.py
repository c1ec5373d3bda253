"""`journeys backfill`, as a user runs it: a history and a live topic become one log."""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from models.records import encode, rfc3339
from streams.demo.children import environment
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.kafka.reading import ends_of, records_until
from streams.settings import Settings
from streams.topics import Topics
from tests.support import processes
from tests.support.workers import (
    WorkerProcess,
    activities,
    assert_as_in_ledger,
    produce,
    send,
    wait_until_handled,
)

Rows = Sequence[dict[str, Any]]

KILLED_WHILE_SENDING = """
import os, signal, sys
from streams.kafka import activities

from streams.backfill import run
sender = run.sender

class Dying:
    def __init__(self, settings):
        self._sender = sender(settings)
        self._left = 500
    def __enter__(self):
        self._send = self._sender.__enter__()
        return self
    def __exit__(self, *error):
        return self._sender.__exit__(*error)
    def __call__(self, key, value):
        self._send(key, value)
        self._left -= 1
        if not self._left:
            import time
            time.sleep(1)  # some of them have arrived
            os.kill(os.getpid(), signal.SIGKILL)

run.sender = Dying
from streams.cli import main
main(sys.argv[1:])
"""


journeys = partial(processes.journeys, timeout=120)


def ok(settings: Settings, *arguments: object) -> str:
    done = journeys(settings, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(settings: Settings, *arguments: object) -> str:
    done = journeys(settings, *arguments)
    assert done.returncode in (1, 2)
    assert not ids(settings)
    return done.stderr


def ids(settings: Settings) -> list[str]:
    """Of what is on activity-events, a user's in order."""
    topic = Topics.of(settings).activities
    records = records_until(settings, topic, ends_of(settings, topic))
    return [json.loads(record.value or b"")["event_id"] for record in records]


def write(path: Path, rows: Rows) -> Path:
    path.write_bytes(b"".join(encode(row) + b"\n" for row in rows))
    return path


def row(number: int, user: str = "u") -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "user_id": user,
        "item_id": "i",
        "title": "A title",
        "occurred_at": 1_700_000_000_000 + number * 60_000,
    }


def handed_over(settings: Settings, topic: str) -> dict[int, int | None]:
    group = f"{settings.group}-intake"
    with connect(settings, KafkaConsumer, group_id=group, enable_auto_commit=False) as client:
        return {
            number: client.committed(TopicPartition(topic, number))
            for number in ends_of(settings, topic)
        }


@pytest.fixture
def live(settings: Settings) -> str:
    """A live topic, not keyed as ours are, and our topics."""
    admin.create(settings)
    name = f"{settings.topic_prefix}web"
    with connect(settings, KafkaAdminClient) as client:
        client.create_topics({name: {"num_partitions": 3, "replication_factor": 1}})
        client.wait_for_topics([name])
    return name


def to_live(settings: Settings, topic: str, rows: Rows) -> None:
    send(settings, ((one["event_id"].encode(), encode(one)) for one in rows), topic)


@pytest.fixture
def worker(settings: Settings, live: str, tmp_path: Path) -> Iterator[WorkerProcess]:
    process = WorkerProcess(settings, tmp_path).wait_ready()
    yield process
    process.kill()


def test_history_and_live_topic_bring_what_one_sorted_log_would(
    settings: Settings, live: str, worker: WorkerProcess, tmp_path: Path
) -> None:
    log = activities()
    seam, overlap = len(log) * 2 // 3, 200
    # Newest first, and with a stretch that both have.
    history = write(tmp_path / "history.jsonl", log[seam - 1 :: -1])
    to_live(settings, live, log[seam - overlap :])
    said = ok(settings, "backfill", history, "--live", live)
    assert f"sent {len(log):,} activities" in said
    assert f"{overlap:,} were repeats" in said
    assert sorted(ids(settings)) == sorted(one["event_id"] for one in log)
    wait_until_handled(settings)
    assert_as_in_ledger(settings)  # the ledger replays what is on the topic: here the sorted log
    topic = Topics.of(settings).activities
    by_user = defaultdict(list)
    for record in records_until(settings, topic, ends_of(settings, topic)):
        by_user[(record.key or b"").decode()].append(json.loads(record.value or b"")["event_id"])
    for user, mine in by_user.items():
        assert mine == [one["event_id"] for one in log if one["user_id"] == user]
    assert handed_over(settings, live) == ends_of(settings, live)


def test_a_run_that_was_killed_is_run_again_and_sends_what_is_missing(
    settings: Settings, live: str, tmp_path: Path
) -> None:
    rows = [row(number, f"u{number % 7}") for number in range(2_000)]
    history = write(tmp_path / "history.jsonl", rows[:1_500])
    to_live(settings, live, rows[1_400:])
    killed = subprocess.run(
        [sys.executable, "-P", "-c", KILLED_WHILE_SENDING, "backfill", history, "--live", live],
        env=environment(settings),
        check=False,
        timeout=120,
    )
    assert killed.returncode == -9
    arrived = len(ids(settings))
    assert 0 < arrived <= 500
    assert not any(handed_over(settings, live).values())

    to_live(settings, live, [row(number, "later") for number in range(2_000, 2_010)])
    said = ok(settings, "backfill", history, "--live", live)
    assert f"sent {2_010 - arrived:,} activities" in said
    assert f"{arrived:,} were there" in said
    assert sorted(ids(settings)) == sorted(f"e{number}" for number in range(2_010))
    assert handed_over(settings, live) == ends_of(settings, live)

    again = journeys(settings, "backfill", history, "--live", live)
    assert again.returncode == 2
    assert "has offsets on" in again.stderr
    assert "sent 0 activities" in ok(settings, "backfill", history)


def test_a_possible_gap_is_told_and_an_error_if_wanted(
    settings: Settings, live: str, tmp_path: Path
) -> None:
    history = write(tmp_path / "history.jsonl", [row(1), row(2)])
    to_live(settings, live, [row(5), row(6)])
    told = f"ends at {rfc3339(row(2)['occurred_at'])}, and {live} begins at"
    assert told in refused(settings, "backfill", history, "--live", live, "--strict")
    assert not any(handed_over(settings, live).values())
    done = journeys(settings, "backfill", history, "--live", live)
    assert done.returncode == 0
    assert "a possible gap" in done.stderr
    assert told in done.stderr


def test_records_of_the_live_topic_that_are_none_become_its_rejects(
    settings: Settings, live: str, tmp_path: Path
) -> None:
    history = write(tmp_path / "history.jsonl", [row(1), row(2), {"title": "whose?"}])
    to_live(settings, live, [row(2), {"event_id": "odd", "title": 5}])
    assert "rejected 2 (2 invalid)" in ok(settings, "backfill", history, "--live", live)
    (kind,) = json.loads(ok(settings, "rejects", "list", "--json"))
    assert (kind["reason"], kind["topic"], kind["count"]) == ("invalid", live, 1)
    ok(settings, "rejects", "replay")
    values = [one.value for one in records_until(settings, live, ends_of(settings, live))]
    assert values.count(encode({"event_id": "odd", "title": 5})) == 2


def test_events_of_theirs_are_mapped_on_both_sides_of_the_seam(
    settings: Settings, live: str, tmp_path: Path
) -> None:
    mapping = tmp_path / "theirs.toml"
    mapping.write_text(
        f'topics = ["{live}"]\n[activity]\nevent_id = "id"\nuser_id = "who"\nitem_id = "what"\n'
        'title = "what"\noccurred_at = "when"\n[time]\nunit = "s"\n'
    )
    theirs: Rows = [
        {"id": f"e{n}", "who": n % 3, "what": "A title", "when": 1_700_000_000 + n}
        for n in range(60)
    ]
    export = tmp_path / "export.csv"
    rows = [",".join(map(str, one.values())) for one in theirs[:40]]
    export.write_text("\n".join(["id,who,what,when", *rows]))
    send(settings, ((None, encode(one)) for one in theirs[30:]), live)
    said = ok(settings, "backfill", export, "--live", live, "--input", mapping)
    assert "sent 60 activities" in said
    assert "10 were repeats" in said
    assert sorted(ids(settings)) == sorted(one["id"] for one in theirs)
    other = journeys(
        settings, "backfill", export, "--live", live, "--input", mapping, "--input-topics", "a,b"
    )
    assert other.returncode == 2
    assert "`journeys intake` does not read it" in other.stderr


def test_events_that_the_worker_maps_are_sent_as_they_stand(
    settings: Settings, live: str, tmp_path: Path
) -> None:
    mapping = tmp_path / "theirs.toml"
    mapping.write_text(
        '[activity]\nevent_id = "event_id"\nuser_id = "who"\nitem_id = "what"\ntitle = "what"\n'
        'occurred_at = "when"\n'
    )
    theirs = [
        {"event_id": f"e{n}", "who": "u", "what": "A title", "when": 1_700_000_000_000 + n}
        for n in range(20)
    ]
    history = write(tmp_path / "history.jsonl", theirs[::-1])
    topic = Topics.of(settings).activities
    assert "sent 20" in ok(settings, "backfill", history, "--input", mapping)
    stored = list(records_until(settings, topic, ends_of(settings, topic)))
    assert [json.loads(one.value or b"") for one in stored] == theirs
    assert {one.key for one in stored} == {b"u"}
    assert "20 were there" in ok(settings, "backfill", history, "--input", mapping)
    joined = journeys(settings, "backfill", history, "--input", mapping, "--live", live)
    assert joined.returncode == 2
    assert "JOURNEYS_INPUT_TOPICS" in joined.stderr


def test_an_old_topic_is_a_history_too(settings: Settings, live: str) -> None:
    to_live(settings, live, [row(number) for number in range(50)])
    said = ok(settings, "backfill", "--topic", live)
    assert "sent 50 activities" in said
    assert ids(settings) == [f"e{number}" for number in range(50)]
    assert "50 were there" in ok(settings, "backfill", "--topic", live)


def test_what_cannot_be_is_refused_with_the_reason(
    settings: Settings, live: str, tmp_path: Path
) -> None:
    history = write(tmp_path / "history.jsonl", [row(1)])
    activities_topic = Topics.of(settings).activities
    assert "journeys intake" in refused(settings, "backfill", history, "--live", activities_topic)
    assert "a history is wanted" in refused(settings, "backfill", "--live", live)
    assert "there is no topic" in refused(settings, "backfill", history, "--live", "no-such-topic")
    empty = write(tmp_path / "empty.jsonl", [])
    assert "it is empty" in refused(settings, "backfill", empty)


def test_a_history_behind_what_producers_have_sent_is_refused(
    settings: Settings, live: str, tmp_path: Path
) -> None:
    day = 24 * 60
    produce(settings, [row(100 * day)])
    history = write(tmp_path / "history.jsonl", [row(1)])
    done = journeys(settings, "backfill", history)
    assert done.returncode == 2
    assert "holds 1 activities that are not of this history" in done.stderr
    assert len(ids(settings)) == 1
    ok(settings, "backfill", write(tmp_path / "other.jsonl", [row(2, "another user")]))


def test_an_intake_at_work_is_not_overtaken(
    settings: Settings, live: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    history = write(tmp_path / "history.jsonl", [row(1)])
    to_live(settings, live, [row(1)])
    group = f"{settings.group}-intake"
    with connect(
        settings,
        KafkaConsumer,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    ) as intake:
        intake.subscribe([live])
        while not intake.poll(timeout_ms=500):
            pass
        if request.node.callspec.params["broker"] == "embedded":  # it tells of offsets only
            intake.commit()
            said = f"group {group} has offsets on {live} already"
        else:
            said = f"`journeys intake` runs (group {group})"
        assert said in refused(settings, "backfill", history, "--live", live)
