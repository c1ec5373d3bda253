"""Export: a group's changelog read as recovery does, one line a user. No worker is needed."""

from collections.abc import Iterator
from pathlib import Path

from models.engine import snapshot
from models.engine.engine import Engine
from models.errors import SettingsError
from streams.kafka import admin
from streams.kafka.groups import at_work
from streams.kafka.reading import ends_of, records_until
from streams.move import file
from streams.move.file import Header, Line, Lived, Shown, Source, User
from streams.settings import Settings
from streams.state.binding import BOUND_KEY, Binding, bound
from streams.state.lives import ERASED_KEY, Erased, Life, is_life
from streams.state.partition import MARK_KEY, mark_of
from streams.state.restored import restored
from streams.state.store import MemoryParts
from streams.topics import Topics, changelog_of


def export(settings: Settings, path: Path, *, running: bool = False) -> tuple[int, int]:
    """Write all state of a group to a file.

    Args:
        settings: Which group, where.
        path: Of the file; one that is there is replaced once the new one is whole.
        running: Do it though the group has members.

    Returns:
        How many users there are; how many records were not applied yet.

    Raises:
        BrokerError: The broker does not answer.
        SettingsError: The group is at work, or has no state.
        SnapshotError: State cannot be read.
    """
    if not running and at_work(settings, settings.group):
        raise SettingsError(
            f"group {settings.group} is at work: what its worker does after the export would not "
            "be in the file; stop the worker first, or say --running"
        )
    changelog, topics = changelog_of(settings), Topics.of(settings)
    if not admin.exists(settings, changelog):
        raise SettingsError(f"group {settings.group} has no state: there is no topic {changelog}")
    ends = ends_of(settings, changelog)
    # Looked at twice, so that no more than one partition is in memory.
    made, sources = set[Binding](), []
    for number in ends:
        parts = restored(settings, {number: ends[number]})[number].parts
        if next(parts.headers(), None) is not None or parts.get(MARK_KEY) is not None:
            made.add(bound(parts.get(BOUND_KEY)))
        erased = parts.get(ERASED_KEY)
        sources.append(
            Source(
                mark_of(parts.get(MARK_KEY)), Erased() if erased is None else Erased.read(erased)
            )
        )
    if not made:
        raise SettingsError(f"group {settings.group} has no state: {changelog} is empty")
    if len(made) > 1:
        told = ", ".join(sorted(f"{one.encoder}, {one.window_ms} ms" for one in made))
        raise SettingsError(f"partitions were made with different encoders or windows: {told}")
    (binding,) = made
    left = waiting(settings, topics.activities, [one.mark.offset for one in sources])
    left += waiting(settings, topics.erasures, [one.erased.offset for one in sources])
    users = 0

    def lines() -> Iterator[Line]:
        nonlocal users
        yield Header(
            file.FORMAT,
            binding.encoder,
            binding.window_ms,
            settings.group,
            settings.broker,
            topics.activities,
            admin.topic_id_of(settings, topics.activities),
            sources,
            left,
        )
        for number in ends:
            parts = restored(settings, {number: ends[number]})[number].parts
            for line in found(number, parts):
                users += isinstance(line, User)
                yield line
        yield from _shown(settings, topics.journeys)

    file.write(path, lines())
    return users, left


def found(number: int, parts: MemoryParts) -> Iterator[User | Lived]:
    """What a partition's store holds of users, and of those who were erased."""
    engine = Engine()
    for key, _ in parts.headers():
        user = snapshot.load(engine, key.decode(), parts.get)
        yield User(user.user_id, number, snapshot.whole(user))
    for key, value in parts.items():
        if is_life(key):
            yield Lived(key, Life.read(value).began_at)


def waiting(settings: Settings, topic: str, applied: list[int]) -> int:
    """How many records of a topic lie behind these offsets, by partition."""
    ends, starts = ends_of(settings, topic), {n: at + 1 for n, at in enumerate(applied)}
    behind = {n: end for n, end in ends.items() if end > starts.get(n, 0)}
    if not behind:
        return 0
    first = {n: starts.get(n, 0) for n in behind}
    return sum(1 for _ in records_until(settings, topic, behind, first))


def _shown(settings: Settings, topic: str) -> Iterator[Shown]:
    last: dict[bytes, Shown | None] = {}
    for one in records_until(settings, topic, ends_of(settings, topic)):
        if one.key is not None:
            headers = [(name, value or b"") for name, value in one.headers]
            last[one.key] = None if one.value is None else Shown(one.key, one.value, headers)
    yield from (one for one in last.values() if one is not None)
