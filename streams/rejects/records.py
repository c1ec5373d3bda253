"""What lies on `activity-rejects`, read: the record as it came, and what was wrong with it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from streams.kafka.reading import StoredRecord, ends_of, records_until
from streams.settings import Settings
from streams.topics import Topics

REPLAYED: Final = "replayed"  # header of a record that tells how far rejects were replayed
_NUMBERS: Final = msgspec.json.Decoder(dict[str, int])

Headers = list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """One record that was rejected.

    Attributes:
        partition: Of the rejects topic.
        offset: In it.
        reason: Why.
        detail: What exactly.
        topic: That it came from; empty when its headers do not say.
        source_partition: Of that topic.
        source_offset: In it.
        time: When the broker got it, epoch ms.
        key: As it came.
        value: As it came; the beginning of it when it was `cut`.
        headers: As they came.
        cut: It was too long for the rejects topic.
    """

    partition: int
    offset: int
    reason: str
    detail: str
    topic: str
    source_partition: int
    source_offset: int
    time: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    cut: bool


class Replayed:
    """How far the rejects of each reason were replayed, by partition.

    That is written between the rejects themselves, so that it is kept as long as they are: the
    broker forgets a group's committed offsets a week after its last run.
    """

    def __init__(self) -> None:
        self._until: dict[tuple[int, str], int] = {}

    def add(self, partition: int, until: Mapping[str, int]) -> None:
        """So far, by reason, the rejects of a partition are done: their offsets are below."""
        for reason, offset in until.items():
            held = self._until.get((partition, reason), 0)
            self._until[partition, reason] = max(held, offset)

    def covers(self, record: RejectedRecord) -> bool:
        """Whether this one is done."""
        return record.offset < self._until.get((record.partition, record.reason), 0)


class Rejects:
    """The rejects topic, as of now.

    Raises:
        BrokerError: No broker answers.
        SettingsError: There is no such topic.
    """

    def __init__(self, settings: Settings) -> None:
        self.topic = Topics.of(settings).rejects
        self._settings = settings
        self._ends = ends_of(settings, self.topic)

    def records(self) -> Iterator[RejectedRecord]:
        """All of them, those of a partition in order."""
        for stored in self._stored():
            if is_reject(stored):
                yield rejected_record(stored)

    def replayed(self) -> Replayed:
        """What of them is done."""
        found = Replayed()
        for stored in self._stored():
            if until := _replayed(stored):
                found.add(stored.partition, until)
        return found

    def _stored(self) -> Iterator[StoredRecord]:
        return records_until(self._settings, self.topic, self._ends)


def is_reject(stored: StoredRecord) -> bool:
    """Whether a record of the topic is a reject, and does not tell what was replayed."""
    return _replayed(stored) is None


def marker(until: Mapping[str, int]) -> tuple[bytes, Headers]:
    """Value and headers of the record that tells how far rejects were replayed, by reason."""
    return msgspec.json.encode(until), [(REPLAYED, b"1")]


def rejected_record(stored: StoredRecord) -> RejectedRecord:
    """Tell the record as it came from the headers that say why it was rejected."""
    names = [name for name, _ in stored.headers]
    # Ours stand behind the record's own, which may be called the same.
    start = len(names) - 1 - names[::-1].index("reason") if "reason" in names else len(names)
    said = {
        name: (value or b"").decode("utf-8", "replace") for name, value in stored.headers[start:]
    }
    return RejectedRecord(
        stored.partition,
        stored.offset,
        said.get("reason", "unknown"),
        said.get("detail", ""),
        said.get("topic", ""),
        int(said.get("partition", stored.partition)),
        int(said.get("offset", -1)),
        _millis(said.get("time"), stored.timestamp),
        stored.key,
        stored.value,
        stored.headers[:start],
        "bytes" in said,
    )


def _replayed(stored: StoredRecord) -> dict[str, int] | None:
    if [name for name, _ in stored.headers] != [REPLAYED] or stored.key is not None:
        return None
    return _NUMBERS.decode(stored.value or b"{}")


def _millis(text: str | None, otherwise: int) -> int:
    try:
        return round(datetime.fromisoformat(text or "").timestamp() * 1000)
    except ValueError:
        return otherwise
