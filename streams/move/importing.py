"""Import: state from a file into the changelog of a fresh group, written as an owner does.

Until all of it is there, the changelog says that its state was made with nothing that a worker has,
so that none goes on with half of it. An import that did not end is begun again with another group.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from kafka import KafkaProducer

from models.encoders.encoder import Encoder
from models.encoders.reading import is_from_characters
from models.engine import snapshot
from models.engine.engine import Engine
from models.engine.params import DAY_MS
from models.engine.remade import remake
from models.engine.snapshot import Part
from models.errors import SettingsError
from models.vectors import Vector
from streams.encoding import encoder_of
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.kafka.groups import at_work, commit, committed
from streams.kafka.partitioning import partition_of
from streams.kafka.producers import TAKEN_KEY, TOKEN_HEADER
from streams.kafka.reading import ends_of
from streams.move import file
from streams.move.file import Header, Lived, Shown, Source, User
from streams.move.placing import Placed, partitioner_of, places
from streams.move.starting import Begin, Start, start_of
from streams.settings import Settings
from streams.state.binding import BOUND_KEY, Binding
from streams.state.lives import ERASED_KEY, Erased, Life
from streams.state.partition import MARK_KEY, Mark
from streams.topics import Topics, changelog_of

UNFINISHED: Final = "none (an import that has not ended)"


class Imported(NamedTuple):
    """What came in.

    Attributes:
        users: How many.
        journeys: Records of `journeys` that were written.
        remade: Whether means were made again, by another encoder.
        empty: Clusters that have no mean by it.
    """

    users: int
    journeys: int
    remade: bool
    empty: int


def import_(
    settings: Settings, path: Path, *, begin: Begin | None = None, partitioner: str | None = None
) -> Imported:
    """Put the state of a file into a fresh group.

    Args:
        settings: Which group, where; its topics are there, its encoder may be another one.
        path: What `export` wrote.
        begin: Where to go on in activities of another topic (`starting`).
        partitioner: The rule of the producers, where it cannot be told from the state.

    Raises:
        BrokerError: The broker fails; the group is not to be used then.
        SettingsError: It cannot be right; nothing was written.
        SnapshotError: The file cannot be read, or is not whole; nothing was written.
    """
    header = file.header_of(path)
    topics = Topics.of(settings)
    partitions = admin.side_by_side(settings, *topics.side_by_side())
    _check_fresh(settings)
    if header.window_ms != settings.window_days * DAY_MS:
        raise SettingsError(
            f"state counts in windows of {header.window_ms / DAY_MS:g} days, not "
            f"{settings.window_days:g}: what lies in other windows is not known any more; set "
            f"JOURNEYS_WINDOW_DAYS={header.window_ms / DAY_MS:g}"
        )
    start = start_of(settings, header, begin)
    users = [Placed(one.user_id, one.partition) for one in file.read(path) if isinstance(one, User)]
    if start.same or (len(header.sources) == partitions and partitioner is None):
        to: Mapping[Placed, int] = {user: user.partition for user in users}
    else:
        rule = partitioner_of(users, len(header.sources), partitioner)
        to = places(users, rule, partitions)
    encoder = encoder_of(settings)
    other = encoder if encoder.name != header.encoder else None
    changelog = changelog_of(settings)
    compacted = {"cleanup.policy": "compact"}
    admin.make(settings, admin.TopicSpec(changelog, partitions, settings.replication, compacted))
    shown = not ends_any(settings, topics.journeys)
    journeys = empty = 0
    with connect(settings, KafkaProducer, acks="all", enable_idempotence=True) as client:
        writer = _Writer(client, settings.broker_timeout, changelog, range(partitions))
        unfinished = Binding(UNFINISHED, header.window_ms).encoded()
        writer.put_all({n: [(BOUND_KEY, unfinished)] for n in range(partitions)})
        for line in file.read(path):
            if isinstance(line, User):
                goal = to[Placed(line.user_id, line.partition)]
                parts, lost = moved(line, start, other)
                empty += lost
                writer.put(goal, parts)
            elif isinstance(line, Lived):  # whose it is nobody knows: wherever they come
                for number in range(partitions):
                    writer.put(number, [(line.key, Life(line.began_at).encoded())])
            elif isinstance(line, Shown) and shown:
                writer.send(topics.journeys, line.key, line.value, line.headers)
                journeys += 1
        writer.settle()
        commit(
            settings,
            settings.group,
            topics.activities,
            {number: at for number, at in start.activities.items() if at},
        )
        # What makes it state that a worker takes is the last of all.
        made = Binding(encoder.name, header.window_ms).encoded()
        writer.put_all(
            {
                number: [(MARK_KEY, msgspec.msgpack.encode(mark)), (ERASED_KEY, erased.encoded())]
                for number, (mark, erased) in marks(header, start, to).items()
            }
        )
        writer.put_all({n: [(BOUND_KEY, made)] for n in range(partitions)})
    return Imported(len(users), journeys, other is not None, empty)


def moved(line: User, start: Start, encoder: Encoder | None) -> tuple[list[Part], int]:
    """The parts of a user as the new group has them, and how many clusters have no mean."""
    user = snapshot.load(Engine(), line.user_id, dict(line.parts).get)
    if not start.same:
        user.applied = {}  # offsets of another log, or on other partitions
    empty = 0
    if encoder is not None:
        empty = remake(user, lambda titles: _vectors(encoder, titles), encoder.dimensions)
    return snapshot.whole(user), empty


def marks(header: Header, start: Start, to: Mapping[Placed, int]) -> dict[int, Source]:
    """How far each partition of the new group has come.

    Time has come as far as on the one that was last of those that its users come from: what then
    passes once more changes nothing, and what would have been passed over is lost.
    """
    if start.same:
        return dict(enumerate(header.sources))
    comes_from: defaultdict[int, set[int]] = defaultdict(set)
    for user, number in to.items():
        comes_from[number].add(user.partition)
    latest = max((source.erased.time for source in header.sources), default=-1)
    found: dict[int, Source] = {}
    for number, at in start.activities.items():
        sources = [header.sources[one].mark for one in comes_from[number]]
        known = [mark for mark in sources if mark.watermark >= 0]
        mark = min(known, key=lambda one: one.watermark) if known else Mark()
        found[number] = Source(
            msgspec.structs.replace(mark, offset=at - 1),
            Erased(offset=start.erasures[number] - 1, time=latest),
        )
    return found


class _Writer:
    """Writes to a changelog as the owner of all partitions."""

    def __init__(
        self, client: Any, timeout: float, changelog: str, partitions: Iterable[int]
    ) -> None:
        self._client = client
        self._timeout = timeout
        self._changelog = changelog
        self._sent: list[Any] = []
        self._counts: dict[str, int] = {}
        self._tokens = {}
        for number in partitions:
            taken = client.send(changelog, b"journeys state import", TAKEN_KEY, partition=number)
            at = taken.get(timeout=timeout).offset
            self._tokens[number] = [(TOKEN_HEADER, b"%d" % at)]

    def put(self, number: int, parts: Iterable[Part]) -> None:
        for key, value in parts:
            self._add(
                self._client.send(
                    self._changelog, value, key, self._tokens[number], partition=number
                )
            )

    def put_all(self, parts: Mapping[int, Iterable[Part]]) -> None:
        """Write to partitions, and wait until all is acknowledged."""
        for number, some in parts.items():
            self.put(number, some)
        self.settle()

    def send(
        self, topic: str, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]
    ) -> None:
        if topic not in self._counts:
            self._counts[topic] = len(self._client.partitions_for(topic))
        number = partition_of(key, self._counts[topic])
        self._add(self._client.send(topic, value, key, list(headers), partition=number))

    def settle(self) -> None:
        self._client.flush(timeout=6 * self._timeout)
        for one in self._sent:
            one.get(timeout=self._timeout)
        self._sent.clear()

    def _add(self, sent: Any) -> None:
        self._sent.append(sent)
        if len(self._sent) >= 10_000:
            self.settle()


def ends_any(settings: Settings, topic: str) -> bool:
    """Whether anything was ever written to a topic."""
    return any(ends_of(settings, topic).values())


def _check_fresh(settings: Settings) -> None:
    group, changelog = settings.group, changelog_of(settings)
    if at_work(settings, group):
        raise SettingsError(f"group {group} is at work: import into a group that is not")
    topics = Topics.of(settings)
    read = {topics.activities, topics.names, topics.erasures}
    if any(topic in read for topic, _ in committed(settings, group)):
        raise SettingsError(
            f"group {group} has offsets already: import into another JOURNEYS_GROUP"
        )
    if admin.exists(settings, changelog) and ends_any(settings, changelog):
        raise SettingsError(
            f"group {group} has state, or an import of it did not end ({changelog} is not empty): "
            "import into another JOURNEYS_GROUP, or delete that topic"
        )


def _vectors(encoder: Encoder, titles: Sequence[str]) -> list[Vector | None]:
    if not titles:
        return []
    vectors = encoder.encode(titles)
    return [
        None if not title.strip() or is_from_characters(vector) else vector
        for title, vector in zip(titles, vectors, strict=True)
    ]
