"""Read: a batch of records to activities; what cannot be used is set aside."""

from collections.abc import Iterable

from models.decoding import decode_activity
from models.errors import Reason, Rejected
from streams.kafka.messages import Record
from streams.stages.batch import Arrival, Reject


def read(
    topic: str, partition: int, records: Iterable[Record], future_skew_ms: int
) -> tuple[list[Arrival], list[Reject]]:
    """Decode and check records of `activity-events`.

    Args:
        topic: Where they come from.
        partition: Which partition of it.
        records: In the order of their offsets.
        future_skew_ms: How far an activity may be dated past its record.

    Returns:
        The activities, and the records that are none.
    """
    arrivals: list[Arrival] = []
    rejects: list[Reject] = []
    for record in records:
        try:
            activity = decode_activity(record.key, record.value)
            if activity.occurred_at > record.timestamp + future_skew_ms and record.timestamp >= 0:
                ahead = (activity.occurred_at - record.timestamp) / 1000
                raise Rejected(Reason.FUTURE, f"dated {ahead:.0f} s past its record")
        except Rejected as error:
            rejects.append(Reject(topic, partition, record, error))
        else:
            arrivals.append(Arrival(record, activity))
    return arrivals, rejects
