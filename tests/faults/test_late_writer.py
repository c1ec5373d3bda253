"""State that an earlier owner still sends when another has taken over: it counts for nothing."""

import pytest
from kafka import KafkaProducer

from streams.kafka.clients import connect
from streams.kafka.producers import TOKEN_HEADER
from streams.settings import Settings
from tests.faults.conftest import Workers
from tests.support.workers import (
    activities,
    assert_as_in_ledger,
    assert_no_zombie_wrote,
    in_the_middle,
    produce,
    read,
    until,
    wait_until_handled,
)

pytestmark = pytest.mark.fault


def send_again_what_came_first(settings: Settings) -> None:
    """The first records of state come once more, as from a producer that nobody refuses."""
    changelog = f"{settings.topic_prefix}{settings.group}-users-changelog"
    early = [record for record in read(settings, changelog) if record.headers][:200]
    with connect(settings, KafkaProducer) as client:
        for record in early:
            client.send(changelog, record.value, record.key, record.headers, record.partition)
        client.flush()
    assert {name for record in early for name, _ in record.headers} == {TOKEN_HEADER}


def test_state_of_an_earlier_owner_is_left_out_however_late_it_comes(workers: Workers) -> None:
    log = activities(3)
    half = len(log) // 2
    produce(workers.settings, log[:half])
    first = workers.start()
    in_the_middle(first)
    first.kill()
    heir = workers.start()
    in_the_middle(heir, 500)
    send_again_what_came_first(workers.settings)
    produce(workers.settings, log[half:])
    in_the_middle(heir, 500)
    until(lambda: heir.count("journeys_partitions_taken_anew_total") > 0, "the heir notices")
    heir.kill()
    send_again_what_came_first(workers.settings)
    last = workers.start()
    wait_until_handled(workers.settings)
    assert_as_in_ledger(workers.settings)
    assert_no_zombie_wrote(workers.settings)
    assert "records are left out, which an earlier owner wrote" in last.log.read_text()
