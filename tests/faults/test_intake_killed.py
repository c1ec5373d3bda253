"""Intakes that are killed, join and leave in the middle: each event comes once, none is lost."""

from pathlib import Path

import pytest

from streams.kafka import admin
from streams.settings import Settings
from tests.support.intakes import IntakeProcess, arrived, event_ids, put, raw_topic
from tests.support.workers import activities, until

pytestmark = pytest.mark.fault


@pytest.fixture(autouse=True)
def _real_kafka(request: pytest.FixtureRequest) -> None:
    if "embedded" in request.node.name:
        pytest.skip("the embedded broker knows no transactions")


def test_killed_joined_and_left_in_the_middle_each_event_comes_once(
    settings: Settings, tmp_path: Path
) -> None:
    admin.create(settings)
    log = activities(6)
    topic = raw_topic(settings, "theirs", 5)
    put(settings, topic, log, partitions=5)
    running: list[IntakeProcess] = []

    def start() -> IntakeProcess:
        one = IntakeProcess(settings, tmp_path, input_topics=topic, batch_records=50)
        running.append(one)
        return one

    def goes_on() -> None:
        before = len(arrived(settings))
        until(lambda: len(arrived(settings)) >= min(before + 300, len(log)), "it goes on")

    try:
        first = start().wait_ready()
        goes_on()
        first.kill()
        assert len(arrived(settings)) < len(log), "it was killed in the middle"
        second, third = start(), start()
        goes_on()
        second.kill()
        goes_on()
        fourth = start()
        goes_on()
        assert third.stop() == 0
        until(lambda: len(arrived(settings)) >= len(log), "all came")
        assert event_ids(arrived(settings)) == event_ids(log)
        assert fourth.stop() == 0
    finally:
        for one in running:
            one.kill()
