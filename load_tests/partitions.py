"""Which partition a key belongs to: as every default Kafka producer decides it."""

from functools import lru_cache

from kafka.partitioner.default import murmur2

_POSITIVE = 0x7FFFFFFF  # the hash's sign bit is dropped


@lru_cache(maxsize=1_000_000)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key."""
    return (murmur2(key) & _POSITIVE) % partitions
