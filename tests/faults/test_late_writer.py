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
    """Records of each partition's first owner, who is gone, come once more: nobody refuses them."""
    changelog = f"{settings.topic_prefix}{settings.group}-users-changelog"
    first_owner: dict[int, bytes] = {}
    early = []
    for record in read(settings, changelog):
        token = dict(record.headers).get(TOKEN_HEADER)
        if token and first_owner.setdefault(record.partition, token) == token:
            early.append(record)
    with connect(settings, KafkaProducer) as client:
        for record in early[:200]:
            client.send(changelog, record.value, record.key, record.headers, record.partition)
        client.flush()
    assert early


def test_state_of_an_earlier_owner_is_left_out_however_late_it_comes(workers: Workers) -> None:
    log = activities(3)
    third = len(log) // 3
    produce(workers.settings, log[:third])
    first = workers.start()
    in_the_middle(first)
    first.kill()
    heir = workers.start().wait_ready()  # it has taken all partitions
    send_again_what_came_first(workers.settings)
    produce(workers.settings, log[third : 2 * third])
    until(lambda: heir.count("journeys_partitions_taken_anew_total") > 0, "the heir notices")
    heir.kill()
    send_again_what_came_first(workers.settings)
    produce(workers.settings, log[2 * third :])
    last = workers.start()
    wait_until_handled(workers.settings)
    assert_as_in_ledger(workers.settings)
    assert_no_zombie_wrote(workers.settings)
    assert "records are left out, which an earlier owner wrote" in last.log.read_text()
