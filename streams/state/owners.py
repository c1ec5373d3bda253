"""Whose records on a changelog count: those of the partition's owner at that point.

An owner begins with a record that says so; that record's offset is its *token*, and all state that
it writes bears it in a header. So what an earlier owner writes after a later one has begun, woken
up on a broker that does not refuse it, is known for what it is and left out by all who read state
back. Whoever writes notices it by the offsets of its own records (`Partition.append`), and takes
the partition anew. A record without a token was written before there were any, and counts.

A broker that compacts would drop a true value for a late one. Those that compact know producer ids,
and refuse late ones as long as these do not expire (`PartitionProducers`).
"""

from collections.abc import Iterable

from models.engine.snapshot import Part
from streams.kafka.messages import Record
from streams.kafka.producers import TAKEN_KEY, TOKEN_HEADER


def owner_of(taken: bytes | None) -> int:
    """The token of the owner that a store knows; -1 when it knows none, or was written before."""
    return int(taken) if taken is not None and taken.isdigit() else -1


def of_owners(records: Iterable[Record], owner: int) -> tuple[list[Part], int]:
    """What records of a changelog do to a store.

    Args:
        records: In their order.
        owner: Token of the partition's owner before them.

    Returns:
        Keys and values, each owner's record with its token as value; how many were left out.
    """
    parts: list[Part] = []
    late = 0
    for record in records:
        if record.key is None:
            continue  # no state: a broker that compacts would not have taken it
        if record.key == TAKEN_KEY:
            owner = record.offset
            parts.append((TAKEN_KEY, b"%d" % owner))
        elif _token(record) < owner:
            late += 1
        else:
            parts.append((record.key, record.value))
    return parts, late


def _token(record: Record) -> float:
    for name, value in record.headers:
        if name == TOKEN_HEADER:
            return int(value)
    return float("inf")
