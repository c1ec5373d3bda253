"""What a log must bring, and what of it has come: tells the demo when its sample is through."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from kafka import KafkaConsumer, TopicPartition

from models.decoding import decode_change, decode_name, decode_request
from models.encoders.cache import VectorCache
from models.records import CurrentJourney, encode
from streams.demo.sample.generator import Sample
from streams.encoding import encoder_of
from streams.formats.reading import OutputReader
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.replay import Replay
from streams.settings import Settings
from streams.topics import Topics


class Ledger:
    """Compares what comes out of a worker and a namer with the engine alone on the same log.

    Attributes:
        expected: Ids of the changes that must come.
        seen: Ids of the changes that came.
        wanted: By journey, the latest revision that a name is asked for.
        answered: By journey, the latest revision for which an answer came, by whatever source.
        journeys: Each journey as it stands now, by its key.
    """

    def __init__(self, settings: Settings, sample: Sample, client: Any) -> None:
        self.expected: set[str] = set()
        self.seen: set[str] = set()
        self.wanted: dict[str, int] = {}
        self.answered: dict[str, int] = {}
        self.journeys: dict[bytes, CurrentJourney] = {}
        self._settings = settings
        self._topics = Topics.of(settings)
        self._client = client
        self._output = OutputReader(settings)
        self._expect(sample)

    @classmethod
    @contextmanager
    def opened(cls, settings: Settings, sample: Sample) -> Iterator[Self]:
        """A ledger of all that is on the topics of the settings, from their beginning.

        Raises:
            BrokerError: When the broker fails.
            ModelError: When the encoder cannot be opened.
        """
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
            read = Topics.of(settings)
            client.assign(
                [
                    TopicPartition(name, number)
                    for name in (read.changes, read.journeys, read.requests, read.names)
                    for number in range(settings.partitions)
                ]
            )
            client.seek_to_beginning()
            yield cls(settings, sample, client)

    def poll(self, seconds: float) -> list[bytes]:
        """Wait at most so long for something to come; returns the changes of it as CloudEvents."""
        changes = []
        for partition, records in self._client.poll(timeout_ms=int(seconds * 1000)).items():
            self._output.prepare(record.value for record in records)
            for record in records:
                if partition.topic == self._topics.changes:
                    change = self._output.change(record.value, record.headers)
                    self.seen.add(decode_change(change).id)
                    changes.append(change)
                elif partition.topic == self._topics.journeys:
                    self.journeys[record.key] = self._output.journey(record.value)
                elif partition.topic == self._topics.requests:
                    request = decode_request(record.value)
                    _raise(self.wanted, request.journey_id, request.revision)
                else:
                    answer = decode_name(record.value)
                    _raise(self.answered, answer.journey_id, answer.revision)
        return changes

    @property
    def progress(self) -> tuple[int, ...]:
        """Something that changes whenever anything new has come."""
        return len(self.seen), sum(self.wanted.values()), sum(self.answered.values())

    @property
    def unanswered(self) -> int:
        """Journeys that wait for a name; an older revision's request may never be answered."""
        return sum(
            self.answered.get(journey, 0) < revision for journey, revision in self.wanted.items()
        )

    @property
    def unexpected(self) -> set[str]:
        """Changes that came and should not have; a language model's names may come."""
        return {one for one in self.seen - self.expected if not one.endswith(":llm")}

    @property
    def changes_are_in(self) -> bool:
        """Whether every change that must come has come."""
        return self.expected <= self.seen

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

    def drain(self) -> list[bytes]:
        """All that is on the topics by now and was not read yet; returns the changes of it."""
        count = self._settings.partitions
        ends = admin.end_offsets(
            self._settings, {self._topics.changes: count, self._topics.journeys: count}
        )
        changes = []
        while any(
            self._client.position(TopicPartition(name, number)) < end
            for name, offsets in ends.items()
            for number, end in enumerate(offsets)
        ):
            changes += self.poll(0.1)
        return changes

    def _expect(self, sample: Sample) -> None:
        settings = self._settings
        encoder = encoder_of(settings)
        cache = VectorCache(encoder, settings.cached_vectors)
        replay = Replay(settings.engine(encoder), cache, settings.partitions)
        for step in replay.run([[encode(activity) for activity in sample.activities]]):
            for outcome in step.outcomes:
                self.expected.update(change.id for change in outcome.changes)
                for request in outcome.requests:
                    _raise(self.wanted, request.journey_id, request.revision)


def _raise(revisions: dict[str, int], journey_id: str, revision: int) -> None:
    revisions[journey_id] = max(revision, revisions.get(journey_id, 0))
