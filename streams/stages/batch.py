"""What travels between the stages."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from models.engine.outcome import Outcome
from models.engine.users import UserState
from models.errors import Rejected
from models.records import Activity, Change, CurrentJourney, NamingRequest
from streams.kafka.messages import Record
from streams.service.tracing import NO_SPANS, NO_TRACE, BatchTrace, Spans
from streams.state.lives import Erased, Erasure


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


class Reading(NamedTuple):
    """Records that follow each other, and what was read of them; each part by offset.

    Attributes:
        records: All of them.
        arrivals: Those that are activities.
        rejects: Those that cannot be used.
    """

    records: Sequence[Record]
    arrivals: Sequence[Arrival]
    rejects: Sequence[Reject]

    def split(self, at: int) -> "tuple[Reading, Reading]":
        """The first `at` records with what was read of them, and the others."""
        if at == len(self.records):
            return self, Reading((), (), ())
        offset = self.records[at].offset
        arrived = bisect_left(self.arrivals, offset, key=lambda one: one.record.offset)
        rejected = bisect_left(self.rejects, offset, key=lambda one: one.record.offset)
        return (
            Reading(self.records[:at], self.arrivals[:arrived], self.rejects[:rejected]),
            Reading(self.records[at:], self.arrivals[arrived:], self.rejects[rejected:]),
        )

    def before(self, arrived: int) -> int:
        """How many records come before an activity: before all of it, when it is past the last."""
        if arrived == len(self.arrivals):
            return len(self.records)
        offset = self.arrivals[arrived].record.offset
        return bisect_left(self.records, offset, key=lambda record: record.offset)


class Effects:
    """What a batch, names, or a stretch of time brought about in one partition.

    Args:
        trace: Of the batch.
        spans: Of those of its records that are applied now.

    Attributes:
        trace: The same.
        spans: The same.
        users: Those whose state changed, by id.
        changes: In the order they happened.
        journeys: How each stands at last, by user and journey id: the topic keeps no more.
        requests: Names wanted.
        rejects: Records that could not be used.
        redelivered: Activities that were skipped since they had been applied before.
        repeats: Activities that were skipped since their event id was counted before.
        silent: Activities that were skipped since their user was erased after they came.
        erasures: Users to erase, by id.
        erased: How far erasures have come with this; None when no further.
        encoded: Activities that were applied by what the encoder made of their titles.
        unread: Those of them that it could not read.
        withheld: Names, items and terms that may not be published, by category.
        watermark: Latest event time among the partition's activities so far, epoch ms; -1 without
            any.
        arrival: Latest record time among them, likewise.
    """

    __slots__ = (
        "arrival",
        "changes",
        "encoded",
        "erased",
        "erasures",
        "journeys",
        "redelivered",
        "rejects",
        "repeats",
        "requests",
        "silent",
        "spans",
        "trace",
        "unread",
        "users",
        "watermark",
        "withheld",
    )

    def __init__(self, trace: BatchTrace = NO_TRACE, spans: Spans = NO_SPANS) -> None:
        self.trace = trace
        self.spans = spans
        self.users: dict[str, UserState] = {}
        self.changes: list[Change] = []
        self.journeys: dict[tuple[str, str], CurrentJourney] = {}
        self.requests: list[NamingRequest] = []
        self.rejects: list[Reject] = []
        self.redelivered = 0
        self.repeats = 0
        self.silent = 0
        self.erasures: dict[str, Erasure] = {}
        self.erased: Erased | None = None
        self.encoded = 0
        self.unread = 0
        self.withheld: Counter[str] = Counter()
        self.watermark = -1
        self.arrival = -1

    def add(self, outcome: Outcome, place: int = -1) -> None:
        """Take what one input brought about: that at a place among `spans`, if at any."""
        self.spans.brought(place, outcome)
        self.changes += outcome.changes
        self.requests += outcome.requests
        self.withheld.update(outcome.withheld)
        for current in outcome.journeys:
            self.journeys[current.user_id, current.journey.journey_id] = current
