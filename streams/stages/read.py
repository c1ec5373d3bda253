"""Read: a batch of records to activities; what cannot be used is set aside."""

from collections.abc import Callable, Iterable
from typing import Any

from models.decoding import decode_activity, decode_json
from models.errors import Reason, Rejected
from models.mapping.mapping import Mapping, SourceEvent
from models.records import Activity
from models.times import EARLIEST_MS
from streams.kafka.messages import Record
from streams.stages.batch import Arrival, Reject
from streams.topics import ACTIVITY_HEADER

_INTAKE = "`journeys intake` reads events of any key: give it their topics"


class Reader:
    """Decodes and checks records of the activities topic.

    Args:
        future_skew_ms: How far an activity may be dated past its record.
        earliest_ms: No activity can be older, epoch ms.
        mapping: How the records become activities, one each at most; None where they are some.
            Those that bear `ACTIVITY_HEADER` are.
        decode: What the values of mapped records hold; raises `Rejected`.
    """

    def __init__(
        self,
        future_skew_ms: int,
        earliest_ms: int = EARLIEST_MS,
        mapping: Mapping | None = None,
        decode: Callable[[bytes | None], Any] = decode_json,
    ) -> None:
        self._future_skew_ms = future_skew_ms
        self._earliest_ms = earliest_ms
        self._mapping = mapping
        self._decode = decode

    def read(
        self, topic: str, partition: int, records: Iterable[Record]
    ) -> tuple[list[Arrival], list[Reject]]:
        """Read some records.

        Args:
            topic: Where they come from.
            partition: Which partition of it.
            records: In the order of their offsets.

        Returns:
            The activities, and the records that are none. A record of an event that does not count
            is in neither.
        """
        mapping, earliest_ms, skew_ms = self._mapping, self._earliest_ms, self._future_skew_ms
        arrivals: list[Arrival] = []
        rejects: list[Reject] = []
        for record in records:
            try:
                if mapping is None or ACTIVITY_HEADER in record.headers:
                    activity = decode_activity(record.key, record.value, earliest_ms)
                else:
                    mapped = self._mapped(topic, record, mapping)
                    if mapped is None:
                        continue
                    activity = mapped
                if activity.occurred_at > record.timestamp + skew_ms and record.timestamp >= 0:
                    ahead = (activity.occurred_at - record.timestamp) / 1000
                    raise Rejected(Reason.FUTURE, f"dated {ahead:.0f} s past its record")
            except Rejected as error:
                rejects.append(Reject(topic, partition, record, error))
            else:
                arrivals.append(Arrival(record, activity))
        return arrivals, rejects

    def _mapped(self, topic: str, record: Record, mapping: Mapping) -> Activity | None:
        activities = mapping.activities(source_event(topic, record, self._decode(record.value)))
        if not activities:
            return None
        activity = activities[0]
        if record.key is None:
            raise Rejected(Reason.NULL_KEY, f"the record's key must be the user id; {_INTAKE}")
        if record.key != activity.user_id.encode():
            raise Rejected(
                Reason.KEY_MISMATCH, f"the record's key is not the mapped user id; {_INTAKE}"
            )
        return activity


def source_event(topic: str, record: Record, value: Any) -> SourceEvent:
    """A record as mappings read it, its value decoded."""
    headers = record.headers and {
        name: header for name, header in record.headers if header is not None
    }
    return SourceEvent(value, record.key, headers or {}, topic, record.timestamp)
