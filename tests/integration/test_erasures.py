"""`journeys erase` on every broker: nothing is left of a user, though workers are killed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from streams.kafka import admin
from streams.kafka.erasures import erase
from streams.settings import Settings
from streams.topics import Topics
from tests.support.processes import journeys
from tests.support.workers import (
    WorkerProcess,
    activities,
    assert_as_in_ledger,
    assert_no_zombie_wrote,
    ledger,
    produce,
    read,
    until,
    wait_until_handled,
)

pytestmark = pytest.mark.fault


def compacted(settings: Settings, topic: str) -> dict[bytes, bytes]:
    """What compaction leaves of a topic: the last record of each key, unless it has no value."""
    last = {record.key: record.value for record in read(settings, topic)}
    return {key: value for key, value in last.items() if value is not None}


def left(settings: Settings, users: Sequence[str]) -> list[tuple[str, bytes]]:
    """Users, and keys of what is left of them on compacted topics."""
    changelog = f"{settings.topic_prefix}{settings.group}-users-changelog"
    return [
        (user, key)
        for topic in (Topics.of(settings).journeys, changelog)
        for key, value in compacted(settings, topic).items()
        for user in users
        if user.encode() in key or user.encode() in value
    ]


def of(journey_keys: Any, user: str) -> set[bytes]:
    return {key for key in journey_keys if key.startswith(f"{user}/".encode())}


def test_users_are_erased_once_though_workers_are_killed(
    settings: Settings, tmp_path: Path
) -> None:
    admin.create(settings)
    topics = Topics.of(settings)
    some = sorted({one["user_id"] for one in activities()})[:8]
    log = [one for one in activities() if one["user_id"] in some]
    produce(settings, log)
    worker = WorkerProcess(settings, tmp_path, store="rocksdb")
    wait_until_handled(settings)
    assert_as_in_ledger(settings)
    before = ledger(settings).journeys
    erased, others = some[::2], some[1::2]
    told = journeys(settings, "erase", erased[0], "--reason", "request 4711")
    assert told.returncode == 0, told.stderr
    assert told.stdout == f"asked on {topics.erasures} to erase 1 user; the workers do it\n"
    for number, user in enumerate(erased[1:]):
        erase(settings, [user])
        if number in (0, 2):
            worker.kill()
            worker = WorkerProcess(settings, tmp_path, store="rocksdb")
    until(lambda: not left(settings, erased), "they are erased", every=2)
    # The others have all that they had, to the byte.
    there = compacted(settings, topics.journeys)
    assert there == {
        key: value for key, value in before.items() if any(of([key], user) for user in others)
    }
    assert journeys(settings, "show", erased[0]).stderr == f"no journeys of {erased[0]} are known\n"
    # One comes back, after another crash: a stranger, whom what is known already spares.
    back = [one | {"event_id": f"new-{one['event_id']}"} for one in log]
    back = [one for one in back if one["user_id"] == erased[0]]
    produce(settings, back)
    wait_until_handled(settings)
    worker.kill()
    worker = WorkerProcess(settings, tmp_path, store="memory").wait_ready()
    wait_until_handled(settings)
    fresh = of(compacted(settings, topics.journeys), erased[0])
    assert fresh
    assert not fresh & of(before, erased[0])
    shown = journeys(settings, "show", erased[0]).stdout
    assert any(key.decode().rpartition("/")[2] in shown for key in fresh)
    assert_no_zombie_wrote(settings)
    assert worker.stop() == 0
