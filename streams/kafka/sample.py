"""Some records of a topic, to look at."""

from itertools import islice

from streams.kafka.reading import StoredRecord, ends_of, records_until
from streams.settings import Settings


def sample(settings: Settings, topic: str, count: int, *, newest: bool) -> list[StoredRecord]:
    """The newest records of a topic, or its oldest, all partitions together, in order of time.

    Args:
        settings: Where the broker is.
        topic: Its full name.
        count: How many at most.
        newest: Whether to go back from the end or to begin at the beginning.

    Raises:
        BrokerError: No broker answers, or it fails.
        SettingsError: There is no such topic.
    """
    ends = ends_of(settings, topic)
    if newest:
        starts = {number: max(0, end - count) for number, end in ends.items()}
        found = list(records_until(settings, topic, ends, starts))
    else:
        found = list(islice(records_until(settings, topic, ends), count))
    found.sort(key=lambda record: (record.timestamp, record.partition, record.offset))
    return found[-count:]
