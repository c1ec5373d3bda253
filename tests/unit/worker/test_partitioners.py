"""Which partitioners put the users of a partition there, and when that is told."""

import logging
from collections.abc import Callable, Iterator

import pytest

from streams.kafka.partitioning import PARTITIONERS
from streams.service.metrics import USERS_MET, WORKER, Metrics
from streams.worker.partitioners import PartitionerWatch

COUNT = 4
KEYS = [b"user-%d" % number for number in range(400)]


class Watched:
    def __init__(self, partitions: int = COUNT) -> None:
        self.metrics = Metrics(WORKER)
        self.watch = PartitionerWatch("activity-events", partitions, self.metrics)

    def meet(self, keys: list[bytes], partitioner: Callable[[bytes, int], int]) -> None:
        for key in keys:
            self.watch.meet(partitioner(key, COUNT), key)

    def count(self, name: str) -> float:
        return self.metrics.value(USERS_MET, name)


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.WARNING):
        yield


@pytest.mark.parametrize("name", sorted(PARTITIONERS))
def test_producers_that_agree_are_no_trouble(watched: Watched, name: str) -> None:
    watched.meet(KEYS, PARTITIONERS[name])
    assert watched.watch.trouble() is None
    assert watched.count(name) > 100
    assert watched.count("unknown") == 0


def test_producers_that_do_not_are_told_once(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    watched.meet(KEYS[:300], PARTITIONERS["murmur2"])
    watched.meet(KEYS[200:], PARTITIONERS["crc32"])
    trouble = watched.watch.trouble() or ""
    assert "murmur2 (Java, kafka-python, aiokafka) and" in trouble
    assert "crc32 (librdkafka)" in trouble
    assert "journeys intake" in trouble
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert watched.count("murmur2") > 50
    assert watched.count("crc32") > 50


def test_a_partitioner_that_nobody_knows_is_not_taken_for_two(watched: Watched) -> None:
    watched.meet(KEYS, lambda key, count: sum(key) % count)
    assert watched.watch.trouble() is None
    assert watched.count("unknown") > 100


def test_partitions_that_went_elsewhere_are_no_longer_ours_to_tell_of(watched: Watched) -> None:
    for name in ("murmur2", "crc32"):
        watched.meet(KEYS, PARTITIONERS[name])
    watched.watch.keep([])
    assert watched.watch.trouble() is None


def test_a_single_partition_has_no_partitioner() -> None:
    watched = Watched(1)
    for key in KEYS:
        watched.watch.meet(0, key)
    assert watched.count("several") == len(KEYS)
