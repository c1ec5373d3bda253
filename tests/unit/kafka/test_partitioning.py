"""The rule by which keys get their partitions is the clients' own."""

from types import SimpleNamespace

import pytest
from aiokafka.partitioner import DefaultPartitioner as OfAiokafka
from kafka.partitioner import DefaultPartitioner as OfKafkaPython

from streams.kafka.partitioning import partition_of

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


def test_keys_are_spread_over_all_partitions() -> None:
    assert {partition_of(key, 7) for key in KEYS} == set(range(7))
