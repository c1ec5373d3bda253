"""What a run of the engine would have on its topics, and a store that has read it."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from kafka import KafkaProducer

from models.encoders.cache import VectorCache
from models.encoders.encoder import Encoder
from models.records import Change, CurrentJourney, cloudevent, encode
from streams.demo.sample.generator import generate
from streams.formats.reading import OutputReader
from streams.formats.writing import JsonOutput, output_format
from streams.kafka.clients import connect
from streams.query.copy import Position
from streams.query.follow import parted
from streams.query.rows import of_changes, of_journeys
from streams.query.store import Store
from streams.replay import Replay
from streams.settings import Settings
from streams.topics import Topics, journey_key

ENCODER = "a@1"
JOURNEY_HEADERS = [("encoder", ENCODER.encode())]


class Record(NamedTuple):
    """A record as a consumer gives it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


class Published(NamedTuple):
    """What was published, in order."""

    changes: list[Change]
    journeys: list[CurrentJourney]


@cache
def sample(people: int = 6) -> Published:
    """Of the first people of the demo's sample."""
    users = sorted({one["user_id"] for one in generate().activities})[:people]
    lines = [encode(one) for one in generate().activities if one["user_id"] in users]
    encoder = Encoder.open("fast")
    replay = Replay(Settings.load().engine(encoder), VectorCache(encoder, 10_000))
    outcomes = [out for step in replay.run([lines]) for out in step.outcomes]
    return Published(
        [change for out in outcomes for change in out.changes],
        [journey for out in outcomes for journey in out.journeys],
    )


def change_records(changes: Iterable[Change], partitions: int = 2) -> list[Record]:
    """Records of `journey-changes`, a user's on one partition; in the two modes by turns."""
    outputs = [output_format(Settings.load(output_format=one)) for one in ("json", "json-binary")]
    ends = [0] * partitions
    found = []
    for place, change in enumerate(changes):
        number = sum(change.user_id.encode()) % partitions
        key = change.user_id.encode()
        wire = outputs[place % len(outputs)].change(change)
        found.append(Record(number, ends[number], 1_000 + place, key, *wire))
        ends[number] += 1
    return found


def journey_records(journeys: Iterable[CurrentJourney]) -> list[Record]:
    """Records of `journeys`, on one partition."""
    output = JsonOutput(JOURNEY_HEADERS)
    return [
        Record(
            *(0, offset, 0, journey_key(journey.user_id, journey.journey.journey_id)),
            *output.journey(journey),
        )
        for offset, journey in enumerate(journeys)
    ]


def publish(settings: Settings, changes: Iterable[Change]) -> None:
    """Put changes on `journey-changes`, by user."""
    with connect(settings, KafkaProducer) as client:
        for change in changes:
            client.send(Topics.of(settings).changes, cloudevent(change), change.user_id.encode())


def publish_sample(settings: Settings) -> None:
    """Put all that the sample brings on its topics."""
    topics = Topics.of(settings)
    with connect(settings, KafkaProducer) as client:
        for topic, records in (
            (topics.changes, change_records(sample().changes)),
            (topics.journeys, journey_records(sample().journeys)),
        ):
            for one in records:
                client.send(topic, one.value, one.key, headers=one.headers)


def take(store: Store, changes: Iterable[Record] = (), journeys: Iterable[Record] = ()) -> None:
    """Have a store read records."""
    reader = OutputReader(Settings.load())
    store.add_changes([of_changes(reader, one) for one in changes], "c", {0: Position("", 0, 0)})
    rows: list[Any] = [of_journeys(reader, one) for one in journeys]
    end = max((row.offset + 1 for row in rows), default=0)
    store.add_journeys(*parted(rows), "j", {0: Position("", end, 0)})


def filled(folder: Path) -> Store:
    """A store that has read the sample."""
    store = Store(folder / "store.sqlite")
    take(store, change_records(sample().changes), journey_records(sample().journeys))
    return store
