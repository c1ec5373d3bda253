"""Which partition a key belongs to: the rule of every default Kafka producer.

A user's records lie together in every client's eyes only where all keep to it.
"""

from functools import lru_cache
from typing import Final

from kafka.partitioner.default import murmur2

_POSITIVE: Final = 0x7FFFFFFF  # the hash's sign bit is dropped


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, from 0.

    Args:
        key: As it is on the record.
        partitions: How many the topic has.
    """
    return int(murmur2(key) & _POSITIVE) % partitions
