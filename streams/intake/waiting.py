"""Events whose item the catalogue does not know yet: how they wait.

They lie on the topic `items-waiting` as they came, with where and until when in a header, and each
of its partitions is a room in which they stand in a row. The head waits until its item is known or
its time is up; it holds up nobody but those who wait behind it.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, cast

import msgspec

from models.errors import Reason, Rejected
from streams.intake.events import Events
from streams.kafka.messages import Record
from streams.kafka.partitioning import partition_of
from streams.kafka.reading import StoredRecord
from streams.kafka.sending import OutgoingRecord

HEADER: Final = "waiting"


class Place(msgspec.Struct, frozen=True):
    """Where a waiting event comes from, and how long it waits.

    Attributes:
        topic: Its own.
        partition: Of it.
        offset: There.
        timestamp: When the broker got it, epoch ms; -1 if unknown.
        deadline: Until when it waits, epoch ms.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    deadline: int


class Held(NamedTuple):
    """One that waits: its offset on `items-waiting`, its place, itself as it came."""

    offset: int
    place: Place
    record: Record

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Those that it came with."""
        return self.record.headers


class Released(NamedTuple):
    """One whose wait is over: its activities, or why there are none."""

    held: Held
    outgoing: list[OutgoingRecord]
    rejected: Rejected | None


_decoder = msgspec.json.Decoder(Place)


def outgoing_waiting(record: Record, place: Place, to: str, partitions: int) -> OutgoingRecord:
    """An event on its way to wait; those of one key, or else of one partition, stand in a row.

    Args:
        record: As it came.
        place: Where from, until when.
        to: The topic `items-waiting`.
        partitions: Of that topic.
    """
    at = place.partition if record.key is None else partition_of(record.key, partitions)
    headers = [*record.headers, (HEADER, msgspec.json.encode(place))]
    return OutgoingRecord(to, record.key, record.value, headers, at)


def held_of(record: Record) -> Held:
    """One that waits, from its record on `items-waiting`.

    Raises:
        Rejected: `invalid`: it is none of ours.
    """
    headers: list[tuple[str, Any]] = list(record.headers)
    name, value = headers.pop() if headers else ("", b"")
    try:
        place = _decoder.decode(value if name == HEADER else b"")
    except msgspec.DecodeError:
        raise Rejected(Reason.INVALID, f"there is no header {HEADER!r}") from None
    event = StoredRecord(
        place.partition, place.offset, place.timestamp, record.key, record.value, headers
    )
    return Held(record.offset, place, cast(Record, event))


class Room:
    """Those who wait in one partition of `items-waiting`.

    Args:
        events: Looks whether their wait is over.
        to: The activities topic.
        limit: How many may wait; where there are more, the first are rejected.
    """

    def __init__(self, events: Events, to: str, limit: int) -> None:
        self._events = events
        self._to = to
        self._limit = limit
        self._held: deque[Held] = deque()

    def __len__(self) -> int:
        return len(self._held)

    def add(self, held: Iterable[Held]) -> None:
        """Let some more stand in the row."""
        self._held.extend(held)

    def ready(self, now: int, most: int) -> list[Released]:
        """Those at the head whose wait is over; they stay until `leave`.

        Args:
            now: Epoch ms.
            most: How many at once.
        """
        return list(self._ready(now, most))

    def leave(self, released: Iterable[Released]) -> None:
        """Let those go whose end was written."""
        for one in released:
            assert self._held.popleft() is one.held

    def _ready(self, now: int, most: int) -> Iterator[Released]:
        for before, held in enumerate(self._held):
            if before == most:
                return
            place = held.place
            try:
                yield Released(
                    held,
                    self._events.outgoing(place.topic, place.partition, held.record, self._to),
                    None,
                )
            except Rejected as error:
                if error.reason is Reason.UNKNOWN_ITEM:
                    crowded = len(self._held) - before > self._limit
                    if now < place.deadline and not crowded:
                        return
                    why = "too many events wait for theirs" if crowded else "its time is up"
                    error = Rejected(error.reason, f"{error.detail}, and {why}")
                yield Released(held, [], error)
