"""Which partition a key belongs to, by the rule of each default Kafka producer.

We write by `partition_of`. Producers of others may keep to another rule, and a user's records lie
together only where all who write to a topic keep to the same.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final
from zlib import crc32 as _crc32

from kafka.partitioner.default import murmur2 as _murmur2

Partitioner = Callable[[bytes, int], int]

_POSITIVE: Final = 0x7FFFFFFF  # the hash's sign bit is dropped


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, from 0: the rule of Java's client, kafka-python and aiokafka.

    Args:
        key: As it is on the record.
        partitions: How many the topic has.
    """
    return int(_murmur2(key) & _POSITIVE) % partitions


def crc32(key: bytes, partitions: int) -> int:
    """The same by the rule of librdkafka: of its C, Python, Go, Node and .NET clients."""
    return _crc32(key) % partitions


def fnv1a(key: bytes, partitions: int) -> int:
    """The same by the rule of sarama (Go)."""
    hashed = 0x811C9DC5
    for byte in key:
        hashed = (hashed ^ byte) * 0x01000193 & 0xFFFFFFFF
    return min(hashed, 0x1_0000_0000 - hashed) % partitions  # the size of a signed number


PARTITIONERS: Final[dict[str, Partitioner]] = {
    "murmur2": partition_of,
    "crc32": crc32,
    "fnv1a": fnv1a,
}


def away_from_home(key: bytes, partition: int, partitions: int) -> int | None:
    """The partition that a key was met on, if `partition_of` would not have put it there."""
    return None if partition_of(key, partitions) == partition else partition
