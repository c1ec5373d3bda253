"""History and live topic as one log, sorted by time, onto `activity-events`.

All is read before anything is sent: so a gap is seen in time, and what both hold is sent once. What
is on the topic already is known by its event id, so a run that was interrupted is simply run again.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, cast

from models.engine.params import DAY_MS
from models.errors import JourneysError, Rejected, SettingsError
from models.records import Activity, rfc3339
from streams.backfill.events import WAYS, Events, Outgoing
from streams.backfill.intake_group import check_unused, hand_over
from streams.backfill.known import KnownActivities, Seen
from streams.files.entries import read_entries
from streams.files.inputs import InputFile
from streams.files.sorting import TimeSorter
from streams.files.tally import Tally
from streams.kafka import admin
from streams.kafka.activities import sender
from streams.kafka.messages import Record
from streams.kafka.reading import StoredRecord, ends_of, records_until
from streams.kafka.sending import OutgoingRecord
from streams.settings import Settings
from streams.stages.batch import Reject
from streams.stages.publish import outgoing_reject
from streams.topics import Topics

_log = logging.getLogger(__name__)

MOST_REJECTS: Final = (
    100_000  # of the live topic: more of them are no exception but a wrong mapping
)
_KEY_BYTES: Final = 4  # of the length that stands before a user id


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be sent.

    Attributes:
        files: Of the history; `-` is standard input.
        topic: That holds history; empty for none.
        live: The topic that `journeys intake` will read; empty for none.
        strict: A possible gap between history and live topic is an error.
    """

    files: tuple[str, ...] = ()
    topic: str = ""
    live: str = ""
    strict: bool = False


@dataclass(slots=True)
class Summary:
    """What a run did; times are epoch ms, -1 where there is none.

    Attributes:
        sent: Activities.
        stored: That were on the topic already.
        repeats: That came more than once.
        skipped: Events that do not count, by the mapping's conditions.
        rejected: Rows and records that are no activities, by reason.
        history_last: Time of the history's latest activity.
        live_first: Time of the live topic's first one.
        gap: There may be something missing between the two.
        handed_over: By partition of the live topic, where intake goes on.
    """

    sent: int = 0
    stored: int = 0
    repeats: int = 0
    skipped: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    history_last: int = -1
    live_first: int = -1
    gap: bool = False
    handed_over: dict[int, int] = field(default_factory=dict)


