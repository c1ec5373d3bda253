"""What a log must bring: the engine alone over it, uninterrupted, partition by partition."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from models.encoders.cache import VectorCache
from models.engine.engine import Engine
from models.engine.outcome import Outcome
from models.engine.users import UserState
from models.errors import Reason
from models.records import cloudevent, encode
from streams.files.entries import Entry, entries
from streams.files.rows import Batch
from streams.formats.values import is_framed, value_decoder
from streams.input import worker_mapping
from streams.kafka.partitioning import partition_of
from streams.kafka.reading import StoredRecord, in_portions
from streams.replay import Replay, Step
from streams.settings import Settings
from streams.stages.read import Reader
from streams.topics import Topics, journey_key

AT_ONCE: Final = 2_000  # records whose titles are encoded at once


class Place(NamedTuple):
    """Where a record lies on `activity-events`."""

    partition: int
    offset: int


class Rejection(NamedTuple):
    """That a record must be set aside: why, its key and its value."""

    reason: Reason
    key: bytes | None
    value: bytes | None


class Expected:
    """What must come out of a log, as bytes on the wire, and what state it must leave.

    No partition's time depends on another, so each is replayed alone and they may be fed in turns.

    Args:
        settings: Of the worker.
        cache: Gives the vectors.

    Attributes:
        records: How many the log has.
        activities: How many of them are applied, each once.
        repeats: How many of these do nothing: their `event_id` was counted before.
        rejects: Records that must be set aside, by their place.
        changes: By id.
        journeys: The last of each, by its key.
        requests: By journey, the latest revision that a name is asked for.
        allowed: Changes that may have come: by the wall clock, of partitions that are silent now.
        allowed_journeys: The last of each by then.
    """

    def __init__(self, settings: Settings, cache: VectorCache) -> None:
        self.records = self.activities = self.repeats = 0
        self.rejects: dict[Place, Rejection] = {}
        self.changes: dict[str, bytes] = {}
        self.journeys: dict[bytes, bytes] = {}
        self.requests: dict[str, int] = {}
        self.allowed: dict[str, bytes] = {}
        self.allowed_journeys: dict[bytes, bytes] = {}
        self._settings = settings
        self._cache = cache
        self._params = settings.engine(cache.encoder)
        self._topic = Topics.of(settings).activities
        mapping = worker_mapping(settings)
        self._values = value_decoder(settings, mapping.format if mapping else "json")
        skew_ms = int(settings.future_skew_seconds * 1000)
        self._reader = Reader(skew_ms, settings.earliest_ms, mapping, self._values.decode)
        self._logs: dict[int, _Log] = {}

    def read(self, records: Iterable[StoredRecord]) -> None:
        """Take what lies on `activity-events`, each partition's records in order.

        Raises:
            JourneysError: The encoder or the schema registry fails.
        """
        for portion in in_portions(records, AT_ONCE):
            for number, mine in portion.items():
                self._read(number, mine)

    def send(self, sent: Iterable[tuple[bytes, bytes]]) -> None:
        """Take activities that are to be sent: user id and JSON.

        Raises:
            ModelError: The encoder fails.
        """
        lines: dict[int, list[bytes]] = defaultdict(list)
        for key, value in sent:
            lines[partition_of(key, self._settings.partitions)].append(value)
        for number, mine in lines.items():
            log = self._log(number)
            numbers = range(log.last + 1, log.last + 1 + len(mine))
            self.records += len(mine)
            self._apply(number, entries(Batch("", numbers, mine)))
            log.last = numbers[-1]

    def users(self, partition: int) -> dict[str, UserState]:
        """The users of a partition as they must be."""
        return self._log(partition).replay.users

    def last(self, partition: int) -> int:
        """Offset of the last record of a partition, -1 without any."""
        return self._log(partition).last

    def let_time_pass(self, now: float | None = None) -> None:
        """Let as much time pass as a worker does whose partitions have been silent for long.

        What it brings may have come and need not.

        Args:
            now: Seconds since the epoch; the wall clock's if None.
        """
        now_ms = int((time.time() if now is None else now) * 1000)
        for log in self._logs.values():
            silent = now_ms - log.stamp
            if log.watermark >= 0 and silent >= self._settings.idle_seconds * 1000:
                log.passed = log.watermark + silent
            for user in log.replay.users.values():
                self._note(self.passing(log.number, user), self.allowed, self.allowed_journeys)

    def passing(self, partition: int, user: UserState) -> Outcome:
        """Let the time of a partition pass for one of its users, up to where it has come."""
        log = self._log(partition)
        return log.replay.engine.passing(user, max(log.watermark, log.passed))

    def engine(self, partition: int) -> Engine:
        """What decides over the users of a partition."""
        return self._log(partition).replay.engine

    def _read(self, number: int, records: Sequence[StoredRecord]) -> None:
        if framed := [record.value for record in records if is_framed(record.value)]:
            asyncio.run(self._values.prepare(framed))
        given: Any = records
        arrivals, rejects = self._reader.read(self._topic, number, given)
        for reject in rejects:
            place = Place(number, reject.record.offset)
            record = reject.record
            self.rejects[place] = Rejection(reject.error.reason, record.key, record.value)
        self.records += len(records)
        self._apply(
            number,
            [
                Entry("", record.offset, record.value or b"", activity)
                for record, activity in arrivals
            ],
            [record.timestamp for record, _ in arrivals],
        )
        log = self._log(number)
        log.last = records[-1].offset
        log.stamp = max([log.stamp, *(record.timestamp for record, _ in arrivals)])

    def _log(self, number: int) -> "_Log":
        if number not in self._logs:
            partitions = self._settings.partitions
            replay = Replay(self._params, self._cache, partitions, lambda *_: number)
            self._logs[number] = _Log(number, replay)
        return self._logs[number]

    def _apply(self, number: int, read: Sequence[Entry], arrivals: Sequence[int] = ()) -> None:
        log = self._log(number)
        for step in log.replay.apply(read, arrivals):
            self._step(log, step)

    def _step(self, log: "_Log", step: Step) -> None:
        if step.rejected is not None:
            key = None if step.activity is None else step.activity.user_id.encode()
            place = Place(log.number, step.number)
            self.rejects[place] = Rejection(step.rejected.reason, key, step.line)
        elif step.activity is not None:
            self.activities += 1
            self.repeats += step.outcomes[0].repeated
            log.watermark = max(log.watermark, step.activity.occurred_at)
            log.replay.users[step.activity.user_id].applied[log.number] = step.number
        for outcome in step.outcomes:
            self._note(outcome, self.changes, self.journeys)

    def _note(
        self, outcome: Outcome, changes: dict[str, bytes], journeys: dict[bytes, bytes]
    ) -> None:
        for change in outcome.changes:
            changes[change.id] = cloudevent(change)
        for current in outcome.journeys:
            key = journey_key(current.user_id, current.journey.journey_id)
            journeys[key] = encode(current)
        for request in outcome.requests:
            latest = self.requests.get(request.journey_id, 0)
            self.requests[request.journey_id] = max(request.revision, latest)


class _Log:
    """One partition's, as far as it was read."""

    def __init__(self, number: int, replay: Replay) -> None:
        self.number = number
        self.replay = replay
        self.watermark = self.passed = self.last = self.stamp = -1
