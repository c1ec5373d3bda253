"""What becomes of one record: plain activities, or a reason why not. No Kafka, no waiting."""

from typing import Any, Final

from models.decoding import MAX_RECORD_BYTES, parse_activity
from models.errors import Reason, Rejected
from models.mapping.catalogue import Find, completed
from models.mapping.mapping import Mapping
from models.records import Activity, encode
from streams.formats.values import ValueDecoder
from streams.kafka.messages import Record
from streams.kafka.sending import OutgoingRecord
from streams.stages.read import source_event

SOURCE: Final = "source"  # header of a plain activity: topic/partition/offset of its event


class Events:
    """Makes activities of records.

    Args:
        mapping: How events become activities; None where they are some as they stand.
        values: Decodes what a mapping reads.
        earliest_ms: No plain activity can be older, epoch ms.
        find: The catalogue; None where every event must have a title.
    """

    def __init__(
        self, mapping: Mapping | None, values: ValueDecoder, earliest_ms: int, find: Find | None
    ) -> None:
        self.values = values
        self._mapping = mapping
        self._earliest_ms = earliest_ms
        self._find = find

    def outgoing(self, topic: str, partition: int, record: Record, to: str) -> list[OutgoingRecord]:
        """A record's activities as they are sent; none when it does not count.

        Their time of arrival is the event's own: how late it may be is measured from there.

        Args:
            topic: Where the record comes from.
            partition: Which partition of it.
            record: One event.
            to: The activities topic.

        Raises:
            Rejected: For the event as a whole; `unknown_item` may pass.
        """
        source = [(SOURCE, f"{topic}/{partition}/{record.offset}".encode())]
        arrived = record.timestamp if record.timestamp >= 0 else None
        found = []
        for activity in self._activities(topic, record):
            value = encode(activity)
            if len(value) > MAX_RECORD_BYTES:
                raise Rejected(
                    Reason.TOO_LARGE,
                    f"an activity of {len(value)} bytes, at most {MAX_RECORD_BYTES}",
                )
            key = activity.user_id.encode()
            found.append(OutgoingRecord(to, key, value, source, timestamp=arrived))
        return found

    def _activities(self, topic: str, record: Record) -> list[Activity]:
        mapping, find = self._mapping, self._find
        if mapping is None:
            found = [parse_activity(record.value, self._earliest_ms, titled=find is None)]
        else:
            value: Any = self.values.decode(record.value)
            found = mapping.activities(source_event(topic, record, value))
        return found if find is None else completed(found, find)
