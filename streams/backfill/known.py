"""Which activities are on `activity-events` already, and which came before in the history."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, auto
from hashlib import blake2b
from typing import Final, NamedTuple

from models.errors import Rejected
from models.records import Activity
from streams.kafka.reading import StoredRecord

Read = Callable[[StoredRecord], Sequence[Activity]]  # a record's activities; raises Rejected

_DIGEST: Final = 16  # bytes: two ids never share one


class Seen(Enum):
    """What is known of an activity."""

    NEW = auto()
    STORED = auto()  # it is on the topic
    REPEAT = auto()  # the history or the live topic held it before


class Latest(NamedTuple):
    """Activities that are on the topic, but not in the history: how many, the last of each user."""

    activities: int
    by_user: dict[str, int]


class KnownActivities:
    """Activities by user and event id: some 100 bytes each.

    Args:
        stored: What is on the topic.
        read: How its records are read.
    """

    def __init__(self, stored: Iterable[StoredRecord], read: Read) -> None:
        self._read = read
        self._stored = {_id(activity) for activity in self._activities(stored)}
        self._taken: set[bytes] = set()

    def take(self, activity: Activity) -> Seen:
        """Meet an activity of the history or of the live topic."""
        one = _id(activity)
        if one in self._taken:
            return Seen.REPEAT
        self._taken.add(one)
        if one in self._stored:
            self._stored.remove(one)
            return Seen.STORED
        return Seen.NEW

    def others(self, stored: Iterable[StoredRecord]) -> Latest:
        """What is on the topic and was never taken.

        Args:
            stored: What is on the topic, once more.
        """
        by_user: dict[str, int] = {}
        if self._stored:
            for activity in self._activities(stored):
                if _id(activity) in self._stored:
                    last = by_user.get(activity.user_id, -1)
                    by_user[activity.user_id] = max(last, activity.occurred_at)
        return Latest(len(self._stored), by_user)

    def _activities(self, stored: Iterable[StoredRecord]) -> Iterator[Activity]:
        for record in stored:
            try:
                yield from self._read(record)
            except Rejected:
                continue  # the worker has said so


def _id(activity: Activity) -> bytes:
    user, event = activity.user_id.encode(), activity.event_id.encode()
    return blake2b(b"%d:%b%b" % (len(user), user, event), digest_size=_DIGEST).digest()
