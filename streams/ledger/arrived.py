"""What has come of what a log must bring, compared as it comes."""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Self

import msgspec
from kafka import KafkaConsumer, TopicPartition

from models.decoding import decode_change, decode_name, decode_request
from models.errors import Rejected
from models.records import CurrentJourney, encode
from streams.formats.reading import OutputReader
from streams.formats.values import is_framed
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.ledger.expected import Expected
from streams.settings import Settings
from streams.topics import Topics


class Arrived:
    """Reads the output topics from their beginning, beside what is expected of them.

    A name by a language model is no function of the log: such a change is held against the answers
    on `journey-names`, and a journey that bears one is compared without it.

    Args:
        settings: Of the worker.
        expected: What must come.
        client: Reads the topics from their beginning.
        left_out: Users who are not looked at.

    Attributes:
        ids: Of the changes, as they came, repeats too.
        missing: Ids of changes that must come and have not.
        foreign: Ids of changes that must not come.
        altered: Ids of changes that came with other bytes than they must have, or than before.
        current: Each journey as it stands now, by its key.
        asked: By journey, the latest revision that a name is asked for.
        answered: By journey, the latest revision for which an answer came, by whatever source.
    """

    def __init__(
        self, settings: Settings, expected: Expected, client: Any, left_out: Collection[str] = ()
    ) -> None:
        self.ids: list[str] = []
        self.foreign: set[str] = set()
        self.altered: set[str] = set()
        self.current: dict[bytes, CurrentJourney] = {}
        self.asked: dict[str, int] = {}
        self.answered: dict[str, int] = {}
        self._settings = settings
        self._topics = Topics.of(settings)
        self._expected = expected
        self._client = client
        self._left_out = left_out
        self._output = OutputReader(settings)
        self._seen: dict[str, bytes] = {}
        self._journeys: dict[bytes, bytes] = {}
        self._names: set[tuple[str, int, str]] = set()
        self._named: dict[str, tuple[str, int, str]] = {}

    @classmethod
    @contextmanager
    def opened(
        cls, settings: Settings, expected: Expected, left_out: Collection[str] = ()
    ) -> Iterator[Self]:
        """All that is on the topics of the settings, from their beginning.

        Raises:
            BrokerError: When the broker fails.
            SettingsError: When one of the topics does not exist.
        """
        topics = Topics.of(settings)
        names = (topics.changes, topics.journeys, topics.requests, topics.names)
        counts = admin.partitions_of(settings, *names)
        # In the worker's group only to ask what it has committed: with partitions assigned by
        # hand it does not join.
        with connect(
            settings,
            KafkaConsumer,
            group_id=settings.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
        ) as client:
            client.assign(
                [
                    TopicPartition(name, number)
                    for name, count in zip(names, counts, strict=True)
                    for number in range(count)
                ]
            )
            client.seek_to_beginning()
            yield cls(settings, expected, client, left_out)

    def poll(self, seconds: float) -> list[bytes]:
        """Wait at most so long for something to come; returns the changes of it as CloudEvents."""
        changes = []
        for partition, records in self._client.poll(timeout_ms=int(seconds * 1000)).items():
            self._output.prepare(record.value for record in records)
            for record in records:
                if partition.topic == self._topics.changes:
                    changes += self._change(record)
                elif partition.topic == self._topics.journeys:
                    self._journey(record)
                elif partition.topic == self._topics.requests:
                    self._request(record)
                else:
                    self._answer(record)
        return changes

    def drain(self) -> list[bytes]:
        """All that is on the topics by now and was not read yet; returns the changes of it."""
        counts: Counter[str] = Counter(place.topic for place in self._client.assignment())
        ends = admin.end_offsets(self._settings, counts)
        changes = []
        # By position, not by offset: the last one may belong to a transaction's marker.
        while any(
            self._client.position(TopicPartition(name, number)) < end
            for name, offsets in ends.items()
            for number, end in enumerate(offsets)
        ):
            changes += self.poll(0.1)
        return changes

    @property
    def missing(self) -> set[str]:
        """See the class."""
        wanted = self._expected.changes.keys() - self._seen.keys()
        return {one for one in wanted if not self._left_out or not self._is_left_out(one)}

    @property
    def progress(self) -> tuple[int, ...]:
        """Something that changes whenever anything new has come."""
        return len(self._seen), sum(self.asked.values()), sum(self.answered.values())

    @property
    def came(self) -> int:
        """How many of the changes that must come have come."""
        return len(self._expected.changes) - len(self.missing)

    @property
    def wanted(self) -> dict[str, int]:
        """By journey, the latest revision that a name must be asked for, or is."""
        found = dict(self._expected.requests)
        for journey_id, revision in self.asked.items():
            _raise(found, journey_id, revision)
        return found

    @property
    def unanswered(self) -> int:
        """Journeys that wait for a name; an older revision's request may never be answered."""
        return sum(
            self.answered.get(journey, 0) < revision for journey, revision in self.wanted.items()
        )

    @property
    def invented(self) -> set[str]:
        """Ids of changes that bear a language model's name which nobody answered."""
        return {one for one, named in self._named.items() if named not in self._names}

    @property
    def named(self) -> int:
        """How many changes bear a language model's name."""
        return len(self._named)

    @property
    def names_are_in(self) -> bool:
        """Whether every journey's name has come, and the worker has applied what came."""
        if self.unanswered:
            return False
        names = [TopicPartition(self._topics.names, n) for n in range(self._settings.partitions)]
        return all(
            (self._client.committed(partition) or 0) >= self._client.position(partition)
            for partition in names
        )

    @property
    def repeated(self) -> int:
        """How many changes came again."""
        return len(self.ids) - len(self._seen)

    def journeys(self) -> tuple[set[bytes], set[bytes], set[bytes]]:
        """Keys of journeys that are not there, that should not be, that stand otherwise."""
        wanted, allowed = self._expected.journeys, self._expected.allowed_journeys
        missing = {key for key in wanted.keys() - self._journeys.keys() if self._looked_at(key)}
        foreign = self._journeys.keys() - wanted.keys() - allowed.keys()
        other = {
            key
            for key in self._journeys.keys() & (wanted.keys() | allowed.keys())
            if self._journeys[key] not in (wanted.get(key), allowed.get(key))
            and not self._is_named(key)
        }
        return missing, foreign, other

    def _change(self, record: Any) -> list[bytes]:
        try:
            value = self._output.change(record.value, record.headers)
            change = decode_change(value)
        except Rejected:
            self.foreign.add(f"partition {record.partition}, offset {record.offset}: unreadable")
            return []
        if change.data.user_id in self._left_out:
            return [value]
        self.ids.append(change.id)
        if change.kind == "named" and change.data.name_source == "llm":
            revision = int(change.id.rsplit(":", 2)[1])
            self._named[change.id] = (change.data.journey_id, revision, change.data.name or "")
            wanted = self._seen.get(change.id, record.value)
        else:
            found = self._expected.changes.get(change.id) or self._expected.allowed.get(change.id)
            if found is None:
                self.foreign.add(change.id)
                wanted = self._seen.get(change.id, record.value)
            elif value is record.value:
                wanted = found
            elif msgspec.json.decode(value) == msgspec.json.decode(found):
                wanted = self._seen.get(change.id, record.value)
            else:
                wanted = b""
        if record.value != wanted:
            self.altered.add(change.id)
        self._seen[change.id] = record.value
        return [value]

    def _journey(self, record: Any) -> None:
        if record.value is None or not self._looked_at(record.key):
            self.current.pop(record.key, None)
            self._journeys.pop(record.key, None)
            return
        try:
            journey = self._output.journey(record.value)
        except Rejected:
            self.current.pop(record.key, None)
            self._journeys[record.key] = record.value
            return
        self.current[record.key] = journey
        # Where it is not JSON, what it says.
        self._journeys[record.key] = encode(journey) if is_framed(record.value) else record.value

    def _request(self, record: Any) -> None:
        try:
            request = decode_request(record.value)
        except Rejected:
            return  # the namer sets it aside
        _raise(self.asked, request.journey_id, request.revision)

    def _answer(self, record: Any) -> None:
        try:
            answer = decode_name(record.value)
        except Rejected:
            return  # the worker sets it aside
        _raise(self.answered, answer.journey_id, answer.revision)
        if answer.source == "llm":
            name = (answer.name or "").strip()
            self._names.add((answer.journey_id, answer.revision, name))

    def _is_named(self, key: bytes) -> bool:
        """Whether a journey is what it must be but for a language model's name.

        The name's record tells of the moment at which it came: of counts and strength in between.
        """
        if (found := self.current.get(key)) is None:
            return False
        raw = self._expected.allowed_journeys.get(key) or self._expected.journeys[key]
        wanted = msgspec.json.decode(raw, type=CurrentJourney)
        return found.name_source == "llm" and (
            (found.revision, found.journey.stage, found.merged_into)
            == (wanted.revision, wanted.journey.stage, wanted.merged_into)
        )

    def _looked_at(self, key: bytes) -> bool:
        return key.decode().rpartition("/")[0] not in self._left_out

    def _is_left_out(self, change_id: str) -> bool:
        return decode_change(self._expected.changes[change_id]).data.user_id in self._left_out


def _raise(revisions: dict[str, int], journey_id: str, revision: int) -> None:
    revisions[journey_id] = max(revision, revisions.get(journey_id, 0))
