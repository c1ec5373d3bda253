"""What the history, the live topic and `activity-events` hold, read as the settings say."""

from collections.abc import Sequence
from typing import Final, NamedTuple, cast

from models.decoding import decode_json, parse_activity
from models.errors import SettingsError
from models.records import Activity, encode
from streams.files.entries import Entry
from streams.input import mapping_of, topics_of, worker_mapping
from streams.kafka.messages import Record
from streams.kafka.reading import StoredRecord
from streams.settings import Settings
from streams.stages.read import source_event
from streams.topics import ACTIVITY_HEADER, Topics

WAYS: Final = (
    "Send the history before the producers start (without --live), or have them write to a topic "
    "of their own, which `journeys intake` reads (--live)"
)


class Outgoing(NamedTuple):
    """An activity, and the value that is sent for it."""

    activity: Activity
    value: bytes


class Events:
    """Reads events by the mapping of the settings, or as the plain activities that they are.

    Args:
        settings: Which mapping, whose topics.

    Attributes:
        mapping: None for plain activities.
        unmapped: Events are sent as they stand, since the worker applies the mapping.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.mapping = mapping_of(settings)
        self.unmapped = worker_mapping(settings) is not None

    def check(self, topic: str, live: str) -> None:
        """Make sure that these topics can be a history and a live topic.

        Raises:
            SettingsError: They cannot.
        """
        activities = Topics.of(self._settings).activities
        if topic and topic in (activities, live):
            raise SettingsError(f"--topic {topic}: its records are there already")
        if live == activities:
            raise SettingsError(
                f"--live {live}: the worker reads this topic itself, and what is sent now comes "
                f"behind what it holds. {WAYS}"
            )
        if (topic or live) and self.mapping is not None and self.mapping.format == "registry":
            raise SettingsError(f"{self.mapping.name}: of topics, backfill reads JSON only")
        if (topic or live) and self.unmapped:
            raise SettingsError(
                f"the worker itself applies {self.mapping and self.mapping.name}: to join topics, "
                "name what `journeys intake` reads, in the mapping or as JOURNEYS_INPUT_TOPICS"
            )
        if live and self.mapping and live not in topics_of(self._settings, self.mapping):
            raise SettingsError(
                f"--live {live}: `journeys intake` does not read it; JOURNEYS_INPUT_TOPICS and the "
                "topics of the mapping say what it reads"
            )

    def of_entry(self, entry: Entry) -> Outgoing | None:
        """A row of a file."""
        if entry.activity is None:
            return None
        return Outgoing(entry.activity, (entry.source if self.unmapped else entry.line).strip())

    def of_record(self, topic: str, record: StoredRecord) -> Sequence[Outgoing]:
        """A record of a topic of theirs.

        Raises:
            Rejected: It is no event, or no activity.
        """
        if self.mapping is None:
            activity = parse_activity(record.value, self._settings.earliest_ms)
            return [Outgoing(activity, record.value or b"")]
        return [Outgoing(one, encode(one)) for one in self._mapped(topic, record)]

    def stored(self, record: StoredRecord) -> Sequence[Activity]:
        """A record of `activity-events`.

        Raises:
            Rejected: It is no activity.
        """
        if self.unmapped and ACTIVITY_HEADER not in record.headers:
            return self._mapped(Topics.of(self._settings).activities, record)
        return [parse_activity(record.value, self._settings.earliest_ms)]

    def _mapped(self, topic: str, record: StoredRecord) -> Sequence[Activity]:
        assert self.mapping is not None
        event = source_event(topic, cast(Record, record), decode_json(record.value))
        return self.mapping.activities(event)
