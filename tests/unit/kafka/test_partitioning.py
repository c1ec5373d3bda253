"""The rule by which keys get their partitions is the clients' own."""

from types import SimpleNamespace

import pytest
from aiokafka.partitioner import DefaultPartitioner as OfAiokafka
from kafka.partitioner import DefaultPartitioner as OfKafkaPython

from streams.kafka.partitioning import PARTITIONERS, away_from_home, partition_of

KEYS = [b"", b"ada", "ölüm".encode(), b"\xff\x00", *(b"user-%d" % n for n in range(500))]


@pytest.mark.parametrize("count", [1, 2, 7, 48])
def test_a_key_goes_where_both_clients_send_it(count: int) -> None:
    partitions = list(range(count))
    cluster = SimpleNamespace(
        topics=lambda: {"t"},
        partitions_for_topic=lambda _: set(partitions),
        available_partitions_for_topic=lambda _: set(partitions),
    )
    for key in KEYS:
        assert partition_of(key, count) == OfAiokafka()(key, partitions, partitions)
        assert partition_of(key, count) == OfKafkaPython().partition(
            "t", key, key, None, None, cluster
        )


# Told by librdkafka 2.12 (its partitioners `consistent` and `fnv1a`), for six partitions.
def test_other_clients_rules_are_known() -> None:
    assert {
        rule: [PARTITIONERS[rule](key, 6) for key in (b"ada", "ölüm".encode(), b"user-1")]
        for rule in ("crc32", "fnv1a")
    } == {"crc32": [0, 4, 2], "fnv1a": [1, 0, 0]}


def test_a_key_is_away_from_home_where_our_rule_would_not_put_it() -> None:
    home = partition_of(b"ada", 5)
    assert [away_from_home(b"ada", number, 5) for number in range(5)] == [
        None if number == home else number for number in range(5)
    ]


def test_keys_are_spread_over_all_partitions() -> None:
    assert {partition_of(key, 7) for key in KEYS} == set(range(7))
