"""What travels between the stages."""

from typing import NamedTuple

from models.engine.outcome import Outcome
from models.engine.users import UserState
from models.errors import Rejected
from models.records import Activity, Change, CurrentJourney, NamingRequest
from streams.kafka.messages import Record


class Arrival(NamedTuple):
    """An activity and the record that it came in."""

    record: Record
    activity: Activity


class Reject(NamedTuple):
    """One record that cannot be used, where it came from, and why."""

    topic: str
    partition: int
    record: Record
    error: Rejected


class Effects:
    """What a batch, names, or a stretch of time brought about in one partition.

    Attributes:
        users: Those whose state changed, by id.
        changes: In the order they happened.
        journeys: How each stands at last, by user and journey id: the topic keeps no more.
        requests: Names wanted.
        rejects: Records that could not be used.
        redelivered: Activities that were skipped since they had been applied before.
        repeats: Activities that were skipped since their event id was counted before.
        watermark: Latest event time among the activities, epoch ms; -1 without any.
    """

    __slots__ = (
        "changes",
        "journeys",
        "redelivered",
        "rejects",
        "repeats",
        "requests",
        "users",
        "watermark",
    )

    def __init__(self) -> None:
        self.users: dict[str, UserState] = {}
        self.changes: list[Change] = []
        self.journeys: dict[tuple[str, str], CurrentJourney] = {}
        self.requests: list[NamingRequest] = []
        self.rejects: list[Reject] = []
        self.redelivered = 0
        self.repeats = 0
        self.watermark = -1

    def add(self, outcome: Outcome) -> None:
        """Take what one input brought about."""
        self.changes += outcome.changes
        self.requests += outcome.requests
        for current in outcome.journeys:
            self.journeys[current.user_id, current.journey.journey_id] = current
