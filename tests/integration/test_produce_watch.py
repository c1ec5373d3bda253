"""`journeys produce` and `journeys watch`, as a user runs them, on every broker."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from msgspec.structs import replace

from models.records import Change, cloudevent, encode
from streams.demo.broker import EmbeddedBroker
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.settings import Settings
from streams.topics import Topics
from tests.support.processes import start
from tests.support.published import publish, sample

JOURNEYS = str(Path(sys.executable).with_name("journeys"))


def journeys(
    settings: Settings, *arguments: str, stdin: bytes = b""
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [JOURNEYS, *arguments],
        input=stdin,
        env=environment(settings),
        capture_output=True,
        check=False,
        timeout=60,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "JOURNEYS_BROKER": settings.broker,
        "JOURNEYS_TOPIC_PREFIX": settings.topic_prefix,
    }


def activity(number: int, user: str) -> bytes:
    return json.dumps(
        {
            "event_id": f"e{number}",
            "user_id": user,
            "item_id": f"i{number}",
            "title": f"Title {number}",
            "occurred_at": number,
        }
    ).encode()


def stored(settings: Settings) -> dict[int, list[tuple[bytes, bytes]]]:
    """By partition: the keys and values on activity-events, in order."""
    name = Topics.of(settings).activities
    ends = admin.end_offsets(settings, {name: settings.partitions})[name]
    found: dict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
    with connect(settings, KafkaConsumer) as client:
        client.assign([TopicPartition(name, number) for number in range(settings.partitions)])
        client.seek_to_beginning()
        while any(len(found[number]) < end for number, end in enumerate(ends)):
            for partition, records in client.poll(timeout_ms=200).items():
                found[partition.partition] += [(one.key, one.value) for one in records]
    return found


def named(user: str, name: str) -> Change:
    return Change(
        id=f"{user}:named:{name}",
        user_id=user,
        kind="named",
        occurred_at=0,
        cause="e",
        journey_id=f"{user}-j",
        name=name,
        name_source="keywords",
        revision=1,
    )


def test_every_activity_arrives_once_keyed_and_in_its_users_order(
    settings: Settings, tmp_path: Path
) -> None:
    admin.create(settings)
    lines = [activity(number, f"u{number % 7}") for number in range(6_000)]
    file = tmp_path / "activities.jsonl.gz"
    file.write_bytes(gzip.compress(b"\n".join(lines) + b"\n"))

    done = journeys(settings, "produce", str(file))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("sent 6,000 activities")
    assert not done.stderr

    records = [record for partition in stored(settings).values() for record in partition]
    for user in {key for key, _ in records}:
        mine = [value for key, value in records if key == user]
        assert mine == [line for line in lines if json.loads(line)["user_id"] == user.decode()]
    assert len(records) == len(lines)


def test_lines_that_cannot_be_keyed_are_named_and_the_others_sent(settings: Settings) -> None:
    admin.create(settings)
    fine, odd = activity(1, "u1"), b'{"user_id": "u2", "title": 5}'
    done = journeys(
        settings,
        "produce",
        "-",
        stdin=b"\n".join([fine, b"not json", b"", b'{"user_id": 5}', b'{"title": "whose?"}', odd]),
    )
    assert done.returncode == 1
    assert done.stdout.startswith("sent 2 activities")
    assert [line.split(":")[1] for line in done.stderr.splitlines()[:3]] == ["2", "4", "5"]
    assert done.stderr.splitlines()[3:] == ["journeys: 3 of 5 lines were not sent"]
    values = {record for partition in stored(settings).values() for record in partition}
    assert values == {(b"u1", fine), (b"u2", odd)}


def test_tables_are_sent_as_activities_and_sorted_if_asked(
    settings: Settings, tmp_path: Path
) -> None:
    admin.create(settings)
    file = tmp_path / "export.csv"
    lines = [f"17000000000{n:02},{n},u{n % 3},i,A title" for n in range(99, -1, -1)]
    file.write_text("occurred_at,event_id,user_id,item_id,title\n" + "\n".join(lines))
    done = journeys(settings, "produce", str(file))
    assert done.returncode == 0, done.stderr
    assert done.stderr == "journeys: times fall from line to line: newest first? see --sort\n"
    assert journeys(settings, "produce", str(file), "--sort").stderr == ""
    for records in stored(settings).values():
        for user in {key for key, _ in records}:
            times = [json.loads(value)["occurred_at"] for key, value in records if key == user]
            half = len(times) // 2
            assert times == sorted(times[:half], reverse=True) + sorted(times[half:])


def test_a_file_of_no_use_is_said(settings: Settings) -> None:
    admin.create(settings)
    done = journeys(settings, "produce", "-", stdin=b'{"userId": 1}\n{"userId": 2}\n')
    assert done.returncode == 1
    assert "it looks like JSON lines with fields userId: give --input" in done.stderr


def test_rate_holds_the_producer_back(settings: Settings) -> None:
    admin.create(settings)
    lines = b"\n".join(activity(number, "u") for number in range(100))
    start = time.monotonic()
    assert journeys(settings, "produce", "-", "--rate", "100", stdin=lines).returncode == 0
    assert time.monotonic() - start >= 0.99


def test_commands_say_when_their_topic_is_missing(settings: Settings) -> None:
    for command in (["produce", "-"], ["watch"]):
        done = journeys(settings, *command)
        assert done.returncode == 2
        assert "make it with `journeys topics create`" in done.stderr
    assert not any(state.partitions for state in admin.describe(settings))


def test_watch_prints_what_comes_and_not_what_was(settings: Settings) -> None:
    admin.create(settings)
    publish(settings, [named("u1", "Old news")] * 5)
    known = sample().journeys[-1]
    sleeps = replace(
        named(known.user_id, ""),
        kind="dormant",
        name=None,
        journey_id=known.journey.journey_id,
        journey=replace(known.journey, keywords="of old"),
    )
    with connect(settings, KafkaProducer) as client:
        client.send(Topics.of(settings).journeys, encode(known), b"u/j")
    watch = start(
        [JOURNEYS, "watch", "--max", "3", "--kind", "named", "--kind", "dormant"],
        env=environment(settings),
        stdout=subprocess.PIPE,
        text=True,
    )
    while watch.poll() is None:  # it takes a moment until it listens
        publish(settings, [named("u1", "Fresh news"), named("u2", "Fresh news"), sleeps])
        time.sleep(0.2)
    output = watch.communicate()[0].splitlines()
    assert watch.returncode == 0
    assert len(output) == 3
    assert all("Fresh news" in line or known.name in line for line in output)


def test_watch_from_the_beginning_for_one_user_as_json(settings: Settings) -> None:
    admin.create(settings)
    changes = [named(user, f"Name {number}") for number in range(20) for user in ("u1", "u2")]
    publish(settings, changes)
    done = journeys(
        settings, "watch", "--from-beginning", "--until-idle", "2", "--json", "--user", "u2"
    )
    assert done.returncode == 0
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        json.loads(cloudevent(change)) | {"journeyname": change.name}
        for change in changes
        if change.user_id == "u2"
    ]


def test_watch_ends_quietly_on_ctrl_c_and_on_a_closed_pipe(settings: Settings) -> None:
    admin.create(settings)
    publish(settings, [named("u1", f"Name {number}") for number in range(50)])
    for end in ("interrupt", "close"):
        watch = start(
            [JOURNEYS, "watch", "--from-beginning"],
            env=environment(settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert watch.stdout is not None
        assert watch.stderr is not None
        assert "Name 0" in watch.stdout.readline()
        if end == "interrupt":
            watch.send_signal(signal.SIGINT)
            assert watch.wait(timeout=30) == 130
        else:
            watch.stdout.close()
            publish(settings, [named("u1", "One more")])
            assert watch.wait(timeout=30) == 1
        assert not watch.stderr.read().strip()


@pytest.mark.fault
def test_a_broker_that_dies_ends_the_producer_with_one_line() -> None:
    lines = b"\n".join(activity(number, "u") for number in range(5_000))
    with EmbeddedBroker() as broker:
        settings = Settings.load(broker=broker.address, broker_timeout=2)
        admin.create(settings)
        produce = start(
            [JOURNEYS, "produce", "-", "--rate", "500", "--broker-timeout", "2"],
            env=environment(settings),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert produce.stdin is not None
        assert produce.stderr is not None
        produce.stdin.write(lines)
        produce.stdin.close()
        name = Topics.of(settings).activities
        while not any(admin.end_offsets(settings, {name: settings.partitions})[name]):
            time.sleep(0.1)
        os.kill(broker.pid, signal.SIGKILL)
        assert produce.wait(timeout=20) == 1
        errors = produce.stderr.read().decode()
    assert errors.startswith(f"journeys: the broker at {broker.address} failed")
    assert errors.count("\n") == 1
