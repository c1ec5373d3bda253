"""A partition's state as its changelog holds it: what a worker on an empty disk goes on with."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from models.engine import snapshot
from models.engine.engine import Engine
from models.engine.users import UserState
from streams.kafka.producers import TAKEN_KEY
from streams.kafka.reading import StoredRecord, ends_of, in_portions, records_until
from streams.settings import Settings
from streams.state.owners import of_owners, owner_of
from streams.state.partition import MARK_KEY, mark_of
from streams.state.store import MemoryParts
from streams.topics import changelog_of

AT_ONCE: Final = 5_000  # records


class Restored:
    """One partition's, read back.

    Attributes:
        parts: All that counts.
        marks: Each mark that counts, in order: the owner who wrote it (the offset at which it took
            the partition), and the offset of the last activity that was handled.
        late: Records that do not count: an earlier owner wrote them.
    """

    def __init__(self) -> None:
        self.marks: list[tuple[int, int]] = []
        self.late = 0
        self.parts = MemoryParts()

    def read(self, records: Sequence[StoredRecord]) -> None:
        """Take records of the changelog, in their order."""
        given: Any = records
        owner = owner_of(self.parts.get(TAKEN_KEY))
        parts, late = of_owners(given, owner)
        for key, value in parts:
            if key == TAKEN_KEY and value is not None:
                owner = owner_of(value)
            elif key == MARK_KEY and value is not None:
                self.marks.append((owner, mark_of(value).offset))
        self.parts.write(parts, given[-1].offset)
        self.late += late

    @property
    def handled(self) -> int:
        """Offset of the last activity that was applied or rejected; -1 before the first."""
        return self.marks[-1][1] if self.marks else -1

    def users(self, engine: Engine) -> Iterator[UserState]:
        """All users.

        Raises:
            SnapshotError: What is stored of one cannot be read.
        """
        for key in [key for key, _ in self.parts.headers()]:
            yield snapshot.load(engine, key.decode(), self.parts.get)


def restored(settings: Settings, ends: Mapping[int, int] | None = None) -> Mapping[int, Restored]:
    """The state of partitions.

    Args:
        settings: Of which group, where.
        ends: By partition, up to which offset; all of all of them if None.

    Raises:
        BrokerError: The broker fails.
        SettingsError: There is no changelog: the group has no state.
    """
    topic = changelog_of(settings)
    ends = ends_of(settings, topic) if ends is None else ends
    found = {number: Restored() for number in ends}
    for portion in in_portions(records_until(settings, topic, ends), AT_ONCE):
        for number, records in portion.items():
            found[number].read(records)
    return found
