"""Publish: changes, current journeys, naming requests, and what was rejected."""

from collections.abc import Callable, Iterable
from typing import Final

from models.records import Change, CurrentJourney, NamingRequest, encode, rfc3339
from streams.formats.writing import OutputFormat
from streams.kafka.sending import NO_HEADERS, Headers, OutgoingRecord
from streams.stages.batch import Reject
from streams.state.lives import Erasure
from streams.topics import Topics, journey_key

# What is kept of key and value that the rejects topic refuses as too large: `topics create` gives
# the topic room for every record that a broker with default limits takes, but it may have been made
# otherwise. Such a record must not stop the others.
CUT_BYTES: Final = 65_536


def outgoing_records(
    topics: Topics,
    output: OutputFormat,
    changes: Iterable[Change],
    journeys: Iterable[CurrentJourney],
    requests: Iterable[NamingRequest],
    owned: int,
    handed: Callable[[object], Headers] = lambda _: NO_HEADERS,
) -> list[OutgoingRecord]:
    """What the topics get of a batch's effects, in order.

    Naming requests go to the partition of the batch, not to their key's: the answer comes back on
    the same number, to whoever has the user, by whatever rule the user's producer chose it.

    Args:
        topics: Their names.
        output: Writes changes and journeys.
        changes: Journey changes.
        journeys: Current journeys.
        requests: Names wanted.
        owned: The batch's partition.
        handed: What a change or a request is given of the trace of what brought it about.
    """

    def of_change(change: Change) -> OutgoingRecord:
        value, headers = output.change(change)
        headers = [*headers, *handed(change)]
        return OutgoingRecord(topics.changes, change.user_id.encode(), value, headers)

    return [
        *map(of_change, changes),
        *(
            OutgoingRecord(
                topics.journeys,
                journey_key(current.user_id, current.journey.journey_id),
                *output.journey(current),
            )
            for current in journeys
        ),
        *(
            OutgoingRecord(
                topics.requests,
                request.user_id.encode(),
                encode(request),
                handed(request),
                partition=owned,
            )
            for request in requests
        ),
    ]


def reject_headers(
    reason: str, detail: str, topic: str, partition: int, offset: int, timestamp: int
) -> Headers:
    """Why a record was set aside, and where it lay; the time is epoch ms, -1 for none."""
    return [
        ("reason", reason.encode()),
        ("detail", detail.encode("utf-8", "replace")[:1_000]),
        ("topic", topic.encode()),
        ("partition", b"%d" % partition),
        ("offset", b"%d" % offset),
        ("time", rfc3339(max(0, timestamp)).encode()),
    ]


def outgoing_tombstones(topics: Topics, erasures: Iterable[Erasure]) -> list[OutgoingRecord]:
    """What takes the journeys of erased users out of the compacted topic, those that ended, too.

    The state forgets a journey that ends, so there is one for each number that a cluster had.
    """
    return [
        OutgoingRecord(topics.journeys, journey_key(user.user_id, user.journey_id(number)), None)
        for user, _ in erasures
        for number in range(user.given + 1)
    ]


def outgoing_reject(reject: Reject, topic: str, *, cut: bool = False) -> OutgoingRecord:
    """A rejected record as it came, with the reason in headers.

    Its headers are the original's and `reason`, `detail`, `topic`, `partition`, `offset` and `time`
    (when the broker got the original).

    Args:
        reject: What came.
        topic: The rejects topic.
        cut: Cut a long key and value, and leave long headers out; the header `bytes` says then how
            long they were together.
    """
    record, error = reject.record, reject.error
    key, value, own = record.key, record.value, record.headers
    lengths = (
        len(key or b""),
        len(value or b""),
        sum(len(name) + len(header or b"") for name, header in own),
    )
    if cut := cut and max(lengths) > CUT_BYTES:
        key, value = key and key[:CUT_BYTES], value and value[:CUT_BYTES]
        own = own if lengths[2] <= CUT_BYTES else ()
    headers = [
        *own,
        *reject_headers(
            error.reason,
            error.detail,
            *(reject.topic, reject.partition, record.offset, record.timestamp),
        ),
    ]
    if cut:
        headers.append(("bytes", b"%d" % sum(lengths)))
    return OutgoingRecord(topic, key, value, headers, reject.partition)
