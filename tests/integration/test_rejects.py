"""`journeys rejects`, as a user runs it: rejects are counted, and go back once each."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from kafka import KafkaProducer

from models.records import rfc3339
from streams.demo.children import environment
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.kafka.reading import StoredRecord, ends_of, records_until
from streams.settings import Settings
from streams.topics import Topics
from tests.support import processes

KILLED_WITHIN_A_TRANSACTION = """
import os, signal
from kafka import KafkaProducer
from streams.rejects import resend
from streams.settings import Settings

commit, commits = KafkaProducer.commit_transaction, []

def killed(self):
    commits.append(1)
    if len(commits) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    commit(self)

KafkaProducer.commit_transaction = killed
resend.BATCH = 5
resend.resend(Settings.load())
"""


journeys = partial(processes.journeys, timeout=120)


def ok(settings: Settings, *arguments: str) -> str:
    done = journeys(settings, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def reject(
    settings: Settings,
    number: int,
    reason: str = "invalid",
    partition: int = 0,
    headers: Sequence[tuple[str, bytes]] = (),
    time: int = 1_700_000_000_000,
    **more: bytes,
) -> dict[str, Any]:
    """A reject as the worker writes it."""
    said = {
        "reason": reason.encode(),
        "detail": b"title \x1b[31m is missing",
        "topic": Topics.of(settings).activities.encode(),
        "partition": b"%d" % partition,
        "offset": b"%d" % number,
        "time": rfc3339(time + number).encode(),
        **more,
    }
    return {
        "key": b"u%d" % (number % 3),
        "value": b'{"number": %d, "text": "\x1b[2J"}' % number,
        "headers": [*headers, *said.items()],
        "partition": partition,
    }


def write(settings: Settings, records: Sequence[dict[str, Any]]) -> None:
    with connect(settings, KafkaProducer, acks="all") as producer:
        for record in records:
            producer.send(Topics.of(settings).rejects, **record)
        producer.flush()


def arrived(settings: Settings) -> list[StoredRecord]:
    topic = Topics.of(settings).activities
    return list(records_until(settings, topic, ends_of(settings, topic)))


def numbers(records: Sequence[StoredRecord]) -> list[int]:
    return [json.loads((one.value or b"").replace(b"\x1b", b""))["number"] for one in records]


@pytest.fixture
def topics_made(settings: Settings) -> None:
    admin.create(settings)


@pytest.mark.usefixtures("topics_made")
def test_rejects_go_back_as_they_came_in_order_and_only_once(settings: Settings) -> None:
    own = [("reason", b"theirs"), ("trace", b"1"), ("reason", b"theirs too")]
    write(settings, [reject(settings, i, partition=i % 4, headers=own) for i in range(40)])
    assert "sent 40 records" in ok(settings, "rejects", "replay")
    assert "nothing to replay" in ok(settings, "rejects", "replay")
    back = arrived(settings)
    assert Counter(numbers(back)) == Counter(range(40))
    for one in back:
        (number,) = numbers([one])
        assert one.partition == number % 4
        assert (one.key, one.headers) == (b"u%d" % (number % 3), own)
    for partition in range(4):
        mine = numbers([one for one in back if one.partition == partition])
        assert mine == sorted(mine)
    write(settings, [reject(settings, 40)])
    assert "sent 1 records" in ok(settings, "rejects", "replay")


@pytest.mark.usefixtures("topics_made")
def test_a_run_that_is_killed_in_a_transaction_is_gone_on_with(settings: Settings) -> None:
    write(settings, [reject(settings, i, partition=i % 2) for i in range(40)])
    killed = subprocess.run(
        [sys.executable, "-P", "-c", KILLED_WITHIN_A_TRANSACTION],
        env=environment(settings),
        check=False,
        timeout=120,
    )
    assert killed.returncode == -9
    # A broker without transactions has the batch that was under way, a real one nothing of it.
    said = ok(settings, "rejects", "replay")
    assert "sent 30 records" in said or "sent 25 records" in said
    assert sorted(numbers(arrived(settings))) == list(range(40))


@pytest.mark.usefixtures("topics_made")
def test_each_reason_has_its_own_progress(settings: Settings) -> None:
    kinds = ["invalid", "bad_time", "too_late"]
    write(settings, [reject(settings, i, kinds[i % 3]) for i in range(30)])
    assert "would send 20 records" in ok(settings, "rejects", "replay", "--dry-run")
    assert "sent 10 records" in ok(settings, "rejects", "replay", "--reason", "bad_time")
    rest = ok(settings, "rejects", "replay")
    assert "(10 invalid)" in rest
    assert "left 10 that were too late: they stay too late" in rest
    late = ok(settings, "rejects", "replay", "--reason", "too_late")
    assert "(10 too_late)" in late
    assert "rejected again" in late
    assert sorted(numbers(arrived(settings))) == list(range(30))


@pytest.mark.usefixtures("topics_made")
def test_what_was_cut_or_has_no_home_is_skipped_and_said(settings: Settings) -> None:
    cut, fine = reject(settings, 1, bytes=b"2000000"), reject(settings, 2)
    homeless: dict[str, Any] = {"key": None, "value": b"?", "headers": [], "partition": 0}
    write(settings, [cut, homeless, fine])
    said = ok(settings, "rejects", "replay")
    assert "sent 1 records" in said
    assert "skipped 1 of which only the beginning was kept" in said
    assert "skipped 1 that do not say where they came from" in said
    assert numbers(arrived(settings)) == [2]


@pytest.mark.usefixtures("topics_made")
def test_rejects_of_a_topic_that_is_gone_stop_the_run(settings: Settings) -> None:
    write(settings, [reject(settings, 1, topic=b"no-such-topic")])
    done = journeys(settings, "rejects", "replay")
    assert done.returncode == 2
    assert "no-such-topic, which is no longer there" in done.stderr


@pytest.mark.usefixtures("topics_made")
def test_the_list_counts_by_reason_and_shows_what_a_terminal_can_bear(settings: Settings) -> None:
    assert ok(settings, "rejects", "list") == "no rejects\n"
    write(settings, [reject(settings, i, "invalid" if i % 4 else "bad_time") for i in range(40)])
    ok(settings, "rejects", "replay", "--reason", "bad_time")

    shown = ok(settings, "rejects", "list", "--limit", "1")
    assert "\x1b" not in shown
    assert sum('"number": 39' in line for line in shown.splitlines()) == 1

    found = json.loads(ok(settings, "rejects", "list", "--json"))
    assert [(kind["reason"], kind["count"], kind["waiting"]) for kind in found] == [
        ("invalid", 30, 30),
        ("bad_time", 10, 0),
    ]
    assert found[0]["first"] == rfc3339(1_700_000_000_001)
    assert found[0]["last"] == rfc3339(1_700_000_000_039)
    assert len(found[0]["samples"]) == 3

    since = rfc3339(1_700_000_000_038)
    found = json.loads(ok(settings, "rejects", "list", "--json", "--since", since))
    assert [(kind["reason"], kind["count"]) for kind in found] == [("invalid", 2)]
    assert ok(settings, "rejects", "list", "--since", "7d") == "no rejects\n"
    only = json.loads(ok(settings, "rejects", "list", "--json", "--reason", "bad_time"))
    assert [kind["reason"] for kind in only] == ["bad_time"]
    assert journeys(settings, "rejects", "list", "--since", "soon").returncode == 2