class Backfill:
    """One run.

    Args:
        settings: Where the broker is, which group.
        plan: What is to be sent.
    """

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self.summary = Summary()
        self._settings = settings
        self._plan = plan
        self._topics = Topics.of(settings)
        self._events = Events(settings)
        self._sorter = TimeSorter()
        self._first_new: dict[str, int] = {}  # by user, the time of the first that is to be sent
        self._rejects: list[Reject] = []

    def run(
        self,
        after_batch: Callable[[InputFile], None] = lambda _: None,
        warn: Callable[[str], None] = _log.warning,
    ) -> Summary:
        """Read, check, send, hand over.

        Args:
            after_batch: Called when a part of a file was read.
            warn: Is told of a possible gap.

        Raises:
            BrokerError: The broker fails; run it again.
            JourneysError: A file is broken or of no use; there is a gap, and that is an error.
            SettingsError: Topics that cannot be, or an intake that runs or has read.
        """
        plan, activities = self._plan, self._topics.activities
        self._check_topics()
        stored_until = ends_of(self._settings, activities)
        live_until = ends_of(self._settings, plan.live) if plan.live else {}

        def stored() -> Iterator[StoredRecord]:
            return records_until(self._settings, activities, stored_until)

        known = KnownActivities(stored(), self._events.stored)
        try:
            self._read_history(known, after_batch)
            if plan.live:
                self._read_live(known, live_until)
                self._check_seam(warn)
            self._check_others(known, stored())
            self._send()
        finally:
            self._sorter.close()
        if plan.live:
            check_unused(self._settings, plan.live)  # it may have been started meanwhile
            hand_over(self._settings, plan.live, live_until, self._outgoing_rejects())
            self.summary.handed_over = live_until
        return self.summary

    def _check_topics(self) -> None:
        plan = self._plan
        if not plan.files and not plan.topic:
            raise SettingsError("a history is wanted: files, or --topic")
        self._events.check(plan.topic, plan.live)
        if plan.live:
            check_unused(self._settings, plan.live)

    def _read_history(
        self, known: KnownActivities, after_batch: Callable[[InputFile], None]
    ) -> None:
        tally = Tally()
        mapping, earliest_ms = self._events.mapping, self._settings.earliest_ms
        for batch in read_entries(self._plan.files, tally, mapping, earliest_ms, after_batch):
            for entry in batch:
                if (found := self._events.of_entry(entry)) is not None:
                    self._take(known, found)
                    self._history(found.activity)
        tally.check()
        self.summary.rejected += tally.rejected
        self.summary.skipped += tally.skipped
        if topic := self._plan.topic:
            for record in records_until(self._settings, topic, ends_of(self._settings, topic)):
                try:
                    for activity in self._read_record(known, topic, record):
                        self._history(activity)
                except Rejected as error:
                    self.summary.rejected[error.reason] += 1

    def _history(self, activity: Activity) -> None:
        self.summary.history_last = max(self.summary.history_last, activity.occurred_at)

    def _read_live(self, known: KnownActivities, until: dict[int, int]) -> None:
        topic = self._plan.live
        first: dict[int, int] = {}
        for record in records_until(self._settings, topic, until):
            try:
                for activity in self._read_record(known, topic, record):
                    first.setdefault(record.partition, activity.occurred_at)
            except Rejected as error:
                self.summary.rejected[error.reason] += 1
                self._rejects.append(Reject(topic, record.partition, cast(Record, record), error))
                if len(self._rejects) > MOST_REJECTS:
                    raise JourneysError(
                        f"{topic}: more than {MOST_REJECTS:,} records are no activities: {error}"
                    ) from None
        self.summary.live_first = min(first.values(), default=-1)

    def _read_record(
        self, known: KnownActivities, topic: str, record: StoredRecord
    ) -> list[Activity]:
        found = self._events.of_record(topic, record)
        self.summary.skipped += not found
        for one in found:
            self._take(known, one)
        return [one.activity for one in found]

    def _take(self, known: KnownActivities, found: Outgoing) -> None:
        activity, value = found
        seen = known.take(activity)
        if seen is Seen.STORED:
            self.summary.stored += 1
        elif seen is Seen.REPEAT:
            self.summary.repeats += 1
        else:
            user, moment = activity.user_id, activity.occurred_at
            self._first_new[user] = min(moment, self._first_new.get(user, moment))
            key = user.encode()
            self._sorter.add(moment, len(key).to_bytes(_KEY_BYTES) + key + value)

    def _check_seam(self, warn: Callable[[str], None]) -> None:
        history, live = self.summary.history_last, self.summary.live_first
        self.summary.gap = live > history >= 0
        if not self.summary.gap:
            return
        what = (
            f"a possible gap: the history ends at {rfc3339(history)}, and {self._plan.live} begins "
            f"at {rfc3339(live)}"
        )
        if self._plan.strict:
            raise JourneysError(f"{what}; nothing was sent")
        warn(what)

    def _check_others(self, known: KnownActivities, stored: Iterator[StoredRecord]) -> None:
        """What is sent comes behind what others have sent: for their users it must not be old."""
        others = known.others(stored)
        lateness = int(self._settings.lateness_days * DAY_MS)
        late = [
            user
            for user, last in others.by_user.items()
            if self._first_new.get(user, last) < last - lateness
        ]
        if late:
            raise SettingsError(
                f"{self._topics.activities} holds {others.activities:,} activities that are not of "
                f"this history, and for {len(late):,} of their users the history is older: it "
                f"would come behind them, out of order or too late. {WAYS}"
            )

    def _send(self) -> None:
        with sender(self._settings) as send:
            for _, item in self._sorter.items():
                end = _KEY_BYTES + int.from_bytes(item[:_KEY_BYTES])
                send(item[_KEY_BYTES:end], item[end:])
                self.summary.sent += 1

    def _outgoing_rejects(self) -> list[OutgoingRecord]:
        (count,) = admin.partitions_of(self._settings, self._topics.rejects)
        return [
            outgoing_reject(one, self._topics.rejects)._replace(partition=one.partition % count)
            for one in self._rejects
        ]
