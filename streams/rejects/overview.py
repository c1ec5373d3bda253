"""Rejects by reason and topic: how many, since when, and what they look like."""

from collections.abc import Iterable
from typing import Final

import msgspec

from models.printable import printable
from models.records import rfc3339
from streams.rejects.records import RejectedRecord, Replayed

VALUE_CHARS: Final = 200


class Sample(msgspec.Struct):
    """One reject as text."""

    time: str
    partition: int
    offset: int
    detail: str
    key: str
    value: str


class Kind(msgspec.Struct):
    """The rejects of one reason from one topic.

    Attributes:
        reason: Why.
        topic: Where from.
        count: How many.
        waiting: How many of them were not replayed.
        first: When the broker got the first, RFC 3339.
        last: And the last.
        samples: Some, the latest.
    """

    reason: str
    topic: str
    count: int
    waiting: int
    first: str
    last: str
    samples: list[Sample]


def overview(
    records: Iterable[RejectedRecord],
    replayed: Replayed,
    *,
    reasons: Iterable[str] = (),
    since: int = 0,
    samples: int = 3,
) -> list[Kind]:
    """Count rejects.

    Args:
        records: What to count.
        replayed: What of them was replayed.
        reasons: Only these; none means all.
        since: Only what the broker got at or after this time, epoch ms.
        samples: How many are kept of each kind.

    Returns:
        The most frequent first.
    """
    wanted = set(reasons)
    kinds: dict[tuple[str, str], list[int]] = {}  # count, waiting, first, last
    latest: dict[tuple[str, str], list[RejectedRecord]] = {}
    for record in records:
        if (wanted and record.reason not in wanted) or record.time < since:
            continue
        kind = (record.reason, record.topic)
        found = kinds.setdefault(kind, [0, 0, record.time, record.time])
        found[0] += 1
        found[1] += not replayed.covers(record)
        found[2] = min(found[2], record.time)
        found[3] = max(found[3], record.time)
        kept = latest.setdefault(kind, [])
        kept.append(record)
        if len(kept) > samples:
            kept.remove(min(kept, key=lambda one: one.time))
    return [
        Kind(
            *kind,
            count,
            waiting,
            rfc3339(max(0, first)),
            rfc3339(max(0, last)),
            [_sample(one) for one in sorted(latest[kind], key=lambda one: one.time)],
        )
        for kind, (count, waiting, first, last) in sorted(
            kinds.items(), key=lambda pair: (-pair[1][0], pair[0])
        )
    ]


def _sample(record: RejectedRecord) -> Sample:
    return Sample(
        rfc3339(max(0, record.time)),
        record.source_partition,
        record.source_offset,
        printable(record.detail),
        _text(record.key),
        _text(record.value),
    )


def _text(value: bytes | None) -> str:
    if value is None:
        return "null"
    return printable(value[: 4 * VALUE_CHARS].decode("utf-8", "replace"))[:VALUE_CHARS]
