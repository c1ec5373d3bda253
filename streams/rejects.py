"""Rejected records: as they came, with the reason in headers, to `activity-rejects`."""

from typing import Final

from models.records import rfc3339
from streams.batch import Reject
from streams.outbox import Letter

# With the headers, a record near the broker's usual limit (1 MiB) would no longer fit.
MAX_VALUE_BYTES: Final = 1_000_000


def letter(reject: Reject, topic: str) -> Letter:
    """The record for the rejects topic.

    Its headers are the original's and `reason`, `detail`, `topic`, `partition`, `offset` and `time`
    (when the broker got the original). A value near the broker's limit is cut; `bytes` says then
    how long it was.
    """
    record, error = reject.record, reject.error
    value = record.value
    headers = [
        *record.headers,
        ("reason", error.reason.encode()),
        ("detail", error.detail.encode("utf-8", "replace")[:1_000]),
        ("topic", reject.topic.encode()),
        ("partition", b"%d" % reject.partition),
        ("offset", b"%d" % record.offset),
        ("time", rfc3339(max(0, record.timestamp)).encode()),
    ]
    if value is not None and len(value) > MAX_VALUE_BYTES:
        headers.append(("bytes", b"%d" % len(value)))
        value = value[:MAX_VALUE_BYTES]
    return Letter(topic, record.key, value, headers, reject.partition)
